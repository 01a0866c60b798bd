"""`gromit token`: tokens that authenticate repositories at the gateway."""

from datetime import timedelta

import click

from gromit.bootstrap.tokens import build_tokens
from gromit.cli import CliContext, Group, pass_cli, render
from gromit.core.security.tokens import TokenEntry, TokenPermission, make_grant
from gromit.core.time import iso, parse_duration
from gromit.errors import InvalidInput

_COLUMNS = ("id", "repositories", "verbs", "created", "expires", "state", "label")


@click.group(cls=Group)
def token() -> None:
    """Tokens in the file `gateway.tokens`."""


@token.command()
@click.option(
    "--repo",
    "repos",
    multiple=True,
    required=True,
    help="Repository that may use the token; '*' for all. Repeatable.",
)
@click.option(
    "--verb",
    "verbs",
    multiple=True,
    required=True,
    type=click.Choice([str(verb) for verb in TokenPermission]),
    help="Permission of the token. Repeatable.",
)
@click.option("--label", default="", help="Note for people, shown in lists.")
@click.option(
    "--expires",
    metavar="DURATION",
    help="Lifetime, like 90d. Default: valid until revoked.",
)
@pass_cli
def new(
    run: CliContext,
    *,
    repos: tuple[str, ...],
    verbs: tuple[str, ...],
    label: str,
    expires: str | None,
) -> None:
    """Create a token and print it. It is not stored and cannot be shown again."""
    try:
        life = None if expires is None else parse_duration(expires)
    except OverflowError:
        life = expires
    if life is not None and not isinstance(life, timedelta):
        raise InvalidInput(
            f"--expires {expires} is not a duration", hint="for example 90d, 12h or 1d12h"
        )
    made, entry = build_tokens(run.settings).new(
        make_grant(repos, map(TokenPermission, verbs)), label=label, life=life
    )
    if run.output == "json":
        render.print_json({"token": made, **_row(entry, counts=True)})
    else:
        click.echo(made)
        click.echo(f"token {entry.id} is shown only this time", err=True)


@token.command("list")
@pass_cli
def list_(run: CliContext) -> None:
    """List the id, permissions and expiry of all tokens, never the tokens themselves."""
    rows = [_row(entry, counts=counts) for entry, counts in build_tokens(run.settings).list()]
    render.print_rows(rows, _COLUMNS, run.output, empty="there are no tokens")


@token.command()
@click.argument("token_id", metavar="ID")
@pass_cli
def revoke(run: CliContext, token_id: str) -> None:
    """Revoke the token ID. The gateway refuses it from the next request."""
    gone = build_tokens(run.settings).revoke(token_id)
    if run.output == "json":
        render.print_json({"revoked": gone.id})
    else:
        click.echo(f"token {gone.id} is revoked")


def _row(entry: TokenEntry, *, counts: bool) -> dict[str, object]:
    return {
        "id": entry.id,
        "repositories": list(entry.grant.repositories),
        "verbs": [str(verb) for verb in entry.grant.verbs],
        "created": iso(entry.created_ms),
        "expires": None if entry.expires_ms is None else iso(entry.expires_ms),
        "state": "valid" if counts else "expired",
        "label": entry.label,
    }
