"""Simulated programs in this process: they meet on loopback addresses, as their containers do."""

import _thread
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import IPv4Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from gromit.local.aws.mongo import MongoServer
from gromit.local.aws.simulated import running
from gromit.local.aws.simulated.broker import Broker
from gromit.local.aws.simulated.dashboard import Dashboard, Sink
from gromit.local.aws.simulated.gateway import Gateway
from gromit.local.aws.simulated.messages import HttpRequest
from gromit.local.aws.simulated.program import ProgramContext, ProgramDeath, SimulatedProgram
from gromit.local.aws.simulated.pump import Pump
from gromit.local.aws.simulated.running import RunningProgram
from gromit.local.aws.simulated.settings import ProgramSettings
from tests.local.conftest import eventually
from tests.waiting import PATIENCE_S

Ranges = tuple[IPv4Network, IPv4Network]
NODE, KEY = "node-secret", "gateway-secret"


class Ended(Exception):
    """A program has waited long enough for a test."""


class Network:
    """Programs that listen on addresses of their own until the end of a test."""

    def __init__(self, network: IPv4Network, folder: Path, stack: ExitStack) -> None:
        self._network, self._folder, self._stack = network, folder, stack
        self._next = 400

    def address(self) -> str:
        """Return a new address."""
        self._next += 1
        return str(self._network[self._next])

    def run(self, program: str, port: int, tree: dict[str, Any] | None = None) -> str:
        """Run a program with a config file; return its address."""
        address = self.address()
        folder = self._folder / address
        folder.mkdir()
        (folder / "x.conf").write_text(json.dumps(tree or {}))
        spec = {
            "simulated": program,
            "addresses": [address],
            "command": ["--conf=/conf/x.conf"],
            "config": str(folder),
            "config_path": "/conf",
            "dns_port": None,
            "retry_s": 0.05,
            "patience_s": 0.2,
        }
        made = RunningProgram(spec, {"component": program})
        listener = self._stack.enter_context(socket.create_server((address, port)))
        self._stack.callback(listener.shutdown, socket.SHUT_RDWR)
        threading.Thread(target=_serve, args=(listener, made), daemon=True).start()
        self._stack.callback(made.close)
        made.begin()
        return address

    def mongo(self) -> str:
        """Run a Mongo server; return its URL."""
        address = self.address()
        server = MongoServer(address).start()
        self._stack.callback(server.stop)
        return f"mongodb://{address}:27017/x"


def _serve(listener: socket.socket, program: RunningProgram) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=program.serve, args=(connection,), daemon=True).start()


