"""Real programs in place of components: what they get, what they are seen as, and how they end."""

import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gromit.errors import ConfigError, GromitError, InvalidInput
from gromit.local.aws.containers import (
    ContainerEvent,
    ContainerExited,
    ContainerOutput,
    Containers,
    ContainerSpec,
    ProgramProcess,
)
from gromit.local.aws.dns_server import EmulatedRecords, ZoneRecord
from gromit.local.aws.emulator import ACCOUNT
from gromit.local.aws.fargate import Fargate
from gromit.local.aws.hosts_file import HostsFile
from gromit.local.aws.placement import Host
from gromit.local.aws.programs import (
    PROGRAM_TASK,
    ProgramFolder,
    RealProgram,
    parse_programs,
    require_namespaces,
)
from gromit.local.aws.spec import EmulatorSpec
from tests.local.aws.test_fargate import PORT, Ranges, World, refuses
from tests.local.conftest import REGION, client, eventually, get
from tests.waiting import PATIENCE_S

PROGRAM = """\
import json, os, signal, socket, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/exit":
            print("asked to end", flush=True)
            os._exit(7)
        with open("/etc/hosts") as file:
            names = [line.split()[1] for line in file if line.strip() and line[0] != "#"]
        answer = {
            "arguments": sys.argv[1:],
            "variables": dict(os.environ),
            "config": {name: open(f"/conf/{name}").read() for name in os.listdir("/conf")}
            if os.path.isdir("/conf") else None,
            "writable": os.access("/conf", os.W_OK),
            "folder": os.getcwd(),
            "pid": os.getpid(),
            "names": names,
            "own": socket.gethostbyname("tyk.app-test.internal")
            if "tyk.app-test.internal" in names else None,
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

def end(*_):
    print("ends in order", flush=True)
    os._exit(0)

signal.signal(signal.SIGTERM, end)
if os.fork() == 0:
    signal.pause()
print("starts", sys.argv[1:], file=sys.stderr, flush=True)
if ":" in sys.argv[-1]:
    ThreadingHTTPServer.address_family = socket.AF_INET6
ThreadingHTTPServer((sys.argv[-1], int(sys.argv[-2])), Handler).serve_forever()
"""
GROUP = "/gromit/app-test"
LOGGING = {
    "logDriver": "awslogs",
    "options": {
        "awslogs-group": GROUP,
        "awslogs-region": REGION,
        "awslogs-stream-prefix": "tyk",
    },
}


class ProgramWorld(World):
    """A world in which the component `tyk` is a real program."""

    patience_s = PATIENCE_S

    def __init__(self, folder: Path, ranges: Ranges, command: str) -> None:
        self._programs = parse_programs([f"tyk={command}"], os.environ)
        self._folder = ProgramFolder(folder / "programs")
        self._folder.make()
        super().__init__(folder, ranges)

    def make_fargate(self, host: Host) -> Fargate:
        host = replace(
            host, programs=self._programs, program_folder=self._folder, patience_s=self.patience_s
        )
        hosts = HostsFile(self._folder.hosts, EmulatedRecords(ACCOUNT, REGION))
        return Fargate(host, self.changed, publish=hosts.update)

    def start(self, *, count: int = 1, **more: Any) -> None:
        """Run the program in a service, and wait until it runs."""
        self.log_output()
        self.serve(self.definition(logConfiguration=LOGGING, **more), count=count)
        eventually(lambda: self.settled(running=count))

    def log_output(self) -> None:
        """Create the log group."""
        self.logs = client(self.emulator.url, "logs")
        self.logs.create_log_group(logGroupName=GROUP)

    def said(self, address: str | None = None) -> dict[str, Any]:
        return get(address or self.addresses()[0], PORT)

    def log(self) -> list[str]:
        """Lines of all its tasks."""
        streams = self.logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
        names = [stream["logStreamName"] for stream in streams]
        assert all(name.startswith("tyk/tyk/") for name in names)
        found = [
            self.logs.get_log_events(logGroupName=GROUP, logStreamName=name)["events"]
            for name in names
        ]
        return [event["message"] for events in found for event in events]


