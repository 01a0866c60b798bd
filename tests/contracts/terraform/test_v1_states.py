"""Environments that gromit v1 made: the first run of ours takes their state over, or refuses it."""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gromit.adapters.terraform.runner import Terraform
from gromit.core.stack.contract import Platform, StackInput
from gromit.core.stack.terraform import state_key
from gromit.errors import TerraformFailed, UnsafeState
from gromit.services.adopting import Adopter
from gromit.services.run_states import SafeState
from gromit.services.v1_states import take_over_state
from tests.contracts.terraform.cloud import BUCKET
from tests.contracts.terraform.guarded_runs import put_state_object, state_object
from tests.contracts.terraform.test_adoption import _clearer
from tests.contracts.terraform.worlds import World, component
from tests.fakes.queue import a_claim

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(600), pytest.mark.xdist_group("life")]

V1 = Path(__file__).with_name("v1")
"""A stack as gromit v1 had it."""
TEMPLATE = {
    "module": "module.gateway",
    "mode": "data",
    "type": "template_file",
    "name": "cd",
    "provider": 'provider["registry.terraform.io/hashicorp/template"]',
    "instances": [{"schema_version": 0, "attributes": {"rendered": "[]", "template": "[]"}}],
}
"""Data source of every module of gromit v1. Its provider is no longer made."""
STRANGE = "module.gateway.null_resource.wait"
STRANGER = {
    **TEMPLATE,
    "mode": "managed",
    "type": "null_resource",
    "name": "wait",
    "provider": 'provider["registry.terraform.io/hashicorp/null"]',
}


@dataclass(frozen=True)
class Earlier:
    """An environment that gromit v1 made, and the progress of its take-over."""

    world: World
    stack: StackInput
    lines: list[str]

    @property
    def name(self) -> str:
        return self.stack.name

    def cluster(self) -> Mapping[str, Any]:
        found = self.world.cloud.client("ecs").describe_clusters(
            clusters=[self.name], include=["TAGS"]
        )["clusters"]
        (cluster,) = found
        assert isinstance(cluster, dict)
        return cluster

    def services(self) -> Mapping[str, str]:
        """Return the active services with their task definitions."""
        ecs = self.world.cloud.client("ecs")
        arns = ecs.list_services(cluster=self.name)["serviceArns"]
        found = ecs.describe_services(cluster=self.name, services=arns)["services"]
        return {s["serviceName"]: s["taskDefinition"] for s in found if s["status"] == "ACTIVE"}

    def groups(self) -> set[str]:
        groups = self.world.cloud.client("ec2").describe_security_groups(
            Filters=[{"Name": "tag:env", "Values": [self.name]}]
        )["SecurityGroups"]
        return {group["GroupName"] for group in groups}

    def add(self, resource: Mapping[str, Any]) -> None:
        """Put a resource into the state, as Terraform 0.14 writes it."""
        state = json.loads(state_object(self.world, self.name))
        state["resources"].append(resource)
        state["terraform_version"] = "0.14.3"
        put_state_object(self.world, self.name, json.dumps(state).encode())

    def sow(self, runner: Terraform) -> None:
        """Do what sow does with the state and with Terraform."""
        lock = self.world.lock(self.name)
        try:
            states = self.world.bucket()
            safe = SafeState(lock, states.head(self.name))
            adopt = Adopter(states, _clearer(self.world))
            imports = adopt(a_claim(self.name), self.stack, safe, self.lines.append)
            runner.apply(self.stack, lock, self.lines.append, imports)
        finally:
            self.world.bucket().unlock(lock)

    def reap(self, runner: Terraform) -> None:
        """Do what reap does with the state and with Terraform."""
        lock, states = self.world.lock(self.name), self.world.bucket()
        try:
            take_over_state(states, states.head(self.name), lock, (), self.lines.append)
            runner.destroy(replace(self.stack, components={}), lock, self.lines.append)
        finally:
            states.unlock(lock)


