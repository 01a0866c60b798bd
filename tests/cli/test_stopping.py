"""Stop signals of long-running commands."""

import os
import signal

import pytest

from gromit.cli.stopping import on_stop_signal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_calls_the_function_and_the_old_handler_comes_back(number: int) -> None:
    calls, before = list[str](), signal.getsignal(number)
    with on_stop_signal(lambda: calls.append("stop")):
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
    assert calls == ["stop", "stop"]
    assert signal.getsignal(number) == before
