"""AWS's program `session-manager-plugin`, which joins a terminal to a session at AWS."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from gromit.adapters.aws.exec_session import ExecSession, SessionTarget
from gromit.errors import ConfigError

PROGRAM = "session-manager-plugin"
_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
_READS_VARIABLE = (1, 2, 497)
"""First version that reads the session from a variable: all users of a machine see arguments."""
_VERSION_S = 10
"""Longest time to wait for the version."""
_PASSED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
"""Signals of the terminal that are for the program in the container."""


def find_plugin() -> str:
    """Return the path of the program. Raises `ConfigError` if it is not installed."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise ConfigError(
            f"{PROGRAM} is not installed",
            hint="install AWS's Session Manager plugin, and have it on the PATH",
        )
    return found


def join_session(plugin: str, session: ExecSession, target: SessionTarget, endpoint: str) -> int:
    """Join this process's terminal to a session until it ends; return the program's exit code.

    `endpoint` is the URL of the service `ssm`.
    """
    response = json.dumps(
        {
            "SessionId": session.id,
            "StreamUrl": session.stream_url,
            "TokenValue": session.token,
        }
    )
    environ, first = dict(os.environ), response
    if _version(plugin) >= _READS_VARIABLE:
        environ[_VARIABLE], first = response, _VARIABLE
    parameters = json.dumps({"Target": target.name})
    command = [plugin, first, target.region, "StartSession", "", parameters, endpoint]
    with _signals_for_the_program():
        code = subprocess.run(command, env=environ, check=False).returncode  # noqa: S603 - found above
    return 128 - code if code < 0 else code


def _version(plugin: str) -> tuple[int, ...]:
    """Return the version of the program; an empty one if it does not say it."""
    try:
        said = subprocess.run(  # noqa: S603 - found above
            [plugin, "--version"], capture_output=True, timeout=_VERSION_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said.decode(errors="replace"))
    return tuple(int(number) for number in found.groups()) if found else ()


@contextmanager
def _signals_for_the_program() -> Iterator[None]:
    """Let signals of the terminal end only the program in the container."""
    # A handler, because a program would inherit that a signal is ignored.
    before = {number: signal.signal(number, lambda *_: None) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
