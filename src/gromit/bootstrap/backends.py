"""AWS: the session, and adapters for the table, the state bucket, ECS, ECR, Route53 and SSM."""

import os
import random
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import boto3

from gromit import log
from gromit.adapters.audit_file import AuditFile
from gromit.adapters.aws import client as aws
from gromit.adapters.aws import conflicts, route53
from gromit.adapters.aws.audit_group import AuditLogGroup
from gromit.adapters.aws.call_counts import CallCounts
from gromit.adapters.aws.dynamodb import DynamoStore
from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.aws.ecr import EcrImages
from gromit.adapters.aws.ecs_clusters import EcsClusters
from gromit.adapters.aws.ecs_services import EcsServices
from gromit.adapters.aws.ecs_tasks import EcsTasks
from gromit.adapters.aws.environment_resources import ResourceClients
from gromit.adapters.aws.image_marks import EcrImageMarks
from gromit.adapters.aws.lazy_client import lazy_client
from gromit.adapters.aws.manifests import ManifestMemory
from gromit.adapters.aws.pacing import Pacer, PacingClock
from gromit.adapters.aws.platform_parameter import PlatformParameter
from gromit.adapters.aws.resource_removal import AwsEnvironmentResources
from gromit.adapters.aws.run_output import CloudWatchRunOutput
from gromit.adapters.aws.running_containers import EcsRunningContainers
from gromit.adapters.aws.secrets import ManagedSecrets
from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.adapters.aws.table_client import table_client
from gromit.adapters.aws.task_output import CloudWatchTaskOutput
from gromit.adapters.lock_owners import ProcessOwnerWatch, own_task_arn
from gromit.bootstrap.machine import domain, operator, require_setting
from gromit.config.schema import Settings
from gromit.core.stack.catalogue import Catalogue
from gromit.errors import ConfigError
from gromit.ports.audit import AuditLog
from gromit.services.clearing import Clearer, ClearPolicy
from gromit.services.image_keeping import ImageKeeper

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ecr.client import ECRClient
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_logs.client import CloudWatchLogsClient

T = TypeVar("T")

_CLEAR = timedelta(minutes=5)
"""Time for resources to go. Fargate releases network interfaces minutes after their task."""
_CLEAR_POLL = timedelta(seconds=5)


@cache
def session() -> boto3.Session:
    """AWS session of this process.

    `AWS_REGION` counts as it does for the other AWS SDKs; boto3 itself does not read it.
    Raises `ConfigError` if no region is set: no client could be created.
    """
    made = aws.new_session(os.environ.get("AWS_REGION") or None)
    if not made.region_name:  # an empty variable counts as unset
        raise ConfigError("no AWS region is set", hint="set AWS_REGION")
    aws_calls().follow(made)
    return made


@cache
def aws_calls() -> CallCounts:
    """Counts of this process's calls of AWS."""
    return CallCounts()


def paced_session(settings: Settings) -> boto3.Session:
    """AWS session of this process, which paces its calls from now on. Raises like `session`.

    An endpoint of its own, such as an emulator's, has no rates of AWS.
    """
    made = session()
    if not any(name.startswith("AWS_ENDPOINT_URL") for name, value in os.environ.items() if value):
        _pacer(settings.aws.processes).follow(made)
    return made


@cache
def _pacer(processes: int) -> Pacer:
    return Pacer(processes, PacingClock(time.monotonic, time.sleep))


def aws_client(make: Callable[[boto3.Session], T]) -> T:
    """Client that `make` makes of the session when it is first used.

    Raises `ConfigError` at once if no region is set.
    """
    made = session()
    return lazy_client(lambda: make(made))


def ecs_client() -> "ECSClient":
    """Client of ECS."""
    return aws_client(lambda made: made.client("ecs", config=aws.CLIENT))


def image_registry(settings: Settings, manifests: ManifestMemory | None = None) -> EcrImages:
    """Container registries of the account `registryid`; `manifests` gets what is looked up."""
    return EcrImages(_ecr_client(), settings.registryid, manifests)


def _ecr_client() -> "ECRClient":
    return aws_client(lambda made: made.client("ecr", config=aws.CLIENT))


def image_keeper(settings: Settings, manifests: ManifestMemory | None = None) -> ImageKeeper:
    """Marks on images in the registries of the account `registryid`."""
    marks = EcrImageMarks(_ecr_client(), settings.registryid, manifests)
    return ImageKeeper(marks, settings.installation)