MakeWorld = Callable[[str], ProgramWorld]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A small server, as an executable in a folder of its own."""
    path = tmp_path / "a program" / "server"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable} -I\n{PROGRAM}")
    path.chmod(0o755)
    return path


@pytest.fixture
def make_world(
    tmp_path: Path, ranges: Ranges, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeWorld]:
    """Function from a command to a world in which it runs as `tyk`."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    _skip_without_namespaces(tmp_path)
    worlds: list[ProgramWorld] = []

    def make(command: str) -> ProgramWorld:
        world = ProgramWorld(tmp_path, ranges, command)
        worlds.append(world)
        world.build()
        return world

    yield make
    for world in worlds:
        world.down()


def _skip_without_namespaces(folder: Path) -> None:
    try:
        require_namespaces(ProgramFolder(folder / "trial"))
    except ConfigError as error:
        pytest.skip(str(error))


def test_a_program_gets_all_that_its_container_would_get(
    make_world: MakeWorld, program: Path
) -> None:
    quoted = shlex.quote(str(program))
    world = make_world(f"LISTEN={{address}} LEVEL=debug {quoted} {PORT} {{address}}")
    folder = world.root / "app-test" / "tyk"
    folder.mkdir(parents=True)
    (folder / "tyk.conf").write_text("{}")
    secrets = client(world.emulator.url, "secretsmanager")
    arn = secrets.create_secret(Name="node", SecretString="s3cret")["ARN"]
    world.start(
        config="/app-test/tyk",
        command=["--conf=/conf/tyk.conf"],
        environment=[{"name": "LEVEL", "value": "info"}, {"name": "REGION", "value": "eu"}],
        secrets=[{"name": "NODE", "valueFrom": arn}],
    )
    private, public = world.addresses()
    eventually(lambda: world.said()["own"])
    said = world.said()
    assert said["arguments"] == ["--conf=/conf/tyk.conf", str(PORT), private]
    assert (
        said["variables"].items()
        >= {
            "LEVEL": "debug",
            "REGION": "eu",
            "NODE": "s3cret",
            "LISTEN": private,
        }.items()
    )
    assert said["config"] == {"tyk.conf": "{}"}
    assert not said["writable"]
    assert said["folder"] == str(program.parent)
    assert said["own"] == private
    assert said["pid"] == 1
    assert get(public, PORT)["arguments"] == said["arguments"], "the public address is forwarded"
    assert any(line.startswith("starts ['--conf") for line in world.log())
    assert not Path("/conf").exists()


