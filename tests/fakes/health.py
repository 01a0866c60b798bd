"""Fake of the port `ComponentPrograms`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from gromit.core.environments.health_book import HealthFinding, HealthTarget
from gromit.core.stack.health import HealthCheck, HealthState, HealthStatus

GOOD = HealthFinding(HealthStatus(HealthState.PASS), is_reached=True)
WARNING = HealthFinding(HealthStatus(HealthState.WARN, "/hello says warn: redis"), is_reached=True)
SILENT = HealthFinding(
    HealthStatus(HealthState.FAIL, "no answer to /hello: none within 5 s"), is_reached=False
)
CHECK = HealthCheck(path="/hello", key="status", grace_s=120)


@dataclass
class FakePrograms:
    """Programs that answer as a test wants."""

    finding: HealthFinding = GOOD
    """Finding of all of which `findings` has nothing."""
    findings: dict[str, HealthFinding] = field(default_factory=dict)
    """By environment."""
    asked: list[list[HealthTarget]] = field(default_factory=list)

    def ask(self, targets: Collection[HealthTarget]) -> Mapping[HealthTarget, HealthFinding]:
        """Return the finding of each target."""
        self.asked.append(list(targets))
        return {t: self.findings.get(t.environment, self.finding) for t in targets}


def health_target(
    environment: str = "app", *, epoch: int = 7, grace_until_ms: int = 0
) -> HealthTarget:
    """Return a gateway of an environment at 1.1.1.1."""
    return HealthTarget(
        environment=environment,
        component="tyk",
        epoch=epoch,
        host=f"tyk.{environment}.dev.example.com",
        addresses=("1.1.1.1",),
        port=8181,
        check=CHECK,
        grace_until_ms=grace_until_ms,
    )
