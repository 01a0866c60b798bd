"""`gromit reap`: what destroys one environment."""

from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.adapters.config_tree.root import ConfigTree
from gromit.adapters.terraform.runner import Terraform
from gromit.bootstrap.backends import orphan_finder, platform_source
from gromit.bootstrap.chitragupta import build_chitragupta
from gromit.config.schema import Settings
from gromit.services.reaping import Reaper
from gromit.services.runs import WorkFunction


def reaper(
    settings: Settings, tree: ConfigTree, terraform: Terraform, states: S3StateBucket
) -> WorkFunction:
    """Worker function that destroys one environment."""
    return Reaper(
        retire_records=build_chitragupta(settings).retire,
        platform=platform_source(settings),
        root=tree,
        terraform=terraform,
        leftovers=orphan_finder(),
        states=states,
    )