def managed_secrets() -> ManagedSecrets:
    """Secrets of environments in Secrets Manager."""
    return ManagedSecrets(aws_client(lambda made: made.client("secretsmanager", config=aws.CLIENT)))


def task_output() -> CloudWatchTaskOutput:
    """Output of environments' tasks in CloudWatch Logs."""
    return CloudWatchTaskOutput(
        _logs_client(),
        log.mask,
        impatient=aws_client(lambda made: made.client("logs", config=aws.IMPATIENT_CLIENT)),
    )


def _logs_client() -> "CloudWatchLogsClient":
    return aws_client(lambda made: made.client("logs", config=aws.CLIENT))


def run_output() -> CloudWatchRunOutput:
    """Output of Terraform in the logs of workers."""
    return CloudWatchRunOutput(_logs_client())


def running_containers(settings: Settings) -> EcsRunningContainers:
    """Containers of running tasks."""
    return EcsRunningContainers(ecs_client(), settings.installation)


def audit_log(settings: Settings) -> AuditLog | None:
    """Search of serve's own log; None if its place is not set."""
    if settings.serve.audit_group is not None:
        return AuditLogGroup(_logs_client(), settings.serve.audit_group)
    if settings.serve.audit_file is not None:
        return AuditFile(settings.serve.audit_file)
    return None


def service_states() -> EcsServices:
    """ECS services of environments."""
    return EcsServices(ecs_client())


def resource_clients() -> ResourceClients:
    """Clients for everything that environments are made of."""
    return ResourceClients(
        ecs=ecs_client(),
        ec2=_ec2_client(),
        efs=aws_client(lambda made: made.client("efs", config=aws.CLIENT)),
        logs=aws_client(lambda made: made.client("logs", config=aws.CLIENT)),
        discovery=aws_client(lambda made: made.client("servicediscovery", config=aws.CLIENT)),
    )


def _ec2_client() -> "EC2Client":
    return aws_client(lambda made: made.client("ec2", config=aws.CLIENT))


def cluster_source(settings: Settings) -> EcsClusters:
    """Clusters of environments."""
    return EcsClusters(ecs_client(), settings.installation)


def environment_resources(settings: Settings) -> AwsEnvironmentResources:
    """Resources of environments in AWS, without their Terraform states."""
    return AwsEnvironmentResources(resource_clients(), settings.installation)


def resource_clearer(settings: Settings, stop: threading.Event) -> Clearer:
    """Direct removal of resources, which `stop` ends."""
    policy = ClearPolicy(
        _CLEAR.total_seconds(), _CLEAR_POLL.total_seconds(), time.monotonic, stop.wait
    )
    return Clearer(environment_resources(settings), policy)


def platform_source(settings: Settings) -> PlatformParameter:
    """Reader of the platform's ids in the SSM parameter `cluster.platform`."""
    client = aws_client(lambda made: made.client("ssm", config=aws.CLIENT))
    return PlatformParameter(client, settings.cluster.platform, settings.installation)


def environment_store(settings: Settings) -> DynamoStore:
    """Table of environments. The table is created if it is missing."""
    client = session().client("dynamodb", config=aws.TABLE_CLIENT)
    TableSetup(client, settings.tablename, time.sleep).ensure()
    return DynamoStore(table_client(session(), client), settings.tablename)


def state_bucket(settings: Settings) -> S3StateBucket:
    """Bucket of the environments' Terraform states and their locks."""
    client = session().client("s3", config=aws.CLIENT)
    conflicts.retry_conflicts(client)
    return S3StateBucket(
        client=client,
        bucket=settings.state.bucket,
        installation=settings.installation,
        who=operator(),
        now=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid.uuid4()),
    )


def owner_watch() -> ProcessOwnerWatch:
    """Identity of this process, and proof of death of lock owners."""
    return ProcessOwnerWatch(ecs=ecs_client(), task=own_task_arn(os.environ))


def record_store(settings: Settings) -> route53.Route53Zone:
    """Public zone `cluster.zoneid`."""

    def sleep(seconds: float) -> None:
        time.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - spreads retries, protects nothing

    return route53.Route53Zone(
        aws_client(lambda made: made.client("route53", config=route53.CLIENT)),
        require_setting(settings.cluster.zoneid, "cluster.zoneid"),
        domain(settings),
        route53.Timing(time.monotonic, sleep),
    )


def task_source(settings: Settings, known: Catalogue) -> EcsTasks:
    """Running tasks of the public components of a catalogue."""
    return EcsTasks(
        _ec2_client(),
        ecs_client(),
        known,
        settings.installation,
    )
