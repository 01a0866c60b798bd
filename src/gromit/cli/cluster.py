"""`gromit cluster`: clusters of environments, and their public names."""

from dataclasses import asdict
from pathlib import Path

import click

from gromit.bootstrap.cluster import clusters
from gromit.cli import CliContext, Group, LongRunningCommand, pass_cli
from gromit.cli.completion import environment_argument
from gromit.cli.dns_pass import dns_pass_options
from gromit.cli.dns_pass import expose as expose_records
from gromit.cli.render import print_json, print_rows
from gromit.core.stack.clusters import ClusterState
from gromit.errors import InvalidInput

_OVERVIEW = ("name", "services", "running", "pending", "urls")
_SERVICES = (
    "component",
    "running",
    "desired",
    "rollout",
    "task_definition",
    "addresses",
    "url",
    "reason",
)
_EVENTS = ("at", "service", "message")


_v1_name = click.option(
    "-c",
    "--cluster",
    "name",
    hidden=True,
    expose_value=False,
    callback=lambda ctx, _param, value: _keep_name(ctx, value),
    help="The cluster, as gromit v1 names it. The pass still compares all records.",
)


@click.group(cls=Group, invoke_without_command=True, no_args_is_help=False)
@_v1_name
@click.pass_context
def cluster(ctx: click.Context) -> None:
    """Clusters of environments: list, show, expose."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@cluster.command("expose", cls=LongRunningCommand)
@click.option("-a", "--all", "every", is_flag=True, help="Process all environments (required).")
@dns_pass_options
@_v1_name
@pass_cli
def expose(
    run: CliContext, root: Path | None, *, every: bool, watch: bool, dry_run: bool, force: bool
) -> int:
    """Keep the public DNS records of running environments: the same as `gromit chitragupta`."""
    name = click.get_current_context().meta.get(__name__)
    if name and not every:
        clusters(run.settings).detail(name)  # raises `NotFound`
    elif not every:
        raise InvalidInput(
            "--all is missing", hint="give --all: one pass compares the records of all environments"
        )
    return expose_records(run, root, watch=watch, dry_run=dry_run, force=force)


@cluster.command("list")
@pass_cli
def list_(run: CliContext) -> None:
    """List the clusters of environments that exist, as ECS reports them."""
    found = clusters(run.settings).overview()
    print_rows(
        [{**_state(o.state), "urls": o.urls} for o in found],
        _OVERVIEW,
        run.output,
        empty="no environment has a cluster",
    )


@cluster.command("show")
@environment_argument
@pass_cli
def show_(run: CliContext, name: str) -> None:
    """Show the services of one cluster, their addresses and their recent events."""
    found = clusters(run.settings).detail(name)
    services = [{**asdict(s.state), "addresses": s.addresses, "url": s.url} for s in found.services]
    events = [asdict(e) for e in found.events]
    if run.output == "json":
        print_json({**_state(found.state), "services": services, "events": events})
        return
    named = [
        {**s, "task_definition": str(s["task_definition"]).rsplit("/", 1)[-1]} for s in services
    ]
    print_rows(named, _SERVICES, run.output, empty=f"cluster {name} has no services")
    if events:
        click.echo()
        print_rows(events, _EVENTS, run.output)


def _keep_name(ctx: click.Context, value: str | None) -> None:
    name = (value or "").removeprefix("=")
    if name:
        ctx.meta[__name__] = name


def _state(state: ClusterState) -> dict[str, object]:
    """Return the fields of a cluster, whose names in JSON are public."""
    fields = asdict(state)
    del fields["is_ours"], fields["owner"]  # all that are shown are ours
    return fields
