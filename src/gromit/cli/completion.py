"""`gromit completion`, and the names that a shell completes: environments, components, phases.

Names come from serve. They are kept for a moment in the user's cache, and while serve is away there
are none: a shell must neither wait nor get an error in place of a word.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gromit.cli import Command
from gromit.core.environments.phases import Phase
from gromit.errors import InvalidInput

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from gromit.config.schema import Settings

SHELLS = ("bash", "zsh", "fish")
KEPT_S = 30.0
"""Age at which kept names are asked for again."""
PATIENCE_S = 2.0
"""Longest wait for serve."""
_VARIABLE = "_GROMIT_COMPLETE"
"""Variable by which click knows that a shell asks."""

Names = Mapping[str, list[str]]
"""Components by environment."""


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, environments and components.

    For this shell only: eval "$(gromit completion bash)". For all: put that line into ~/.bashrc.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    found = get_completion_class(shell)
    if found is None:
        raise InvalidInput(f"there is no completion for {shell}", hint="use bash, zsh or fish")
    root = ctx.find_root().command
    click.echo(found(root, {}, "gromit", _VARIABLE).source())


def environment_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument NAME, which shells complete."""
    return click.argument("name", shell_complete=complete_environments)(command)


def complete_environments(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Return environments that begin like a word."""
    return _items(_names(), incomplete)


def complete_components(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Return components of the environment of the command, or of all if it has no such one."""
    names = _names()
    given = ctx.params.get("name")
    every = sorted({component for found in names.values() for component in found})
    return _items(names.get(str(given)) or every, incomplete)


def complete_phases(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Return phases for the last word of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    return _items(
        (f"{before}{comma}{phase}" for phase in (*Phase, "all")), f"{before}{comma}{last}"
    )


def _items(words: Iterable[str], incomplete: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem  # noqa: PLC0415

    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _names() -> Names:
    """Return the kept names, or those of serve; none if it is away."""
    found: list[Names] = []

    def look() -> None:
        with suppress(Exception):
            found.append(_kept_or_asked())

    # A thread, because no time limit of a connection bounds the whole of it.
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return found[0] if found else {}


def _kept_or_asked() -> Names:
    # Settings and clients are slow to import, and other commands do not need them.
    from gromit.adapters.private_files import write_atomically  # noqa: PLC0415
    from gromit.config.load import load_usable_settings  # noqa: PLC0415

    settings = load_usable_settings(os.environ)[0].settings
    path = _cache(settings)
    with suppress(OSError, ValueError):
        if time.time() - path.stat().st_mtime < KEPT_S:
            kept: Names = json.loads(path.read_text(encoding="utf-8"))
            return kept
    names = _asked(settings)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, json.dumps(names).encode())
    return names


def _asked(settings: "Settings") -> Names:
    from gromit.bootstrap.clients import serve_client  # noqa: PLC0415

    with closing(serve_client(settings)) as serve:
        views = sorted(serve.pages(), key=lambda view: str(view["name"]))
    return {view["name"]: sorted(view.get("components") or {}) for view in views}


def _cache(settings: "Settings") -> Path:
    """Return the file of the names of one installation."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    address = f"{settings.serve.url} {settings.gateway.url}"
    digest = hashlib.sha256(address.encode()).hexdigest()[:12]
    return Path(home) / "gromit" / f"names-{digest}.json"