@pytest.fixture
def network(ranges: Ranges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    deaths: list[str] = []
    monkeypatch.setattr(running, "_die", lambda words, _code: deaths.append(words))
    stop = threading.Event()

    def pause(seconds: float) -> None:
        if stop.wait(seconds):
            raise SystemExit  # ends the thread of a program silently

    monkeypatch.setattr(running, "time", SimpleNamespace(sleep=pause))
    before = _thread._count()
    with ExitStack() as stack:
        stack.callback(stop.set)
        yield Network(ranges[0], tmp_path, stack)
    # Until then `_die` must not be the real one, which ends the process.
    eventually(lambda: _thread._count() <= before)
    assert deaths == []


def get(address: str, port: int, path: str, **headers: str) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://{address}:{port}{path}"
    answer = httpx2.get(url, headers=named, timeout=PATIENCE_S, trust_env=False)
    return answer.status_code, answer.json()


def test_a_gateway_registers_with_a_dashboard_that_has_its_stores(network: Network) -> None:
    redis, mongo = network.run("redis", 6379), network.mongo()
    dashboard = network.run(
        "tyk-dashboard",
        3000,
        {
            "license_key": "bought",
            "shared_node_secret": NODE,
            "redis_host": redis,
            "mongo_url": mongo,
        },
    )
    url = f"http://{dashboard}:3000"
    gateway = network.run(
        "tyk-gateway",
        8181,
        {
            "secret": KEY,
            "node_secret": NODE,
            "use_db_app_configs": True,
            "db_app_conf_options": {"connection_string": url},
            "storage": {"host": redis},
        },
    )
    eventually(lambda: get(gateway, 8181, "/ready")[0] == 200)
    assert get(gateway, 8181, "/hello")[1]["status"] == "pass"
    assert get(gateway, 8181, "/tyk/apis", x_tyk_authorization=KEY) == (200, [])
    assert get(gateway, 8181, "/tyk/reload", x_tyk_authorization=KEY)[0] == 200
    assert get(gateway, 8181, "/tyk/other", x_tyk_authorization=KEY)[0] == 404
    assert get(gateway, 8181, "/tyk/apis")[0] == 403
    assert get(gateway, 8181, "/nowhere")[0] == 404
    assert get(gateway, 8181, "/") == (200, {"component": "tyk-gateway"})
    assert get(dashboard, 3000, "/register/node")[0] == 403
    assert get(dashboard, 3000, "/register/node", authorization=NODE)[1]["Status"] == "OK"
    assert get(dashboard, 3000, "/other")[0] == 404
    assert get(dashboard, 3000, "/admin/x", admin_auth="")[0] == 403
    posted = httpx2.post(f"http://{redis}:6379/", timeout=PATIENCE_S, trust_env=False)
    assert posted.status_code == 405
    with socket.create_connection((redis, 6379), PATIENCE_S) as client:
        client.sendall(b"*1\r\n$4\r\nKEYS\r\n")
        assert client.recv(64).startswith(b"-ERR")


def test_second_ports_answer_health_only(network: Network) -> None:
    redis, mongo = network.run("redis", 6379), network.mongo()
    sink = network.run(
        "tyk-sink",
        9091,
        {"license": "x", "storage": {"host": redis}, "analytics": {"mongo_url": mongo}},
    )
    pump = network.run(
        "tyk-pump",
        8080,
        {"health_check_endpoint_port": 8084, "m": {"mongo_url": mongo}, "s": {"host": redis}},
    )
    eventually(lambda: get(sink, 8181, "/health")[0] == 200)
    assert get(pump, 8084, "/health")[0] == 200
    assert get(pump, 8084, "/")[0] == 404
    broker = network.run("tyk-identity-broker", 3010, {"Secret": "s"})
    assert get(broker, 3010, "/health")[0] == 200
    assert get(broker, 3010, "/api/profiles/1", authorization="s")[0] == 404


# ── programs alone ──


def context(
    tree: dict[str, Any],
    files: Callable[[str], dict[str, bytes] | None] = lambda _path: {},
    said: list[str] | None = None,
) -> ProgramContext:
    """Return surroundings without peers, in which a fifth pause ends the program."""
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 4:
            raise Ended

    lines = said if said is not None else []
    return ProgramContext(
        settings=ProgramSettings(tree),
        variables={},
        files=files,
        address="127.0.0.1",
        dns_port=None,
        retry_s=1.0,
        patience_s=2.0,
        say=lines.append,
        pause=pause,
    )


def ask(program: SimulatedProgram, path: str, method: str = "GET", body: bytes = b"") -> int:
    answer = program.answer(HttpRequest(method, path, {}, body))
    return answer.status if answer else 0


@pytest.mark.parametrize(
    ("program", "tree", "words"),
    [
        (Gateway, {"use_db_app_configs": True}, "Node secret is not set"),
        (Dashboard, {}, "license_key is empty"),
        (Sink, {}, "license is empty"),
    ],
)
def test_a_program_that_cannot_start_says_why(
    program: type[SimulatedProgram], tree: dict[str, Any], words: str
) -> None:
    with pytest.raises(ProgramDeath, match=words) as caught:
        program(context(tree)).start()
    assert caught.value.code == 1


@pytest.mark.parametrize("program", [Pump, Dashboard])
def test_a_program_waits_for_mongo_and_ends(program: type[SimulatedProgram]) -> None:
    said: list[str] = []
    tree = {"x": {"mongo_url": "mongodb://mongo.nowhere/x"}}
    with pytest.raises(ProgramDeath, match=r"lookup mongo\.nowhere: no such host"):
        program(context(tree, said=said)).work()
    assert len(said) == 2


def test_a_gateway_without_its_peers_goes_on_and_fails_only_without_all() -> None:
    tree = {
        "node_secret": NODE,
        "use_db_app_configs": True,
        "db_app_conf_options": {"connection_string": "nonsense"},
        "storage": {"host": "redis.nowhere"},
    }
    gateway, said = Gateway(context(tree)), list[str]()
    gateway.start()
    with pytest.raises(Ended):
        gateway.work()
    answer = gateway.answer(HttpRequest("GET", "/hello", {}, b""))
    assert answer
    assert (answer.status, answer.body["status"]) == (200, "fail")
    assert "no dashboard in the connection string" in json.dumps(answer.body)
    assert said == []
    assert ask(gateway, "/ready") == 503
    assert ask(gateway, "/tyk/apis") == 200


def test_apis_of_a_folder_are_served_by_their_kind() -> None:
    files = {
        "a.json": b'{"name": "a", "use_keyless": true, "proxy": {"listen_path": "/a/"}}',
        "b.json": b'{"name": "b", "proxy": {"listen_path": "/b/"}}',
        "c.json": b"nonsense",
    }
    said: list[str] = []
    gateway = Gateway(context({"app_path": "/conf/apps"}, lambda _path: files, said))
    gateway.start()
    assert [ask(gateway, path) for path in ("/a/x", "/b/", "/c/")] == [200, 401, 0]
    assert "/conf/apps/c.json is not the definition of an API" in said
    assert "loads 2 APIs from /conf/apps" in said


def test_a_gateway_without_a_folder_of_its_own_serves_samples() -> None:
    gateway = Gateway(context({"secret": KEY}, lambda _path: None))
    gateway.start()
    assert ask(gateway, "/sample-5/") == 200


def test_a_broker_without_secrets_warns_and_takes_profiles() -> None:
    said: list[str] = []
    tree = {"TykAPISettings": {"GatewayConfig": {"Endpoint": "http://tyk.nowhere", "Port": "1"}}}
    broker = Broker(context(tree, said=said))
    broker.start()
    broker.look_up_hosts()
    with pytest.raises(Ended):
        broker.work()
    assert [line.partition(":")[0] for line in said] == [
        "warning",
        "warning",
        "TykAPISettings.GatewayConfig.Endpoint",
    ]
    assert ask(broker, "/api/profiles/1", "POST", b"{}") == 201
    assert ask(broker, "/api/profiles/1") == 200
    assert ask(broker, "/api/profiles/2", "POST", b"nonsense") == 400
    assert ask(broker, "/other") == 0
