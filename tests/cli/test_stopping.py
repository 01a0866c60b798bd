"""Stop signals of long-running commands."""

import os
import signal
from contextlib import nullcontext

import pytest

from gromit.cli.stopping import on_stop_signal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_calls_the_function_and_the_old_handler_comes_back(number: int) -> None:
    calls, before = list[str](), signal.getsignal(number)
    interrupts = pytest.raises(KeyboardInterrupt) if number == signal.SIGINT else nullcontext()
    with interrupts, on_stop_signal(lambda: calls.append("stop")):
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
    assert calls == ["stop", "stop"]
    assert signal.getsignal(number) == before
