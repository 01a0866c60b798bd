"""`gromit terraform`: the packaged stack of one environment, by hand."""

from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import click

from gromit.bootstrap.backends import state_bucket
from gromit.bootstrap.clients import serve_client
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.terraform import build_inspector, terraform_runner
from gromit.cli import CliContext, Command, pass_cli
from gromit.core.environments.environment import Phase
from gromit.core.names import parse_ref
from gromit.errors import NotFound


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Root of the config tree; without it the setting `root`.",
)
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- ARGS…")
@pass_cli
def terraform(run: CliContext, name: str, root: Path | None, arguments: tuple[str, ...]) -> int:
    """Run terraform on one environment: its stack, workspace and inputs, under terraform's own lock.

    For example `gromit terraform app-test -- plan`. What is applied by hand here is not known to serve.
    Config files are left as they lie. An image or config root that is missing is told of, and does not stop it.
    """
    settings = run.settings
    with closing(serve_client(settings)) as serve:
        found = serve.get(f"/v1/environments/{quote(parse_ref(name).leaf, safe='')}")
    if found["phase"] == Phase.GONE:
        raise NotFound(
            f"environment {found['name']} is gone", hint="nothing of it is left for terraform"
        )
    tree = config_root(root or settings.root)
    inspector = build_inspector(settings, tree, lambda line: click.echo(line, err=True))
    versions = {r: v["version"] for r, v in found["versions"].items()}
    stack = inspector.stack(found["name"], versions, found["redeploys"])
    with terraform_runner(settings, state_bucket(settings)) as runner:
        return runner.run_for_person(stack, arguments)
