"""Errors of commands on standard error: for people, or with `-o json` as one object."""

import errno
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise

import click

from gromit.core.text import visible
from gromit.errors import ConfigError, ConfigRootUnusable, GromitError, InvalidInput, Suspended

EXIT_CODES: Mapping[type[GromitError], int] = {
    ConfigError: 2,
    InvalidInput: 2,
    Suspended: 5,
    ConfigRootUnusable: 78,
}
FAILED, BUG, PARTLY, INTERRUPTED = 1, 3, 4, 130
_NEWLINE = "\n"
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of an output that cannot take more."""
_JSON_OPTIONS = frozenset({"-ojson", "--output=json"})


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for JSON, also one that cannot be parsed."""
    spelled = any(pair in {("-o", "json"), ("--output", "json")} for pair in pairwise(arguments))
    return spelled or not _JSON_OPTIONS.isdisjoint(arguments)


def report_error(error: GromitError, *, as_json: bool) -> int:
    """Print an error and return its exit code."""
    _say(error.message, error.hint, error.code, as_json=as_json)
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), FAILED)


def report_usage(error: click.ClickException, *, as_json: bool) -> int:
    """Print an error of click like all others. A group without a command gets its help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    text = " ".join(error.format_message().split())
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else None
    _say(
        text[:1].lower() + text[1:].rstrip("."),
        f"run `{path or 'gromit'} --help` for usage",
        "usage",
        as_json=as_json,
    )
    return error.exit_code


def report_full_disk(error: OSError, *, as_json: bool) -> int | None:
    """Print that output cannot be written, and return the exit code; None for another error."""
    if error.errno not in _UNWRITABLE:
        return None
    discard_output()
    where = f" to {error.filename}" if error.filename else ""
    _say(f"cannot write{where}: {error.strerror}", None, "failed", as_json=as_json)
    return FAILED


def no_such_command(
    word: str, known: Sequence[str], groups: Mapping[str, Sequence[str]], ctx: click.Context
) -> click.UsageError:
    """Return the error for an unknown word, with similar commands and those of that name below."""
    # Only an error needs it.
    from difflib import get_close_matches  # noqa: PLC0415

    similar = get_close_matches(word, known)
    below = [f"{group} {word}" for group, commands in groups.items() if word in commands]
    found = [f"`gromit {command}`" for command in [*below, *similar]]
    guess = f"; did you mean {' or '.join(found)}?" if found else ""
    return click.UsageError(f"No such command {word!r}{guess}", ctx)


def discard_output() -> None:
    """Drop what was not written yet. Python would try to write it at its end, and fail again."""
    with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _say(message: str, hint: str | None, code: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"error": message, "code": code, "hint": hint}), err=True)
        return
    # A message may consist of several lines, and may quote what others wrote.
    click.echo(f"gromit: {visible(message, keep=_NEWLINE)}", err=True)
    if hint:
        click.echo(f"  hint: {visible(hint, keep=_NEWLINE)}", err=True)
