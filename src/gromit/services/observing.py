"""Observation of what runs in all environments, for chitragupta's passes.

Most environments are as they were made, and one call for 100 of them shows that: the numbers of
their services and tasks. Only where a number differs, the services are looked at one by one. The
programs that the catalogue says how to ask are asked for their health at their public addresses.
Only what differs from what serve shows is reported, so a quiet pass sends nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from gromit.core.dns.names import name_states
from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import RecordSet
from gromit.core.environments.known_environments import KnownEnvironment
from gromit.core.environments.observation import Observation
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.clusters import ClusterState
from gromit.core.stack.contract import ServiceState
from gromit.core.stack.health import HealthStatus
from gromit.errors import GromitError
from gromit.ports import ClusterSource, ObservationSink, ServiceStates
from gromit.services.health import HealthObserver
from gromit.services.watch_loop import NewReasons

log = structlog.get_logger(__name__)

NO_RECORD = "its public name has no DNS record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Compares what runs with what was made, and reports the differences to serve."""

    clusters: ClusterSource
    services: ServiceStates
    sink: ObservationSink
    owner: NameOwner
    health: HealthObserver | None = None
    """Asks programs; None where only tasks and names are of interest."""
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
        names = name_states(records, self.owner, public)
        settled = [k for k in made if k.is_settled]
        clusters = self._clusters(settled)
        stopped = {k.name: self._stopped(k, clusters.get(k.name), names[k.name]) for k in settled}
        health = self._health(settled, stopped, names, records)
        seen = [
            # A worker has the others, or will: what does not run now may run in a minute.
            self._settled(k, names[k.name], stopped[k.name], health.get(k.name, {}))
            if k.is_settled
            else Observation(k.name, k.epoch, k.problems, names[k.name])
            for k in made
        ]
        return [s for k, s in zip(made, seen, strict=True) if k.differs(s)]

    def _clusters(self, settled: Collection[KnownEnvironment]) -> Mapping[str, ClusterState]:
        if not settled:
            return {}
        return {c.name: c for c in self.clusters.clusters([k.name for k in settled])}

    def _stopped(
        self,
        known: KnownEnvironment,
        cluster: ClusterState | None,
        names: Mapping[str, NameStatus],
    ) -> Mapping[str, str]:
        """Return the components that do not run or cannot be reached by name, with reasons."""
        missing = [c for c, s in names.items() if s.state is NameState.MISSING]
        return {**dict.fromkeys(missing, NO_RECORD), **self._problems(known, cluster)}

    def _health(
        self,
        settled: Collection[KnownEnvironment],
        stopped: Mapping[str, Mapping[str, str]],
        names: Mapping[str, Mapping[str, NameStatus]],
        records: Iterable[RecordSet],
    ) -> Mapping[str, Mapping[str, HealthStatus]]:
        """Return what the programs say of components that run and have their name."""
        if self.health is None:
            return {}
        reachable = {
            k.name: [
                c
                for c, s in names[k.name].items()
                if s.state is NameState.PUBLISHED and c not in stopped[k.name]
            ]
            for k in settled
        }
        return self.health.find(settled, reachable, records)

    def _settled(
        self,
        known: KnownEnvironment,
        names: Mapping[str, NameStatus],
        stopped: Mapping[str, str],
        health: Mapping[str, HealthStatus],
    ) -> Observation:
        sick = self.health.problems(health) if self.health else {}
        return Observation(known.name, known.epoch, {**sick, **stopped}, names, health)

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
