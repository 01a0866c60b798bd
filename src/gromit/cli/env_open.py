"""`gromit env open`: the URL of a component in a browser."""

import threading
import webbrowser
from collections.abc import Mapping
from typing import Any

import click

from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.completion import complete_components, environment_argument
from gromit.cli.render import print_json, print_line
from gromit.cli.serve_requests import connected_serve, name_in_path
from gromit.core.stack.addresses import proxied_url
from gromit.errors import Conflict, InvalidInput

_OPENING_S = 10.0
"""Longest time to wait for a browser that does not come back, such as one for a terminal."""


@click.command("open", cls=Command)
@environment_argument
@click.argument("component", required=False, shell_complete=complete_components)
@click.option("--no-browser", is_flag=True, help="Only print the address; open no browser.")
@pass_cli
def open_(run: CliContext, name: str, component: str | None, no_browser: bool) -> None:
    """Print the URL of a component, and open it in a browser.

    COMPONENT may be left out if only one has a URL. In a local cloud the URL is below `localhost`,
    where a proxy of the cloud forwards to the component.
    """
    found = connected_serve(run).get(f"/v1/environments/{name_in_path(name)}")
    chosen = _choose(found, component)
    address = found["urls"][chosen]
    if proxy := run.settings.client.name_proxy:
        address = proxied_url(chosen, found["name"], proxy)
    if run.output == "json":
        print_json({"component": chosen, "url": address})
    else:
        print_line(address)
    if why := _trouble(found, chosen):
        click.echo(f"it may not answer yet: {why}", err=True)
    if not no_browser:
        _open(address)


def _choose(found: Mapping[str, Any], component: str | None) -> str:
    """Return the component to open. Raises `InvalidInput` and `Conflict`."""
    urls, name = found["urls"], found["name"]
    if not urls:
        raise Conflict(
            f"{name} has no URL: it is {found['phase']}",
            hint=f"`gromit env explain {name}` says why",
        )
    if component is None and len(urls) == 1:
        return str(next(iter(urls)))
    if component in urls:
        return str(component)
    what = "several components with a URL" if component is None else f"no URL of {component!r}"
    raise InvalidInput(f"{name} has {what}", hint=f"name one of {', '.join(sorted(urls))}")


def _trouble(found: Mapping[str, Any], component: str) -> str:
    """Return why a component may not answer; empty if nothing speaks against it."""
    shown = (found.get("components") or {}).get(component) or {}
    dns = shown.get("dns") or {}
    if problem := shown.get("problem"):
        return str(problem)
    return "" if dns.get("state") in {None, "published"} else f"its name is {dns['state']}"


def _open(address: str) -> None:
    """Open a browser. One without a window of its own must not keep the command."""
    opened: list[bool] = []
    opening = threading.Thread(target=lambda: opened.append(webbrowser.open(address)), daemon=True)
    opening.start()
    opening.join(_OPENING_S)
    if opened == [False]:
        click.echo("no browser was found: open the address above", err=True)
