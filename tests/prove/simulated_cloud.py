"""AWS in memory, with Terraform as strict as the real one.

An apply that dies keeps what it has made in the world, but not in its state. Then every apply
fails because a resource exists already, until one imports it. A run without the lock is recorded.
"""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gromit.core.dns.plan import PublicTask, TaskListing
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.clusters import ClusterEvent, ClusterState
from gromit.core.stack.contract import (
    Platform,
    ServiceState,
    StackInput,
    StackOutput,
    StateHead,
    StateMark,
)
from gromit.core.stack.resources import Resource, ResourceKey, ResourceKind, text_index
from gromit.errors import TerraformFailed
from gromit.ports import Progress
from tests.fakes.resources import FakeEnvironmentResources
from tests.fakes.states import FakeStates
from tests.prove.faults import Faults, ProcessKilled

_SHARED = {
    "aws_ecs_cluster.this": ResourceKind.CLUSTER,
    "aws_cloudwatch_log_group.this": ResourceKind.LOG_GROUP,
}
_OF_COMPONENT = {
    "aws_security_group.this": ResourceKind.GROUP,
    "aws_service_discovery_service.this": ResourceKind.DISCOVERY,
    "aws_ecs_task_definition.this": ResourceKind.DEFINITION,
    "aws_ecs_service.this": ResourceKind.SERVICE,
}
_HOOK = "aws_ecs_task_definition.hook{}"
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
    settle: Callable[[], None] = lambda: None
    """Called before each look: what has ended meanwhile."""
    applies: int = 0
    destroys: int = 0
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def existing(self, environment: str) -> Sequence[Resource]:
        """Return what exists of an environment."""
        return self.resources.existing.get(environment, [])

    # ── the ports ────────────────────────────────────────────────────────────────────────────────

    def find(self, environment: str, platform: Platform | None) -> Sequence[Resource]:
        """Return all resources of an environment."""
        self.settle()
        return self.resources.find(environment, platform)

    def remove(self, resource: Resource) -> bool:
        """Remove one resource."""
        for environment, found in self.resources.existing.items():
            if resource in found:
                self._drop(environment, resource)
                break
        return True

    def describe(self, environment: str) -> Sequence[ServiceState]:
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
            if env == environment
        ]

    def all(self) -> Sequence[ClusterState]:
        """Return every cluster."""
        return self.clusters(self.resources.existing)

    def clusters(self, names: Collection[str]) -> Sequence[ClusterState]:
        """Return the clusters that exist among the named ones."""
        return [
            ClusterState(name, len(running), sum(s.desired for s in running), 0, is_ours=True)
            for name in sorted(names)
            if self.named(name, ResourceKind.CLUSTER, None)
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
        """Return all tasks with a public address, or those of an environment."""
        return self.running_tasks({env for env, _ in self.services if environment in {None, env}})

    def running_tasks(self, environments: Collection[str]) -> TaskListing:
        """Return the public tasks of these environments."""
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
        self.resources.existing.setdefault(environment, []).append(made)
        return made

    def named(self, environment: str, kind: ResourceKind, component: str | None) -> Resource | None:
        """Return the resource that has the name which a new one of this kind would get."""
        for found in self.existing(environment):
            if kind in _NAMED and (found.kind, found.component) == (kind, component):
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
            self._drop(environment, found)

    def run(self, environment: str, component: str, image: str, definition: str) -> None:
        """Let a service run a task definition. A changed one starts a task at a new address."""
        before = self.services.get((environment, component))
        if before is not None and before.task_definition == definition:
            self.services[environment, component] = replace(before, desired=1)
            return
        self.services[environment, component] = RunningService(image, definition, self._address())

    def _drop(self, environment: str, resource: Resource) -> None:
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


@dataclass(slots=True)
class SimulatedTerraform:
    """The port `TerraformRunner`. It can die at each of its steps."""

    cloud: SimulatedCloud
    faults: Faults

    def apply(
        self, stack: StackInput, lock: Lock, progress: Progress, imports: Mapping[str, str]
    ) -> StackOutput:
        """Make what the stack contains; remove what only the state contains."""
        self._check_lock(lock)
        self.cloud.applies += 1
        head = self.cloud.states.heads.get(stack.name)
        held = dict(head.held) if head else {}
        wanted = {**_SHARED, **_addresses(stack)}
        with _saving(self.cloud, stack.name, head, held, self.faults):
            for address, kind in wanted.items():
                self.faults.point("terraform.step")
                self._apply_one(stack, address, kind, held, imports)
            for address in [a for a in held if a not in wanted]:
                self.cloud.destroy(stack.name, held.pop(address))
        progress("applied")
        return StackOutput(
            {c: self.cloud.services[stack.name, c].task_definition for c in stack.components}
        )

    def destroy(self, stack: StackInput, lock: Lock, progress: Progress) -> None:
        """Destroy what the state contains."""
        self._check_lock(lock)
        self.cloud.destroys += 1
        head = self.cloud.states.heads.get(stack.name)
        held = dict(head.held) if head else {}
        with _saving(self.cloud, stack.name, head, held, self.faults):
            for address in list(reversed(held)):
                self.faults.point("terraform.step")
                self.cloud.destroy(stack.name, held.pop(address))
        progress("destroyed")

    def _apply_one(
        self,
        stack: StackInput,
        address: str,
        kind: ResourceKind,
        held: dict[str, ResourceKey],
        imports: Mapping[str, str],
    ) -> None:
        name, component = stack.name, _component(address, stack)
        found = self.cloud.held(name, held[address]) if address in held else None
        if found is None and address in imports:
            found = self.cloud.imported(name, imports[address])
        if found is None and (there := self.cloud.named(name, kind, component)):
            raise TerraformFailed(f"creating {address}: {there} exists already")
        hook = _hook(address)
        is_definition = kind is ResourceKind.DEFINITION and hook is None
        if found is not None and component and is_definition and self._is_new(stack, component):
            self.cloud.destroy(name, found.key)
            found = None
        found = found or self.cloud.make(name, kind, component, hook)
        held[address] = found.key
        if is_definition and component:
            self.cloud.definitions[found.id] = _content(stack, component)
        if kind is ResourceKind.SERVICE and component:
            definition = held[address.replace("aws_ecs_service", "aws_ecs_task_definition")][1]
            image = stack.components[component].image
            self.cloud.run(name, component, image, definition)

    def _is_new(self, stack: StackInput, component: str) -> bool:
        """Whether the definition in the state has another content than the stack."""
        head = self.cloud.states.heads.get(stack.name)
        address = f"module.component{text_index(component)}.aws_ecs_task_definition.this"
        known = head.held.get(address) if head else None
        return known is None or self.cloud.definitions.get(known[1]) != _content(stack, component)

    def _check_lock(self, lock: Lock) -> None:
        """Record a violation if the lock is not held: then two terraforms can run at once."""
        found = self.cloud.states.locks.get(lock.environment)
        if found is None or found.etag != lock.etag:
            self.cloud.violations.append(f"terraform ran on {lock.environment} without its lock")


class _saving:  # noqa: N801 - a context manager, named for its use
    """Save the state at the end of a run, whether it failed or not. A killed run saves nothing."""

    def __init__(
        self,
        cloud: SimulatedCloud,
        name: str,
        head: StateHead | None,
        held: dict[str, ResourceKey],
        faults: Faults,
    ) -> None:
        self._cloud, self._name, self._held, self._faults = cloud, name, held, faults
        self._mark = head.mark if head else StateMark(f"lineage-{name}-{cloud.applies}", 0)

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Save."""
        if kind is not None and issubclass(kind, ProcessKilled):
            return
        owners = frozenset({self._name}) if self._held else frozenset[str]()
        self._cloud.states.heads[self._name] = StateHead(
            len(self._held),
            StateMark(self._mark.lineage, self._mark.serial + 1),
            owners,
            dict(self._held),
        )


def _addresses(stack: StackInput) -> dict[str, ResourceKind]:
    return {
        f"module.component{text_index(component)}.{within}": kind
        for component, given in sorted(stack.components.items())
        for within, kind in {
            **{_HOOK.format(text_index(k)): ResourceKind.DEFINITION for k in given.hooks},
            **_OF_COMPONENT,
        }.items()
    }


def _component(address: str, stack: StackInput) -> str | None:
    found = (c for c in stack.components if address.startswith(f"module.component{text_index(c)}."))
    return next(found, None)


def _hook(address: str) -> str | None:
    _, is_hook, rest = address.partition(_HOOK.format('["'))
    return rest.removesuffix('"]') if is_hook else None


def _content(stack: StackInput, component: str) -> str:
    given = stack.components[component]
    return f"{given.image} {sorted(given.labels.items())}"
