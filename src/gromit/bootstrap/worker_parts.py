"""Parts that a worker of either kind needs on one machine."""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta

from gromit.adapters.aws.hook_tasks import EcsHookTasks
from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.adapters.config_tree.root import ConfigTree
from gromit.adapters.terraform.runner import Terraform
from gromit.bootstrap.aws_session import ecs_client
from gromit.bootstrap.backends import resource_clearer
from gromit.config.schema import Settings
from gromit.core.stack.catalogue import Catalogue
from gromit.ports import WorkQueue
from gromit.services.hooks import HookPolicy, HookRunner
from gromit.services.pass_memory import PassMemory

_HOOK_POLL = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """Catalogue, config tree, Terraform, states, work, memory, and the event that stops it."""

    catalogue: Catalogue
    tree: ConfigTree
    terraform: Terraform
    states: S3StateBucket
    queue: WorkQueue
    memory: PassMemory
    stop: threading.Event


def hook_runner(settings: Settings, parts: WorkerParts) -> HookRunner:
    """Runner of the hooks of the catalogue, with tasks in ECS."""
    return HookRunner(
        catalogue=parts.catalogue,
        clear=resource_clearer(settings, parts.stop),
        tasks=EcsHookTasks(ecs_client()),
        queue=parts.queue,
        guard=parts.tree.check,
        policy=HookPolicy(_HOOK_POLL.total_seconds(), time.monotonic, parts.stop.wait),
    )
