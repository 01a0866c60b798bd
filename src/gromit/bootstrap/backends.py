"""AWS: adapters for the table, images, logs and the resources of environments.

Those that passes without work need are in `worker_backends` and `dns_backends`.
"""

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from gromit import log
from gromit.adapters.audit_file import AuditFile
from gromit.adapters.aws import client as aws
from gromit.adapters.aws.audit_group import AuditLogGroup
from gromit.adapters.aws.dynamodb import DynamoStore
from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.aws.ecr import EcrImages
from gromit.adapters.aws.environment_resources import ResourceClients
from gromit.adapters.aws.image_marks import EcrImageMarks
from gromit.adapters.aws.manifests import ManifestMemory
from gromit.adapters.aws.resource_removal import AwsEnvironmentResources
from gromit.adapters.aws.run_output import CloudWatchRunOutput
from gromit.adapters.aws.running_containers import EcsRunningContainers
from gromit.adapters.aws.table_client import table_client
from gromit.adapters.aws.task_output import CloudWatchTaskOutput
from gromit.bootstrap.aws_session import aws_client, ec2_client, ecs_client, session
from gromit.config.schema import Settings
from gromit.ports.audit import AuditLog
from gromit.services.clearing import Clearer, ClearPolicy
from gromit.services.image_keeping import ImageKeeper

if TYPE_CHECKING:
    from mypy_boto3_ecr.client import ECRClient
    from mypy_boto3_logs.client import CloudWatchLogsClient

_CLEAR = timedelta(minutes=5)
"""Time for resources to go. Fargate releases network interfaces minutes after their task."""
_CLEAR_POLL = timedelta(seconds=5)


def image_registry(settings: Settings, manifests: ManifestMemory | None = None) -> EcrImages:
    """Container registries of the account `registryid`; `manifests` gets what is looked up."""
    return EcrImages(_ecr_client(), settings.registryid, manifests)


def _ecr_client() -> "ECRClient":
    return aws_client(lambda made: made.client("ecr", config=aws.CLIENT))


def image_keeper(settings: Settings, manifests: ManifestMemory | None = None) -> ImageKeeper:
    """Marks on images in the registries of the account `registryid`."""
    marks = EcrImageMarks(_ecr_client(), settings.registryid, manifests)
    return ImageKeeper(marks, settings.installation)


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


def resource_clients() -> ResourceClients:
    """Clients for everything that environments are made of."""
    return ResourceClients(
        ecs=ecs_client(),
        ec2=ec2_client(),
        efs=aws_client(lambda made: made.client("efs", config=aws.CLIENT)),
        logs=aws_client(lambda made: made.client("logs", config=aws.CLIENT)),
        discovery=aws_client(lambda made: made.client("servicediscovery", config=aws.CLIENT)),
    )


def environment_resources(settings: Settings) -> AwsEnvironmentResources:
    """Resources of environments in AWS, without their Terraform states."""
    return AwsEnvironmentResources(resource_clients(), settings.installation)


def resource_clearer(settings: Settings, stop: threading.Event) -> Clearer:
    """Direct removal of resources, which `stop` ends."""
    policy = ClearPolicy(
        _CLEAR.total_seconds(), _CLEAR_POLL.total_seconds(), time.monotonic, stop.wait
    )
    return Clearer(environment_resources(settings), policy)


def environment_store(settings: Settings) -> DynamoStore:
    """Table of environments. The table is created if it is missing."""
    client = session().client("dynamodb", config=aws.TABLE_CLIENT)
    TableSetup(client, settings.tablename, time.sleep).ensure()
    return DynamoStore(table_client(session(), client), settings.tablename)
