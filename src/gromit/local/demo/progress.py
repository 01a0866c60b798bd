"""Progress of something that takes minutes: live on a terminal, plain lines elsewhere; on standard error."""

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
    """One step that was taken."""

    name: str
    seconds: float
    verified: bool
    detail: str
    """What was seen; why it failed, if it did."""


class Display(Protocol):
    """Where progress is shown."""

    def begin(self, name: str) -> None:
        """A step begins."""
        ...

    def note(self, text: str) -> None:
        """Something is seen on the way."""
        ...

    def end(self, step: CompletedStep) -> None:
        """A step has ended."""
        ...


class PlainProgress:
    """Plain lines, none said twice in a row."""

    def __init__(self, console: Console) -> None:
        self._console, self._last = console, ""

    def begin(self, name: str) -> None:
        """A step begins."""
        self._print(f"… {name}")

    def note(self, text: str) -> None:
        """Something is seen on the way."""
        if text != self._last:
            self._last = text
            self._print(f"    {text}")

    def end(self, step: CompletedStep) -> None:
        """A step has ended."""
        self._print(
            f"{'✓' if step.verified else '✗'} {step.name} ({step.seconds:.1f} s){_after(step)}"
        )

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


class LiveProgress(PlainProgress):
    """On a terminal: what goes on now, below the steps that have ended, until the step ends."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._status = console.status("")
        self._name = ""

    def begin(self, name: str) -> None:
        """A step begins."""
        self._name = name
        # One that was stopped and is started again takes the lines above it for its own, as many as it last had.
        self._status = self._console.status(Text(name))
        self._status.start()

    def note(self, text: str) -> None:
        """Something is seen on the way."""
        self._status.update(Text.assemble(f"{self._name}: ", (text, "dim")))

    def end(self, step: CompletedStep) -> None:
        """A step has ended."""
        self._status.stop()
        super().end(step)


def display(console: Console | None = None) -> Display:
    """The display that fits to standard error."""
    console = console or Console(stderr=True, highlight=False)
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)


@dataclass(slots=True)
class StepLog:
    """The steps taken so far."""

    display: Display
    steps: list[CompletedStep] = field(default_factory=list)
    detail: str = ""
    """What the running step has seen; it may set it."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take a step: time it, and keep how it ended. Errors of ours go on, with the step noted as failed."""
        self.detail = ""
        self.display.begin(name)
        started = time.monotonic()
        try:
            yield
        except GromitError as error:
            self._end(
                CompletedStep(
                    name, time.monotonic() - started, verified=False, detail=error.message
                )
            )
            raise
        except BaseException:
            self._end(
                CompletedStep(
                    name, time.monotonic() - started, verified=False, detail="interrupted"
                )
            )
            raise
        self._end(
            CompletedStep(name, time.monotonic() - started, verified=True, detail=self.detail)
        )

    def _end(self, step: CompletedStep) -> None:
        self.steps.append(step)
        self.display.end(step)


def _after(step: CompletedStep) -> str:
    return f": {step.detail}" if step.detail else ""