def test_names_that_appear_and_vanish_are_seen_by_a_program_that_runs(
    make_world: MakeWorld, program: Path
) -> None:
    world = make_world(f"{shlex.quote(str(program))} {PORT} {{address}}")
    world.start()
    zones = client(world.emulator.url, "route53")
    zone = zones.create_hosted_zone(Name="dev.test", CallerReference="z")["HostedZone"]["Id"]

    def change(action: str, name: str) -> None:
        record = {"Name": name, "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "127.0.0.9"}]}
        changes = [{"Action": action, "ResourceRecordSet": record}]
        zones.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    change("CREATE", "mongo.dev.test")
    change("CREATE", "*.dev.test")
    eventually(lambda: "mongo.dev.test" in world.said()["names"])
    assert "localhost" in world.said()["names"]
    change("DELETE", "mongo.dev.test")
    eventually(lambda: "mongo.dev.test" not in world.said()["names"])
    assert not any("*" in name for name in world.said()["names"])


def test_the_end_of_a_program_is_a_stopped_task_with_its_code_and_another_one_starts(
    make_world: MakeWorld, program: Path
) -> None:
    world = make_world(f"{shlex.quote(str(program))} {PORT} {{address}}")
    world.start()
    first, (private, public) = world.tasks()[0]["taskArn"], world.addresses()
    with pytest.raises(Exception, match=r"disconnected|reset|closed"):
        get(public, PORT, "/exit")
    eventually(
        lambda: [t["taskArn"] for t in world.tasks()] not in ([], [first]) and world.settled()
    )
    (stopped,) = world.tasks("STOPPED")
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["containers"][0]["exitCode"] == 7
    assert "asked to end" in world.log()
    assert world.addresses() != (private, public) or world.said()


def test_a_new_deployment_overlaps_with_the_old_one_whose_program_may_end_in_order(
    make_world: MakeWorld, program: Path
) -> None:
    world = make_world(f"{shlex.quote(str(program))} {PORT} {{address}}")
    world.start()
    first, old = world.tasks()[0]["taskArn"], world.addresses()
    world.ecs.update_service(cluster="app-test", service="tyk", forceNewDeployment=True)
    eventually(lambda: world.settled() and world.tasks()[0]["taskArn"] != first)
    eventually(lambda: refuses(old[0]) and refuses(old[1]))
    assert "ends in order" in world.log()
    (stopped,) = world.tasks("STOPPED")
    assert stopped["containers"][0]["exitCode"] == 0


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_programs_that_listen_on_all_addresses_get_those_of_their_tasks(
    make_world: MakeWorld, program: Path, everywhere: str
) -> None:
    world = make_world(f"{shlex.quote(str(program))} {PORT} {everywhere}")
    world.start(count=2)
    addresses = [
        address
        for interface in world.interfaces()
        for address in (interface["PrivateIpAddress"], interface["Association"]["PublicIp"])
    ]
    said = [world.said(address) for address in addresses]
    assert len(said) == 4
    assert {tuple(one["arguments"]) for one in said} == {(str(PORT), everywhere)}
    assert refuses("127.0.0.1"), "no task has this address"


def test_a_file_that_is_no_program_is_a_task_that_stops_with_the_reason(
    make_world: MakeWorld, program: Path
) -> None:
    program.write_text("neither a script nor a program")
    world = make_world(shlex.quote(str(program)))
    world.log_output()
    world.serve(world.definition(logConfiguration=LOGGING))
    eventually(lambda: world.rollout() == "FAILED")
    container = world.tasks("STOPPED")[0]["containers"][0]
    assert container["reason"] == f"cannot run {program}: Exec format error"
    assert container["reason"] in world.log()


def test_a_program_may_end_in_order_when_the_emulator_ends(
    make_world: MakeWorld, program: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    saving = PROGRAM.replace(
        'print("ends in order", flush=True)', 'open(os.environ["KEPT"], "w").close()'
    )
    program.write_text(f"#!{sys.executable} -I\n{saving}")
    world = make_world(f"KEPT={kept} {shlex.quote(str(program))} {PORT} {{address}}")
    world.start()
    world.fargate.stop()
    assert kept.exists()


class ImpatientWorld(ProgramWorld):
    """A world in which a program that does not listen soon counts as started."""

    patience_s = 0.5


def test_a_program_that_listens_elsewhere_runs_and_the_log_says_where_nothing_listens(
    program: Path, tmp_path: Path, ranges: Ranges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    _skip_without_namespaces(tmp_path)
    world = ImpatientWorld(tmp_path, ranges, f"{shlex.quote(str(program))} 18184 {{address}}")
    try:
        world.build()
        world.start()
        private, public = world.addresses()
        assert f"gromit: nothing listens on {private}:{PORT} after 0 s" in world.log()
        assert refuses(public)
        eventually(lambda: not refuses(private, 18184))
        assert get(private, 18184)["pid"] == 1
    finally:
        world.down()


def test_a_flood_of_output_is_slowed_down_and_no_line_is_lost(tmp_path: Path) -> None:
    _skip_without_namespaces(tmp_path)
    folder = ProgramFolder(tmp_path / "programs")
    folder.make()
    process = ProgramProcess(
        path="/bin/sh",
        arguments=("-c", "seq 1 30000 && exit 3"),
        folder=None,
        hosts=str(folder.hosts),
        root=str(folder.root),
    )
    containers, events = Containers(), list[ContainerEvent]()
    spec = ContainerSpec(answer={}, addresses=(), port=None, config=None, program=process)
    begun = time.monotonic()
    containers.start("flood", spec)
    while not any(isinstance(event, ContainerExited) for event in events):
        events += containers.wait(5)
    took_s = time.monotonic() - begun
    containers.close()
    parts = [event.lines for event in events if isinstance(event, ContainerOutput)]
    assert [line for part in parts for line in part] == [str(n) for n in range(1, 30001)]
    assert events[-1] == ContainerExited("flood", 3, "")
    # After the last two parts there is no pause: the program ends while a pipe still holds one.
    paused = [part for part in parts[:-2] if len(part) > 100]
    assert paused, "a pipe and the part before it hold two thirds"
    assert took_s >= sum(map(len, paused)) / 5000


def test_nothing_outlives_the_process_that_started_a_program(program: Path, tmp_path: Path) -> None:
    _skip_without_namespaces(tmp_path)
    folder = ProgramFolder(tmp_path / "programs")
    folder.make()
    length = f"607.{secrets.randbelow(10**9):09}"  # no other test on this machine sleeps as long
    spec: dict[str, Any] = {
        "config": None,
        "config_path": None,
        "addresses": [],
        "port": None,
        "patience_s": 10,
        "program": {
            "path": "/bin/sh",
            "arguments": ["-c", f"sleep {length} & sleep {length}"],
            "folder": None,
            "hosts": str(folder.hosts),
            "root": str(folder.root),
        },
    }
    script = (
        "import json, os, subprocess, sys, time\n"
        "spec = json.dumps({**json.loads(sys.argv[1]), 'parent': os.getpid()})\n"
        "p = subprocess.Popen([*sys.argv[2:], spec], stdout=subprocess.PIPE)\n"
        "p.stdout.readline(); print('up', flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, json.dumps(spec), *PROGRAM_TASK]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout
            assert parent.stdout.readline() == b"up\n"
            eventually(lambda: len(_sleepers(length)) == 2)
        finally:
            parent.send_signal(signal.SIGKILL)
    eventually(lambda: not _sleepers(length))


def _sleepers(length: str) -> list[str]:
    """Processes of the test above."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes() == f"sleep\0{length}\0".encode():
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


# A system without mount namespaces: their number is limited for each user namespace.
LIMITED = """\
import ctypes, os, sys
user, group = os.getuid(), os.getgid()
if ctypes.CDLL(None).unshare(0x10000000):
    sys.exit("no user namespaces")
for name, text in (
    ("/proc/self/setgroups", "deny"),
    ("/proc/self/uid_map", f"0 {user} 1"),
    ("/proc/self/gid_map", f"0 {group} 1"),
    ("/proc/sys/user/max_mnt_namespaces", "0"),
):
    with open(name, "w") as file:
        file.write(text)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_system_without_mount_namespaces_is_refused_with_words(tmp_path: Path) -> None:
    _skip_without_namespaces(tmp_path)
    launcher = [sys.executable, "-I", "-c", LIMITED]
    with pytest.raises(ConfigError) as caught:
        require_namespaces(ProgramFolder(tmp_path / "programs"), launcher)
    assert str(caught.value) == (
        "this system permits no mount namespace, which --program needs:"
        " unshare: No space left on device"
    )
    assert "max_mnt_namespaces" in str(caught.value.hint)


def test_a_program_is_given_as_a_command_of_a_shell(program: Path) -> None:
    quoted = shlex.quote(str(program))
    found = parse_programs(
        [f"tyk={quoted}", f"redis=A=1 B='x y' {quoted} --bind {{address}} --save ''"],
        {"PATH": "/usr/bin:/bin"},
    )
    assert found["tyk"] == RealProgram(path=str(program), folder=str(program.parent))
    redis = found["redis"]
    assert redis.variables == {"A": "1", "B": "x y"}
    assert redis.arguments_at("127.8.0.4") == ("--bind", "127.8.0.4", "--save", "")
    assert parse_programs(["sh=sh"], {"PATH": "/usr/bin:/bin"})["sh"].folder is None


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["tyk"], "'tyk' names no component and program"),
        (["=x"], "'=x' names no component and program"),
        (["tyk="], "there is no program for tyk"),
        (["tyk=A=1"], "there is no program for tyk"),
        (["tyk=/nowhere/tyk"], "the program of tyk, /nowhere/tyk, is not an executable file"),
        (["tyk=/usr"], "the program of tyk, /usr, is not an executable file"),
        (["tyk='sh"], "cannot read the command of tyk: no closing quotation"),
        (["tyk=sh", "tyk=sh"], "there are two programs for tyk"),
    ],
)
def test_a_text_that_names_no_program_is_refused(texts: list[str], words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_programs(texts, {"PATH": "/usr/bin:/bin"})
    assert str(caught.value) == words
    assert isinstance(caught.value, GromitError)
    assert caught.value.hint


def test_programs_reach_the_process_of_the_emulator(tmp_path: Path) -> None:
    programs = parse_programs(["redis=A=1 sh -c {address}"], {"PATH": "/bin"})
    spec = EmulatorSpec(
        region=REGION,
        port=1,
        dns_port=2,
        state="s",
        config_root="c",
        public="127.9.0.0/16",
        programs=programs,
        program_folder=str(tmp_path),
    )
    assert EmulatorSpec.from_json(spec.command[-1]) == spec


class Names:
    """Record sets that a test chooses."""

    def __init__(self, *records: ZoneRecord) -> None:
        self.records = list(records)

    def record_sets(self) -> list[ZoneRecord]:
        return self.records


def test_the_hosts_file_has_the_addresses_of_aliases(tmp_path: Path) -> None:
    names = Names(
        ZoneRecord("mongo-0.dev.test", "A", 10, ("127.8.0.4",)),
        ZoneRecord("mongo.dev.test", "CNAME", 10, ("mongo-0.dev.test.",)),
        ZoneRecord("lost.dev.test", "CNAME", 10, ("nowhere.test.",)),
    )
    hosts = HostsFile(tmp_path / "hosts", names, tmp_path / "none")
    hosts.update()
    lines = (tmp_path / "hosts").read_text().splitlines()
    assert lines[1:] == ["127.8.0.4 mongo-0.dev.test", "127.8.0.4 mongo.dev.test"]
    hosts.close()


def test_the_hosts_file_keeps_its_inode_and_never_gets_shorter(tmp_path: Path) -> None:
    system, path = tmp_path / "system", tmp_path / "hosts"
    system.write_text("127.0.0.1 localhost")
    names = Names(
        ZoneRecord("a.internal", "A", 10, ("127.8.0.4", "127.8.0.5")),
        ZoneRecord("dev.test", "SOA", 10, ("ns. host. 1 1 1 1 1",)),
        ZoneRecord("*.dev.test", "A", 10, ("127.8.0.6",)),
    )
    hosts = HostsFile(path, names, system)
    hosts.update()
    inode, size = path.stat().st_ino, path.stat().st_size
    assert path.read_text() == ("127.0.0.1 localhost\n127.8.0.4 a.internal\n127.8.0.5 a.internal\n")
    names.records = []
    hosts.update()
    assert path.read_text().split() == ["127.0.0.1", "localhost"]
    assert (path.stat().st_ino, path.stat().st_size) == (inode, size)
    hosts.close()
