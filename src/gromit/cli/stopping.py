"""Stop signals of long-running commands."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def on_stop_signal(stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` for SIGTERM and SIGINT while the block runs, then restore the old handlers.

    `stop` runs in the main thread between two of its steps, so it must return at once.
    Raises `KeyboardInterrupt` after a clean end by SIGINT, as everything does that Ctrl-C ends.
    """
    seen: set[int] = set()

    def handle(number: int, _frame: object) -> None:
        seen.add(number)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if signal.SIGINT in seen:
        raise KeyboardInterrupt
