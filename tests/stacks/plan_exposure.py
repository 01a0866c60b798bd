"""Rules on what a plan exposes to the internet.

Allowed are public components, load balancers, and ssh from listed addresses. Nothing else is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from tests.stacks.plan import Json, Plan, Resource, several, statements

_PRIVATE = [
    ip_network(n)
    for n in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "fc00::/7",
    )
]
_WORLD_BITS = {4: 8, 6: 32}
"""Shortest prefixes that count as a list of addresses.

A shorter one means the whole internet: two halves of 0.0.0.0/0 still allow everyone.
"""
_COMPONENT = re.compile(r'^module\.component\["([^"]+)"\]\.')
_BASTION = "module.bastion."
_SSH = 22
_GROUPS = ("aws_security_group", "aws_default_security_group")
_RULES = ("aws_security_group_rule", "aws_vpc_security_group_ingress_rule")
_BOUNDS = frozenset({"aws_vpc_endpoint"})
"""Types whose policy grants nothing and only filters requests. AWS's default admits all."""
_CLOSED = (
    "block_public_acls",
    "block_public_policy",
    "ignore_public_acls",
    "restrict_public_buckets",
)


@dataclass(frozen=True, slots=True)
class WayIn:
    """Addresses that may reach ports."""

    resource: Resource
    ports: tuple[Any, Any]
    networks: tuple[IPv4Network | IPv6Network, ...]
    prefix_lists: tuple[str, ...]


def ways_in_are_closed(plan: Plan) -> Iterator[str]:
    """Security groups admit public addresses only where a rule below allows it.

    Allowed are a public component's port, a load balancer's ports, and ssh from listed addresses.
    """
    for way in _ways_in(plan):
        yield from (
            f"{way.resource.address} lets in the prefix list {name}, which no rule has checked"
            for name in way.prefix_lists
        )
        for network in way.networks:
            if not _is_private(network) and not _may_come_in(plan, way, network):
                first, last = way.ports
                yield f"{way.resource.address} lets {network} in to port {first}-{last}"


def public_addresses_are_asked_for(plan: Plan) -> Iterator[str]:
    """Only some kinds of resources have a public address.

    These are a public component, a bastion for listed ssh, a NAT gateway and a load balancer.
    """
    for resource in plan.resources:
        if any(_public_flags(resource)) and not (
            _is_public_component(plan, resource) or _is_bastion(plan, resource)
        ):
            yield f"{resource.address} gets a public address"
    for address in plan.of("aws_eip"):
        users = plan.of("aws_nat_gateway", "aws_lb")
        if not any(
            user.refers_to(address, argument)
            for user in users
            for argument in ("allocation_id", "subnet_mapping")
        ):
            yield f"{address.address} is a public address, but of no NAT gateway or load balancer"


def buckets_are_closed(plan: Plan) -> Iterator[str]:
    """Every bucket blocks public access in all four ways."""
    for bucket in plan.of("aws_s3_bucket"):
        if not any(
            _closes(block, bucket) for block in plan.of("aws_s3_bucket_public_access_block")
        ):
            yield f"{bucket.address} does not refuse public access"
    for resource in plan.of("aws_s3_bucket", "aws_s3_bucket_acl"):
        if str(resource.values.get("acl") or "private").startswith(("public", "authenticated")):
            yield f"{resource.address} has the ACL {resource.values['acl']}"


def resource_policies_limit_the_principal(plan: Plan) -> Iterator[str]:
    """No policy allows an action to everyone without a condition."""
    for resource in (resource for resource in plan.resources if resource.type not in _BOUNDS):
        for policy in (resource.values.get("policy"), resource.values.get("assume_role_policy")):
            for statement in statements(policy):
                if (
                    statement["Effect"] == "Allow"
                    and _everybody(statement)
                    and not statement.get("Condition")
                ):
                    actions = ", ".join(several(statement.get("Action")))
                    yield f"{resource.address} allows {actions} to everyone"


def balancers_speak_tls(plan: Plan) -> Iterator[str]:
    """Every listener ends TLS, passes it through, or redirects to a TLS listener."""
    for listener in plan.of("aws_lb_listener"):
        redirects = all(
            action.get("type") == "redirect" for action in listener.blocks("default_action")
        )
        if listener.values.get("protocol") not in {"HTTPS", "TLS", "TCP"} and not redirects:
            yield f"{listener.address} speaks {listener.values.get('protocol')}"


