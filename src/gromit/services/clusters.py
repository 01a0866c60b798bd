"""What runs: the clusters of environments, for people to look at."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gromit.core.stack.addresses import urls
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.clusters import ClusterEvent, ClusterState
from gromit.core.stack.contract import ServiceState
from gromit.errors import NotFound
from gromit.ports import ClusterSource, ServiceStates, TaskSource

EVENTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ClusterOverview:
    """One cluster among others."""

    state: ClusterState
    urls: Mapping[str, str]
    """Component to URL; empty where no task runs."""


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service, with where it answers."""

    state: ServiceState
    addresses: tuple[str, ...]
    """Public addresses of its running tasks."""
    url: str | None
    """None for a component that is not public, or where no domain is set."""


@dataclass(frozen=True, slots=True)
class ClusterDetail:
    """One cluster in full."""

    state: ClusterState
    services: tuple[ServiceView, ...]
    events: Sequence[ClusterEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """Looks at the clusters of environments."""

    wanted: Callable[[], Mapping[str, bool]]
    """What serve says; asked only where all clusters are looked at."""
    clusters: ClusterSource
    services: ServiceStates
    tasks: TaskSource
    catalogue: Catalogue
    domain: str | None

    def overview(self) -> Sequence[ClusterOverview]:
        """The clusters of all environments that serve knows, as far as they exist."""
        found = self.clusters.clusters(self.wanted())
        return [
            ClusterOverview(c, urls(self.catalogue, c.name, self.domain) if c.running else {})
            for c in found
        ]

    def detail(self, name: str) -> ClusterDetail:
        """One cluster. Raises `NotFound`."""
        state = next(iter(self.clusters.clusters([name])), None)
        if state is None:
            raise NotFound(
                f"there is no cluster {name}",
                hint="`gromit cluster list` shows those of environments",
            )
        addresses: defaultdict[str, list[str]] = defaultdict(list)
        for task in self.tasks.running_tasks([name]).tasks:
            addresses[task.component].append(task.address)
        places = urls(self.catalogue, name, self.domain)
        services = tuple(
            ServiceView(s, tuple(sorted(addresses[s.component])), places.get(s.component))
            for s in self.services.look(name)
        )
        events = self.clusters.events(name, [s.state.component for s in services], EVENTS_SHOWN)
        return ClusterDetail(state, services, events)
