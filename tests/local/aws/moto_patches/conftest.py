"""Observations on a stock emulator and on a patched one."""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from gromit.local.aws.moto_patches import apply_patches, remove_patches

REGION = "eu-central-1"
T = TypeVar("T")


class Cloud:
    """Clients of an empty emulator, and the resources that most tests need."""

    def __init__(self) -> None:
        self.ecs: Any = boto3.client("ecs", REGION)
        self.ec2: Any = boto3.client("ec2", REGION)
        self.discovery: Any = boto3.client("servicediscovery", REGION)

    def subnet(self, cidr: str = "127.44.0.0/16") -> str:
        """Create a subnet in its own VPC, with DNS host names."""
        vpc = self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
        self.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        subnet: str = self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr.replace("/16", "/20"))[
            "Subnet"
        ]["SubnetId"]
        return subnet

    def definition(self, family: str = "app", **container: object) -> str:
        """Register a task definition for Fargate."""
        answer = self.ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": family, "image": "app:1", "memory": 512, **container}],
        )
        arn: str = answer["taskDefinition"]["taskDefinitionArn"]
        return arn

    def network(self, subnet: str, *, public: bool = False, **more: object) -> dict[str, Any]:
        """Return a network configuration with its own security group."""
        vpc = self.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
        name = f"sg{len(self.ec2.describe_security_groups()['SecurityGroups'])}"
        group = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)[
            "GroupId"
        ]
        assign = "ENABLED" if public else "DISABLED"
        return {
            "awsvpcConfiguration": {
                "subnets": [subnet],
                "securityGroups": [group],
                "assignPublicIp": assign,
                **more,
            }
        }

    def service(self, cluster: str = "app-test", name: str = "tyk", **more: Any) -> dict[str, Any]:
        """Create a service with a desired count of one."""
        settings = {
            "taskDefinition": self.definition(),
            "desiredCount": 1,
            "launchType": "FARGATE",
            **more,
        }
        if "networkConfiguration" not in settings:
            settings["networkConfiguration"] = self.network(self.subnet())
        service: dict[str, Any] = self.ecs.create_service(
            cluster=cluster, serviceName=name, **settings
        )["service"]
        return service

    def task(self, cluster: str = "app-test", **more: Any) -> dict[str, Any]:
        """Run a task on Fargate."""
        settings = {"taskDefinition": self.definition(), "launchType": "FARGATE", **more}
        if "networkConfiguration" not in settings:
            settings["networkConfiguration"] = self.network(self.subnet())
        task: dict[str, Any] = self.ecs.run_task(cluster=cluster, **settings)["tasks"][0]
        return task

    def interface(self, task: dict[str, Any]) -> dict[str, Any]:
        """Return the network interface of a task."""
        details = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}
        found = self.ec2.describe_network_interfaces(
            NetworkInterfaceIds=[details["networkInterfaceId"]]
        )
        interface: dict[str, Any] = found["NetworkInterfaces"][0]
        return interface


def outcome(call: Callable[..., Any], **arguments: Any) -> str:
    """Return `done`, or AWS's error code."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


Both = Callable[[Callable[[Cloud], T]], tuple[T, T]]


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Iterator[Both[Any]]:
    """Results of an observation on a stock emulator and on a patched one, both empty at first."""
    # Loading the images takes half the time of an empty emulator.
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

    def observe(look: Callable[[Cloud], Any]) -> tuple[Any, Any]:
        remove_patches()
        with mock_aws():
            stock = look(Cloud())
        apply_patches()
        with mock_aws():
            patched = look(Cloud())
        return _plain(stock), _plain(patched)

    yield observe
    remove_patches()


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
