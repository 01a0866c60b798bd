"""Views of the running clusters of environments, for people."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gromit.core.stack.addresses import urls
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.clusters import ClusterEvent, ClusterState
from gromit.core.stack.contract import ServiceState
from gromit.errors import NotFound
from gromit.ports import ClusterSource, ServiceStates
from gromit.ports.public_zone import TaskSource

EVENTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ClusterOverview:
    """Summary of one cluster."""

    state: ClusterState
    urls: Mapping[str, str]
    """Component to URL; empty if no task runs."""


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service, with its addresses."""

    state: ServiceState
    addresses: tuple[str, ...]
    """Public addresses of its running tasks."""
    url: str | None
    """None if the component is not public, or no domain is set."""


@dataclass(frozen=True, slots=True)
class ClusterDetail:
    """All details of one cluster."""

    state: ClusterState
    services: tuple[ServiceView, ...]
    events: Sequence[ClusterEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """Shows the clusters of environments."""

    clusters: ClusterSource
    services: ServiceStates
    tasks: TaskSource
    catalogue: Catalogue
    domain: str | None

    def overview(self) -> Sequence[ClusterOverview]:
        """All clusters that bear the mark of an environment, whether or not a row names it."""
        return [self._summary(state) for state in self.clusters.all() if state.is_ours]

    def detail(self, name: str) -> ClusterDetail:
        """Details of one cluster. Raises `NotFound`."""
        state = next(iter(self.clusters.clusters([name])), None)
        if state is None:
            raise NotFound(
                f"there is no cluster {name}",
                hint="run `gromit cluster list` to see those of environments",
            )
        addresses: defaultdict[str, list[str]] = defaultdict(list)
        for task in self.tasks.running_tasks([name]).tasks:
            addresses[task.component].append(task.address)
        places = urls(self.catalogue, name, self.domain)
        services = tuple(
            ServiceView(s, tuple(sorted(addresses[s.component])), places.get(s.component))
            for s in self.services.describe(name)
        )
        events = self.clusters.events(name, [s.state.component for s in services], EVENTS_SHOWN)
        return ClusterDetail(state, services, events)

    def _summary(self, state: ClusterState) -> ClusterOverview:
        if not state.running:
            return ClusterOverview(state, {})
        return ClusterOverview(state, urls(self.catalogue, state.name, self.domain))
