"""Patches of EC2 instances."""

from typing import Any

import pytest

from tests.local.aws.moto_patches.conftest import Both, Cloud, outcome


def launched(cloud: Cloud, *, public: bool = False, **more: object) -> tuple[dict[str, Any], str]:
    """Run an instance with a full specification of its interface; return it and its group."""
    subnet = cloud.subnet()
    vpc = cloud.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    group = cloud.ec2.create_security_group(GroupName="host", Description="host", VpcId=vpc)[
        "GroupId"
    ]
    image = cloud.ec2.register_image(Name="newest", RootDeviceName="/dev/xvda")["ImageId"]
    interface = {
        "DeviceIndex": 0,
        "SubnetId": subnet,
        "Groups": [group],
        "AssociatePublicIpAddress": public,
        **more,
    }
    run = cloud.ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, NetworkInterfaces=[interface]
    )
    found = cloud.ec2.describe_instances(InstanceIds=[run["Instances"][0]["InstanceId"]])
    return found["Reservations"][0]["Instances"][0], group


def test_an_instance_shows_the_groups_of_its_interface(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        instance, group = launched(cloud)
        return [g["GroupId"] == group for g in instance["SecurityGroups"]]

    assert both(look) == ([], [True])


@pytest.mark.parametrize("public", [True, False])
def test_only_an_interface_with_a_public_address_has_an_association(
    both: Both[Any], public: bool
) -> None:
    def look(cloud: Cloud) -> Any:
        instance, _ = launched(cloud, public=public)
        return "Association" in instance["NetworkInterfaces"][0]

    assert both(look) == (True, public)


@pytest.mark.parametrize(
    ("options", "leaves"), [({}, []), ({"DeleteOnTermination": False}, [True])]
)
def test_an_interface_is_deleted_with_its_instance_by_default(
    both: Both[Any], options: dict[str, bool], leaves: list[bool]
) -> None:
    def look(cloud: Cloud) -> Any:
        instance, group = launched(cloud, **options)
        cloud.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
        mine = [{"Name": "group-id", "Values": [group]}]
        return [
            bool(i)
            for i in cloud.ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]
        ]

    assert both(look) == ([True], leaves)


def test_no_instance_starts_with_a_key_pair_that_is_not_there(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        image = cloud.ec2.register_image(Name="newest", RootDeviceName="/dev/xvda")["ImageId"]
        cloud.ec2.create_key_pair(KeyName="platform")
        run = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "SubnetId": cloud.subnet()}
        return [
            outcome(cloud.ec2.run_instances, KeyName=name, **run)
            for name in ("unknown", "platform")
        ]

    assert both(look) == (["done", "done"], ["InvalidKeyPair.NotFound", "done"])
