"""The Fargate simulator: services become processes on real addresses, and fail as on AWS."""

import ipaddress
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx2
import pytest

from gromit.adapters.aws.ecs_services import EcsServices
from gromit.adapters.aws.environment_resources import ResourceClients
from gromit.adapters.aws.exec_session import SessionTarget, open_session
from gromit.adapters.aws.resource_removal import AwsEnvironmentResources
from gromit.adapters.aws.running_containers import EcsRunningContainers
from gromit.adapters.config_tree.folder import config_hash
from gromit.core.stack.resources import Resource, ResourceKind
from gromit.errors import Conflict
from gromit.local.aws.emulator import ACCOUNT, Emulator
from gromit.local.aws.exec_frames import FrameKind, receive_frame, send_json
from gromit.local.aws.exec_server import ExecServer
from gromit.local.aws.exec_sessions import SESSIONS
from gromit.local.aws.failures import FAILURE
from gromit.local.aws.fargate import Fargate
from gromit.local.aws.placement import Host
from gromit.local.cloud.passing_weeks import RETIRED, retire_tasks
from gromit.local.cloud.platform import EmulatedAccount
from tests.local.conftest import REGION, client, eventually, get
from tests.waiting import PATIENCE_S

REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
PORT = 18181
Ranges = tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]


