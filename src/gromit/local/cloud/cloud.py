"""A local cloud as a whole: bring it up in a folder, keep it running, and bring it down.

The product's own use cases make its certificates, token and config root, and its parts are the
product's own processes.
"""

import fcntl
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace

from gromit.errors import Conflict, InvalidInput
from gromit.local.aws.programs import ProgramFolder, RealProgram, require_namespaces
from gromit.local.cloud import layout, network, processes, variables
from gromit.local.cloud import parts as assembly
from gromit.local.cloud.control import EchoFn, folder
from gromit.local.cloud.layout import CloudPaths, CloudState
from gromit.local.cloud.parts import CloudParts, emulated_account
from gromit.local.cloud.platform import MONGO, make_platform
from gromit.local.cloud.supervisor import Supervisor, read_supervisor_state, terminate_on_signals
from gromit.local.cloud.trust import make_trust
from gromit.local.cloud.worker_logs import WorkerLogs
from gromit.local.login.made_up import DEFAULT, LoginSecrets, describe_people

__all__ = ["PORTS", "CloudOptions", "folder", "run_cloud"]

PORTS = ("aws", "dns", "names", "serve", "health", "gateway")
METRICS_PORT = "metrics"
"""Port of the metrics of the gateway. Those of serve are at `health`."""
LOGIN_PORT = "login"
"""Port of a cloud with a login."""

_GRACE = 90.0
"""Seconds that parts of a former supervisor have to end.

An interrupted terraform takes up to 60 of them.
"""

_START_TIMEOUT = 60.0
"""Seconds that a part may take to be ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudOptions:
    """Options of a cloud; domain and region apply only to a new one."""

    domain: str | None = None
    region: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    """Ports by the names of `PORTS`; for the others, the former or free ones."""
    login: bool | None = None
    """Whether people log in; None: as before."""
    people: Mapping[str, str] = field(default_factory=dict)
    """Role by name of these people; empty: as before, or those of `made_up.DEFAULT`."""
    programs: Mapping[str, RealProgram] = field(default_factory=dict)
    """Real programs by the names of the components that they run for, until the cloud is down."""


def run_cloud(
    place: CloudPaths, options: CloudOptions, environ: Mapping[str, str], echo: EchoFn
) -> None:
    """Bring a cloud up, keep it up until SIGINT or SIGTERM, and bring it down.

    This process must have no other children: at the end all children are terminated. Raises
    `Conflict` if the cloud is up already, and `KeyboardInterrupt` after a clean end by SIGINT.
    """
    network.require_linux()
    stop = threading.Event()
    seen = terminate_on_signals(stop)
    with suppress(KeyboardInterrupt):  # the supervisor raises it when any signal ends a start
        _run_until(stop, place, options, environ, echo)
    if signal.SIGINT in seen:
        raise KeyboardInterrupt


def _run_until(
    stop: threading.Event,
    place: CloudPaths,
    options: CloudOptions,
    environ: Mapping[str, str],
    echo: EchoFn,
) -> None:
    """Run a cloud until `stop` is set."""
    place.make_folders()
    with _alone_in(place), closing(_claim(place)) as claim:
        _wait_for_former(place)
        facts = _facts(place, options, claim.ranges, environ, echo)
        _check_programs(place, facts, options.programs)
        environ = {**environ, **variables.components(facts)}
        parts = Supervisor(place.processes, place.logs, stop, alone=True)
        # Before the workers start, so that it knows what they wrote earlier.
        logs = WorkerLogs(place.logs, lambda: emulated_account(facts).client("logs"))
        try:
            first = CloudParts(place, facts, environ, options.programs)
            _assemble(first, parts, echo)
            if facts.people:
                who = describe_people(facts.people)
                echo(f"log in without a password at {facts.url('gateway')} as {who}")
            echo(f"the local cloud in {place.root} is up")
            parts.mark_ready()
            logs.start()
            parts.watch()
        finally:
            echo("going down")
            parts.stop(before_the_first=logs.finish)


# ── preparing ──


@contextmanager
def _alone_in(place: CloudPaths) -> Iterator[None]:
    """Hold the folder's lock."""
    with place.lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"the local cloud in {place.root} is up already", hint="Run `gromit local status`."
            ) from error
        yield


def _wait_for_former(place: CloudPaths) -> None:
    """Terminate the parts of a killed supervisor, and wait until they have ended.

    Until then they may still write to the folder.
    """
    record = read_supervisor_state(place.processes)
    if record is not None:
        processes.terminate(record.processes, _GRACE)


def _claim(place: CloudPaths) -> network.RangeReservation:
    facts = layout.read_state(place)
    if facts is None:
        return network.claim_ranges(str(place.root))
    return network.reclaim_ranges(facts.ranges)


