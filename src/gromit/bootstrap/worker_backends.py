"""AWS: adapters that each pass of sow and reap needs, also one without work.

Modules here make every such pass slower, so there is nothing else in this one.
"""

import os
import uuid
from datetime import UTC, datetime

from gromit.adapters.aws import client as aws
from gromit.adapters.aws import conflicts
from gromit.adapters.aws.platform_parameter import PlatformParameter
from gromit.adapters.aws.secrets import ManagedSecrets
from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.adapters.lock_owners import ProcessOwnerWatch, own_task_arn
from gromit.bootstrap.aws_session import aws_client, ecs_client, session
from gromit.bootstrap.machine import operator
from gromit.config.schema import Settings


def platform_source(settings: Settings) -> PlatformParameter:
    """Reader of the platform's ids in the SSM parameter `cluster.platform`."""
    client = aws_client(lambda made: made.client("ssm", config=aws.CLIENT))
    return PlatformParameter(client, settings.cluster.platform, settings.installation)


def managed_secrets() -> ManagedSecrets:
    """Secrets of environments in Secrets Manager."""
    return ManagedSecrets(aws_client(lambda made: made.client("secretsmanager", config=aws.CLIENT)))


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
