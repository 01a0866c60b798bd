"""Results of a step: lines of the log, outputs, and the summary of the job.

Text of other people never starts a line of the log, because there the runner reads commands.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN = 500
"""Characters of a line."""
SUMMARY_BYTES = 1024 * 1024
"""Largest summary of a step that GitHub shows."""
_VALUE = re.compile(r"[A-Za-z0-9 _.,:/{}\"\[\]-]+", re.ASCII)
"""An output of a step: words, an address, or JSON with these."""
_TOKENS = re.compile(
    r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgromit_[A-Za-z0-9_-]{20,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
)
_secrets: set[str] = set()


def keep_secret(secret: str) -> None:
    """Never print this text again, in the log or anywhere else."""
    if len(secret) >= 8:
        _secrets.add(secret)


def masked(text: str) -> str:
    """Return a text without the tokens of this job, and without what looks like another token."""
    for secret in _secrets:
        text = text.replace(secret, "***")
    return _TOKENS.sub("***", text)


def say(text: str) -> None:
    """Print one line for the log."""
    print(f"notify-gromit: {_line(text)}", flush=True)


def note(text: str) -> None:
    """Print one line that GitHub shows as a notice."""
    _annotate("notice", text)


def warn(text: str) -> None:
    """Print one line that GitHub shows as a warning."""
    _annotate("warning", text)


def fail(text: str) -> None:
    """Print one line that GitHub shows as an error."""
    _annotate("error", text)


def _annotate(level: str, text: str) -> None:
    print(f"::{level} title=notify-gromit::{_line(text).replace('%', '%25')}", flush=True)


def _line(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in masked(text))
    return printable.replace("##[", "# [")[:SHOWN]  # ##[ starts a command anywhere


def put_out(variables: Mapping[str, str], **outputs: str) -> None:
    """Write outputs of the step, if they are plain words, addresses or JSON of these."""
    path = variables.get("GITHUB_OUTPUT")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(f"{k}={v}\n" for k, v in outputs.items() if _VALUE.fullmatch(v))


def summarise(variables: Mapping[str, str], markdown: str) -> None:
    """Add Markdown to the summary of the job, if the runner has one and it has room."""
    path = variables.get("GITHUB_STEP_SUMMARY")
    text = masked(markdown)
    if not path or len(text.encode()) > SUMMARY_BYTES:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        warn(f"the summary of the job cannot be written: {error.strerror}")
