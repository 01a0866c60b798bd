"""`gromit terraform`: run terraform on the packaged stack of one environment."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from gromit.bootstrap.clients import serve_client
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.terraform import build_inspector, terraform_runner
from gromit.bootstrap.worker_backends import state_bucket
from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.completion import environment_argument
from gromit.core.environments.phases import Phase
from gromit.core.names import parse_ref
from gromit.core.stack.made import MadeComponent
from gromit.errors import InvalidInput, NotFound


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@environment_argument
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Config root. Default: the setting `root`.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="-- ARGS…")
@pass_cli
def terraform(run: CliContext, name: str, root: Path | None, arguments: tuple[str, ...]) -> int:
    """Run terraform on one environment: its stack, workspace and inputs, under terraform's lock.

    For example `gromit terraform app-test -- plan`. serve does not know of changes that you apply
    manually. Config files are not rendered. A missing image or config root is only a warning.
    """
    if not arguments:
        raise InvalidInput(
            "no command of terraform is given",
            hint=f"for example `gromit terraform {name} -- plan`",
        )
    settings = run.settings
    with closing(serve_client(settings)) as serve:
        found = serve.get(f"/v1/environments/{quote(parse_ref(name).leaf, safe='')}")
    if found["phase"] == Phase.GONE:
        raise NotFound(
            f"environment {found['name']} is gone",
            hint="it has no resources left; run `gromit env list` for those that exist",
        )
    tree = config_root(root or settings.root)
    inspector = build_inspector(settings, tree, lambda line: click.echo(line, err=True))
    versions = {r: v["version"] for r, v in found["versions"].items()}
    stack = inspector.stack(found["name"], versions, found["redeploys"], _made(found))
    stack = replace(stack, parked=found.get("parked", False))
    with terraform_runner(settings, state_bucket(settings)) as runner:
        return runner.run_for_person(stack, arguments)


def _made(found: Mapping[str, Any]) -> tuple[MadeComponent, ...]:
    """Return the components as the last apply made them; none if serve does not know them."""
    components: Mapping[str, Mapping[str, Any]] = found.get("components", {})
    return tuple(MadeComponent.from_row(name, facts) for name, facts in components.items())
