"""AWS: the session of this process, and clients that are made when they are first used."""

import os
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import boto3

from gromit.adapters.aws import client as aws
from gromit.adapters.aws.call_counts import CallCounts
from gromit.adapters.aws.lazy_client import lazy_client
from gromit.adapters.aws.pacing import Pacer, PacingClock
from gromit.config.schema import Settings
from gromit.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ecs.client import ECSClient

T = TypeVar("T")


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


def ec2_client() -> "EC2Client":
    """Client of EC2."""
    return aws_client(lambda made: made.client("ec2", config=aws.CLIENT))
