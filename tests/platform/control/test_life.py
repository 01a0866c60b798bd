"""All of the control plane, from the first apply to the last destroy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.control.plane import DOMAIN, control_root, make_ground
from tests.platform.emulator import Emulator, running_emulator
from tests.platform.inventory import everything
from tests.platform.roots import Engine

WATCHING = '-var=watch=["sow","chitragupta"]'

pytestmark = [pytest.mark.terraform, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def empty() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


def whole_life(engine: Engine, emulator: Emulator, folder: Path) -> None:
    """Apply, find no changes, switch to watching services and back, and destroy everything."""
    ground = make_ground(emulator)
    root = control_root(folder, engine, emulator, ground)
    before = everything(emulator)
    root.apply("-parallelism=40")
    assert root.plan().is_empty
    assert _listeners(emulator) == {(443, "TLS")}
    assert _ways_in(emulator) == {(443, "0.0.0.0/0")}
    assert root.output("serve_url") == "https://localhost:8443"
    opened = '-var=serve_cidrs=["192.0.2.0/24"]'
    root.apply(opened)
    assert root.plan(opened).is_empty
    assert _listeners(emulator) == {(443, "TLS"), (8443, "TCP")}
    assert _ways_in(emulator) == {(443, "0.0.0.0/0"), (8443, "192.0.2.0/24")}
    assert root.output("serve_url") == f"https://serve.{DOMAIN}:8443"
    root.apply(WATCHING)
    assert root.plan(WATCHING).is_empty
    services = emulator.client("ecs").list_services(cluster="internal")["serviceArns"]
    assert {arn.rsplit("/", 1)[-1] for arn in services} == {
        "gromit-serve",
        "gromit-gateway",
        "gromit-sow",
        "gromit-chitragupta",
    }
    root.destroy()
    assert root.resources() == []
    assert everything(emulator) == before


def _listeners(emulator: Emulator) -> set[tuple[int, str]]:
    """Return port and protocol of each listener of the only load balancer."""
    client = emulator.client("elbv2")
    (balancer,) = client.describe_load_balancers()["LoadBalancers"]
    found = client.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    return {(listener["Port"], listener["Protocol"]) for listener in found}


def _ways_in(emulator: Emulator) -> set[tuple[int, str]]:
    """Return port and range of all that the load balancer's own groups admit."""
    (balancer,) = emulator.client("elbv2").describe_load_balancers()["LoadBalancers"]
    found = emulator.client("ec2").describe_security_groups(GroupIds=balancer["SecurityGroups"])
    rules = [rule for group in found["SecurityGroups"] for rule in group["IpPermissions"]]
    return {(rule["FromPort"], block["CidrIp"]) for rule in rules for block in rule["IpRanges"]}


def test_the_whole_control_plane_is_applied_and_destroyed(
    embedded: Engine, empty: Emulator, tmp_path: Path
) -> None:
    whole_life(embedded, empty, tmp_path)


def test_a_newer_provider_does_the_same(newer: Engine, empty: Emulator, tmp_path: Path) -> None:
    whole_life(newer, empty, tmp_path)
