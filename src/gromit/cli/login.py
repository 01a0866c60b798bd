"""`gromit login`, `logout` and `whoami`: the way to environments without a certificate."""

import threading
import webbrowser
from collections.abc import Mapping
from typing import Any

import click

from gromit.bootstrap import login as logins
from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.render import print_json, print_line
from gromit.cli.serve_requests import connected_serve
from gromit.core.security.kept_login import KeptLogin
from gromit.core.security.roles import Role
from gromit.core.time import iso

_REPOSITORIES = "repositories"


@click.command(cls=Command)
@click.argument("url", required=False)
@click.option("--device", is_flag=True, help="Log in with a browser of another machine.")
@click.option("--no-browser", is_flag=True, help="Only print the address; open no browser.")
@pass_cli
def login(run: CliContext, url: str | None, device: bool, no_browser: bool) -> None:
    """Log in at the gateway URL, by default gateway.url or that of the last login.

    All commands for environments then work through the gateway, unless a client certificate is
    set. The login is kept in a file that only you can read, and renewed while the provider allows.
    """
    if device:
        kept = logins.log_in_elsewhere(run.settings, url, _show_code)
    else:
        kept = logins.log_in(run.settings, url, _print if no_browser else _open)
    if run.output == "json":
        print_json(_row(kept))
        return
    print_line(f"logged in at {kept.gateway} as {kept.name}")
    if run.settings.client.cert is not None:
        click.echo(
            "client.cert is set, so commands use that certificate and not the login", err=True
        )


@click.command(cls=Command)
@pass_cli
def logout(run: CliContext) -> None:
    """Forget the login, here and at the provider if it can."""
    kept = logins.log_out(run.settings)
    if run.output == "json":
        print_json({"logged_out": None if kept is None else kept.gateway})
    elif kept is None:
        click.echo("you were not logged in")
    else:
        print_line(f"logged out of {kept.gateway}")


@click.command(cls=Command)
@pass_cli
def whoami(run: CliContext) -> None:
    """Show your name and role, as serve sees them, and where they come from."""
    found = dict(connected_serve(run).get("/v1/whoami"))
    kept = None
    if run.settings.client.cert is None:
        kept = logins.kept_login(run.settings)
    found["via"] = "certificate" if kept is None else f"login at {kept.gateway}"
    if run.output == "json":
        print_json(found)
        return
    for key, value in found.items():
        if key == _REPOSITORIES:
            continue
        print_line(f"{key + ':':14}{value}")
        if value == Role.DEVELOPER:
            print_line(f"{_REPOSITORIES + ':':14}{_shown_repositories(found)}")


def _shown_repositories(found: Mapping[str, Any]) -> str:
    """Return the repositories whose environments a developer may delete."""
    names = found.get(_REPOSITORIES)
    return "all" if names is None else ", ".join(map(str, names)) or "none"


def _row(kept: KeptLogin) -> dict[str, str | bool]:
    return {
        "gateway": kept.gateway,
        "name": kept.name,
        "expires": iso(kept.expires_ms),
        "renewed": kept.refresh_token is not None,
    }


def _print(address: str) -> None:
    click.echo(f"open this address in a browser to log in:\n{address}", err=True)


def _open(address: str) -> None:
    _print(address)
    # A text browser would not come back before the login is over.
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _show_code(address: str, code: str) -> None:
    print_line(f"open {address} in any browser, and enter the code {code}", err=True)
