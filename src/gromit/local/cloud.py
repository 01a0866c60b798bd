"""A local cloud as a whole: brought up in a folder, kept running, looked at, and brought down again.

Certificates, the token and the config root are made by the product's own commands, and its parts are the product's own processes.
"""

import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gromit.adapters import catalogue_file
from gromit.errors import BackendError, Conflict
from gromit.local import layout, network, processes
from gromit.local.assembly import GROMIT, Assembly, account
from gromit.local.layout import Facts, Layout
from gromit.local.platform import make_platform
from gromit.local.supervisor import Supervisor, read_record, terminate_on_signals, tether

Say = Callable[[str], None]
"""Called with one short line whenever something visible happens."""

PORTS = ("aws", "dns", "serve", "health", "gateway")

_START = 60.0
"""Seconds that a part may take to be ready."""

_DOWN = 180.0
"""Seconds that a whole cloud may take to go down by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What can be chosen for a cloud; domain and region only when it is made."""

    domain: str | None = None
    region: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    """Ports, by the names of `PORTS`; the others are the former ones, or free ones."""


def run(place: Layout, wishes: Wishes, environ: Mapping[str, str], say: Say) -> None:
    """Bring a cloud up and keep it up until SIGINT or SIGTERM, then down. Raises `Conflict` if it is up already.

    This process must have no children of its own: all that are left at the end are ended.
    """
    network.require_linux()
    stop = threading.Event()
    terminate_on_signals(stop)
    for folder in (place.root, place.logs):
        folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(place), closing(_claim(place)) as claim:
        facts = _facts(place, wishes, claim.ranges)
        parts = Supervisor(place.processes, place.logs, stop, alone=True)
        try:
            _assemble(place, facts, environ, parts, say)
            say(f"the local cloud in {place.root} is up")
            parts.mark_ready()
            parts.watch()
        finally:
            say("going down")
            parts.stop()


def detach(place: Layout, arguments: Sequence[str], environ: Mapping[str, str], say: Say, *, tied: bool = False) -> None:
    """Have another process run `gromit local up ARGUMENTS`, and wait until the cloud is ready.

    If `tied`, the cloud goes down when this process ends, however it does.
    Raises `BackendError` with the last lines of the log if the cloud is not to be.
    """
    network.require_linux()
    place.logs.mkdir(parents=True, exist_ok=True)
    output = place.logs / "cloud.log"
    before = output.stat().st_size if output.exists() else 0
    with output.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*(tether() if tied else ()), *GROMIT, "local", "up", *arguments],
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
                say(line)
            said = len(lines)
            if ready:
                return
            pause.wait(0.1)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    last = " | ".join(_lines(output, before)[-3:])
    raise BackendError(f"the local cloud did not come up: {last}", hint=f"see {place.logs}")


def down(place: Layout, say: Say) -> bool:
    """Bring a cloud down, so that no process of it is left; False if it was not up."""
    record = read_record(place.processes)
    if record is None:
        return False
    was_up = record.supervisor.alive()
    if was_up:
        say("asking the cloud to go down")
        record.supervisor.signal(signal.SIGTERM)
        if processes.wait_for_end([record.supervisor], _DOWN):
            say("it does not; making it")
            processes.end([*processes.descendants(record.supervisor.pid), record.supervisor], 1)
    left = read_record(place.processes) or record
    processes.end(left.processes, 10)
    return was_up


def is_up(place: Layout, pid: int | None = None) -> bool:
    """Whether a cloud is up and ready (and run by the process `pid`, if given)."""
    record = read_record(place.processes)
    return record is not None and record.ready and record.supervisor.alive() and pid in {None, record.supervisor.pid}


def status(place: Layout) -> list[dict[str, Any]]:
    """One row per part: state, pid, since when, restarts, address, log."""
    record, facts = read_record(place.processes), layout.read_facts(place)
    lives = record is not None and record.supervisor.alive()
    urls = {} if facts is None else {n: facts.url(n, "https" if n == "serve" else "http") for n in ("aws", "serve", "gateway")}
    return [
        {
            "part": part.name,
            "state": part.state if lives else "down",
            "pid": part.pid if lives else None,
            "since": part.since,
            "restarts": part.restarts,
            "last_exit": part.last_exit,
            "address": urls.get(part.name),
            "log": str(place.logs / f"{part.name}.log"),
        }
        for part in (record.parts if record else ())
    ]


# ── preparing ──


@contextmanager
def _alone_in(place: Layout) -> Iterator[None]:
    """Hold the folder's lock."""
    with place.lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"the local cloud in {place.root} is up already", hint="see `gromit local status`") from error
        yield


def _claim(place: Layout) -> network.Claim:
    facts = layout.read_facts(place)
    return network.claim_ranges(str(place.root)) if facts is None else network.claim_again(facts.ranges)


def _facts(place: Layout, wishes: Wishes, ranges: network.Ranges) -> Facts:
    """The facts as they were, or new ones, with ports that are free now."""
    domain, region = wishes.domain or "dev.gromit.test", wishes.region or "eu-central-1"
    facts = layout.read_facts(place) or Facts(domain=domain, region=region, ranges=ranges)
    if wishes.domain not in {None, facts.domain} or wishes.region not in {None, facts.region}:
        had = f"domain {facts.domain} and region {facts.region}"
        raise Conflict(f"the cloud in {place.root} has {had}", hint="begin anew in another folder")
    ports: dict[str, int] = {}
    for name in PORTS:
        wanted = wishes.ports.get(name)
        port = network.free_port(wanted or facts.ports.get(name), taken=ports.values())
        if wanted and port != wanted:
            raise Conflict(f"port {wanted} for {name} is in use", hint="give another one, or none")
        ports[name] = port
    facts = replace(facts, ports=ports)
    layout.write_facts(place, facts)
    return facts


def _assemble(place: Layout, facts: Facts, environ: Mapping[str, str], parts: Supervisor, say: Say) -> None:
    """Start the parts in order, and make what they need on the way."""
    first = Assembly(place, facts, environ)
    first.write_files()
    with ThreadPoolExecutor(1) as pool:
        trust = pool.submit(first.make_trust)
        say("starting the emulated AWS")
        parts.start([first.aws()], _START)
        say("making the platform")
        catalogue = catalogue_file.load(_path(environ.get("GROMIT_CATALOGUE")))
        made = make_platform(account(facts), facts.ranges, facts.domain, catalogue)
        say("making certificates and the token")
        trust.result()
    facts = replace(facts, zone_id=made.zone_id, account_id=made.account_id)
    layout.write_facts(place, facts)
    whole = Assembly(place, facts, environ)
    say("starting serve")
    parts.start([whole.serve()], _START)
    say("starting gateway, sow, reap and chitragupta")
    parts.start(whole.others(), _START)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _lines(path: Path, start: int) -> list[str]:
    """The whole lines of a file from byte `start` on."""
    with path.open("rb") as file:
        file.seek(start)
        return [line.decode(errors="replace") for line in file.read().split(b"\n")[:-1] if line]


def folder(path: Path) -> Layout:
    """The layout of a cloud in `path`, which may be relative."""
    return Layout(Path(os.path.abspath(path)))  # noqa: PTH100 - resolve() would follow links, and the path is shown to people