def _ways_in(plan: Plan) -> Iterator[WayIn]:
    for group in plan.of(*_GROUPS):
        yield from (_way_in(group, block) for block in group.blocks("ingress"))
    yield from (
        _way_in(rule, rule.values)
        for rule in plan.of(*_RULES)
        if rule.values.get("type") != "egress"
    )


def _way_in(resource: Resource, values: Json) -> WayIn:
    listed = [
        values.get(name) for name in ("cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6")
    ]
    return WayIn(
        resource,
        (values.get("from_port"), values.get("to_port")),
        tuple(ip_network(network) for value in listed for network in several(value)),
        tuple(
            name
            for key in ("prefix_list_ids", "prefix_list_id")
            for name in several(values.get(key))
        ),
    )


def _is_private(network: IPv4Network | IPv6Network) -> bool:
    return any(
        (
            isinstance(network, IPv4Network)
            and isinstance(private, IPv4Network)
            and network.subnet_of(private)
        )
        or (
            isinstance(network, IPv6Network)
            and isinstance(private, IPv6Network)
            and network.subnet_of(private)
        )
        for private in _PRIVATE
    )


def _may_come_in(plan: Plan, way: WayIn, network: IPv4Network | IPv6Network) -> bool:
    first, last = way.ports
    if first != last or first is None:
        return False
    if _is_listed_ssh(plan, way, network) or first in _balancer_ports(plan, way.resource):
        return True
    return _is_public_component(plan, way.resource) and first == _component(plan, way.resource).get(
        "port"
    )


def _is_listed_ssh(plan: Plan, way: WayIn, network: IPv4Network | IPv6Network) -> bool:
    listed = str(network) in set(_strings(plan.variables))
    return (
        way.ports == (_SSH, _SSH) and listed and network.prefixlen >= _WORLD_BITS[network.version]
    )


def _balancer_ports(plan: Plan, resource: Resource) -> set[object]:
    """Return the listener ports of load balancers behind a security group.

    The resource is such a group, or a rule of one.
    """
    groups = [
        g
        for g in plan.of("aws_security_group")
        if resource == g or resource.refers_to(g, "security_group_id")
    ]
    balanced = [
        lb.module
        for lb in plan.of("aws_lb")
        for group in groups
        if lb.refers_to(group, "security_groups")
    ]
    return {
        listener.values.get("port")
        for listener in plan.of("aws_lb_listener")
        if listener.module in balanced
    }


def _component(plan: Plan, resource: Resource) -> Json:
    """Return the resource's entry in the stack's input `components`; empty if it has none."""
    found = _COMPONENT.match(resource.address)
    entry = (plan.variables.get("components") or {}).get(found[1]) if found else None
    return entry or {}


def _is_public_component(plan: Plan, resource: Resource) -> bool:
    return _component(plan, resource).get("public") is True


def _is_bastion(plan: Plan, resource: Resource) -> bool:
    ways = (
        way
        for way in _ways_in(plan)
        for network in way.networks
        if _is_listed_ssh(plan, way, network)
    )
    return resource.address.startswith(_BASTION) and any(ways)


def _public_flags(resource: Resource) -> Iterator[bool]:
    yield bool(resource.values.get("map_public_ip_on_launch"))
    yield bool(resource.values.get("publicly_accessible"))
    for holder in (resource.values, *resource.blocks("network_interfaces")):
        yield str(holder.get("associate_public_ip_address")).lower() == "true"
    yield from (
        bool(block.get("assign_public_ip")) for block in resource.blocks("network_configuration")
    )


def _closes(block: Resource, bucket: Resource) -> bool:
    ours = block.refers_to(bucket, "bucket") or block.values.get("bucket", "") == bucket.values.get(
        "bucket"
    )
    return ours and all(block.values.get(name) is True for name in _CLOSED)


def _everybody(statement: Json) -> bool:
    principal = statement.get("Principal", {})
    given = (
        several(principal)
        if not isinstance(principal, dict)
        else [p for ps in principal.values() for p in several(ps)]
    )
    return "*" in given or "NotPrincipal" in statement


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
