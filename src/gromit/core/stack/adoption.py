"""Plan of an adoption: what an apply imports, and what has to be removed before it."""

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gromit.core.stack.contract import ComponentInput, StackInput, StateHead
from gromit.core.stack.resources import Resource, ResourceKey, ResourceKind, text_index
from gromit.core.stack.terraform import state_key
from gromit.errors import UnsafeState

IMPORTS_FILE = "gromit_adoption.tf"
"""File of `import` blocks, beside the stack's own files."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """Imports and removals for resources that exist although the state does not contain them."""

    imports: Mapping[str, str]
    """Address in the stack to the id by which Terraform imports the resource."""
    strays: tuple[Resource, ...]
    """Resources that have no place in the stack, and would be in the way or stay for ever."""


def needs_look(spec_hash: str | None, head: StateHead | None) -> bool:
    """Whether an apply needs a look at AWS first, because more may exist than the state contains.

    `spec_hash` is the claim's. It is known only after a clean end (ADR 3): then the state was saved
    as well.
    """
    return spec_hash is None or head is None or not head.resources


def plan_adoption(
    stack: StackInput,
    found: Sequence[Resource],
    held: Mapping[str, ResourceKey],
    tainted: AbstractSet[ResourceKey] = frozenset(),
) -> Adoption:
    """Plan the adoption of the resources in `found` that a state with `held` does not contain.

    Those that are `tainted` are removed. Terraform replaces them anyway, but it would create some
    of the replacements first, and the name is taken.

    Security group rules are never imported: they are made again at once, and their import would
    need an id that describes them exactly as the stack will.
    """
    known = frozenset(held.values())
    imports: dict[str, str] = {}
    strays: list[Resource] = []
    for resource in found:
        # What another owns stays untouched, and a person's task ends with the cluster. But a hook's
        # task was left by a killed worker: it could remove what is about to be made.
        is_persons = resource.kind is ResourceKind.TASK and resource.hook is None
        if not resource.is_ours or is_persons:
            continue
        if resource.key in tainted:
            strays.append(resource)
        if resource.key in known:
            continue
        address = _address(stack, resource)
        if address is None or address in held or address in imports:
            strays.append(resource)
        else:
            imports[address] = resource.id
    return Adoption(imports, tuple(strays))


def require_own_cluster(
    environment: str, found: Sequence[Resource], held: Mapping[str, ResourceKey]
) -> None:
    """Raise `UnsafeState` if a cluster of the name exists that is not known to be ours.

    ECS would return it to Terraform as if it were new, and the services in it are in the way. A
    name that another installation uses is its own: what it made is never adopted.
    """
    known = frozenset(held.values())
    for resource in found:
        if resource.owner:
            raise UnsafeState(
                f"{resource.kind} {resource.id} belongs to the installation {resource.owner}",
                hint="nothing was touched; in one account and region, only one installation can"
                f" have {environment}: delete it in one of them, or rename the branch",
            )
        is_cluster = resource.kind is ResourceKind.CLUSTER
        if is_cluster and not resource.is_ours and resource.key not in known:
            raise UnsafeState(
                f"there is a cluster {environment} that is not in the state of {environment},"
                " and it does not have gromit's tags",
                hint="nothing was touched; if gromit v1 made it, copy its state to"
                f" `{state_key(environment)}` in the state bucket, or destroy it with the tools of"
                " gromit v1",
            )


def import_blocks(imports: Mapping[str, str]) -> str:
    """Return the text of `IMPORTS_FILE`."""
    return "".join(
        f"import {{\n  to = {address}\n  id = {json.dumps(id_)}\n}}\n"
        for address, id_ in sorted(imports.items())
    )


def _address(stack: StackInput, resource: Resource) -> str | None:
    """Return the resource's address in the stack; None if the stack has no such resource."""
    if resource.component is None:
        return _SHARED.get(resource.kind)
    component = stack.components.get(resource.component)
    address = _OF_COMPONENT.get(resource.kind)
    if component is None or address is None:
        return None
    within = address(component) if resource.hook is None else _hook(component, resource.hook)
    return f"module.component{text_index(resource.component)}.{within}" if within else None


def _access_point(component: ComponentInput) -> str | None:
    path = component.config_path
    return f"aws_efs_access_point.config{text_index(path)}" if path else None


def _hook(component: ComponentInput, kind: str) -> str | None:
    is_made = kind in component.hooks
    return f"aws_ecs_task_definition.hook{text_index(kind)}" if is_made else None


_SHARED: Mapping[ResourceKind, str] = {
    ResourceKind.CLUSTER: "aws_ecs_cluster.this",
    ResourceKind.LOG_GROUP: "aws_cloudwatch_log_group.this",
}
_OF_COMPONENT: Mapping[ResourceKind, Callable[[ComponentInput], str | None]] = {
    ResourceKind.SERVICE: lambda _component: "aws_ecs_service.this",
    ResourceKind.DEFINITION: lambda _component: "aws_ecs_task_definition.this",
    ResourceKind.GROUP: lambda _component: "aws_security_group.this",
    ResourceKind.DISCOVERY: lambda _component: "aws_service_discovery_service.this",
    ResourceKind.ACCESS_POINT: _access_point,
}
