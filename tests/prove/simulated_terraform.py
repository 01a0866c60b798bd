"""Terraform in memory, as strict as the real one, on a simulated AWS."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.contract import AppliedStack, StackInput, StateHead, StateMark
from gromit.core.stack.resources import ResourceKey, ResourceKind, text_index
from gromit.errors import TerraformFailed
from gromit.ports import Progress
from tests.prove.faults import Faults, ProcessKilled
from tests.prove.simulated_cloud import SimulatedCloud

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


@dataclass(slots=True)
class SimulatedTerraform:
    """The port `TerraformRunner`. It can die at each of its steps."""

    cloud: SimulatedCloud
    faults: Faults

    def apply(
        self,
        stack: StackInput,
        lock: Lock,
        progress: Progress,
        imports: Mapping[str, str],
        *,
        refresh: bool = True,
    ) -> AppliedStack:
        """Make what the stack contains; remove what only the state contains."""
        self._check_lock(lock)
        self.cloud.applies += 1
        head = self.cloud.states.heads.get(stack.name)
        held = dict(head.held) if head else {}
        wanted = {**_SHARED, **_addresses(stack)}
        with _saving(self.cloud, stack.name, head, held, self.faults):
            for address, kind in wanted.items():
                self.faults.point("terraform.step")
                if refresh or address not in held or self._refreshed(stack, address, kind, held):
                    self._apply_one(stack, address, kind, held, imports)
            for address in [a for a in held if a not in wanted]:
                self.cloud.destroy(stack.name, held.pop(address))
        progress("applied")
        return AppliedStack({c: held[_definition(c)][1] for c in stack.components})

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

    def _refreshed(
        self, stack: StackInput, address: str, kind: ResourceKind, held: dict[str, ResourceKey]
    ) -> bool:
        """Return whether a resource of the state exists, as an apply without a refresh sees it.

        It notices that a service is gone only if it has to change the service.
        """
        if self.cloud.held(stack.name, held[address]) is not None:
            return True
        component = _component(address, stack)
        if kind is ResourceKind.SERVICE and component and self._is_new(stack, component):
            raise TerraformFailed(f"updating {address}: ServiceNotFoundException")
        return kind is ResourceKind.DEFINITION

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
            if there.owner:
                self.cloud.violations.append(f"{self.cloud.installation} tried to make {there}")
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
            self.cloud.run(name, component, image, definition, desired=0 if stack.parked else 1)

    def _is_new(self, stack: StackInput, component: str) -> bool:
        """Whether the definition in the state has another content than the stack."""
        head = self.cloud.states.heads.get(stack.name)
        known = head.held.get(_definition(component)) if head else None
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


def _definition(component: str) -> str:
    return f"module.component{text_index(component)}.aws_ecs_task_definition.this"


def _hook(address: str) -> str | None:
    _, is_hook, rest = address.partition(_HOOK.format('["'))
    return rest.removesuffix('"]') if is_hook else None


def _content(stack: StackInput, component: str) -> str:
    given = stack.components[component]
    return f"{given.image} {sorted(given.labels.items())}"
