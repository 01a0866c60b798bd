"""Looking at a local cloud, and having it go up and down, from another process than its own. Quick to import."""

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
from gromit.local.cloud.supervisor import read_supervisor_state, tether

EchoFn = Callable[[str], None]
"""Called with one short line whenever something visible happens."""

_UP = (sys.executable, "-m", "gromit", "local", "up")

_ERROR, _HINT = "gromit: ", "  hint: "
"""How the lines of an error begin."""

_DOWN = 180.0
"""Seconds that a whole cloud may take to go down by itself."""


def folder(path: Path) -> CloudPaths:
    """The layout of a cloud in `path`, which may be relative."""
    return CloudPaths(Path(os.path.abspath(path)))  # noqa: PTH100 - resolve() would follow links, and the path is shown to people


def detach(
    place: CloudPaths,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    say: EchoFn,
    *,
    tied: bool = False,
) -> None:
    """Have another process run `gromit local up ARGUMENTS`, and wait until the cloud is ready.

    If `tied`, the cloud goes down when this process ends, however it does.
    Raises `BackendError` with the error of that process if the cloud is not to be.
    """
    network.require_linux()
    place.logs.mkdir(parents=True, exist_ok=True)
    output = place.logs / "cloud.log"
    before = output.stat().st_size if output.exists() else 0
    with output.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*(tether() if tied else ()), *_UP, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            start_new_session=True,
        )
    pause, said = threading.Event(), 0
    try:
        while process.poll() is None:
            ready = is_up(place, process.pid)
            lines = _lines(output, before)
            for line in lines[said:]:
                if not line.startswith(
                    (_ERROR, _HINT)
                ):  # it is about to end, and they are raised then
                    say(line)
            said = len(lines)
            if ready:
                return
            pause.wait(0.1)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    why, hint = error_tail(_lines(output, before))
    raise BackendError(f"the local cloud did not come up: {why}", hint=hint or f"see {place.logs}")


def error_tail(lines: Sequence[str]) -> tuple[str, str | None]:
    """Of what a command of the product wrote before it failed: its error, and the hint of it; else the last lines."""
    at = next((n for n in reversed(range(len(lines))) if lines[n].startswith(_ERROR)), None)
    if at is None:
        return " | ".join(lines[-3:]), None
    hint = next(
        (line.removeprefix(_HINT) for line in lines[at + 1 :] if line.startswith(_HINT)), None
    )
    return lines[at].removeprefix(_ERROR), hint


def down(place: CloudPaths, say: EchoFn) -> bool:
    """Bring a cloud down, so that no process of it is left; False if it was not up."""
    record = read_supervisor_state(place.processes)
    if record is None:
        return False
    was_up = record.supervisor.alive()
    if was_up:
        say("asking the cloud to go down")
        record.supervisor.signal(signal.SIGTERM)
        if processes.wait_for_exit([record.supervisor], _DOWN):
            say("it does not; making it")
            processes.terminate(
                [*processes.descendants(record.supervisor.pid), record.supervisor], 1
            )
    left = read_supervisor_state(place.processes) or record
    processes.terminate(left.processes, 10)
    return was_up


def is_up(place: CloudPaths, pid: int | None = None) -> bool:
    """Whether a cloud is up and ready (and run by the process `pid`, if given)."""
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
    addresses = _addresses(layout.read_state(place))
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
            "log": str(place.logs / f"{part.name}.log"),
        }
        for part in record.parts
    ]


def _addresses(facts: CloudState | None) -> dict[str, str]:
    """URLs of the parts that have one."""
    if facts is None:
        return {}
    return {
        "aws": facts.url("aws"),
        "serve": facts.url("serve", "https"),
        "gateway": facts.url("gateway"),
    }


def _lines(path: Path, start: int) -> list[str]:
    """The whole lines of a file from byte `start` on."""
    with path.open("rb") as file:
        file.seek(start)
        return [line.decode(errors="replace") for line in file.read().split(b"\n")[:-1] if line]
