"""All of the control plane, from the first apply to the last destroy."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.control.plane import DOMAIN, control_root, make_ground
from tests.platform.emulator import Emulator, running_emulator
from tests.platform.inventory import everything
from tests.platform.roots import Engine

CANARY = "a secret of logins:"
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
    opened = '-var=serve_cidrs=["192.0.2.0/24"]', _login(emulator)
    root.apply(*opened)
    assert root.plan(*opened).is_empty
    assert _secrets_of_the_gateway(emulator) == {
        "GROMIT_GATEWAY_LOGIN_CLIENT_SECRET": f"{CANARY} client",
        "GROMIT_GATEWAY_LOGIN_KEYS": f"{CANARY} keys",
    }
    kept = (root.folder / "terraform.tfstate").read_text(encoding="utf-8")
    assert "login.example.com" in kept
    assert CANARY not in kept + json.dumps(root.outputs()) + "".join(root.said)
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
    for name in ("client", "keys"):
        emulator.client("secretsmanager").delete_secret(
            SecretId=f"login-{name}", ForceDeleteWithoutRecovery=True
        )
    assert root.resources() == []
    assert everything(emulator) == before


def _login(emulator: Emulator) -> str:
    """Return the variable for logins; the secrets are values that no state may contain."""
    manager = emulator.client("secretsmanager")
    arns = {
        name: manager.create_secret(Name=f"login-{name}", SecretString=f"{CANARY} {name}")["ARN"]
        for name in ("client", "keys")
    }
    login = {
        "issuer": "https://login.example.com",
        "client_id": "gromit",
        "client_secret_arn": arns["client"],
        "command_client_id": "gromit-command",
        "keys_secret_arn": arns["keys"],
        "viewers": ["email=*@example.com"],
        "developers": ["groups=engineering"],
        "repositories": ["*"],
    }
    return f"-var=login={json.dumps(login)}"


def _secrets_of_the_gateway(emulator: Emulator) -> dict[str, str]:
    """Return the secrets that ECS reads for the gateway's newest task definition."""
    found = emulator.client("ecs").describe_task_definition(taskDefinition="gromit-gateway")
    (container,) = found["taskDefinition"]["containerDefinitions"]
    manager = emulator.client("secretsmanager")
    return {
        secret["name"]: manager.get_secret_value(SecretId=secret["valueFrom"])["SecretString"]
        for secret in container["secrets"]
    }


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
