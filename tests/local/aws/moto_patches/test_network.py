"""Patches of EC2."""

import itertools
import sys
from collections import Counter
from types import FrameType
from typing import Any

import pytest

from tests.local.aws.moto_patches.conftest import Both, Cloud, outcome


def test_interfaces_exist_in_a_vpc_without_host_names(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        vpc = cloud.ec2.create_vpc(CidrBlock="127.44.0.0/16")["Vpc"]["VpcId"]
        subnet = cloud.ec2.create_subnet(VpcId=vpc, CidrBlock="127.44.0.0/20")["Subnet"]["SubnetId"]
        cloud.ecs.create_cluster(clusterName="app-test")
        try:
            cloud.task(networkConfiguration=cloud.network(subnet))
        except AttributeError:
            return "AttributeError"
        return "done"

    assert both(look) == ("AttributeError", "done")


@pytest.mark.parametrize("name", ["requester-managed", "association.public-ip"])
def test_interfaces_are_found_by_what_aws_made_of_them(both: Both[Any], name: str) -> None:
    def look(cloud: Cloud) -> Any:
        subnet = cloud.subnet()
        cloud.ecs.create_cluster(clusterName="app-test")
        cloud.ec2.create_network_interface(SubnetId=subnet)
        wanted = cloud.interface(
            cloud.task(networkConfiguration=cloud.network(subnet, public=True))
        )
        address = wanted.get("Association", {}).get("PublicIp", "127.0.0.1")
        value = address if name == "association.public-ip" else "true"
        try:
            found = cloud.ec2.describe_network_interfaces(
                Filters=[{"Name": name, "Values": [value]}]
            )["NetworkInterfaces"]
        except NotImplementedError:
            return "NotImplementedError"
        return [f["NetworkInterfaceId"] for f in found] == [wanted["NetworkInterfaceId"]]

    stock, patched = both(look)
    assert stock in {False, "NotImplementedError"}
    assert patched is True


def test_interfaces_come_in_pages(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        subnet = cloud.subnet()
        interfaces = [
            cloud.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
            for _ in range(12)
        ]
        answers = cloud.ec2.get_paginator("describe_network_interfaces").paginate(
            PaginationConfig={"PageSize": 5}
        )
        pages = [[i["NetworkInterfaceId"] for i in page["NetworkInterfaces"]] for page in answers]
        assert sorted(itertools.chain.from_iterable(pages)) == sorted(
            i["NetworkInterfaceId"] for i in interfaces
        )
        refused = outcome(
            cloud.ec2.describe_network_interfaces, MaxResults=5, NetworkInterfaceIds=pages[0][:1]
        )
        return [len(page) for page in pages], refused

    stock, patched = both(look)
    assert stock == [[12], "done"]
    assert patched == [[5, 5, 2], "InvalidParameterCombination"]


def test_a_security_group_in_use_stays(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        network = cloud.network(cloud.subnet())
        group = network["awsvpcConfiguration"]["securityGroups"][0]
        task = cloud.task(networkConfiguration=network)["taskArn"]
        used = outcome(cloud.ec2.delete_security_group, GroupId=group)
        cloud.ecs.stop_task(cluster="app-test", task=task)
        return used, outcome(cloud.ec2.delete_security_group, GroupId=group)

    stock, patched = both(look)
    assert stock == ["done", "InvalidGroup.NotFound"]
    assert patched == ["DependencyViolation", "done"]


def test_users_cannot_set_tags_of_aws(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        subnet = cloud.subnet()
        tag = {"Key": "aws:ecs:clusterName", "Value": "app-test"}
        return [
            outcome(cloud.ec2.create_tags, Resources=[subnet], Tags=[tag]),
            outcome(cloud.ec2.create_tags, Resources=[subnet], Tags=[{**tag, "Key": "env"}]),
        ]

    assert both(look) == (["done", "done"], ["InvalidParameterValue", "done"])


def test_the_interface_of_a_nat_gateway_goes_with_it(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        address = cloud.ec2.allocate_address(Domain="vpc")["AllocationId"]
        gateway = cloud.ec2.create_nat_gateway(SubnetId=cloud.subnet(), AllocationId=address)[
            "NatGateway"
        ]["NatGatewayId"]
        made = len(cloud.ec2.describe_network_interfaces()["NetworkInterfaces"])
        cloud.ec2.delete_nat_gateway(NatGatewayId=gateway)
        return made, len(cloud.ec2.describe_network_interfaces()["NetworkInterfaces"])

    assert both(look) == ([1, 1], [1, 0])


def tagged_subnets(cloud: Cloud, count: int) -> list[str]:
    """Create subnets, each with its number as its tag `n`."""
    vpc = cloud.ec2.create_vpc(CidrBlock="127.44.0.0/16")["Vpc"]["VpcId"]
    created = [
        cloud.ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"127.44.{n}.0/24",
            TagSpecifications=[{"ResourceType": "subnet", "Tags": [{"Key": "n", "Value": str(n)}]}],
        )
        for n in range(count)
    ]
    return [answer["Subnet"]["SubnetId"] for answer in created]


def test_the_tags_of_a_resource_are_read_without_a_look_at_all_others(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        subnets = tagged_subnets(cloud, 30)
        calls = Counter[str]()

        def observe(_frame: FrameType, event: str, argument: object) -> None:
            if event == "c_call":
                calls[getattr(argument, "__name__", "")] += 1

        sys.setprofile(observe)
        try:
            found = cloud.ec2.describe_subnets(SubnetIds=subnets)["Subnets"]
        finally:
            sys.setprofile(None)
        tags = [tag for subnet in found for tag in subnet["Tags"]]
        return sorted((tag["Key"], int(tag["Value"])) for tag in tags), calls["match"]

    (stock, many), (patched, few) = both(look)
    assert patched == stock == [["n", n] for n in range(30)]
    assert many > 30 * 30
    assert few < 300


@pytest.mark.parametrize("name", ["of one", "of two", "with an asterisk", "of none", "by key"])
def test_tags_are_found_as_before(both: Both[Any], name: str) -> None:
    def look(cloud: Cloud) -> Any:
        one, two, three = tagged_subnets(cloud, 3)
        filters = {
            "of one": {"resource-id": [two]},
            "of two": {"resource-id": [three, one]},
            "with an asterisk": {"resource-id": ["subnet-*"]},
            "of none": {"resource-id": ["subnet-0a"]},
            "by key": {"resource-id": [one], "key": ["m"]},
        }[name]
        asked = [{"Name": key, "Values": values} for key, values in filters.items()]
        found = cloud.ec2.describe_tags(Filters=asked)["Tags"]
        numbers = {one: 0, two: 1, three: 2}
        return [(numbers[tag["ResourceId"]], tag["Key"], tag["Value"]) for tag in found]

    stock, patched = both(look)
    assert patched == stock
    assert len(stock) == {"of one": 1, "of two": 2, "with an asterisk": 3}.get(name, 0)
