"""Lines about what a command waits for, on standard error."""

import os
import shutil
import sys

import click

from gromit.core.text import visible

_ERASE = "\r\x1b[K"
"""Return to the begin of the line, and erase it."""


class LiveLines:
    """Prints states, and below them progress that a terminal shows in one live line.

    Elsewhere, such as in the log of a job, each change is a line.
    """

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._is_drawn = False
        self._state = ""
        self._progress = ""

    def state(self, text: str) -> None:
        """Print a state if it has changed."""
        if text != self._state:
            self._state = text
            self.message(text)

    def message(self, text: str) -> None:
        """Print a line that stays."""
        self.clear()
        click.echo(visible(text), err=True)

    def progress(self, text: str) -> None:
        """Show progress if it has changed; an empty text ends the live line."""
        if text == self._progress:
            return
        self._progress = text
        if not self._is_live:
            if text:
                click.echo(visible(text), err=True)
            return
        self.clear()
        if text:
            # One column is left free: some terminals wrap a line that fills the last one.
            columns = shutil.get_terminal_size().columns - 1
            click.echo(_cut(visible(text), columns), err=True, nl=False)
            self._is_drawn = True

    def clear(self) -> None:
        """Erase the live line, so that other lines can be printed."""
        if self._is_drawn:
            click.echo(_ERASE, err=True, nl=False)
            self._is_drawn = False


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else f"{text[: columns - 1]}…"
