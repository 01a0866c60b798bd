"""`gromit reap`: what destroys one environment."""

from gromit.bootstrap.aws_session import session
from gromit.bootstrap.backends import image_keeper, resource_clearer
from gromit.bootstrap.chitragupta import build_chitragupta
from gromit.bootstrap.worker_parts import WorkerParts, hook_runner
from gromit.config.schema import Settings
from gromit.core.stack.contract import placeholder_platform
from gromit.services.reaping import Reaper
from gromit.services.runs import WorkFunction


def reaper(settings: Settings, parts: WorkerParts) -> WorkFunction:
    """Worker function that destroys one environment."""
    return Reaper(
        retire_records=build_chitragupta(settings, parts.catalogue.public).retire,
        platform=parts.memory,
        placeholder=placeholder_platform(session().region_name),
        root=parts.tree,
        terraform=parts.terraform,
        clear=resource_clearer(settings, parts.stop),
        hooks=hook_runner(settings, parts),
        states=parts.states,
        keeper=image_keeper(settings),
        repositories=parts.catalogue.deployed,
    )
