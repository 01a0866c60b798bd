"""Connections that applied security groups admit.

    network = Network.of(emulator.client("ec2"))
    client = Peer(frozenset({"sg-1"}), "10.0.0.1")
    network.admits(client, Peer(frozenset({"sg-2"}), "10.0.0.2"), 443)

A connection needs two rules: one of the client's groups lets it out, and one of the server's groups
lets it in. A rule names ranges or groups. AWS applies no other rules here: network ACLs are the
default ones, which admit everything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Any, Self

WAYS = {"egress": "IpPermissionsEgress", "ingress": "IpPermissions"}


@dataclass(frozen=True, slots=True)
class Peer:
    """One end of a connection."""

    groups: frozenset[str] | None
    """Ids of its security groups; None for a machine outside the VPC, whose rules are not ours."""
    address: str


@dataclass(frozen=True, slots=True)
class GroupRule:
    """Permission of a security group."""

    group: str
    way: str
    """`egress` or `ingress`."""
    ports: tuple[int, int]
    ranges: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def covers(self, peer: Peer, port: int) -> bool:
        """Whether the rule is about a port of, or from, the peer at the other end."""
        first, last = self.ports
        named = peer.groups is not None and bool(peer.groups & set(self.groups))
        within = any(ip_address(peer.address) in ip_network(block) for block in self.ranges)
        return first <= port <= last and (named or within)


@dataclass(frozen=True, slots=True)
class Network:
    """Rules of all security groups."""

    rules: tuple[GroupRule, ...]

    @classmethod
    def of(cls, ec2: Any) -> Self:
        """Read the applied rules."""
        pages = ec2.get_paginator("describe_security_groups").paginate()
        found = [group for page in pages for group in page["SecurityGroups"]]
        return cls(
            tuple(
                _rule(group["GroupId"], way, permission)
                for group in found
                for way, key in WAYS.items()
                for permission in group[key]
            )
        )

    def with_rules(self, rules: Iterable[GroupRule]) -> Self:
        """Return the network with further rules."""
        return replace(self, rules=(*self.rules, *rules))

    def admits(self, client: Peer, server: Peer, port: int) -> bool:
        """Whether the client can connect to a TCP port of the server."""
        return self._lets("egress", client, server, port) and self._lets(
            "ingress", server, client, port
        )

    def _lets(self, way: str, owner: Peer, other: Peer, port: int) -> bool:
        """Whether the owner's groups let a connection with the other end out, or in."""
        return owner.groups is None or any(
            rule.way == way and rule.group in owner.groups and rule.covers(other, port)
            for rule in self.rules
        )


def planned_rules(document: Mapping[str, Any]) -> list[GroupRule]:
    """Return the rules that a plan adds to groups that exist."""
    changes = (
        resource["change"]
        for resource in document["resource_changes"]
        if resource["type"] == "aws_security_group_rule"
    )
    return [_planned(c["after"]) for c in changes if c["actions"] == ["create"]]


def _planned(values: Mapping[str, Any]) -> GroupRule:
    source = values.get("source_security_group_id")
    return GroupRule(
        group=values["security_group_id"],
        way=values["type"],
        ports=(values["from_port"], values["to_port"]),
        ranges=tuple(values.get("cidr_blocks") or ()),
        groups=(source,) if source else (),
    )


def _rule(group: str, way: str, permission: Mapping[str, Any]) -> GroupRule:
    assert not permission.get("Ipv6Ranges"), "the network has no IPv6"
    assert not permission.get("PrefixListIds"), "lists of AWS are not evaluated"
    assert permission["IpProtocol"] in {"tcp", "-1"}
    all_ports = permission["IpProtocol"] == "-1"
    return GroupRule(
        group=group,
        way=way,
        ports=(0, 65535) if all_ports else (permission["FromPort"], permission["ToPort"]),
        ranges=tuple(found["CidrIp"] for found in permission["IpRanges"]),
        groups=tuple(found["GroupId"] for found in permission["UserIdGroupPairs"]),
    )
