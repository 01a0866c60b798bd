"""All of the control plane, from the first apply to the last destroy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.control.plane import DOMAIN, control_root, make_ground
from tests.platform.emulator import Emulator, running_emulator
from tests.platform.inventory import everything
from tests.platform.roots import Engine

WATCHING = '-var=watch=["sow","chitragupta"]'

pytestmark = [pytest.mark.terraform, pytest.mark.long]


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
    balancers = {
        b["LoadBalancerName"]: b
        for b in emulator.client("elbv2").describe_load_balancers()["LoadBalancers"]
    }
    listeners = {
        name: emulator.client("elbv2").describe_listeners(LoadBalancerArn=b["LoadBalancerArn"])[
            "Listeners"
        ][0]["Protocol"]
        for name, b in balancers.items()
    }
    assert listeners == {"gromit-serve": "TCP", "gromit-gateway": "TLS"}
    assert root.output("serve_url") == f"https://serve.{DOMAIN}"
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


def test_the_whole_control_plane_is_applied_and_destroyed(
    embedded: Engine, empty: Emulator, tmp_path: Path
) -> None:
    whole_life(embedded, empty, tmp_path)


def test_a_newer_provider_does_the_same(newer: Engine, empty: Emulator, tmp_path: Path) -> None:
    whole_life(newer, empty, tmp_path)
