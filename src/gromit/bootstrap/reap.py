"""`gromit reap`: what destroys one environment."""

import threading

from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.adapters.config_tree.root import ConfigTree
from gromit.adapters.terraform.runner import Terraform
from gromit.bootstrap.backends import platform_source, resource_clearer, session
from gromit.bootstrap.chitragupta import build_chitragupta
from gromit.config.schema import Settings
from gromit.core.stack.contract import placeholder_platform
from gromit.services.reaping import Reaper
from gromit.services.runs import WorkFunction


def reaper(
    settings: Settings,
    tree: ConfigTree,
    terraform: Terraform,
    states: S3StateBucket,
    stop: threading.Event,
) -> WorkFunction:
    """Worker function that destroys one environment."""
    return Reaper(
        retire_records=build_chitragupta(settings).retire,
        platform=platform_source(settings),
        placeholder=placeholder_platform(session().region_name),
        root=tree,
        terraform=terraform,
        clear=resource_clearer(stop),
        states=states,
    )
