"""The emulator: a patched moto on loopback that keeps its state."""

import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from gromit.errors import ConfigError
from gromit.local.aws.emulator import Emulator
from tests.waiting import PATIENCE_S

REGION = "eu-central-1"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MANIFEST = (
    '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",'
    ' "config": {}, "layers": []}'
)
ROW = {
    "name": {"S": "app-test"},
    "flags": {"M": {"on": {"BOOL": True}, "none": {"NULL": True}, "empty": {"M": {}}}},
    "events": {"L": [{"M": {"at": {"N": "1"}}}, {"L": []}, {"SS": ["a", "b"]}, {"B": b"\x00"}]},
}
"""A row with values of all kinds, nested."""


def client(url: str, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    return tmp_path / "aws.state"


def test_it_answers_on_a_port_of_its_own_until_it_is_stopped(saved: Path) -> None:
    emulator = Emulator().start()
    address = ("127.0.0.1", int(emulator.url.rsplit(":", 1)[-1]))
    identity = client(emulator.url, "sts").get_caller_identity()
    emulator.stop()
    assert identity["Account"] == "123456789012"
    with socket.socket() as probe:
        assert probe.connect_ex(address) != 0


def test_it_is_patched(saved: Path) -> None:
    with Emulator() as emulator:
        ecs = client(emulator.url, "ecs")
        ecs.create_cluster(clusterName="gone")
        ecs.delete_cluster(cluster="gone")
        assert ecs.list_clusters()["clusterArns"] == []


def test_the_next_one_begins_empty_unless_a_state_was_saved(saved: Path) -> None:
    with Emulator(saved=saved) as emulator:
        client(emulator.url, "ecs").create_cluster(clusterName="kept")
    assert saved.stat().st_mode & 0o777 == 0o600
    with Emulator() as emulator:
        assert client(emulator.url, "ecs").list_clusters()["clusterArns"] == []
    with Emulator(saved=saved) as emulator:
        assert len(client(emulator.url, "ecs").list_clusters()["clusterArns"]) == 1


def test_a_state_that_cannot_be_read_is_a_clear_error(saved: Path) -> None:
    saved.write_bytes(b"not a pickle")
    with pytest.raises(ConfigError, match="cannot read the emulator's state"):
        Emulator(saved=saved).start()


def test_everything_that_environments_use_survives(saved: Path) -> None:
    with Emulator(saved=saved) as emulator:
        _fill(emulator.url)
        before = _look(emulator.url)
    with Emulator(saved=saved) as emulator:
        assert before["rows"] == [ROW]
        assert _look(emulator.url) == before
        # It still works: references between backends have survived.
        ecs, url = client(emulator.url, "ecs"), emulator.url
        ecs.stop_task(cluster="app-test", task=ecs.list_tasks(cluster="app-test")["taskArns"][0])
        assert client(url, "ec2").describe_network_interfaces()["NetworkInterfaces"] == []


def test_what_was_not_saved_is_replayed_with_the_same_identifiers(
    saved: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy" / saved.name
    with Emulator(saved=saved) as emulator:
        default = _default_network(emulator.url)
        _fill(emulator.url)
        before = _look(emulator.url)
        shutil.copytree(saved.parent, copy.parent, ignore=shutil.ignore_patterns("copy"))
    assert not copy.exists(), "the state itself was not saved"
    with Emulator(saved=copy) as emulator:
        assert _default_network(emulator.url) == default
        assert _timeless(_look(emulator.url)) == _timeless(before)


def test_a_save_ends_what_has_to_be_replayed(saved: Path) -> None:
    def segments() -> list[str]:
        return sorted(path.name for path in saved.parent.glob("*.journal.*"))

    with Emulator(saved=saved) as emulator:
        ecs = client(emulator.url, "ecs")
        ecs.create_cluster(clusterName="one")
        assert segments() == ["aws.state.journal.1"]
        assert saved.with_name(segments()[0]).stat().st_mode & 0o777 == 0o600
        emulator.save()
        assert segments() == []
        ecs.create_cluster(clusterName="two")
        ecs.describe_clusters()
        assert segments() == ["aws.state.journal.2"]
        left = saved.with_name(segments()[0]).read_bytes()
    assert segments() == []
    with Emulator(saved=saved) as emulator:
        assert len(client(emulator.url, "ecs").list_clusters()["clusterArns"]) == 2
    # A part of a record, for which no client has an answer, and segments of a cloud that is gone.
    saved.unlink()
    saved.with_name("aws.state.journal.1").write_bytes(left + left[:-1])
    with Emulator(saved=saved) as emulator:
        assert len(client(emulator.url, "ecs").list_clusters()["clusterArns"]) == 1
    saved.unlink()
    saved.with_name("aws.state.journal.7").write_bytes(left)
    with Emulator(saved=saved) as emulator:
        assert client(emulator.url, "ecs").list_clusters()["clusterArns"] == []


def test_a_refused_request_is_not_replayed(saved: Path) -> None:
    with Emulator(saved=saved) as emulator:
        s3 = client(emulator.url, "s3")
        with pytest.raises(ClientError):
            s3.put_object(Bucket="nowhere", Key="k", Body=b"x")
        assert list(saved.parent.glob("*.journal.*")) == []


def _default_network(url: str) -> list[str]:
    ec2 = client(url, "ec2")
    subnets = ec2.describe_subnets()["Subnets"]
    return [
        *(vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["IsDefault"]),
        *sorted(subnet["SubnetId"] for subnet in subnets if subnet["DefaultForAz"]),
    ]


def _timeless(value: Any) -> Any:
    """Return what a request answered without the times at which things were made."""
    match value:
        case dict():
            kept = {k: v for k, v in value.items() if not isinstance(v, datetime)}
            return {k: _timeless(v) for k, v in kept.items() if k != "creationTime"}
        case list():
            return [_timeless(item) for item in value]
        case _:
            return value


def test_of_many_conditional_writes_at_once_one_wins(saved: Path) -> None:
    with Emulator() as emulator:
        table = client(emulator.url, "dynamodb")
        table.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

        def put(number: int) -> bool:
            try:
                table.put_item(
                    TableName="t",
                    Item={"k": {"S": "one"}, "n": {"N": str(number)}},
                    ConditionExpression="attribute_not_exists(k)",
                )
            except ClientError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(put, range(32))) == 1


def test_listeners_hear_of_changes_and_not_of_reads(saved: Path) -> None:
    heard: list[str] = []
    emulator = Emulator()
    emulator.on_change(lambda: heard.append("changed"))
    with emulator:
        ecs, s3 = client(emulator.url, "ecs"), client(emulator.url, "s3")
        ecs.list_clusters()
        s3.list_buckets()
        client(emulator.url, "ec2").describe_vpcs()
        client(emulator.url, "sts").get_caller_identity()
        assert heard == []
        ecs.create_cluster(clusterName="app-test")
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
        assert heard == ["changed", "changed"]
        client(emulator.url, "ec2").create_vpc(CidrBlock="127.44.0.0/16")
        client(emulator.url, "iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
        assert heard == ["changed"] * 4


def _fill(url: str) -> None:
    """Create one resource of each kind that environments use."""
    vpc, subnet = _make_network(url)
    _run_tasks(url, subnet)
    _register_instance(url, vpc)
    _store_data(url)
    _make_record(url)
    client(url, "efs").create_file_system(CreationToken="config")
    client(url, "ssm").put_parameter(Name="/gromit/platform", Value="{}", Type="String")
    client(url, "iam").create_role(RoleName="execution", AssumeRolePolicyDocument="{}")
    client(url, "logs").create_log_group(logGroupName="/gromit/app-test")


def _make_network(url: str) -> tuple[str, str]:
    ec2 = client(url, "ec2")
    vpc = ec2.create_vpc(CidrBlock="127.44.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="127.44.0.0/20")["Subnet"]["SubnetId"]
    return vpc, subnet


def _run_tasks(url: str, subnet: str) -> None:
    ecs = client(url, "ecs")
    ecs.create_cluster(clusterName="app-test")
    ecs.register_task_definition(
        family="app",
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{"name": "a", "image": "a:1", "memory": 512}],
    )
    network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": []}}
    ecs.create_service(
        cluster="app-test",
        serviceName="tyk",
        taskDefinition="app",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=network,
    )
    ecs.run_task(
        cluster="app-test", taskDefinition="app", launchType="FARGATE", networkConfiguration=network
    )


def _register_instance(url: str, vpc: str) -> None:
    discovery = client(url, "servicediscovery")
    discovery.create_private_dns_namespace(Name="internal", Vpc=vpc)
    namespace = discovery.list_namespaces()["Namespaces"][0]["Id"]
    service = discovery.create_service(Name="redis.app-test", NamespaceId=namespace)["Service"][
        "Id"
    ]
    discovery.register_instance(
        ServiceId=service, InstanceId="i", Attributes={"AWS_INSTANCE_IPV4": "127.44.0.4"}
    )


def _store_data(url: str) -> None:
    s3, ecr, dynamodb = client(url, "s3"), client(url, "ecr"), client(url, "dynamodb")
    s3.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="states", VersioningConfiguration={"Status": "Enabled"})
    for version in (b"one", b"two"):
        s3.put_object(Bucket="states", Key="env:/app-test/devenv", Body=version)
    ecr.create_repository(repositoryName="tyk")
    ecr.put_image(repositoryName="tyk", imageManifest=MANIFEST, imageTag="master")
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="t", Item=ROW)


