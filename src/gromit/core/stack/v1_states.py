"""Take-over of a Terraform state that gromit v1 left.

The stack of gromit v1 made the same cluster and the same services, at other addresses and with a
provider that no longer exists. Terraform would create what is there already, and then destroy it.
So the state is changed before the first run: what both stacks have gets the address of ours, and
everything else stays in the state, for Terraform to destroy.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gromit.core.stack.resources import text_index
from gromit.errors import UnsafeState

AWS = "hashicorp/aws"
"""Provider of the stack, without the registry that an address of a provider begins with."""
_AWS_ADDRESS = f'provider["registry.terraform.io/{AWS}"]'
_AWS_SOURCES = frozenset({AWS, "-/aws"})
_PROVIDER = re.compile(r'provider(?:\["(?P<source>[^"]+)"\]|\.(?P<legacy>[a-z0-9_-]+))')
_OURS_AT_ROOT = frozenset({"aws_ecs_cluster.this", "aws_cloudwatch_log_group.this"})
_OUR_MODULE = "module.component["
_MARKS = frozenset(
    {"aws_ecs_cluster", "aws_service_discovery_private_dns_namespace", "template_file"}
)
"""Types of gromit v1 that our stack lacks, or has only at an address of ours."""

_Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TakenState:
    """A state of gromit v1 as a run of ours can use it."""

    state: Mapping[str, Any]
    moved: Mapping[str, str]
    """Address of gromit v1 to the address in our stack."""
    dropped: tuple[str, ...]
    """Addresses of data sources, of which Terraform needs nothing."""


def is_v1_state(state: Mapping[str, Any]) -> bool:
    """Whether a state has what the stack of gromit v1 made, and nothing at an address of ours.

    A state with data sources only is one too, because Terraform needs their providers.
    """
    found = list(_entries(state))
    is_marked = any(r.get("type") in _MARKS or _source(r).startswith("-/") for r in found)
    return is_marked and not any(_is_ours(resource) for resource in found)


def take_state(
    environment: str, state: Mapping[str, Any], components: Collection[str]
) -> TakenState | None:
    """Return a state of gromit v1 as we use it; None for any other state.

    `components` have a service in our stack. Raises `UnsafeState` if it contains a resource whose
    provider our stack lacks: Terraform could not even start.
    """
    if not is_v1_state(state):
        return None
    managed = [r for r in _entries(state) if r.get("mode") == "managed"]
    if strangers := [r for r in managed if _source(r) not in _AWS_SOURCES]:
        raise UnsafeState(
            f"the state of {environment} is from gromit v1 and has what gromit cannot manage:"
            f" {', '.join(f'{_address(r)} (provider {_source(r)})' for r in strangers)}",
            hint="nothing was touched; destroy it with the tools of gromit v1, or take it out of"
            f" the state: gromit terraform {environment} -- state rm {_address(strangers[0])}",
        )
    moved: dict[str, str] = {}
    resources: list[_Entry] = []
    for resource in managed:
        taken: _Entry = {**resource, "provider": _AWS_ADDRESS}
        place = _place(environment, resource, components)
        if place is not None and _text(*place) not in moved.values():
            moved[_address(resource)] = _text(*place)
            taken = _at(place, taken)
        resources.append(taken)
    dropped = tuple(_address(r) for r in _entries(state) if r.get("mode") != "managed")
    serial = state.get("serial")
    after = {**state, "serial": int(serial or 0) + 1, "resources": resources}
    return TakenState(after, moved, dropped)


def _entries(state: Mapping[str, Any]) -> Iterator[_Entry]:
    found = state.get("resources")
    yield from (r for r in (found if isinstance(found, list) else []) if isinstance(r, dict))


def _is_ours(resource: _Entry) -> bool:
    module = str(resource.get("module") or "")
    return module.startswith(_OUR_MODULE) or _address(resource) in _OURS_AT_ROOT


def _address(resource: _Entry) -> str:
    data = "data" if resource.get("mode") != "managed" else None
    parts = (resource.get("module"), data, resource.get("type"), resource.get("name"))
    return ".".join(str(part) for part in parts if part)


def _source(resource: _Entry) -> str:
    """Return a provider without its registry, as in `hashicorp/aws`.

    Terraform before 0.13 wrote `provider.aws`, and 0.13 wrote `-/aws` for what they had left.
    """
    match = _PROVIDER.search(str(resource.get("provider")))
    if match is None:
        return "unknown"
    source = match["source"] or f"-/{match['legacy']}"
    return "/".join(source.split("/")[-2:])


Place = tuple[str | None, str, str]
"""Module, type and name of an address."""


def _place(environment: str, resource: _Entry, components: Collection[str]) -> Place | None:
    """Return the place in our stack of what both stacks have; None if ours has no such thing."""
    attributes = _attributes(resource)
    name = attributes.get("name")
    if resource.get("type") == "aws_ecs_cluster" and name == environment:
        return None, "aws_ecs_cluster", "this"
    cluster = str(attributes.get("cluster")).rpartition("/")[2]
    is_service = resource.get("type") == "aws_ecs_service" and cluster == environment
    if is_service and name in components:
        return f"module.component{text_index(str(name))}", "aws_ecs_service", "this"
    return None


def _attributes(resource: _Entry) -> Mapping[str, Any]:
    """Return the attributes of the only instance; nothing if there are more, or none."""
    instances: Sequence[Any] = resource.get("instances") or ()
    if len(instances) != 1 or "index_key" in instances[0]:
        return {}
    attributes = instances[0].get("attributes")
    return attributes if isinstance(attributes, dict) else {}


def _at(place: Place, resource: _Entry) -> _Entry:
    module, _, name = place
    moved = {k: v for k, v in resource.items() if k != "module"}
    if module is not None:
        moved = {"module": module, **moved}
    return {**moved, "name": name}


def _text(module: str | None, type_: str, name: str) -> str:
    return ".".join(part for part in (module, type_, name) if part)
