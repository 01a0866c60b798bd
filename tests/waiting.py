"""Waiting for a real condition, for a bounded time."""

from collections.abc import Callable
from threading import Event
from time import monotonic


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is so; fails if it does not become so in time."""
    deadline, pause = monotonic() + seconds, Event()
    while not condition():
        assert monotonic() < deadline, f"{what}: not within {seconds} s"
        pause.wait(0.05)
