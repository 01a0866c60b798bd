"""Connections that the applied security groups admit, against the table of the documentation."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from ipaddress import ip_network
from itertools import product

import pytest

from tests.docs.markdown import read
from tests.platform import infra
from tests.platform.ground import Ground
from tests.platform.reach import GroupRule, Network, Peer, planned_rules
from tests.platform.refusals import Refusals
from tests.platform.roots import REPOSITORY, Engine, Root, write_overrides

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("infra")]

PARTS = ("serve", "gateway", "pki", "sow", "reap", "chitragupta", "doctor", "doctor-environments")
OFFICE = "192.0.2.10"
"""In the ssh range of the example values."""
INTERNET = "203.0.113.9"
PORTS = (22, 53, 80, 443, 2049, 3000, 6379, 8080, 8181, 8443, 27017, 65535)
"""Ports at which something listens, and others."""
ENVIRONMENT = "app-test"
COMPONENTS = {"tyk": {"port": 8181, "public": True}, "redis": {"port": 6379}}

Connection = tuple[str, str, int]


@pytest.fixture(scope="module")
def connected(ground: Ground, embedded: Engine, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Apply the security groups of one environment beside the ground."""
    folder = tmp_path_factory.mktemp("stack") / "devenv"
    shutil.copytree(REPOSITORY / "src/gromit/stacks/devenv", folder)
    write_overrides(folder, embedded, ground.emulator.url)
    stack = Root(folder, embedded, ground.emulator.environ)
    platform = infra.platform(ground.emulator)
    components = {name: {"image": "example:1", **more} for name, more in COMPONENTS.items()}
    stack.give({"name": ENVIRONMENT, "platform": asdict(platform), "components": components})
    stack.run("init", "-input=false")
    stack.apply(
        infra.QUICKLY,
        *(
            f'-target=module.component["{name}"].aws_security_group_rule.{way}'
            for name in COMPONENTS
            for way in ("ingress", "egress")
        ),
    )
    return ground


@pytest.fixture(scope="module")
def peers(connected: Ground) -> Mapping[str, Peer]:
    """Return both ends of all connections by the names of the table."""
    ec2, efs = connected.client("ec2"), connected.client("efs")
    groups = {
        group["GroupName"]: group["GroupId"]
        for group in ec2.describe_security_groups()["SecurityGroups"]
    }
    subnets = {
        infra.tags(subnet.get("Tags", [])).get("Name", ""): subnet["CidrBlock"]
        for subnet in ec2.describe_subnets()["Subnets"]
    }

    def peer(subnet: str, *names: str) -> Peer:
        addresses = ip_network(subnets[f"gromit-{subnet}"]).hosts()
        return Peer(frozenset(groups[name] for name in names), str(next(addresses)))

    def machine(name: str) -> Peer:
        instance = infra.instances(connected.emulator)[name]
        held = (group["GroupId"] for group in instance["SecurityGroups"])
        return Peer(frozenset(held), instance["PrivateIpAddress"])

    def volume(name: str) -> Peer:
        system = connected.base[f"{name}_file_system_id"]
        target = efs.describe_mount_targets(FileSystemId=system)["MountTargets"][0]
        held = efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])
        return Peer(frozenset(held["SecurityGroups"]), target["IpAddress"])

    return {
        **{part: peer("control-a", f"gromit-{part}", "gromit-mounts") for part in PARTS},
        "balancer": peer("public-a", "gromit-control-balancer"),
        "bastion": machine("gromit-bastion"),
        "mongo": machine("gromit-mongo-0"),
        "config": volume("config"),
        "certs": volume("certs"),
        "endpoints": peer("private-a", "gromit-endpoints"),
        "tyk": peer("public-b", f"gromit--{ENVIRONMENT}--tyk"),
        "redis": peer("private-b", f"gromit--{ENVIRONMENT}--redis"),
        "office": Peer(None, OFFICE),
        "internet": Peer(None, INTERNET),
    }


def documented(number: int) -> set[Connection]:
    """Return the connections of a table below the heading of the page."""
    section = read("reference/stacks.md").partition("\n### Connections\n")[2]
    section = section.partition("\n### ")[0]
    found = section.split("| from | to | port |\n|---|---|---|\n")[1 + number].splitlines()
    rows = [line.strip("| ").split(" | ") for line in found[: found.index("")]]
    return {
        (client, server, port)
        for clients, servers, ports in rows
        for client, server in product(clients.split(", "), servers.split(", "))
        for port in _ports(ports)
    }


