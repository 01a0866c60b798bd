"""Parts that a worker of either kind needs on one machine."""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta

from gromit.adapters.aws import client as aws
from gromit.adapters.aws.hook_tasks import EcsHookTasks
from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.adapters.config_tree.root import ConfigTree
from gromit.adapters.terraform.runner import Terraform
from gromit.bootstrap.backends import resource_clearer, session
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.config.schema import Settings
from gromit.ports import WorkQueue
from gromit.services.hooks import HookPolicy, HookRunner

_HOOK_POLL = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """Config tree, Terraform, states, work, and the event that stops the worker."""

    tree: ConfigTree
    terraform: Terraform
    states: S3StateBucket
    queue: WorkQueue
    stop: threading.Event


def hook_runner(settings: Settings, parts: WorkerParts) -> HookRunner:
    """Runner of the hooks of the catalogue, with tasks in ECS."""
    return HookRunner(
        catalogue=configured_catalogue(settings),
        clear=resource_clearer(settings, parts.stop),
        tasks=EcsHookTasks(session().client("ecs", config=aws.CLIENT)),
        queue=parts.queue,
        guard=parts.tree.check,
        policy=HookPolicy(_HOOK_POLL.total_seconds(), time.monotonic, parts.stop.wait),
    )
