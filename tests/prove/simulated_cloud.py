"""AWS in memory, with Terraform as strict as the real one.

Several installations can share the account: each has a cloud of its own, with the same resources.

An apply that dies keeps what it has made in the world, but not in its state. Then every apply
fails because a resource exists already, until one imports it. A run without the lock is recorded.
"""

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from gromit.core.dns.tasks import PublicTask, TaskListing
from gromit.core.stack.clusters import ClusterEvent, ClusterState
from gromit.core.stack.contract import (
    Platform,
    ServiceState,
)
from gromit.core.stack.resources import Resource, ResourceKey, ResourceKind
from gromit.errors import TerraformFailed
from tests.fakes.inventory import FakeListing
from tests.fakes.resources import FakeEnvironmentResources
from tests.fakes.states import FakeStates

_BY_NAME = frozenset(
    {
        ResourceKind.CLUSTER,
        ResourceKind.LOG_GROUP,
        ResourceKind.DEFINITION,
        ResourceKind.GROUP,
    }
)
"""Kinds that the name of an environment finds in the whole account."""
_IN_ACCOUNT = frozenset({ResourceKind.CLUSTER, ResourceKind.LOG_GROUP})
"""Kinds whose name only one installation can have."""
_NAMED = frozenset(ResourceKind) - {ResourceKind.DEFINITION}
"""Kinds of which AWS refuses a second one of the same name."""


@dataclass(frozen=True, slots=True)
class RunningService:
    """Content and address of a service."""

    image: str
    task_definition: str
    address: str
    desired: int = 1