def _ports(text: str) -> Iterator[int]:
    if text == "any":
        yield from PORTS
        return
    for part in text.split(", "):
        first, _, last = part.partition(" to ")
        yield from (port for port in PORTS if int(first) <= port <= int(last or first))


def admitted(network: Network, peers: Mapping[str, Peer]) -> set[Connection]:
    """Return all connections between two different peers of which one is in the VPC."""
    return {
        (client, server, port)
        for client, server in product(peers, repeat=2)
        if client != server and {client, server} != {"office", "internet"}
        for port in PORTS
        if network.admits(peers[client], peers[server], port)
        and server != "office"  # it is in the internet
    }


@pytest.fixture(scope="module")
def network(connected: Ground) -> Network:
    """Return the applied rules, with those of the listener as planned.

    The load balancer itself takes a minute, so only the long tests apply it.
    """
    return _with_listeners(connected)


def _with_listeners(connected: Ground, *arguments: str) -> Network:
    """Return the applied rules, with those that a plan of the listeners adds."""
    targets = [f"-target=aws_security_group_rule.{way}" for way in ("in", "out", "metrics")]
    targets.append("-target=module.balancer.aws_security_group_rule.listener")
    plan = connected.root.plan(infra.VALUES, *targets, *arguments, "-refresh=false")
    return Network.of(connected.client("ec2")).with_rules(planned_rules(plan.document))


def test_the_applied_rules_admit_the_documented_connections_and_no_other(
    network: Network, peers: Mapping[str, Peer]
) -> None:
    found, wanted = admitted(network, peers), documented(0)
    assert (found - wanted, wanted - found) == (set(), set())


def test_listed_ranges_reach_serve_and_nothing_else_is_opened(
    connected: Ground, peers: Mapping[str, Peer]
) -> None:
    ranges = [f'-var={name}=["192.0.2.0/24"]' for name in ("serve_cidrs", "metrics_cidrs")]
    found = admitted(_with_listeners(connected, *ranges), peers)
    wanted = documented(0) | documented(1) | documented(2)
    assert (found - wanted, wanted - found) == (set(), set())


@pytest.mark.parametrize("number", range(len(infra.WRONG_RANGES)))
def test_serve_is_not_opened_to_the_whole_world(refusals: Refusals, number: int) -> None:
    assert "serve must not be open to" in refusals.said("serve_cidrs", number)


@pytest.mark.parametrize(
    ("number", "why"),
    [(0, "metrics must not be open to"), (1, "overlaps the VPC must be /28 or narrower")],
)
def test_metrics_are_open_neither_to_the_world_nor_to_environments(
    refusals: Refusals, number: int, why: str
) -> None:
    assert why in refusals.said("metrics_cidrs", number)


VPC = ("10.91.0.0/16",)
PLANTED: Mapping[str, tuple[str, str, int]] = {
    "health of serve": ("tyk", "serve", 8080),
    "serve": ("redis", "serve", 8443),
    "the gateway's inside": ("tyk", "gateway", 8443),
    "certificates": ("tyk", "certs", 2049),
}


@pytest.mark.parametrize(("client", "server", "port"), PLANTED.values(), ids=PLANTED)
def test_a_rule_for_the_whole_vpc_is_found(
    network: Network, peers: Mapping[str, Peer], client: str, server: str, port: int
) -> None:
    group = _group(peers, server)
    planted = GroupRule(group, "ingress", (port, port), ranges=VPC)
    found = admitted(network.with_rules([planted]), peers)
    assert (client, server, port) in found - documented(0)


def test_a_part_that_is_let_out_reaches_no_mongo(
    network: Network, peers: Mapping[str, Peer]
) -> None:
    out = GroupRule(_group(peers, "gateway"), "egress", (0, 65535), ranges=("0.0.0.0/0",))
    found = admitted(network.with_rules([out]), peers)
    reached = {server for client, server, _ in found if client == "gateway"}
    assert not {"mongo", "config"} & reached, "the control plane is in subnets of its own"


def _group(peers: Mapping[str, Peer], name: str) -> str:
    """Return a security group that the peer alone is in."""
    others = {g for other, peer in peers.items() if other != name for g in peer.groups or ()}
    (own,) = (peers[name].groups or frozenset()) - others
    return own