@pytest.fixture
def earlier(engine: World, platform: Platform) -> Callable[..., Earlier]:
    """Return a function that makes an environment as gromit v1 left it."""

    def make() -> Earlier:
        name = f"v1-{secrets.token_hex(3)}-{engine.folder.name}"
        parts = {"tyk": component(port=8181), "redis": component(public=False)}
        stack = StackInput(name=name, platform=platform, components=parts)
        # The emulator allows a VPC one private namespace only, and gromit v1 made one of its own.
        vpc = engine.cloud.client("ec2").create_vpc(CidrBlock="10.92.0.0/16")["Vpc"]["VpcId"]
        theirs = replace(stack, platform=replace(platform, vpc_id=vpc))
        lock = engine.lock(name)
        with engine.runner(V1, overlay=engine.cloud.overlay(engine.folder / "overlay")) as runner:
            runner.apply(theirs, lock, _silent)
        engine.bucket().unlock(lock)
        found = Earlier(engine, stack, [])
        found.add(TEMPLATE)
        return found

    return make


def test_an_environment_goes_on_living_through_its_first_run(
    earlier: Callable[..., Earlier],
) -> None:
    found = earlier()
    state = state_object(found.world, found.name)
    cluster = found.cluster()["clusterArn"]
    with found.world.runner() as runner:
        found.sow(runner)
        assert found.cluster()["clusterArn"] == cluster
        assert found.cluster()["status"] == "ACTIVE"
        assert {t["key"]: t["value"] for t in found.cluster()["tags"]} == {
            "env": found.name,
            "managed": "gromit",
        }
        assert set(found.services()) == {"tyk", "redis"}
        assert f"{found.name}--tyk" in found.services()["tyk"]
        assert found.groups() == {f"gromit--{found.name}--{c}" for c in ("tyk", "redis")}
        assert "aws_ecs_cluster.env becomes aws_ecs_cluster.this" in found.lines
        assert _copies(found.world, found.name) == [state]
        count = len(found.lines)
        found.sow(runner)
        assert not [line for line in found.lines[count:] if "gromit v1" in line]
        assert runner.run_for_person(found.stack, ["plan", "-detailed-exitcode", "-no-color"]) == 0
        found.reap(runner)
    assert found.cluster()["status"] != "ACTIVE"


def test_what_gromit_v1_made_is_destroyed_by_reap(earlier: Callable[..., Earlier]) -> None:
    found = earlier()
    with found.world.runner() as runner:
        found.reap(runner)
    assert found.cluster()["status"] != "ACTIVE"
    assert found.groups() == set()
    head = found.world.bucket().head(found.name)
    assert head is not None
    assert head.resources == 0


def test_a_resource_of_another_provider_is_refused_before_anything_changes(
    earlier: Callable[..., Earlier],
) -> None:
    """Without the take-over Terraform does not start either, and says nothing that helps."""
    found = earlier()
    before = (found.cluster(), found.services(), found.groups())
    lock = found.world.lock(found.name)
    with found.world.runner() as runner:
        with pytest.raises(TerraformFailed):
            runner.apply(found.stack, lock, _silent)
        found.world.bucket().unlock(lock)
        found.add(STRANGER)
        state = state_object(found.world, found.name)
        for act in (found.sow, found.reap):
            with pytest.raises(UnsafeState, match=re.escape(STRANGE)) as refused:
                act(runner)
            assert f"state rm {STRANGE}" in str(refused.value.hint)
    assert state_object(found.world, found.name) == state
    assert (found.cluster(), found.services(), found.groups()) == before


def _copies(world: World, environment: str) -> list[bytes]:
    """Return the copies of a state that a take-over has kept."""
    prefix = f"{state_key(environment)}.v1-"
    found = world.cloud.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return [
        world.cloud.s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in found
    ]


def _silent(_line: str) -> None:
    """Report no progress."""
