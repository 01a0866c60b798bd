"""AWS: adapters that each pass of chitragupta needs.

Modules here make every pass slower, so there is nothing else in this one.
"""

import random
import time

from gromit.adapters.aws import route53
from gromit.adapters.aws.ecs_clusters import EcsClusters
from gromit.adapters.aws.ecs_services import EcsServices
from gromit.adapters.aws.ecs_tasks import EcsTasks
from gromit.bootstrap.aws_session import aws_client, ec2_client, ecs_client
from gromit.bootstrap.machine import domain, require_setting
from gromit.config.schema import Settings
from gromit.core.stack.public_components import PublicComponents


def service_states() -> EcsServices:
    """ECS services of environments."""
    return EcsServices(ecs_client())


def cluster_source(settings: Settings) -> EcsClusters:
    """Clusters of environments."""
    return EcsClusters(ecs_client(), settings.installation)


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


def task_source(settings: Settings, known: PublicComponents) -> EcsTasks:
    """Running tasks of public components."""
    return EcsTasks(
        ec2_client(),
        ecs_client(),
        known,
        settings.installation,
    )
