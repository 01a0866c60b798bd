"""Observation of what runs in all environments, for chitragupta's passes.

Most environments are as they were made, and one call for 100 of them shows that: the numbers of
their services and tasks. Only where a number differs, the services are looked at one by one. Only
what differs from what serve shows is reported, so a quiet pass sends nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from gromit.core.dns.names import name_states
from gromit.core.dns.plan import RecordSet
from gromit.core.environments.known_environments import KnownEnvironment
from gromit.core.environments.observation import Observation
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.clusters import ClusterState
from gromit.core.stack.contract import ServiceState
from gromit.errors import GromitError
from gromit.ports import ClusterSource, ObservationSink, ServiceStates
from gromit.services.watch_loop import NewReasons

log = structlog.get_logger(__name__)

NO_RECORD = "its public name has no DNS record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Compares what runs with what was made, and reports the differences to serve."""

    clusters: ClusterSource
    services: ServiceStates
    sink: ObservationSink
    domain: str
    _failures: NewReasons = field(default_factory=NewReasons)

    def observe(self, known: Iterable[KnownEnvironment], records: Collection[RecordSet]) -> None:
        """Look at all desired environments, with the `records` that the zone has now.

        Never raises an error of a backend: DNS does not depend on an observation.
        """
        made = [k for k in known if k.is_desired and k.components]
        try:
            found = self._look(made, records)
            if found:
                self.sink.report(found)
        except GromitError as error:
            for reason in self._failures.update([error.message]):
                log.warning("observation.failed", reason=reason, hint=error.hint)
        else:
            self._failures.update([])

    def _look(
        self, made: Collection[KnownEnvironment], records: Collection[RecordSet]
    ) -> list[Observation]:
        public = {k.name: [c for c, is_public in k.components.items() if is_public] for k in made}
        names = name_states(records, self.domain, public)
        settled = [k.name for k in made if k.is_settled]
        clusters = {c.name: c for c in self.clusters.clusters(settled)} if settled else {}
        seen = [self._one(k, clusters.get(k.name), names[k.name]) for k in made]
        return [s for k, s in zip(made, seen, strict=True) if k.differs(s)]

    def _one(
        self,
        known: KnownEnvironment,
        cluster: ClusterState | None,
        names: Mapping[str, NameStatus],
    ) -> Observation:
        if not known.is_settled:
            # A worker has it, or will: what does not run now may run in a minute.
            return Observation(known.name, known.epoch, known.problems, names)
        missing = [c for c, s in names.items() if s.state is NameState.MISSING]
        problems = {**dict.fromkeys(missing, NO_RECORD), **self._problems(known, cluster)}
        return Observation(known.name, known.epoch, problems, names)

    def _problems(self, known: KnownEnvironment, cluster: ClusterState | None) -> Mapping[str, str]:
        """Return the components that do not run, with reasons."""
        count = len(known.components)
        if cluster is None:
            return dict.fromkeys(known.components, "its cluster does not exist")
        if cluster.services == count and cluster.running >= count:
            return {}
        states = {s.component: s for s in self.services.describe(known.name)}
        reasons = {c: _problem(states.get(c)) for c in known.components}
        return {c: reason for c, reason in reasons.items() if reason}


def _problem(state: ServiceState | None) -> str | None:
    """Return why a component does not run; None if it does."""
    if state is None:
        return "its service does not exist"
    if state.desired == 0:
        return "its service is scaled to 0"
    if state.running >= state.desired:
        return None
    counts = f"{state.running} of {state.desired} tasks run"
    return f"{counts}: {state.reason}" if state.reason else counts
