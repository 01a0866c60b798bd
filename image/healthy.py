"""Health check of the image and of task definitions.

    python healthy.py [PID]

It reads the command line of the container (process 1, which may be an init that passes it on), and
asks serve or the gateway at the address from the same settings. A worker has no address, so it is
healthy while it runs.
"""

import ssl
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import click

from gromit import cli
from gromit.errors import GromitError

if TYPE_CHECKING:
    from gromit.config.schema import Settings

_TIMEOUT_S = 10
"""Less than the health check's own 15 s, so that the reason is visible."""

_EVERYWHERE: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}  # noqa: S104 - read, not bound
"""Map from an address to listen on to the address to ask."""


def arguments(line: Sequence[str]) -> list[str] | None:
    """Return gromit's arguments in a command line such as `python …/gromit serve`.

    None for the command line of another program.
    """
    at = next((place for place, word in enumerate(line) if PurePath(word).name == "gromit"), None)
    return None if at is None else list(line[at + 1 :])


def called(words: list[str]) -> tuple[str, "Settings"]:
    """Return the command in `words` (empty if none) and its settings.

    serve and gateway have no options of their own.
    Raises `click.ClickException` or `GromitError` for an invalid call.
    """
    loose = {"ignore_unknown_options": True, "allow_extra_args": True}
    with cli.Command("any", context_settings=loose, add_help_option=False).make_context(
        "gromit", words
    ) as context:
        return next(iter(context.args), ""), context.ensure_object(cli.CliContext).settings


def address(name: str, settings: "Settings") -> str | None:
    """Return the health URL of the part `name`; None if it is not a server."""
    if name == "serve":
        return f"http://{_reachable(settings.serve.health)}/healthcheck"
    if name == "gateway":
        scheme = "https" if settings.gateway.cert else "http"
        return f"{scheme}://{_reachable(settings.gateway.listen)}/healthcheck"
    return None


def ask(url: str) -> None:
    """Get `url` without proxies. Raises `OSError` if the answer is missing or not successful."""
    trust = ssl.create_default_context()
    trust.check_hostname = False  # the certificate names the public address, not this one
    trust.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    opener.open(url, timeout=_TIMEOUT_S).close()


def main(pid: str = "1") -> int:
    """Return 0 if the process `pid` is healthy, or 1 with the reason on standard error."""
    try:
        words = arguments(
            Path("/proc", pid, "cmdline").read_text(encoding="utf-8").split("\0")[:-1]
        )
        if words is None:
            return 0
        url = address(*called(words))
        if url:
            ask(url)
    except (click.ClickException, click.exceptions.Exit, GromitError, OSError) as error:
        print(f"not healthy: {error}", file=sys.stderr)
        return 1
    return 0


def _reachable(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    return f"{_EVERYWHERE.get(host, host)}:{port}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