def _make_record(url: str) -> None:
    route53 = client(url, "route53")
    made = route53.create_hosted_zone(Name="dev.gromit.test", CallerReference="1")
    zone = made["HostedZone"]["Id"]
    record = {
        "Name": "tyk.app-test.dev.gromit.test",
        "Type": "A",
        "TTL": 10,
        "ResourceRecords": [{"Value": "127.45.0.1"}],
    }
    route53.change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},
    )


def _look(url: str) -> dict[str, Any]:
    ecs, s3, route53 = client(url, "ecs"), client(url, "s3"), client(url, "route53")
    discovery = client(url, "servicediscovery")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    return {
        "service": ecs.describe_services(cluster="app-test", services=["tyk"])["services"],
        "tasks": ecs.list_tasks(cluster="app-test")["taskArns"],
        "interfaces": client(url, "ec2").describe_network_interfaces()["NetworkInterfaces"],
        "instances": discovery.list_instances(
            ServiceId=discovery.list_services()["Services"][0]["Id"]
        )["Instances"],
        "object": s3.get_object(Bucket="states", Key="env:/app-test/devenv")["Body"].read(),
        "versions": len(s3.list_object_versions(Bucket="states")["Versions"]),
        "image": client(url, "ecr").describe_images(repositoryName="tyk")["imageDetails"],
        "volumes": [
            v["FileSystemArn"] for v in client(url, "efs").describe_file_systems()["FileSystems"]
        ],
        "rows": client(url, "dynamodb").scan(TableName="t")["Items"],
        "parameter": client(url, "ssm").get_parameter(Name="/gromit/platform")["Parameter"],
        "role": client(url, "iam").get_role(RoleName="execution")["Role"],
        "logs": client(url, "logs").describe_log_groups()["logGroups"],
        "records": route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"],
    }


def test_a_client_gets_permission_to_send_the_body() -> None:
    """S3's clients wait for that line; without it they would wait for a second with each object."""
    head = (
        "PUT /bucket HTTP/1.1\r\nHost: s3.amazonaws.com\r\n"
        "Content-Length: 1\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with Emulator() as emulator:
        host, port = emulator.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
            connection.sendall(head.encode())
            # The emulator has no answer yet, as it waits for the body.
            assert connection.recv(len(CONTINUE), socket.MSG_WAITALL) == CONTINUE