def _facts(
    place: CloudPaths,
    options: CloudOptions,
    ranges: network.Ranges,
    environ: Mapping[str, str],
    echo: EchoFn,
) -> CloudState:
    """Return the state of the former start, or a new one, with ports that are free now."""
    domain, region = options.domain or "dev.gromit.test", options.region or "eu-central-1"
    facts = layout.read_state(place) or CloudState(domain=domain, region=region, ranges=ranges)
    if options.domain not in {None, facts.domain} or options.region not in {None, facts.region}:
        had = f"domain {facts.domain} and region {facts.region}"
        raise Conflict(
            f"the cloud in {place.root} has {had}", hint="Make a new one in another folder."
        )
    facts = _with_components(facts, environ, echo)
    grace = environ.get(variables.GRACE) or "0"
    facts = replace(facts, people=_people(options, facts), grace=grace)
    logins = (LOGIN_PORT,) if facts.people else ()
    names = (*PORTS, METRICS_PORT, *logins)
    facts = replace(facts, ports=_ports(names, options.ports, facts.ports))
    layout.write_state(place, facts)
    return facts


def _people(options: CloudOptions, facts: CloudState) -> Mapping[str, str]:
    """Return the people with a login, none for a cloud without one."""
    if options.login is False:
        return {}
    default = DEFAULT if options.login else {}
    return options.people or facts.people or default


def _ports(
    names: Iterable[str], requested: Mapping[str, int], former: Mapping[str, int]
) -> dict[str, int]:
    """Return a free port for each name. Raises `Conflict` if a requested one is in use."""
    ports: dict[str, int] = {}
    for name in names:
        preferred = requested.get(name)
        port = network.free_port(preferred or former.get(name), taken=ports.values())
        if preferred and port != preferred:
            raise Conflict(
                f"port {preferred} for {name} is in use",
                hint="Choose another port, or omit the option.",
            )
        ports[name] = port
    return ports


def _with_components(facts: CloudState, environ: Mapping[str, str], echo: EchoFn) -> CloudState:
    """Return the state with the catalogue settings of the environment (empty counts).

    Settings that are not in the environment stay as stored. Raises `ConfigError` for an invalid
    catalogue.
    """
    stored = variables.components(facts)
    for name, value in stored.items():
        if value and name not in environ:
            echo(f"{name}={value}, as before; `{name}= gromit local up` unsets it")
    catalogue, repositories = ({**stored, **environ}[name] for name in stored)
    if catalogue:
        # Unlike Path.resolve, this keeps links.
        catalogue = os.path.abspath(catalogue)  # noqa: PTH100
    facts = replace(facts, catalogue=catalogue or "", repositories=repositories)
    assembly.cloud_catalogue(facts)
    return facts


def _check_programs(
    place: CloudPaths, facts: CloudState, programs: Mapping[str, RealProgram]
) -> None:
    """Raise `InvalidInput` for a program without a component, and `ConfigError` if none can run."""
    if not programs:
        return
    components = {*assembly.cloud_catalogue(facts).components, MONGO}
    for name in programs:
        if name not in components:
            raise InvalidInput(
                f"there is no component {name} for --program",
                hint=f"Programs can run for {', '.join(sorted(components))}.",
            )
    require_namespaces(ProgramFolder(place.programs))


def _assemble(first: CloudParts, parts: Supervisor, echo: EchoFn) -> None:
    """Start the parts in order, and make what each of them needs before."""
    place, facts, environ = first.place, first.facts, first.environ
    first.write_files()
    for component, program in first.programs.items():
        echo(f"{component} runs {program.path}")
    with ThreadPoolExecutor(1) as pool:
        trust = pool.submit(make_trust, place, environ)
        echo("starting the emulated AWS")
        parts.start([first.aws()], _START_TIMEOUT)
        echo("making the platform")
        made = make_platform(
            emulated_account(facts),
            facts.ranges,
            facts.domain,
            assembly.cloud_catalogue(replace(facts, repositories="")),
        )
        if mongo := first.mongo():
            echo("starting mongo")
            parts.start([mongo], _START_TIMEOUT)
        echo("making certificates and the token")
        trust.result()
    if facts.people:
        LoginSecrets.make(place.login_secrets)
    facts = replace(facts, zone_id=made.zone_id, account_id=made.account_id)
    layout.write_state(place, facts)
    whole = CloudParts(place, facts, environ)
    echo("starting serve")
    parts.start([whole.serve()], _START_TIMEOUT)
    echo("starting gateway, sow, reap and chitragupta")
    parts.start(whole.others(), _START_TIMEOUT)
