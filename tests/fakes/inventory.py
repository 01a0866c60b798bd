"""Listings of an installation, in memory."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from gromit.core.discrepancies.facts import RowFacts, row_facts
from gromit.core.environments.environment import Environment
from gromit.core.environments.history import ChangeContext
from gromit.core.stack.clusters import ClusterEvent, ClusterState
from gromit.core.stack.component_inputs import Image
from gromit.core.stack.contract import Platform
from gromit.core.stack.image_marks import MARK_BEGINNING
from gromit.core.stack.made import is_digest
from gromit.core.stack.resources import AccountedResource, ListedResource, Resource, ResourceKind
from gromit.errors import NotFound, UnreadableRow
from gromit.ports.inventory import RowListing
from gromit.services.environments import Environments
from gromit.services.leftovers import Leftovers
from gromit.web.api.views import EnvironmentViews
from tests.fakes.images import FakeImages
from tests.fakes.platform import PLATFORM
from tests.fakes.resources import FakeEnvironmentResources
from tests.services.registry import Registry

_PLACED = {ResourceKind.GROUP, ResourceKind.ACCESS_POINT, ResourceKind.DISCOVERY}
_LISTED = _PLACED | {ResourceKind.LOG_GROUP, ResourceKind.DEFINITION}
_UNMARKED = {ResourceKind.GROUP, ResourceKind.DISCOVERY, ResourceKind.LOG_GROUP}
"""Kinds that are also listed without the mark, because their names block others."""


@dataclass
class FakeListing:
    """The port `ResourceListing`, of what a `FakeEnvironmentResources` has."""

    resources: FakeEnvironmentResources
    elsewhere: set[str] = field(default_factory=set)
    """Ids of resources that are not in the places of `PLATFORM`, but of another installation."""

    def all(
        self, platform: Platform, accounted: Collection[AccountedResource]
    ) -> Sequence[ListedResource]:
        """Return all kinds but clusters, services, tasks and rules."""
        found: dict[tuple[str, ...], ListedResource] = {}
        for name, existing in self.resources.existing.items():
            for resource in existing:
                listed = self._listed(name, resource, platform, accounted)
                is_seen = listed.is_here or resource.kind is ResourceKind.GROUP
                is_marked = listed.resource.is_ours or resource.kind in _UNMARKED
                if resource.kind in _LISTED and (is_seen or listed.is_here is None) and is_marked:
                    found[name, resource.kind, listed.resource.id] = listed
        return list(found.values())

    def _listed(
        self,
        name: str,
        resource: Resource,
        platform: Platform,
        accounted: Collection[AccountedResource],
    ) -> ListedResource:
        id_ = resource.id
        if resource.kind is ResourceKind.DEFINITION:
            id_ = id_.rpartition("/")[2].rpartition(":")[0]
        is_ours = resource.is_ours or (name, resource.kind, id_) in accounted
        is_here = (resource.id not in self.elsewhere) == (platform == PLATFORM)
        return ListedResource(
            environment=name,
            resource=Resource(
                kind=resource.kind,
                id=id_,
                is_ours=is_ours,
                owner="" if is_ours else resource.owner,
            ),
            is_here=is_here if resource.kind in _PLACED else None,
        )


@dataclass
class FakeClusters:
    """The port `ClusterSource`, of what a `FakeEnvironmentResources` has."""

    resources: FakeEnvironmentResources
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Cluster to its number of services and of running tasks."""
    meddling: list[Callable[[], object]] = field(default_factory=list)
    """Called before the next listing: something changes during a look."""

    def all(self) -> Sequence[ClusterState]:
        """Return every cluster."""
        for meddle in self.meddling:
            meddle()
        self.meddling.clear()
        return self.clusters(self.resources.existing)

    def clusters(self, names: Collection[str]) -> Sequence[ClusterState]:
        """Return the clusters that exist among the named ones."""
        return [
            ClusterState(resource.id, *self.counts.get(resource.id, (0, 0)), 0, resource.is_ours)
            for name in sorted(names)
            for resource in self.resources.existing.get(name, [])
            if resource.kind is ResourceKind.CLUSTER
        ]

    def events(self, cluster: str, services: Sequence[str], limit: int) -> Sequence[ClusterEvent]:
        """Return none."""
        del cluster, services, limit
        return []


@dataclass
class FakeRows:
    """The port `RowDirectory`, on the services of serve."""

    registry: Registry
    marks: int = 0
    suspended: dict[str, str] = field(default_factory=dict)
    """Suspensions of single environments."""

    def listing(self) -> RowListing:
        """Return all rows."""
        page = self.registry.environments.page(None, 1000)
        rows = tuple(self._facts(environment) for environment in page.environments)
        damaged = (e.name for e in page.unreadable if isinstance(e.fault, UnreadableRow))
        return RowListing(rows, frozenset(damaged))

    def find(self, name: str) -> RowFacts | None:
        """Return one row."""
        try:
            return self._facts(self.registry.environments.inspect(name))
        except NotFound:
            return None

    def suspension(self, name: str) -> str | None:
        """Return what a test has set."""
        return self.suspended.get(name)

    def redeploy(self, name: str) -> None:
        """Redeploy all components."""
        self.marks += 1
        self._environments.redeploy(name, None, self._repair(), str(self.marks))

    def retry(self, name: str) -> None:
        """Make it due."""
        self._environments.retry(name, self._repair())

    def _repair(self) -> ChangeContext:
        return replace(self.registry.stamp(), is_activity=False)

    def reap(self, name: str) -> None:
        """Hand leftovers to reap."""
        serve = self._environments
        Leftovers(serve.ledger, serve.policy, serve.new_id).reap(name, self.registry.stamp())

    @property
    def _environments(self) -> Environments:
        return self.registry.environments

    def _facts(self, environment: Environment) -> RowFacts:
        views = EnvironmentViews(self._environments.catalogue, None)
        return row_facts(asdict(views.detail(environment, self.registry.now_ms)))


@dataclass
class FakeExpiries:
    """The port `ImageExpiries`."""

    images: FakeImages
    at_ms: dict[Image, int] = field(default_factory=dict)
    """Instants of removal, by tag or digest. Without one an image stays, as a marked one does."""

    def expiries(self, images: Iterable[Image]) -> Mapping[Image, int | None]:
        """Return all that exist."""
        asked = set(images)
        built = self.images.existing(image for image in asked if is_digest(image[1]))
        found = {*self.images.digests(asked), *built}
        return {image: None if self._is_kept(image) else self.at_ms.get(image) for image in found}

    def _is_kept(self, image: Image) -> bool:
        return any(
            tag.startswith(MARK_BEGINNING) for tag in self.images.tags(image[0], digest=image[1])
        )
