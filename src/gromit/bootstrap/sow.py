"""`gromit sow`: what brings one environment to its desired state."""

import threading
import time

from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.adapters.config_tree.root import ConfigTree
from gromit.adapters.terraform.runner import Terraform
from gromit.adapters.terraform.stack_files import stack_hash
from gromit.bootstrap.backends import (
    image_registry,
    platform_source,
    resource_clearer,
    service_states,
)
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.machine import domain_if_set
from gromit.config.schema import Settings
from gromit.services.adopting import Adopter
from gromit.services.sowing import SettlePolicy, Sower


def sower(
    settings: Settings,
    tree: ConfigTree,
    terraform: Terraform,
    states: S3StateBucket,
    stop: threading.Event,
) -> Sower:
    """Worker function that applies the stack of one environment."""
    policy = SettlePolicy(
        settings.sow.settle.total_seconds(),
        settings.sow.settle_poll.total_seconds(),
        time.monotonic,
        stop.wait,
    )
    return Sower(
        catalogue=configured_catalogue(settings),
        domain=domain_if_set(settings),
        fingerprint=stack_hash(),
        platform=platform_source(settings),
        images=image_registry(settings),
        root=tree,
        terraform=terraform,
        services=service_states(),
        adopt=Adopter(states, resource_clearer(stop)),
        policy=policy,
    )
