"""Environments as serve shows them to an observer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gromit.core.environments.observation import Observation
from gromit.core.environments.phases import Phase, Want
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.health import HealthState, HealthStatus
from gromit.core.time import parse_iso


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEnvironment:
    """An environment as serve shows it to an observer."""

    name: str
    is_desired: bool
    """Whether it should run: False if it is deleted, gone or parked."""
    epoch: int = 0
    is_settled: bool = False
    """Whether it was made as desired and no worker has it, so that all of it should run."""
    components: Mapping[str, bool] = field(default_factory=dict)
    """Made components, and whether each is public; empty if serve does not know them."""
    problems: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, NameStatus] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    """Components whose health serve shows or waits for; none if serve is of an earlier release."""
    health: Mapping[str, HealthStatus] = field(default_factory=dict)
    made_ms: int = 0
    """Instant of the last successful apply."""

    def differs(self, seen: Observation) -> bool:
        """Whether serve shows something else than what was seen."""
        return (
            self.problems.keys() != seen.problems.keys()
            or dict(self.names) != dict(seen.names)
            or dict(self.health) != dict(seen.health)
        )


def desired_by_name(
    environments: Mapping[str, KnownEnvironment | None],
) -> dict[str, bool | None]:
    """Return whether each environment is desired; None if its row cannot be read."""
    return {name: known.is_desired if known else None for name, known in environments.items()}


def known_environment(view: Mapping[str, Any]) -> KnownEnvironment:
    """Return the facts in serve's JSON view of an environment."""
    components: Mapping[str, Mapping[str, Any]] = view.get("components", {})
    names = {n: c["dns"] for n, c in components.items() if c["dns"]}
    health = {n: c["health"] for n, c in components.items() if c.get("health")}
    made = view.get("made")
    return KnownEnvironment(
        name=view["name"],
        is_desired=view["want"] == Want.UP and not view.get("parked", False),
        epoch=view.get("epoch", 0),
        is_settled=view["phase"] in {Phase.READY, Phase.DEGRADED},
        components={n: n in names for n in components},
        problems={n: c["problem"] for n, c in components.items() if c["problem"]},
        names={
            n: NameStatus(NameState(dns["state"]), dns["reason"] or "")
            for n, dns in names.items()
            if dns["state"] != NameState.UNKNOWN
        },
        asked=frozenset(health),
        health={
            n: HealthStatus(HealthState(found["state"]), found["reason"] or "")
            for n, found in health.items()
            if found["state"] != HealthState.UNKNOWN or found["reason"]
        },
        made_ms=parse_iso(made) if made else 0,
    )
