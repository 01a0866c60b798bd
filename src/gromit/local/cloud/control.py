"""Control of a local cloud from another process: bring it up and down, and show its status.

This module is quick to import.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gromit.errors import BackendError
from gromit.local.cloud import layout, network, processes
from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.supervisor import die_with_parent, read_supervisor_state

EchoFn = Callable[[str], None]
"""Called with one short line for each visible event."""

_UP = (sys.executable, "-m", "gromit", "local", "up")

_ERROR, _HINT = "gromit: ", "  hint: "
"""Beginnings of the lines of an error."""

_DOWN_TIMEOUT = 180.0
"""Seconds that a cloud may take to go down after SIGTERM."""


def folder(path: Path) -> CloudPaths:
    """Return the paths of a cloud in `path`, which may be relative."""
    # Unlike Path.resolve, this keeps links: people see the path that they gave.
    return CloudPaths(Path(os.path.abspath(path)))  # noqa: PTH100


def detach(
    place: CloudPaths,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    echo: EchoFn,
    *,
    tied: bool = False,
) -> None:
    """Run `gromit local up ARGUMENTS` in another process, and wait until the cloud is ready.

    If `tied`, the cloud goes down when this process ends, however it ends. Raises `BackendError`
    with the error of that process if the cloud does not come up.
    """
    network.require_linux()
    place.make_folders()
    output = place.logs / "cloud.log"
    before = output.stat().st_size if output.exists() else 0
    with output.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*(die_with_parent() if tied else ()), *_UP, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            start_new_session=True,
        )
    try:
        ready = _follow(process, place, lambda: _lines(output, before), echo)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    if not ready:
        reason, hint = error_tail(_lines(output, before))
        raise BackendError(
            f"the local cloud did not come up: {reason}", hint=hint or f"See {place.logs}."
        )


def _follow(
    process: subprocess.Popen[bytes],
    place: CloudPaths,
    read_lines: Callable[[], list[str]],
    echo: EchoFn,
) -> bool:
    """Echo the output of a process until its cloud is ready; return False if it ends before."""
    pause, echoed = threading.Event(), 0
    while process.poll() is None:
        # Before the output: all lines up to "is up" are echoed.
        ready = is_up(place, process.pid)
        lines = read_lines()
        for line in lines[echoed:]:
            # `detach` raises the lines of an error, when the process has ended.
            if not line.startswith((_ERROR, _HINT)):
                echo(line)
        echoed = len(lines)
        if ready:
            return True
        pause.wait(0.1)
    return False


def error_tail(lines: Sequence[str]) -> tuple[str, str | None]:
    """Return the last error and its hint in the output of a command; else the last three lines."""
    errors = [number for number, line in enumerate(lines) if line.startswith(_ERROR)]
    if not errors:
        return " | ".join(lines[-3:]), None
    last = errors[-1]
    hints = [line for line in lines[last + 1 :] if line.startswith(_HINT)]
    hint = hints[0].removeprefix(_HINT) if hints else None
    return lines[last].removeprefix(_ERROR), hint


def down(place: CloudPaths, echo: EchoFn) -> bool:
    """Bring a cloud down, with all its processes; return False if it was not up."""
    record = read_supervisor_state(place.processes)
    if record is None:
        return False
    was_up = record.supervisor.alive()
    if was_up:
        echo("asking the cloud to go down")
        record.supervisor.signal(signal.SIGTERM)
        if processes.wait_for_exit([record.supervisor], _DOWN_TIMEOUT):
            echo("it did not go down in time; killing it")
            below = processes.descendants(record.supervisor.pid)
            processes.terminate([*below, record.supervisor], 1)
    # A killed supervisor may leave parts, which its last record names.
    left = read_supervisor_state(place.processes) or record
    processes.terminate(left.processes, 10)
    return was_up


def is_up(place: CloudPaths, pid: int | None = None) -> bool:
    """Whether a cloud is up and ready, and run by the process `pid` if given."""
    record = read_supervisor_state(place.processes)
    return (
        record is not None
        and record.ready
        and record.supervisor.alive()
        and pid in {None, record.supervisor.pid}
    )


def status(place: CloudPaths) -> list[dict[str, Any]]:
    """Return one row for each part: state, pid, since when, restarts, address and log."""
    record = read_supervisor_state(place.processes)
    if record is None:
        return []
    facts = layout.read_state(place)
    addresses, metrics = _addresses(facts), _metrics(facts)
    alive = record.supervisor.alive()
    return [
        {
            "part": part.name,
            # The record of a dead supervisor is out of date: its parts ended with it.
            "state": part.state if alive else "down",
            "pid": part.pid if alive else None,
            "since": part.since,
            "restarts": part.restarts,
            "last_exit": part.last_exit,
            "address": addresses.get(part.name),
            "metrics": metrics.get(part.name),
            "log": str(place.logs / f"{part.name}.log"),
        }
        for part in record.parts
    ]


def _metrics(facts: CloudState | None) -> dict[str, str]:
    """URLs of metrics. A cloud that an earlier release has started has none of the gateway."""
    if facts is None:
        return {}
    ports = {"serve": "health", "gateway": "metrics"}
    return {
        part: f"{facts.url(port)}/metrics" for part, port in ports.items() if port in facts.ports
    }


def _addresses(facts: CloudState | None) -> dict[str, str]:
    """URLs of the parts that have one."""
    if facts is None:
        return {}
    found = {
        "aws": facts.url("aws"),
        "serve": facts.url("serve", "https"),
        "gateway": facts.url("gateway"),
    }
    return {**found, **({"login": facts.url("login")} if facts.people else {})}


def _lines(path: Path, start: int) -> list[str]:
    """Return the complete lines of a file from byte `start` on."""
    with path.open("rb") as file:
        file.seek(start)
        return [line.decode(errors="replace") for line in file.read().split(b"\n")[:-1] if line]
