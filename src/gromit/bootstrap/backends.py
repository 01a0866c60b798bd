"""What everything stands on: AWS, the catalogue, the config tree, terraform."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

import os
import random
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gromit.bootstrap.machine import domain, operator, require_setting
from gromit.errors import ConfigError

if TYPE_CHECKING:
    import boto3

    from gromit.adapters.aws.dynamodb import DynamoStore
    from gromit.adapters.aws.route53 import Route53Zone
    from gromit.adapters.aws.state_bucket import S3StateBucket
    from gromit.adapters.config_tree.root import ConfigTree
    from gromit.adapters.terraform.runner import Terraform
    from gromit.config.schema import Settings, TerraformSettings
    from gromit.core.stack.catalogue import Catalogue
    from gromit.ports import (
        ImageRegistry,
        OrphanFinder,
        OwnerWatch,
        PlatformSource,
        ServiceStates,
        TaskSource,
    )

STOPPING = timedelta(seconds=10)
"""What stopping a terraform takes at most beyond its grace."""


@cache
def session() -> "boto3.Session":
    """One AWS session for the process. `AWS_REGION` counts as it does for AWS's other SDKs; boto3 itself does not read it.

    Raises `ConfigError` if there is no region: no client could be made.
    """
    from gromit.adapters.aws import client as aws

    made = aws.new_session(os.environ.get("AWS_REGION") or None)
    if not made.region_name:  # an empty variable counts as unset
        raise ConfigError("no AWS region is set", hint="set AWS_REGION")
    return made


def configured_catalogue(settings: "Settings") -> "Catalogue":
    """The components of every environment: the catalogue file, cut to `repos`. Raises `ConfigError`."""
    from gromit.adapters.catalogue import file as catalogue_file

    return catalogue_file.load_catalogue(settings.catalogue, settings.repos)


def config_root(_settings: "Settings", root: Path) -> "ConfigTree":
    """The config tree below `root`; it is not looked at before it is used."""
    from gromit.adapters.config_tree.root import ConfigTree

    return ConfigTree(root)


def image_registry(settings: "Settings") -> "ImageRegistry":
    """The container registries of `registryid`."""
    from gromit.adapters.aws import client as aws
    from gromit.adapters.aws.ecr import EcrImages

    return EcrImages(session().client("ecr", config=aws.CLIENT), settings.registryid)


def service_states(_settings: "Settings") -> "ServiceStates":
    """The services of environments, as ECS has them."""
    from gromit.adapters.aws import client as aws
    from gromit.adapters.aws.ecs_services import EcsServices

    return EcsServices(session().client("ecs", config=aws.CLIENT))


def orphan_finder() -> "OrphanFinder":
    """What AWS still has of environments."""
    from gromit.adapters.aws import client as aws
    from gromit.adapters.aws.leftovers import AwsOrphanFinder

    return AwsOrphanFinder(
        session().client("ecs", config=aws.CLIENT), session().client("ec2", config=aws.CLIENT)
    )


def platform_source(settings: "Settings") -> "PlatformSource":
    """What environments are built on, from the SSM parameter `cluster.platform`."""
    from gromit.adapters.aws import client as aws
    from gromit.adapters.aws.platform_parameter import PlatformParameter

    return PlatformParameter(session().client("ssm", config=aws.CLIENT), settings.cluster.platform)


def environment_store(settings: "Settings") -> "DynamoStore":
    """The table of environments, made if it is missing."""
    from gromit.adapters.aws import client as aws
    from gromit.adapters.aws.dynamodb import DynamoStore
    from gromit.adapters.aws.dynamodb_table import TableSetup

    client = session().client("dynamodb", config=aws.CLIENT)
    TableSetup(client, settings.tablename, time.sleep).ensure()
    return DynamoStore(client, settings.tablename)


def state_bucket(settings: "Settings") -> "S3StateBucket":
    """Terraform's states of environments, and their locks."""
    from gromit.adapters.aws import client as aws
    from gromit.adapters.aws.state_bucket import S3StateBucket

    return S3StateBucket(
        client=session().client("s3", config=aws.CLIENT),
        bucket=settings.state.bucket,
        who=operator(),
        now=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid.uuid4()),
    )


def terraform_runner(settings: "Settings", states: "S3StateBucket") -> "Terraform":
    """The packaged stack's terraform."""
    from gromit import log
    from gromit.adapters.terraform.provider_mirror import user_cache
    from gromit.adapters.terraform.runner import Terraform
    from gromit.adapters.terraform.session import SessionDeps, TerraformConfig
    from gromit.core.stack.terraform import Backend

    setup = TerraformConfig(
        backend=Backend(
            bucket=settings.state.bucket,
            region=session().region_name,
            extra=settings.terraform.backend,
        ),
        cache=user_cache(os.environ),
        work=settings.terraform.work or Path(tempfile.gettempdir()) / f"gromit-{os.getuid()}",
        command=settings.terraform.command,
        mirror=settings.terraform.mirror,
        overlay=settings.terraform.overlay,
        timeout=settings.sow.timeout,
        grace=terraform_grace(settings.terraform),
    )
    return Terraform(
        setup,
        SessionDeps(environ=os.environ, mask=log.mask, save_errored_state=states.keep_errored),
    )


def terraform_grace(settings: "TerraformSettings") -> timedelta:
    """What an interrupted terraform gets, so that it and the 10 s at most of its killing fit into the worker's own stopping."""
    return max(timedelta(0), min(settings.grace, settings.stop_timeout - STOPPING))


def owner_watch(_settings: "Settings") -> "OwnerWatch":
    """Who we are, and who is dead."""
    from gromit.adapters.aws import client as aws
    from gromit.adapters.owner_watch import ProcessOwnerWatch, own_task_arn

    return ProcessOwnerWatch(
        ecs=session().client("ecs", config=aws.CLIENT), task=own_task_arn(os.environ)
    )


def record_store(settings: "Settings") -> "Route53Zone":
    """The public zone, `cluster.zoneid`."""
    from gromit.adapters.aws.route53 import CLIENT, Route53Zone, Timing

    def sleep(seconds: float) -> None:
        time.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - spreads retries, protects nothing

    client = session().client("route53", config=CLIENT)
    return Route53Zone(
        client,
        require_setting(settings.cluster.zoneid, "cluster.zoneid"),
        domain(settings),
        Timing(time.monotonic, sleep),
    )


def task_source(known: "Catalogue") -> "TaskSource":
    """The tasks of the public components of a catalogue."""
    from gromit.adapters.aws import client as aws
    from gromit.adapters.aws.ecs_tasks import EcsTasks

    return EcsTasks(
        session().client("ec2", config=aws.CLIENT),
        session().client("ecs", config=aws.CLIENT),
        known,
    )
