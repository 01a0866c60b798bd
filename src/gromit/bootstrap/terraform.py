"""Terraform on the packaged stack, and the inputs of an environment's stack."""

import os
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from gromit import log
from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.adapters.config_tree.root import ConfigTree
from gromit.adapters.terraform.provider_mirror import user_cache
from gromit.adapters.terraform.runner import Terraform
from gromit.adapters.terraform.session import SessionDeps, TerraformConfig
from gromit.bootstrap.aws_session import session
from gromit.bootstrap.backends import image_registry
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.passes import pass_figures
from gromit.bootstrap.worker_backends import managed_secrets, platform_source
from gromit.config.schema import Settings, TerraformSettings
from gromit.core.stack.terraform import Backend
from gromit.ports import Progress
from gromit.services.inspection import StackInspector

STOPPING = timedelta(seconds=10)
"""Longest time to kill a terraform after its grace."""


def terraform_runner(settings: Settings, states: S3StateBucket) -> Terraform:
    """Runner of terraform on the packaged stack."""
    return Terraform(
        _config(settings),
        SessionDeps(
            environ=os.environ,
            mask=log.mask,
            save_errored_state=states.keep_errored,
            ended=pass_figures().terraform_ended,
        ),
    )


def describe_terraform(settings: Settings) -> str:
    """Product and version of this machine's terraform, and of its AWS provider.

    It works in a folder of its own, so that it meets no run of a worker. Nothing is applied.
    """
    with tempfile.TemporaryDirectory(prefix="gromit-doctor-") as work:
        config = replace(_config(settings), work=Path(work))
        deps = SessionDeps(environ=os.environ, mask=log.mask, save_errored_state=_keep_nothing)
        with Terraform(config, deps) as runner:
            return runner.describe()


def _keep_nothing(_environment: str, _state: bytes) -> str:
    raise AssertionError("nothing was applied, so no state is unsaved")


def _config(settings: Settings) -> TerraformConfig:
    return TerraformConfig(
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


def terraform_grace(settings: TerraformSettings) -> timedelta:
    """Time an interrupted terraform gets to end by itself.

    This time and the 10 s that killing it takes at most fit into the worker's own stop timeout.
    """
    return max(timedelta(0), min(settings.grace, settings.stop_timeout - STOPPING))


def build_inspector(settings: Settings, tree: ConfigTree, warn: Progress) -> StackInspector:
    """Inspector of a stack's inputs, for a person who runs terraform. `warn` gets its warnings."""
    return StackInspector(
        catalogue=configured_catalogue(settings),
        platform=platform_source(settings),
        images=image_registry(settings),
        secrets=managed_secrets(),
        root=tree,
        warn=warn,
    )
