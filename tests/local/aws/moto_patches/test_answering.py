"""Patches of the search for the values of a response."""

import re
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.moto_api._internal import mock_random

from gromit.local.aws.moto_patches import remove_patches
from gromit.local.aws.moto_patches.answering import name_members_once
from gromit.local.aws.moto_patches.patches import Patches
from tests.local.aws.moto_patches.conftest import REGION, Both, Cloud
from tests.local.aws.moto_patches.test_tables import Calls

INTERFACES = 10


def test_an_interface_takes_few_calls_to_describe(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> float:
        calls, subnet = Calls(), cloud.subnet()
        for _ in range(INTERFACES):
            cloud.ec2.create_network_interface(SubnetId=subnet)
        cloud.ec2.describe_network_interfaces()
        with calls.counting():
            cloud.ec2.describe_network_interfaces()
        return calls.number / INTERFACES

    stock, patched = both(look)
    assert patched < stock * 0.7


def test_each_response_is_the_same() -> None:
    remove_patches()
    with mock_aws():
        cloud = Cloud()
        cloud.ecs.create_cluster(clusterName="app-test")
        subnet = cloud.subnet()
        cloud.service(name="app", networkConfiguration=cloud.network(subnet))
        cloud.ec2.create_network_interface(SubnetId=subnet, Description="one")
        stock, patches = _answers(cloud), Patches()
        name_members_once(patches)
        try:
            assert [_answers(cloud), _answers(cloud)] == [stock, stock]
        finally:
            patches.undo()
    assert all(stock)


def _answers(cloud: Cloud) -> list[Any]:
    return [
        cloud.ec2.describe_network_interfaces()["NetworkInterfaces"],
        cloud.ec2.describe_vpcs()["Vpcs"],
        cloud.ec2.describe_subnets()["Subnets"],
        cloud.ec2.describe_security_groups()["SecurityGroups"],
        cloud.ec2.describe_route_tables()["RouteTables"],
        cloud.ecs.describe_services(cluster="app-test", services=["app"])["services"],
        cloud.ecs.describe_task_definition(taskDefinition="app")["taskDefinition"],
        cloud.ecs.describe_clusters(clusters=["app-test"])["clusters"],
    ]


def test_an_id_of_a_response_is_drawn_at_once(
    both: Both[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    choice = mock_random.choice

    def count(letters: Any) -> Any:
        drawn.append(letters)
        return choice(letters)

    monkeypatch.setattr(mock_random, "choice", count)

    def look(_cloud: Cloud) -> tuple[int, str]:
        drawn.clear()
        found = boto3.client("dynamodb", REGION).list_tables()["ResponseMetadata"]
        return len(drawn), re.sub("[A-Za-z0-9]", "x", found["RequestId"])

    stock, patched = both(look)
    assert stock == [52, "x" * 52]
    assert patched == [0, "x" * 52]
