"""Resources of environments in AWS, as a look at AWS and a Terraform state both name them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

IdentifyResource = Callable[[Mapping[str, Any]], str]


class ResourceKind(StrEnum):
    """Kinds of resources, in the order in which they can be removed."""

    TASK = "task"
    """A task in an environment's cluster that none of its services has started."""
    SERVICE = "service"
    CLUSTER = "cluster"
    DISCOVERY = "Cloud Map service"
    RULE = "security group rule"
    GROUP = "security group"
    DEFINITION = "task definition"
    ACCESS_POINT = "access point"
    LOG_GROUP = "log group"


REMOVAL_ORDER = tuple(ResourceKind)

ResourceKey = tuple[ResourceKind, str]
"""ResourceKind and identity."""

AccountedResource = tuple[str, ResourceKind, str]
"""A resource that the state of its environment contains; a task definition by its family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource that exists in AWS."""

    kind: ResourceKind
    id: str
    """Id by which Terraform imports it, and by which people find it."""
    component: str | None = None
    """Component of the environment that it belongs to; None for the environment's own."""
    hook: str | None = None
    """Kind of the hook whose task or task definition it is; None for all other resources."""
    identity: str = ""
    """Identity in a Terraform state, if it is not the id."""
    parent: str = ""
    """Cluster of a task or service, or security group of a rule."""
    is_ours: bool = True
    """Whether it bears the environment's mark. If not, it only has the name, and is left alone."""
    owner: str = ""
    """Installation that its tags name, if that is another one: then it is not ours."""

    @property
    def key(self) -> ResourceKey:
        """ResourceKind and identity, as `held_resources` returns them."""
        return self.kind, self.identity or self.id

    def __str__(self) -> str:
        foreign = "" if self.is_ours else " (without the tag `env` of this environment)"
        if self.owner:
            foreign = f" (of the installation {self.owner})"
        return f"{self.kind} {self.id}{foreign}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedResource:
    """A resource in a listing of all environments."""

    environment: str
    """Environment that its tags or its name give."""
    resource: Resource
    is_here: bool | None = None
    """Whether it is in this installation's VPC, namespace or file system; None for other kinds."""


def rule_identity(
    group: str, *, is_egress: bool, protocol: str, ports: tuple[int, int], source: str
) -> str:
    """Return the identity of a security group rule: all by which AWS distinguishes two rules.

    Rules for all protocols have no ports, whatever numbers AWS and Terraform write for them.
    """
    direction = "egress" if is_egress else "ingress"
    span = "all" if protocol == "-1" else f"{ports[0]}-{ports[1]}"
    return f"{group}/{direction}/{protocol}/{span}/{source}"


def held_resources(state: Mapping[str, Any]) -> Mapping[str, ResourceKey]:
    """Return the address of each resource in a Terraform state, with its kind and identity.

    Resources of other kinds, such as an overlay's, are left out.
    """
    return {address: key for address, key, _ in _held(state)}


def tainted_resources(state: Mapping[str, Any]) -> frozenset[ResourceKey]:
    """Return the resources that Terraform replaces because it has only half created them.

    An interrupt in the middle of a creation leaves such a resource.
    """
    return frozenset(key for _, key, is_tainted in _held(state) if is_tainted)


def _held(state: Mapping[str, Any]) -> Iterator[tuple[str, ResourceKey, bool]]:
    """Yield address, kind and identity of each resource, and whether it is tainted."""
    for resource in _objects(state.get("resources")):
        type_ = str(resource.get("type"))
        if resource.get("mode") != "managed" or type_ not in _IDENTITIES:
            continue
        place = [resource.get("module"), type_, resource.get("name")]
        address = ".".join(part for part in place if part)
        for instance in _objects(resource.get("instances")):
            kind, identify = _IDENTITIES[type_]
            index = _index(instance.get("index_key"))
            # A deposed object exists beside the current one, and does not take its address.
            deposed = f" (deposed {instance['deposed']})" if "deposed" in instance else ""
            identity = identify(instance.get("attributes") or {})
            is_tainted = instance.get("status") == "tainted"
            yield f"{address}{index}{deposed}", (kind, identity), is_tainted


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the objects in a list; a damaged state may contain anything."""
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            yield item


def text_index(key: str) -> str:
    """Return the index of an instance in an address, as Terraform's language writes it."""
    quoted = json.dumps(key, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
    return f"[{quoted}]"


def _index(key: object) -> str:
    if key is None:
        return ""
    return f"[{key}]" if isinstance(key, int) else text_index(str(key))


def _of_attribute(name: str) -> IdentifyResource:
    return lambda attributes: str(attributes.get(name))


def _of_service(attributes: Mapping[str, Any]) -> str:
    cluster = str(attributes.get("cluster")).rpartition("/")[2]
    return f"{cluster}/{attributes.get('name')}"


def _of_rule(attributes: Mapping[str, Any]) -> str:
    return rule_identity(
        str(attributes.get("security_group_id")),
        is_egress=attributes.get("type") == "egress",
        protocol=str(attributes.get("protocol")),
        ports=(attributes.get("from_port") or 0, attributes.get("to_port") or 0),
        source=",".join(sorted(attributes.get("cidr_blocks") or [])),
    )


_IDENTITIES: Mapping[str, tuple[ResourceKind, IdentifyResource]] = {
    "aws_ecs_cluster": (ResourceKind.CLUSTER, _of_attribute("name")),
    "aws_ecs_service": (ResourceKind.SERVICE, _of_service),
    "aws_ecs_task_definition": (ResourceKind.DEFINITION, _of_attribute("arn")),
    "aws_cloudwatch_log_group": (ResourceKind.LOG_GROUP, _of_attribute("name")),
    "aws_efs_access_point": (ResourceKind.ACCESS_POINT, _of_attribute("id")),
    "aws_security_group": (ResourceKind.GROUP, _of_attribute("id")),
    "aws_security_group_rule": (ResourceKind.RULE, _of_rule),
    "aws_service_discovery_service": (ResourceKind.DISCOVERY, _of_attribute("id")),
}
"""Type in Terraform to the kind, and a function that reads the identity from the attributes."""
