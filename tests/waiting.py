"""Waits for a real condition with a time limit."""

from collections.abc import Callable
from threading import Event
from time import monotonic


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until a condition holds; fail after the time limit."""
    deadline, pause = monotonic() + seconds, Event()
    while not condition():
        assert monotonic() < deadline, f"{what}: not within {seconds} s"
        pause.wait(0.05)