class World:
    """An emulator with a simulator, and a platform for services."""

    def __init__(self, folder: Path, ranges: Ranges, departure_s: float = 0.0) -> None:
        self.departure_s = departure_s
        self.root = folder / "config"
        self.root.mkdir(exist_ok=True)
        self.vpc_range, self.public = ranges
        self._saved = folder / "aws.state"
        self.changes = 0
        self.up()

    def up(self) -> None:
        self.emulator = Emulator(saved=self._saved)
        self.emulator.start()
        self.fargate = self.make_fargate(
            Host(
                account=ACCOUNT,
                region=REGION,
                config_root=self.root,
                public=self.public,
                departure_s=self.departure_s,
            )
        )
        self.emulator.on_change(self.fargate.wake)
        self.fargate.start()
        self.ecs = client(self.emulator.url, "ecs")
        self.ec2 = client(self.emulator.url, "ec2")
        self.discovery = client(self.emulator.url, "servicediscovery")

    def down(self) -> None:
        self.fargate.stop()
        self.emulator.stop()

    def make_fargate(self, host: Host) -> Fargate:
        return Fargate(host, self.changed)

    def changed(self) -> None:
        self.changes += 1

    def build(self) -> None:
        vpc = self.ec2.create_vpc(CidrBlock=str(self.vpc_range))["Vpc"]["VpcId"]
        self.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        cidrs = list(self.vpc_range.subnets(new_prefix=20))
        self.subnets = [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=str(c))["Subnet"]["SubnetId"]
            for c in cidrs[:3]
        ]
        self.group = self.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)[
            "GroupId"
        ]
        self.discovery.create_private_dns_namespace(Name="internal", Vpc=vpc)
        self.namespace = self.discovery.list_namespaces()["Namespaces"][0]["Id"]
        ecr = client(self.emulator.url, "ecr")
        ecr.create_repository(repositoryName="tyk")
        self.ecr = ecr
        for tag in ("master", "sha-one"):
            self.push(tag)
        self.efs = client(self.emulator.url, "efs")
        self.file_system = self.efs.create_file_system(CreationToken="config")["FileSystemId"]
        self.ecs.create_cluster(clusterName="app-test")

    def push(self, tag: str, **annotations: str) -> None:
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "layers": [{"digest": f"sha256:{tag}"}],
            "annotations": annotations,
        }
        self.ecr.put_image(repositoryName="tyk", imageManifest=json.dumps(manifest), imageTag=tag)

    def definition(
        self,
        image: str = f"{REGISTRY}/tyk:master",
        *,
        port: int | None = PORT,
        config: str | None = None,
        **more: Any,
    ) -> str:
        container: dict[str, Any] = {"name": "tyk", "image": image, "memory": 512, **more}
        container["portMappings"] = [{"containerPort": port, "protocol": "tcp"}] if port else []
        volumes: list[dict[str, Any]] = []
        if config:
            point = self.efs.create_access_point(
                FileSystemId=self.file_system,
                RootDirectory={"Path": config},
                ClientToken=os.urandom(4).hex(),
            )["AccessPointId"]
            container["mountPoints"] = [
                {"sourceVolume": "config", "containerPath": "/conf", "readOnly": True}
            ]
            mount = {
                "fileSystemId": self.file_system,
                "authorizationConfig": {"accessPointId": point},
                "transitEncryption": "ENABLED",
            }
            volumes = [{"name": "config", "efsVolumeConfiguration": mount}]
        answer = self.ecs.register_task_definition(
            family="app-test--tyk",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container],
            volumes=volumes,
        )
        arn: str = answer["taskDefinition"]["taskDefinitionArn"]
        return arn

    def serve(
        self, definition: str, *, public: bool = True, count: int = 1, exec_on: bool = False
    ) -> None:
        registry = self.discovery.create_service(
            Name="tyk.app-test",
            NamespaceId=self.namespace,
            DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]},
        )["Service"]["Arn"]
        self.ecs.create_service(
            cluster="app-test",
            serviceName="tyk",
            taskDefinition=definition,
            desiredCount=count,
            launchType="FARGATE",
            enableECSManagedTags=True,
            enableExecuteCommand=exec_on,
            propagateTags="SERVICE",
            tags=[{"key": "component", "value": "tyk"}],
            deploymentConfiguration={
                "deploymentCircuitBreaker": {"enable": True, "rollback": False}
            },
            serviceRegistries=[{"registryArn": registry}],
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": self.subnets,
                    "securityGroups": [self.group],
                    "assignPublicIp": "ENABLED" if public else "DISABLED",
                }
            },
        )

    def service(self) -> dict[str, Any]:
        service: dict[str, Any] = self.ecs.describe_services(cluster="app-test", services=["tyk"])[
            "services"
        ][0]
        return service

    def rollout(self) -> str:
        state: str = self.service()["deployments"][0]["rolloutState"]
        return state

    def settled(self, *, running: int = 1) -> bool:
        service = self.service()
        return (
            len(service["deployments"]) == 1
            and self.rollout() == "COMPLETED"
            and service["runningCount"] == running
        )

    def tasks(self, status: str = "RUNNING") -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster="app-test", serviceName="tyk", desiredStatus=status)[
            "taskArns"
        ]
        if not arns:
            return []
        answer = self.ecs.describe_tasks(cluster="app-test", tasks=arns, include=["TAGS"])
        found: list[dict[str, Any]] = answer["tasks"]
        return found

    def interfaces(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ec2.describe_network_interfaces()["NetworkInterfaces"]
        return found

    def addresses(self) -> tuple[str, str]:
        interface = self.interfaces()[0]
        return interface["PrivateIpAddress"], interface["Association"]["PublicIp"]

    def registered(self) -> list[str]:
        service = self.discovery.list_services()["Services"][0]["Id"]
        return [
            i["Attributes"]["AWS_INSTANCE_IPV4"]
            for i in self.discovery.list_instances(ServiceId=service)["Instances"]
        ]


@pytest.fixture
def world(tmp_path: Path, ranges: Ranges, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    world = World(tmp_path, ranges)
    world.build()
    yield world
    world.down()


def refuses(address: str, port: int = PORT) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) != 0


def test_a_public_service_answers_on_its_public_and_private_address_with_its_build_and_config(
    world: World,
) -> None:
    folder = world.root / "app-test" / "tyk"
    folder.mkdir(parents=True)
    (folder / "tyk.conf").write_text('{"listen_port": 8181}')
    world.serve(world.definition(f"{REGISTRY}/tyk:sha-one", config="/app-test/tyk"))
    eventually(world.settled)
    private, public = world.addresses()
    said = get(public, PORT)
    assert said == get(private, PORT)
    assert (said["component"], said["environment"], said["version"]) == (
        "tyk",
        "app-test",
        "sha-one",
    )
    assert said["config_sha256"] == config_hash(folder)
    assert ipaddress.ip_address(private) in world.vpc_range
    assert ipaddress.ip_address(public) in world.public
    assert world.registered() == [private]
    assert world.changes > 0


def test_a_private_service_has_no_public_address(world: World) -> None:
    world.serve(world.definition("redis:7"), public=False)
    eventually(world.settled)
    interface = world.interfaces()[0]
    assert "Association" not in interface
    assert get(interface["PrivateIpAddress"], PORT)["version"] == "7"


def test_interfaces_and_tasks_show_who_made_them(world: World) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    tags = {t["Key"]: t["Value"] for t in world.interfaces()[0]["TagSet"]}
    task = world.tasks()[0]
    assert tags == {"aws:ecs:clusterName": "app-test", "aws:ecs:serviceName": "tyk"}
    assert {"key": "component", "value": "tyk"} in task["tags"]
    assert task["startedBy"] == world.service()["deployments"][0]["id"]
    assert "exitCode" not in task["containers"][0]


def test_a_component_without_a_port_just_runs(world: World) -> None:
    world.serve(world.definition(port=None))
    eventually(world.settled)
    assert refuses(world.addresses()[0])


def test_a_new_definition_rolls_the_service_over_without_a_moment_unserved(world: World) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    before = world.tasks()[0]
    old, wanted = world.addresses()[0], world.definition(f"{REGISTRY}/tyk:sha-one")
    world.ecs.update_service(cluster="app-test", service="tyk", taskDefinition=wanted)
    eventually(lambda: len(world.service()["deployments"]) > 1 or world.settled())
    eventually(lambda: world.settled() and world.tasks()[0]["taskArn"] != before["taskArn"])
    assert get(world.addresses()[1], PORT)["version"] == "sha-one"
    assert refuses(old)
    assert world.service()["deployments"][0]["taskDefinition"] == wanted
    (stopped,) = eventually(lambda: world.tasks("STOPPED"))
    assert stopped["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")
    assert stopped["stopCode"] == "ServiceSchedulerInitiated"
    assert len(world.registered()) == len(world.interfaces()) == 1


def test_forcing_a_deployment_reads_the_config_again(world: World) -> None:
    folder = world.root / "app-test" / "tyk"
    folder.mkdir(parents=True)
    world.serve(world.definition(config="/app-test/tyk"))
    eventually(world.settled)
    first = get(world.addresses()[1], PORT)
    (folder / "tyk.conf").write_text("edited")
    assert get(world.addresses()[1], PORT) == first
    world.ecs.update_service(cluster="app-test", service="tyk", forceNewDeployment=True)
    eventually(
        lambda: (
            world.settled()
            and get(world.addresses()[1], PORT)["config_sha256"] == config_hash(folder)
        )
    )


def test_an_image_that_is_not_in_the_registry_fails_the_deployment_and_keeps_the_old_tasks(
    world: World,
) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    wanted = world.definition(f"{REGISTRY}/tyk:nowhere")
    world.ecs.update_service(cluster="app-test", service="tyk", taskDefinition=wanted)
    eventually(lambda: world.rollout() == "FAILED")
    primary, old = world.service()["deployments"]
    stopped = world.tasks("STOPPED")
    assert (primary["status"], primary["failedTasks"], primary["runningCount"]) == ("PRIMARY", 3, 0)
    assert (old["status"], old["runningCount"]) == ("ACTIVE", 1)
    assert len(stopped) == 3
    for task in stopped:
        assert task["stoppedReason"].startswith("CannotPullContainerError: ")
        assert task["stoppedReason"].endswith(f"{REGISTRY}/tyk:nowhere: not found")
        assert task["stopCode"] == "TaskFailedToStart"
    assert get(world.addresses()[1], PORT)["version"] == "master"
    # The image is pushed, and the next deployment succeeds.
    world.ecs.update_service(
        cluster="app-test",
        service="tyk",
        taskDefinition=world.definition(f"{REGISTRY}/tyk:sha-one"),
    )
    eventually(world.settled)


def test_a_deployment_that_was_given_up_runs_when_it_is_restarted_and_its_task_can_start(
    world: World,
) -> None:
    definition = world.definition(config="/app-test/tyk")
    world.serve(definition)
    services = EcsServices(world.ecs)
    eventually(lambda: [s.rollout for s in services.describe("app-test")] == ["FAILED"])
    (world.root / "app-test" / "tyk").mkdir(parents=True)
    services.restart("app-test", "tyk")
    eventually(world.settled)
    (state,) = services.describe("app-test")
    assert (state.rollout, state.task_definition, state.running) == ("COMPLETED", definition, 1)


def test_a_config_folder_that_is_not_there_is_a_mount_that_fails(world: World) -> None:
    world.serve(world.definition(config="/app-test/nowhere"))
    eventually(lambda: world.rollout() == "FAILED")
    assert "ResourceInitializationError" in world.tasks("STOPPED")[0]["stoppedReason"]


def test_a_secret_without_a_value_is_a_task_that_cannot_start_until_it_has_one(
    world: World,
) -> None:
    secrets = client(world.emulator.url, "secretsmanager")
    arn = secrets.create_secret(Name="licence")["ARN"]
    definition = world.definition(secrets=[{"name": "LICENCE", "valueFrom": arn}])
    world.serve(definition)
    eventually(lambda: world.rollout() == "FAILED")
    reason = world.tasks("STOPPED")[0]["stoppedReason"]
    assert reason.startswith("ResourceInitializationError: unable to pull secrets")
    assert arn in reason
    secrets.put_secret_value(SecretId="licence", SecretString="bought")
    world.ecs.update_service(cluster="app-test", service="tyk", forceNewDeployment=True)
    eventually(world.settled)
    (pid,) = processes(world.addresses()[0])
    assert b"LICENCE=bought" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert b"bought" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_output_of_a_container_is_in_its_log_stream_and_a_group_that_is_missing_keeps_it_down(
    world: World,
) -> None:
    options = {
        "awslogs-group": "/gromit/app-test",
        "awslogs-region": REGION,
        "awslogs-stream-prefix": "tyk",
    }
    logging = {"logDriver": "awslogs", "options": options}
    # Only Python's own error is sure to be on standard error.
    world.serve(world.definition(port=70000, logConfiguration=logging))
    eventually(lambda: world.rollout() == "FAILED", within=60)
    reason = world.tasks("STOPPED")[0]["stoppedReason"]
    assert reason.startswith("ResourceInitializationError: failed to validate logger args")
    assert "/gromit/app-test" in reason
    logs = client(world.emulator.url, "logs")
    logs.create_log_group(logGroupName="/gromit/app-test")
    world.ecs.update_service(cluster="app-test", service="tyk", forceNewDeployment=True)
    exited = eventually(
        lambda: [t for t in world.tasks("STOPPED") if t["stopCode"] == "EssentialContainerExited"],
        within=60,
    )
    task = exited[0]["taskArn"].rpartition("/")[2]
    events = logs.get_log_events(
        logGroupName="/gromit/app-test", logStreamName=f"tyk/tyk/{task}", startFromHead=True
    )["events"]
    assert events[0]["message"].startswith("Traceback ")
    assert "port must be 0-65535" in events[-1]["message"]


def test_an_image_that_exits_fails_the_deployment_with_its_code(world: World) -> None:
    world.push("bad", **{FAILURE: "exit 7"})
    world.serve(world.definition(f"{REGISTRY}/tyk:bad"))
    eventually(lambda: world.rollout() == "FAILED")
    (container,) = world.tasks("STOPPED")[0]["containers"]
    assert container["exitCode"] == 7
    assert "--exit 7" in container["reason"]


def test_an_image_that_crashes_runs_and_ends_by_a_signal_again_and_again(world: World) -> None:
    world.push("bad", **{FAILURE: "crash 0"})
    world.serve(world.definition(f"{REGISTRY}/tyk:bad"))
    eventually(lambda: len(world.tasks("STOPPED")) > 1)
    assert {t["containers"][0]["exitCode"] for t in world.tasks("STOPPED")} == {139}
    # A task ran, so the circuit breaker does not end the deployment.
    assert world.rollout() != "FAILED"


def test_an_image_that_is_slow_runs_before_it_listens(world: World) -> None:
    world.push("bad", **{FAILURE: "slow 3600"})
    world.serve(world.definition(f"{REGISTRY}/tyk:bad"))
    eventually(lambda: world.service()["runningCount"] == 1)
    assert refuses(world.addresses()[1])


def test_an_image_that_is_slow_listens_in_the_end(world: World) -> None:
    world.push("bad", **{FAILURE: "slow 1"})
    world.serve(world.definition(f"{REGISTRY}/tyk:bad"))
    eventually(lambda: world.service()["runningCount"] == 1)
    eventually(lambda: not refuses(world.addresses()[1]))


@pytest.mark.parametrize("text", ["exit", "exit x", "explode 3", ""])
def test_another_annotation_is_a_good_image(world: World, text: str) -> None:
    world.push("good", **{FAILURE: text})
    world.serve(world.definition(f"{REGISTRY}/tyk:good"))
    eventually(world.settled)


def test_a_container_that_cannot_listen_exits_and_says_why(world: World) -> None:
    world.serve(world.definition(), count=1)
    eventually(world.settled)
    public = world.addresses()[1]
    blockers = [
        socket.create_server((str(ipaddress.ip_address(public) + n), PORT)) for n in (1, 2, 3)
    ]
    world.ecs.update_service(cluster="app-test", service="tyk", forceNewDeployment=True)
    eventually(lambda: world.rollout() == "FAILED")
    for blocker in blockers:
        blocker.close()
    stopped = world.tasks("STOPPED")[0]
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["containers"][0]["exitCode"] == 1
    assert "Address already in use" in stopped["containers"][0]["reason"]


def test_a_task_whose_process_dies_is_replaced(world: World) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    first = world.tasks()[0]["taskArn"]
    (pid,) = processes(world.addresses()[0])
    os.kill(pid, signal.SIGKILL)
    eventually(
        lambda: [t["taskArn"] for t in world.tasks()] not in ([], [first]) and world.settled()
    )
    (stopped,) = world.tasks("STOPPED")
    assert (stopped["stoppedReason"], stopped["containers"][0]["exitCode"]) == (
        "Essential container in task exited",
        137,
    )
    assert get(world.addresses()[1], PORT)["version"] == "master"


def test_a_task_that_is_stopped_by_a_client_is_replaced(world: World) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    first, (private, _) = world.tasks()[0]["taskArn"], world.addresses()
    world.ecs.stop_task(cluster="app-test", task=first, reason="try it")
    eventually(lambda: world.settled() and world.tasks()[0]["taskArn"] != first)
    eventually(lambda: refuses(private) and len(world.registered()) == 1)
    assert world.tasks("STOPPED")[0]["stoppedReason"] == "try it"


def test_a_public_address_that_is_free_again_goes_to_the_next_task(world: World) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    (_, first) = world.addresses()
    world.ecs.update_service(cluster="app-test", service="tyk", forceNewDeployment=True)
    eventually(lambda: world.settled() and world.addresses()[1] != first)
    (_, second) = world.addresses()
    world.ecs.update_service(cluster="app-test", service="tyk", forceNewDeployment=True)
    eventually(lambda: world.settled() and world.addresses()[1] != second)
    assert world.addresses()[1] == first


def test_no_task_gets_an_address_whose_container_has_not_exited(world: World) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    first, (private, public) = world.tasks()[0]["taskArn"], world.addresses()
    (pid,) = processes(private)
    os.kill(pid, signal.SIGSTOP)
    world.ecs.stop_task(cluster="app-test", task=first, reason="try it")
    eventually(lambda: world.settled() and world.tasks()[0]["taskArn"] != first)
    assert world.addresses()[1] != public
    assert [t["stoppedReason"] for t in world.tasks("STOPPED")] == ["try it"]


@pytest.fixture
def late_world(
    tmp_path: Path, ranges: Ranges, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[World]:
    """A world in which ECS deregisters tasks late."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    world = World(tmp_path, ranges, request.param)
    world.build()
    yield world
    world.down()


@pytest.mark.parametrize("late_world", [0.2], indirect=True)
def test_a_stopped_task_leaves_cloud_map_some_time_later(late_world: World) -> None:
    late_world.serve(late_world.definition())
    eventually(late_world.settled)
    late_world.ecs.update_service(cluster="app-test", service="tyk", desiredCount=0)
    eventually(lambda: late_world.settled(running=0) and late_world.registered() == [])


@pytest.mark.parametrize("late_world", [3600.0], indirect=True)
def test_what_removes_an_environment_does_not_wait_for_cloud_map(late_world: World) -> None:
    world = late_world
    world.serve(world.definition())
    eventually(world.settled)
    (private, _) = world.addresses()
    world.ecs.delete_service(cluster="app-test", service="tyk", force=True)
    eventually(lambda: world.service()["status"] == "INACTIVE")
    assert world.registered() == [private], "terraform would fail now"
    name = world.discovery.list_services()["Services"][0]["Id"]
    with pytest.raises(world.discovery.exceptions.ResourceInUse):
        world.discovery.delete_service(Id=name)
    resources = AwsEnvironmentResources(
        ResourceClients(
            ecs=world.ecs,
            ec2=world.ec2,
            efs=world.efs,
            logs=client(world.emulator.url, "logs"),
            discovery=world.discovery,
        )
    )
    assert resources.remove(Resource(kind=ResourceKind.DISCOVERY, id=name))
    assert world.discovery.list_services()["Services"] == []


def test_a_container_that_does_not_end_is_killed(world: World) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    (pid,) = processes(world.addresses()[0])
    os.kill(pid, signal.SIGSTOP)
    world.ecs.update_service(cluster="app-test", service="tyk", desiredCount=0)
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    eventually(
        lambda: world.settled(running=0) and world.interfaces() == [] and world.registered() == []
    )


def test_more_tasks_when_more_are_wanted(world: World) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    world.ecs.update_service(cluster="app-test", service="tyk", desiredCount=3)
    eventually(lambda: world.settled(running=3))
    assert len({i["SubnetId"] for i in world.interfaces()}) > 1
    assert len({get(a, PORT)["task"] for a in world.registered()}) == 3


def test_a_deleted_service_drains_and_leaves_nothing(world: World) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    private, public = world.addresses()
    assert (
        world.ecs.delete_service(cluster="app-test", service="tyk", force=True)["service"]["status"]
        == "DRAINING"
    )
    eventually(lambda: world.service()["status"] == "INACTIVE")
    assert world.interfaces() == []
    assert world.registered() == []
    assert refuses(private)
    assert refuses(public)
    world.ec2.delete_security_group(GroupId=world.group)
    world.ecs.delete_cluster(cluster="app-test")


def test_after_a_restart_the_tasks_run_again_at_their_addresses(world: World) -> None:
    world.serve(world.definition(f"{REGISTRY}/tyk:sha-one"))
    eventually(world.settled)
    before, addresses = world.tasks()[0]["taskArn"], world.addresses()
    world.down()
    assert refuses(addresses[0])
    assert refuses(addresses[1])
    world.up()
    eventually(lambda: not refuses(addresses[1]))
    eventually(world.settled)
    assert (world.tasks()[0]["taskArn"], world.addresses()) == (before, addresses)
    assert get(addresses[1], PORT)["version"] == "sha-one"
    assert world.registered() == [addresses[0]]


def test_one_service_that_cannot_be_placed_does_not_hold_up_another(world: World) -> None:
    small = world.ec2.create_subnet(
        VpcId=world.ec2.describe_subnets(SubnetIds=world.subnets[:1])["Subnets"][0]["VpcId"],
        CidrBlock=str(
            next(iter(list(world.vpc_range.subnets(new_prefix=20))[5].subnets(new_prefix=28)))
        ),
    )["Subnet"]["SubnetId"]
    world.ecs.create_service(
        cluster="app-test",
        serviceName="full",
        taskDefinition=world.definition("redis:7", port=None),
        desiredCount=20,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {"subnets": [small], "securityGroups": [world.group]}
        },
    )
    world.serve(world.definition())
    eventually(world.settled)
    full = world.ecs.describe_services(cluster="app-test", services=["full"])["services"][0]
    assert full["runningCount"] < 20


def processes(address: str) -> list[int]:
    """Pids of the simulated containers that have an address."""
    found: list[int] = []

    def matches(line: bytes) -> bool:
        return b"task.py" in line and f'"{address}"'.encode() in line

    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if matches(entry.read_bytes()):
                found.append(int(entry.parent.name))
    return found


def _image(world: World) -> str | None:
    """Return the image of the task that answers; None while none does."""
    for task in world.tasks():
        details = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}
        # A task that starts or ends does not answer.
        with suppress(httpx2.TransportError):
            said = get(details["privateIPv4Address"], PORT)
            if world.settled() and said["task"] in task["taskArn"]:
                return str(said["image"])
    return None


def _retire(world: World) -> None:
    account = EmulatedAccount(
        boto3.Session("local", "local", region_name=REGION), world.emulator.url
    )
    before = [task["taskArn"].rpartition("/")[2] for task in world.tasks()]
    assert retire_tasks(account, "app-test") == [f"app-test/{task}" for task in before]


def test_a_retired_task_is_replaced_from_the_image_that_its_deployment_began_with(
    world: World,
) -> None:
    world.serve(world.definition())
    first = eventually(lambda: _image(world))
    (old,) = world.tasks()
    assert first is not None
    assert "@sha256:" in first
    world.push("master", build="2")
    _retire(world)
    eventually(lambda: [t for t in world.tasks() if t["taskArn"] != old["taskArn"]])
    assert eventually(lambda: _image(world)) == first
    (stopped,) = [t for t in world.tasks("STOPPED") if t["taskArn"] == old["taskArn"]]
    assert stopped["stoppedReason"] == RETIRED
    world.ecs.update_service(cluster="app-test", service="tyk", forceNewDeployment=True)
    eventually(lambda: _image(world) not in {None, first})


def test_without_its_image_a_task_runs_on_and_cannot_be_replaced(world: World) -> None:
    world.serve(world.definition())
    digest = str(eventually(lambda: _image(world))).rpartition("@")[2]
    world.ecr.batch_delete_image(repositoryName="tyk", imageIds=[{"imageDigest": digest}])
    world.push("master", build="2")
    world.down()
    world.up()
    eventually(lambda: _image(world) is not None)
    _retire(world)
    eventually(
        lambda: any(
            task["stoppedReason"].startswith("CannotPullContainerError")
            and digest in task["stoppedReason"]
            for task in world.tasks("STOPPED")
        )
    )
    assert world.service()["runningCount"] == 0


def test_a_program_of_a_person_runs_in_the_container_of_a_service_with_exec(world: World) -> None:
    sessions = ExecServer(SESSIONS, world.fargate.containers.find)
    sessions.start()
    try:
        word = [{"name": "GREETING", "value": "hello"}]
        world.serve(world.definition(environment=word), exec_on=True)
        eventually(world.settled)
        found = EcsRunningContainers(world.ecs).newest("app-test", "tyk")
        assert found is not None
        assert found.takes_programs
        assert found.is_connected
        target = SessionTarget("app-test", found.task, "tyk", found.runtime, found.region)
        command = "sh -c 'echo $GREETING $CONTAINER_ADDRESS; exit 7'"
        opened = open_session(world.ecs, target, command)
        with socket.create_connection(_address(opened.stream_url), PATIENCE_S) as stream:
            send_json(stream, FrameKind.HELLO, {"token": opened.token})
            output = receive_frame(stream)
            assert output is not None
            assert output[1].decode().split() == ["hello", world.addresses()[0]]
            assert receive_frame(stream) == (FrameKind.EXIT, b"7")
        world.ecs.update_service(cluster="app-test", service="tyk", desiredCount=0)
        eventually(lambda: not world.tasks())
        with pytest.raises(Conflict):
            open_session(world.ecs, target, command)
    finally:
        sessions.stop()


def _address(url: str) -> tuple[str, int]:
    found = urlsplit(url)
    return str(found.hostname), int(found.port or 0)


def test_a_service_without_exec_takes_no_programs(world: World) -> None:
    world.serve(world.definition())
    eventually(world.settled)
    found = EcsRunningContainers(world.ecs).newest("app-test", "tyk")
    assert found is not None
    assert not found.takes_programs
    target = SessionTarget("app-test", found.task, "tyk", found.runtime, found.region)
    with pytest.raises(Conflict, match="not enabled"):
        open_session(world.ecs, target, "sh")