@dataclass(slots=True)
class SimulatedCloud:
    """All resources of all environments, and the ports to them."""

    states: FakeStates
    resources: FakeEnvironmentResources = field(default_factory=FakeEnvironmentResources)
    services: dict[tuple[str, str], RunningService] = field(default_factory=dict)
    """By environment and component."""
    definitions: dict[str, str] = field(default_factory=dict)
    """Task definition to its content."""
    violations: list[str] = field(default_factory=list)
    """Events that must never happen, and have happened."""
    public: frozenset[str] = frozenset({"tyk"})
    """Components with a public address."""
    installation: str = ""
    """Name of the installation whose cloud this is; its resources have it as their owner."""
    settle: Callable[[], None] = lambda: None
    """Called before each look: what has ended meanwhile."""
    applies: int = 0
    destroys: int = 0
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def share(self, other: "SimulatedCloud") -> None:
        """Use the account of another installation."""
        self.resources, self.services = other.resources, other.services
        self.definitions, self._numbers = other.definitions, other._numbers

    def listing(self) -> FakeListing:
        """Return the listing of all environments, as this installation sees it."""
        seen = FakeEnvironmentResources()
        seen.existing = {name: [*self.existing(name)] for name in self.resources.existing}
        others = {r.id for found in seen.existing.values() for r in found if r.owner}
        return FakeListing(seen, others)

    def existing(self, environment: str) -> Sequence[Resource]:
        """Return what exists of an environment, as this installation finds it."""
        found = self.resources.existing.get(environment, [])
        return [self.seen(one) for one in found if self._is_ours(one) or one.kind in _BY_NAME]

    def seen(self, resource: Resource) -> Resource:
        """Return a resource as this installation sees it: only another one's has an owner."""
        if not resource.owner:
            return resource
        if self._is_ours(resource):
            return replace(resource, owner="")
        return replace(resource, is_ours=False)

    def add(self, environment: str, resource: Resource) -> None:
        """Create a resource of this installation."""
        made = replace(resource, owner=self.installation)
        self.resources.existing.setdefault(environment, []).append(made)

    def discard(self, environment: str, resource: Resource) -> None:
        """Remove a resource that this installation sees."""
        found = self.resources.existing.get(environment, [])
        for one in [one for one in found if self.seen(one) == resource]:
            self._drop(environment, one)

    def _is_ours(self, resource: Resource) -> bool:
        return resource.owner in {"", self.installation}

    # ── the ports ────────────────────────────────────────────────────────────────────────────────

    def find(self, environment: str, platform: Platform | None) -> Sequence[Resource]:
        """Return all resources of an environment."""
        self.settle()
        self.resources.find(environment, platform)
        return self.existing(environment)

    def in_cluster(self, environment: str) -> Sequence[Resource]:
        """Return what runs of an environment."""
        self.settle()
        kinds = {ResourceKind.CLUSTER, ResourceKind.SERVICE, ResourceKind.TASK}
        return [one for one in self.existing(environment) if one.kind in kinds]

    def remove(self, resource: Resource) -> bool:
        """Remove one resource."""
        for environment in self.resources.existing:
            self.discard(environment, resource)
        return True

    def describe(
        self, environment: str, components: Collection[str] | None = None
    ) -> Sequence[ServiceState]:
        """Return the services of an environment, sorted by component."""
        return [
            ServiceState(
                component=component,
                task_definition=service.task_definition,
                rollout="COMPLETED",
                running=service.desired,
                desired=service.desired,
            )
            for (env, component), service in sorted(self.services.items())
            if env == environment and (components is None or component in components)
        ]

    def all(self) -> Sequence[ClusterState]:
        """Return every cluster."""
        return self.clusters(self.resources.existing)

    def clusters(self, names: Collection[str]) -> Sequence[ClusterState]:
        """Return the clusters that exist among the named ones."""
        return [
            ClusterState(
                name,
                len(running),
                sum(s.desired for s in running),
                0,
                is_ours=cluster.is_ours,
                owner=cluster.owner,
            )
            for name in sorted(names)
            if (cluster := self.named(name, ResourceKind.CLUSTER, None))
            for running in [[s for (env, _), s in self.services.items() if env == name]]
        ]

    def events(self, cluster: str, services: Sequence[str], limit: int) -> Sequence[ClusterEvent]:
        """Return none."""
        del cluster, services, limit
        return []

    def restart(self, environment: str, component: str) -> None:
        """Replace the task of a service, which gets a new address."""
        service = self.services[environment, component]
        self.services[environment, component] = replace(service, address=self._address())

    def public_tasks(self, environment: str | None = None) -> TaskListing:
        """Return all tasks with a public address, or those of an environment.

        Those in clusters of other installations are among them.
        """
        return self._tasks({env for env, _ in self.services if environment in {None, env}})

    def running_tasks(self, environments: Collection[str]) -> TaskListing:
        """Return the public tasks of these environments, if their clusters are not another's."""
        others = {c.name for c in self.clusters(environments) if c.owner}
        return self._tasks(set(environments) - others)

    def tasks_of(self, environment: str) -> TaskListing:
        """Return the public tasks of one environment, whosever its cluster is."""
        return self._tasks({environment})

    def _tasks(self, environments: Collection[str]) -> TaskListing:
        tasks = [
            PublicTask(env, component, service.address)
            for (env, component), service in sorted(self.services.items())
            if env in environments and component in self.public and service.desired
        ]
        return TaskListing(tuple(tasks), complete=True, reason="")

    def scale(self, environment: str, component: str, desired: int) -> None:
        """Change the size of a service, as a person does in the console."""
        service = self.services[environment, component]
        self.services[environment, component] = replace(service, desired=desired)

    # ── what Terraform does ──────────────────────────────────────────────────────────────────────

    def make(
        self, environment: str, kind: ResourceKind, component: str | None, hook: str | None = None
    ) -> Resource:
        """Create a resource."""
        made = Resource(
            kind=kind,
            id=self._id(environment, kind, component),
            component=component,
            hook=hook,
            identity=f"{environment}/{component}" if kind is ResourceKind.SERVICE else "",
        )
        self.add(environment, made)
        return made

    def named(self, environment: str, kind: ResourceKind, component: str | None) -> Resource | None:
        """Return the resource that has the name which a new one of this kind would get."""
        for found in self.existing(environment):
            is_in_the_way = kind in _NAMED and (not found.owner or kind in _IN_ACCOUNT)
            if is_in_the_way and (found.kind, found.component) == (kind, component):
                return found
        return None

    def held(self, environment: str, key: ResourceKey) -> Resource | None:
        """Return the resource that a state names, if it still exists."""
        found = (r for r in self.existing(environment) if r.key == key)
        return next(found, None)

    def imported(self, environment: str, id_: str) -> Resource:
        """Return the resource that an import block names."""
        for found in self.existing(environment):
            if found.id == id_:
                return found
        raise TerraformFailed(f"cannot import non-existent remote object {id_}")

    def destroy(self, environment: str, key: ResourceKey) -> None:
        """Destroy the resource that a state names. One that is gone already is no error."""
        if found := self.held(environment, key):
            self.discard(environment, found)

    def run(
        self, environment: str, component: str, image: str, definition: str, *, desired: int
    ) -> None:
        """Let a service run a task definition. A changed one starts a task at a new address."""
        before = self.services.get((environment, component))
        is_same = before is not None and before.task_definition == definition
        address = before.address if before and is_same else self._address()
        service = RunningService(image, definition, address, desired)
        self.services[environment, component] = service

    def _drop(self, environment: str, resource: Resource) -> None:
        if not self._is_ours(resource):
            self.violations.append(f"{self.installation} removed {resource}")
        self.resources.existing[environment].remove(resource)
        if resource.kind is ResourceKind.SERVICE and resource.component:
            self.services.pop((environment, resource.component), None)

    def _address(self) -> str:
        number = next(self._numbers)
        return f"198.{18 + number // 65536 % 2}.{number // 256 % 256}.{number % 256}"

    def _id(self, environment: str, kind: ResourceKind, component: str | None) -> str:
        part = f"/{component}" if component else ""
        if kind is ResourceKind.LOG_GROUP:
            return f"/gromit/{environment}"
        if kind in {ResourceKind.CLUSTER, ResourceKind.SERVICE}:
            return f"{environment}{part}"
        if kind is ResourceKind.DEFINITION:
            family = f"{environment}--{component}:{next(self._numbers)}"
            return f"arn:aws:ecs:eu-central-1:123456789012:task-definition/{family}"
        return f"{kind.replace(' ', '-')}-{environment}{part}-{next(self._numbers)}"
