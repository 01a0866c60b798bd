"""Waits for a real condition with a time limit."""

from collections.abc import Callable
from threading import Event
from time import monotonic

PATIENCE_S = 60.0
"""Longest wait for what must happen. Only a failure takes all of it, so a slow machine has time."""


def wait_for(what: str, condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait until a condition holds; fail after the time limit."""
    deadline, pause = monotonic() + seconds, Event()
    while not condition():
        assert monotonic() < deadline, f"{what}: not within {seconds} s"
        pause.wait(0.05)
