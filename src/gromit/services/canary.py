"""The canary: an environment of default branches that serve redeploys at an interval.

Its runs prove that sow, AWS and chitragupta make progress, also while no one reports a build.
"""

from dataclasses import dataclass, field

import structlog

from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Phase, Want
from gromit.core.stack.addresses import NameState
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.health import HealthState
from gromit.errors import ConfigError, Conflict, GromitError
from gromit.services.environments import Environments
from gromit.services.watch_loop import NewReasons

log = structlog.get_logger(__name__)

ACTOR = "serve:canary"


@dataclass(frozen=True, slots=True)
class CanaryPolicy:
    """Name of the canary, and the time between two of its redeployments."""

    name: str
    interval_ms: int


@dataclass(slots=True)
class Canary:
    """Keeps the canary, and knows its last success."""

    environments: Environments
    catalogue: Catalogue
    policy: CanaryPolicy
    success_ms: int | None = None
    """End of the last run after which everything answered; None if none is known."""
    _faults: NewReasons = field(default_factory=NewReasons)

    def look(self, now_ms: int) -> None:
        """Note a success, and create or redeploy the canary if it is time.

        Never raises an error of the table or a registry: the next look tries again.
        """
        faults: list[str] = []
        try:
            self._look(now_ms)
        except GromitError as error:
            faults = [error.message]
        for reason in self._faults.update(faults):
            log.warning("canary.failed", env=self.policy.name, reason=reason)

    def _look(self, now_ms: int) -> None:
        name = self.policy.name
        if not self.catalogue.components:
            raise ConfigError("the catalogue has no component, so a canary would prove nothing")
        row = self.environments.ledger.read(name)
        environment = parse_environment(row) if row is not None else None
        stamp = ChangeContext(ACTOR, now_ms)
        if environment is None or environment.gone_ms is not None:
            self.environments.put(name, {}, stamp)
            return
        if environment.want is Want.GONE:
            return  # a person has deleted it; the next one is created when it is gone
        if environment.parked:
            raise Conflict(f"{name} is parked, so it proves nothing: unpark it")
        self._note_success(environment, now_ms)
        # The mark of an interval: a second look within the interval, or a second serve, changes
        # nothing. One component proves as much as all, and costs one new task.
        mark = f"canary-{now_ms // self.policy.interval_ms}"
        component = self._component()
        if environment.created_ms // self.policy.interval_ms != now_ms // self.policy.interval_ms:
            self.environments.redeploy(name, component, stamp, mark)

    def _component(self) -> str:
        """Return the component to redeploy: a public one, so that its record changes, too."""
        known = self.catalogue.components.values()
        public = sorted(c.name for c in known if c.public)
        return (public or sorted(self.catalogue.components))[0]

    def _note_success(self, environment: Environment, now_ms: int) -> None:
        if not self._is_answering(environment, now_ms):
            return
        sown = [event.at_ms for event in environment.events if event.is_kind("sown")]
        if sown:
            self.success_ms = max(sown)

    def _is_answering(self, environment: Environment, now_ms: int) -> bool:
        """Whether chitragupta has found, since the last run, that everything answers."""
        is_asked = any(c.health for c in self.catalogue.components.values())
        return (
            environment.phase(now_ms) is Phase.READY
            and all(name.state is NameState.PUBLISHED for name in environment.dns.values())
            and (bool(environment.health) or not is_asked)
            and all(
                program.state in {HealthState.PASS, HealthState.WARN}
                for program in environment.health.values()
            )
        )
