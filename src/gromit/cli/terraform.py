"""`gromit terraform`: the packaged stack of one environment, by hand."""

import threading
from pathlib import Path

import click

from gromit import bootstrap
from gromit.cli import Command, Run, pass_run


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.option("--root", type=click.Path(path_type=Path), help="Root of the config tree; without it the setting `root`.")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- ARGS…")
@pass_run
def terraform(run: Run, name: str, root: Path | None, arguments: tuple[str, ...]) -> int:
    """Run terraform on one environment: its stack, workspace and inputs, under terraform's own lock.

    For example `gromit terraform app-test -- plan`. What is applied by hand here is not known to serve.
    """
    settings = run.settings
    found = bootstrap.serve_client(settings).get(f"/v1/environments/{name}")
    with bootstrap.terraform_runner(settings, bootstrap.state_bucket(settings)) as runner:
        sower = bootstrap.sower(settings, bootstrap.config_root(settings, root or settings.root), runner, threading.Event())
        versions = {r: v["version"] for r, v in found["versions"].items()}
        stack = sower.stack(found["name"], versions, found["redeploys"])
        return runner.by_hand(stack, arguments)
