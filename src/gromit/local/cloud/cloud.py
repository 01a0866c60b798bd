"""A local cloud as a whole: brought up in a folder, kept running, looked at, and brought down again.

Certificates, the token and the config root are made by the product's own commands, and its parts are the product's own processes.
"""

import fcntl
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

from gromit.errors import Conflict
from gromit.local.cloud import layout, network, processes, variables
from gromit.local.cloud import parts as assembly
from gromit.local.cloud.control import EchoFn, folder
from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.parts import CloudParts, emulated_account
from gromit.local.cloud.platform import make_platform
from gromit.local.cloud.supervisor import Supervisor, read_supervisor_state, terminate_on_signals
from gromit.local.cloud.trust import make_trust

__all__ = ["PORTS", "CloudOptions", "folder", "run_cloud"]

PORTS = ("aws", "dns", "serve", "health", "gateway")

_ENDING = 90.0
"""Seconds that the parts of a former supervisor have to end; an interrupted terraform takes up to 60."""

_START = 60.0
"""Seconds that a part may take to be ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudOptions:
    """What can be chosen for a cloud; domain and region only when it is made."""

    domain: str | None = None
    region: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    """Ports, by the names of `PORTS`; the others are the former ones, or free ones."""


def run_cloud(
    place: CloudPaths, wishes: CloudOptions, environ: Mapping[str, str], say: EchoFn
) -> None:
    """Bring a cloud up and keep it up until SIGINT or SIGTERM, then down. Raises `Conflict` if it is up already.

    This process must have no children of its own: all that are left at the end are ended.
    """
    network.require_linux()
    stop = threading.Event()
    terminate_on_signals(stop)
    for made in (place.root, place.logs):
        made.mkdir(parents=True, exist_ok=True)
    with _alone_in(place), closing(_claim(place)) as claim:
        _wait_for_former(place)
        facts = _facts(place, wishes, claim.ranges, environ, say)
        environ = {**environ, **variables.components(facts)}
        parts = Supervisor(place.processes, place.logs, stop, alone=True)
        try:
            _assemble(place, facts, environ, parts, say)
            say(f"the local cloud in {place.root} is up")
            parts.mark_ready()
            parts.watch()
        finally:
            say("going down")
            parts.stop()


# ── preparing ──


@contextmanager
def _alone_in(place: CloudPaths) -> Iterator[None]:
    """Hold the folder's lock."""
    with place.lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"the local cloud in {place.root} is up already", hint="see `gromit local status`"
            ) from error
        yield


def _wait_for_former(place: CloudPaths) -> None:
    """Wait until the parts of a supervisor that was killed have ended: they are told to, and may still write."""
    record = read_supervisor_state(place.processes)
    if record is not None:
        processes.terminate(record.processes, _ENDING)


def _claim(place: CloudPaths) -> network.RangeReservation:
    facts = layout.read_state(place)
    return (
        network.claim_ranges(str(place.root))
        if facts is None
        else network.reclaim_ranges(facts.ranges)
    )


def _facts(
    place: CloudPaths,
    wishes: CloudOptions,
    ranges: network.Ranges,
    environ: Mapping[str, str],
    say: EchoFn,
) -> CloudState:
    """The facts as they were, or new ones, with ports that are free now."""
    domain, region = wishes.domain or "dev.gromit.test", wishes.region or "eu-central-1"
    facts = layout.read_state(place) or CloudState(domain=domain, region=region, ranges=ranges)
    if wishes.domain not in {None, facts.domain} or wishes.region not in {None, facts.region}:
        had = f"domain {facts.domain} and region {facts.region}"
        raise Conflict(f"the cloud in {place.root} has {had}", hint="begin anew in another folder")
    facts = _with_components(facts, environ, say)
    ports: dict[str, int] = {}
    for name in PORTS:
        wanted = wishes.ports.get(name)
        port = network.free_port(wanted or facts.ports.get(name), taken=ports.values())
        if wanted and port != wanted:
            raise Conflict(f"port {wanted} for {name} is in use", hint="give another one, or none")
        ports[name] = port
    facts = replace(facts, ports=ports)
    layout.write_state(place, facts)
    return facts


def _with_components(facts: CloudState, environ: Mapping[str, str], say: EchoFn) -> CloudState:
    """With what the variables say of components, as far as they are set, also if to nothing; else as it was.

    Raises `ConfigError` for a catalogue that is not good.
    """
    kept = variables.components(facts)
    for name, value in kept.items():
        if value and name not in environ:
            say(f"{name}={value}, as before; `{name}= gromit local up` does without")
    catalogue, repositories = ({**kept, **environ}[name] for name in kept)
    if catalogue:
        catalogue = os.path.abspath(catalogue)  # noqa: PTH100 - as the user typed it, links and all
    facts = replace(facts, catalogue=catalogue or "", repositories=repositories)
    assembly.cloud_catalogue(facts)
    return facts


def _assemble(
    place: CloudPaths, facts: CloudState, environ: Mapping[str, str], parts: Supervisor, say: EchoFn
) -> None:
    """Start the parts in order, and make what they need on the way."""
    first = CloudParts(place, facts, environ)
    first.write_files()
    with ThreadPoolExecutor(1) as pool:
        trust = pool.submit(make_trust, place, environ)
        say("starting the emulated AWS")
        parts.start([first.aws()], _START)
        say("making the platform")
        made = make_platform(
            emulated_account(facts),
            facts.ranges,
            facts.domain,
            assembly.cloud_catalogue(replace(facts, repositories="")),
        )
        say("making certificates and the token")
        trust.result()
    facts = replace(facts, zone_id=made.zone_id, account_id=made.account_id)
    layout.write_state(place, facts)
    whole = CloudParts(place, facts, environ)
    say("starting serve")
    parts.start([whole.serve()], _START)
    say("starting gateway, sow, reap and chitragupta")
    parts.start(whole.others(), _START)
