"""The listing of the account includes everything that a root creates."""

from tests.platform.emulator import Emulator
from tests.platform.infra import create_base
from tests.platform.inventory import GO_WITH, LISTINGS, everything
from tests.stacks.hcl import everything as all_terraform

NEVER_APPLIED = ("terraform/backup", "terraform/delegation")


def test_every_kind_that_is_applied_is_listed_or_goes_with_one_that_is() -> None:
    applied = [
        place for place in all_terraform() if not (place.is_example or place.name in NEVER_APPLIED)
    ]
    made = {block.labels[0] for place in applied for block in place.blocks("resource")}
    assert made - {"terraform_data"} <= LISTINGS.keys() | GO_WITH.keys()
    assert GO_WITH.keys() <= made
    assert set(GO_WITH.values()) <= LISTINGS.keys()


def test_what_has_ended_is_not_counted_though_it_is_still_shown(emulator: Emulator) -> None:
    ec2, ecs, kms = (emulator.client(service) for service in ("ec2", "ecs", "kms"))
    before = everything(emulator)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    image = ec2.register_image(Name="any", RootDeviceName="/dev/xvda")["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet)[
        "Instances"
    ][0]["InstanceId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"][
        "NatGatewayId"
    ]
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    ecs.create_cluster(clusterName="any")
    zone = ec2.describe_subnets()["Subnets"][0]["AvailabilityZone"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1, Encrypted=True)[
        "VolumeId"
    ]  # with AWS's default key, which stays
    made = everything(emulator) - before
    assert {f"aws_instance {instance}", f"aws_nat_gateway {nat}", f"aws_kms_key {key}"} <= made
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.delete_nat_gateway(NatGatewayId=nat)
    kms.schedule_key_deletion(KeyId=key)
    ecs.delete_cluster(cluster="any")
    ec2.delete_volume(VolumeId=volume)
    assert everything(emulator) == before


def test_more_than_one_page_is_read(emulator: Emulator) -> None:
    """Parameters are listed ten a page, names of roles a hundred a page."""
    ssm = emulator.client("ssm")
    names = {f"/many/{number}" for number in range(25)}
    for name in names:
        ssm.put_parameter(Name=name, Type="String", Value="x")
    assert {f"aws_ssm_parameter {name}" for name in names} <= everything(emulator)


def test_things_of_things_are_listed(emulator: Emulator) -> None:
    base = create_base(emulator)
    subnet = emulator.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    made = emulator.client("efs").create_mount_target(
        FileSystemId=base["certs_file_system_id"], SubnetId=subnet
    )
    assert f"aws_efs_mount_target {made['MountTargetId']}" in everything(emulator)
