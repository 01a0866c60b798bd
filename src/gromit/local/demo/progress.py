"""Progress of long steps on standard error: live on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.text import Text

from gromit.errors import GromitError


@dataclass(frozen=True, slots=True)
class CompletedStep:
    """A completed step."""

    name: str
    seconds: float
    verified: bool
    detail: str
    """Observation of the step, or the reason of its failure."""


class Display(Protocol):
    """Display of progress."""

    def begin(self, name: str) -> None:
        """Show that a step begins."""
        ...

    def note(self, text: str) -> None:
        """Show an observation of the running step."""
        ...

    def end(self, step: CompletedStep) -> None:
        """Show that a step has ended."""
        ...


class PlainProgress:
    """Plain lines; the same note is not repeated."""

    def __init__(self, console: Console) -> None:
        self._console, self._last = console, ""

    def begin(self, name: str) -> None:
        """Show that a step begins."""
        self._print(f"… {name}")

    def note(self, text: str) -> None:
        """Show an observation of the running step, unless it is the last one again."""
        if text != self._last:
            self._last = text
            self._print(f"    {text}")

    def end(self, step: CompletedStep) -> None:
        """Show the result of a step."""
        mark = "✓" if step.verified else "✗"
        detail = f": {step.detail}" if step.detail else ""
        self._print(f"{mark} {step.name} ({step.seconds:.1f} s){detail}")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


class LiveProgress(PlainProgress):
    """Live line for a terminal: the running step, below the steps that have ended."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._status = console.status("")
        self._name = ""

    def begin(self, name: str) -> None:
        """Show the step until it ends."""
        self._name = name
        # A new status for each step: one that starts again overwrites lines above it.
        self._status = self._console.status(Text(name))
        self._status.start()

    def note(self, text: str) -> None:
        """Show an observation beside the running step."""
        self._status.update(Text.assemble(f"{self._name}: ", (text, "dim")))

    def end(self, step: CompletedStep) -> None:
        """Replace the running step by its result."""
        self._status.stop()
        super().end(step)


def display(console: Console | None = None) -> Display:
    """Return the display that fits standard error."""
    console = console or Console(stderr=True, highlight=False)
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)


@dataclass(slots=True)
class StepLog:
    """Log of the steps so far."""

    display: Display
    steps: list[CompletedStep] = field(default_factory=list)
    detail: str = ""
    """Observation of the running step, which may set it."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the block as a step, and log its result; a step that raises has failed."""
        self.detail = ""
        self.display.begin(name)
        started = time.monotonic()
        try:
            yield
        except GromitError as error:
            self._end(name, started, error.message, verified=False)
            raise
        except BaseException:
            self._end(name, started, "interrupted", verified=False)
            raise
        self._end(name, started, self.detail, verified=True)

    def _end(self, name: str, started: float, detail: str, *, verified: bool) -> None:
        step = CompletedStep(name, time.monotonic() - started, verified, detail)
        self.steps.append(step)
        self.display.end(step)
