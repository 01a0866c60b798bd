"""Floods of serve, of its health check and of the gateway, with healthy clients beside them."""

import json
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

import structlog.testing
from prometheus_client import CollectorRegistry

from gromit.adapters.security.token_file import TokenFile
from gromit.bootstrap.machine import now_ms
from gromit.bootstrap.serve import ServeParts, api_deps
from gromit.config.schema import Settings
from gromit.core.security.roles import Role
from gromit.core.security.tokens import TokenPermission, make_grant
from gromit.services.tokens import TokenInputs, Tokens
from gromit.web.api.app import build_app
from gromit.web.api.audit import RequestAudit
from gromit.web.api.changes import ChangeHub
from gromit.web.gateway.app import GatewayDeps, build_gateway, with_access_log
from gromit.web.gateway.upstream import Upstream, upstream_client
from gromit.web.server.health import health_app
from gromit.web.server.limits import ClientLimits, RateLimit
from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import ServerTls
from gromit.web.tls import CertificateFiles, ClientTls
from tests.fakes.authority import Files, TestCa
from tests.fakes.clients import tls_context
from tests.fakes.images import FakeImages
from tests.fakes.run_output import FakeRunOutput
from tests.fakes.running_containers import FakeRunningContainers
from tests.fakes.store import MemoryStore
from tests.fakes.task_output import FakeTaskOutput
from tests.prove.suite import Effort, Proof, Suite, Violation
from tests.services.registry import CATALOGUE

_ROUNDS, _QUICK_ROUNDS = 60, 2
"""Times that each healthy client asks during a flood."""
_QUICK_CASES = 2
_QUICK_LIMITS = ClientLimits(
    connections=48, peer_connections=16, kept_connections=8, address_connections=24, handshakes=64
)
_PAUSE_S = 0.02
_TIMEOUT_S = 20
_GET = b"GET /healthcheck HTTP/1.1\r\nhost: x\r\n"
_POST = b"POST /gromit/newbuild HTTP/1.1\r\nhost: x\r\nauthorization: wrong\r\n"

Address = tuple[str, int]
Opener = Callable[[], socket.socket]


@dataclass(frozen=True, slots=True)
class _Place:
    """A serve with its health check, a gateway before it, and certificates."""

    ca: TestCa
    serve: Address
    health: Address
    gateway: Address
    token: str

    def context(self, name: str, role: Role) -> ssl.SSLContext:
        files = self.ca.leaf(name, role)
        return tls_context(files, files.ca)


@contextmanager
def _running(folder: Path, limits: ClientLimits) -> Iterator[_Place]:
    ca, changes = TestCa(folder / "ca"), ChangeHub()
    serve = _serve(ca.leaf("serve", "server"), changes, limits)
    sources = TokenInputs(now_ms, lambda: b"s" * 32, lambda: "id0")
    tokens = Tokens(TokenFile(folder / "tokens.json"), sources)
    token, _ = tokens.new(make_grant(["tyk"], list(TokenPermission)))
    own = ca.leaf("gateway", Role.GATEWAY)
    with serve.running():
        tls = ClientTls(CertificateFiles(own.cert, own.key, own.ca))
        client = upstream_client(f"https://{serve.address()}", tls)
        upstream = Upstream(client, timedelta(seconds=_TIMEOUT_S))
        deps = GatewayDeps(tokens.recognise, upstream, RateLimit(100_000), now_ms)
        around = with_access_log(now_ms)
        front = Listener(build_gateway(deps), "127.0.0.1:0", None, limits, around)
        gateway = Server(front, grace_s=1)
        with gateway.running():
            serves, healths, gateways = map(
                _address, (serve.address(0), serve.address(1), gateway.address())
            )
            yield _Place(ca, serves, healths, gateways, token)


def _serve(files: Files, changes: ChangeHub, limits: ClientLimits) -> Server:
    parts = ServeParts(
        MemoryStore(),
        FakeImages(),
        CATALOGUE,
        changes,
        FakeTaskOutput(),
        FakeRunOutput(),
        FakeRunningContainers(),
    )
    tls = ServerTls(CertificateFiles(files.cert, files.key, files.ca))
    return Server(
        Listener(build_app(api_deps(Settings(), parts)), "127.0.0.1:0", tls, limits, RequestAudit),
        Listener(health_app(CollectorRegistry(), lambda: None), "127.0.0.1:0", None, limits),
        on_stop=changes.close,
        grace_s=1,
    )


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host, int(port)


# ── floods ────────────────────────────────────────────────────────────────────────────────────────


def _plain(address: Address, sent: bytes) -> socket.socket:
    stream = socket.create_connection(address, _TIMEOUT_S)
    stream.sendall(sent)
    stream.setblocking(False)
    return stream


def _secured(address: Address, contexts: list[ssl.SSLContext], sent: bytes) -> socket.socket:
    plain = socket.create_connection(address, _TIMEOUT_S)
    stream = random.choice(contexts).wrap_socket(plain, server_hostname="localhost")
    stream.sendall(sent)
    stream.setblocking(False)
    return stream


def _half_handshakes(place: _Place) -> Opener:
    return partial(_plain, place.serve, b"")


def _slow_heads_at_the_gateway(place: _Place) -> Opener:
    return partial(_plain, place.gateway, _GET + b"x: ")


def _slow_heads_at_the_health_check(place: _Place) -> Opener:
    return partial(_plain, place.health, _GET + b"x: ")


def _slow_bodies(place: _Place) -> Opener:
    return partial(_plain, place.gateway, _POST + b"content-length: 1000\r\n\r\n{")


def _idle_after_a_request(place: _Place) -> Opener:
    return partial(_plain, place.health, _GET + b"\r\n")


def _refused_requests(place: _Place) -> Opener:
    return partial(_plain, place.gateway, (_POST + b"content-length: 2\r\n\r\n{}") * 5)


def _oversized_bodies(place: _Place) -> Opener:
    return partial(_plain, place.gateway, _POST + b"content-length: 70000\r\n\r\n" + b"x" * 70_000)


def _streams(place: _Place) -> Opener:
    contexts = [place.context("viewer", Role.VIEWER)]
    return partial(_secured, place.serve, contexts, b"GET /v1/changes HTTP/1.1\r\nhost: x\r\n\r\n")


def _slow_heads_with_a_certificate(place: _Place) -> Opener:
    return partial(_secured, place.serve, [place.context("viewer", Role.VIEWER)], _GET + b"x: ")


def _many_certificates(place: _Place) -> Opener:
    contexts = [place.context(f"viewer-{number}", Role.VIEWER) for number in range(8)]
    return partial(_secured, place.serve, contexts, _GET + b"\r\n")


def _strangers(place: _Place) -> Opener:
    stranger = TestCa(place.ca.folder / "strangers", "strangers").leaf("eve", Role.OPERATOR)
    context = tls_context(stranger, str(place.ca.path))
    return partial(_secured, place.serve, [context], _GET + b"\r\n")


FLOODS: Mapping[str, Callable[[_Place], Opener]] = {
    "half handshakes": _half_handshakes,
    "slow heads at the gateway": _slow_heads_at_the_gateway,
    "slow heads at the health check": _slow_heads_at_the_health_check,
    "slow bodies at the gateway": _slow_bodies,
    "idle connections after a request": _idle_after_a_request,
    "refused requests": _refused_requests,
    "oversized bodies": _oversized_bodies,
    "streams of a viewer": _streams,
    "slow heads of a viewer": _slow_heads_with_a_certificate,
    "many certificates": _many_certificates,
    "certificates of strangers": _strangers,
}


def _flood(opener: Opener, crowd: int, stop: threading.Event, begun: threading.Event) -> None:
    """Hold connections, and reopen those that the server closes."""
    held: list[socket.socket] = []
    while not stop.wait(_PAUSE_S):
        held = [stream for stream in held if _is_open(stream)]
        for _ in range(crowd - len(held)):
            if stop.is_set():
                break
            with suppress(OSError):
                held.append(opener())
        begun.set()
    for stream in held:
        stream.close()


def _is_open(stream: socket.socket) -> bool:
    try:
        while stream.recv(65536):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        pass
    stream.close()
    return False


# ── healthy clients ───────────────────────────────────────────────────────────────────────────────


def _ask(
    connection: HTTPConnection, method: str, path: str, body: object = None, token: str = ""
) -> int:
    content = None if body is None else json.dumps(body)
    headers = {"Authorization": token} if token else {}
    try:
        connection.request(method, path, content, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _healthy(place: _Place, operator: ssl.SSLContext, worker: ssl.SSLContext) -> Iterator[str]:
    """Ask as each healthy client does; yield what failed."""
    secured, plain = partial(HTTPSConnection, *place.serve), partial(HTTPConnection)
    build = {"repo": "tyk", "ref": "app-test", "sha": "sha-1"}
    claim = {"kind": "reap", "holder": "reap", "nonce": "n"}
    requests: Mapping[str, Callable[[], int]] = {
        "operator": lambda: _ask(
            secured(context=operator, timeout=_TIMEOUT_S), "GET", "/v1/environments"
        ),
        "worker": lambda: _ask(
            secured(context=worker, timeout=_TIMEOUT_S), "POST", "/v1/claims", claim
        ),
        "build": lambda: _ask(
            plain(*place.gateway, timeout=_TIMEOUT_S),
            "POST",
            "/gromit/newbuild",
            build,
            place.token,
        ),
        "health check": lambda: _ask(
            plain(*place.health, timeout=_TIMEOUT_S), "GET", "/healthcheck"
        ),
    }
    for client, request in requests.items():
        try:
            status = request()
        except (OSError, HTTPException) as error:
            yield f"{client}: {error!r}"
        else:
            if status not in {200, 204}:
                yield f"{client}: {status}"


def _search(effort: Effort) -> Proof:
    names = list(FLOODS)
    limits, rounds = ClientLimits(), _ROUNDS
    if effort.is_quick:
        names = random.Random(effort.seed).sample(names, _QUICK_CASES)
        limits, rounds = _QUICK_LIMITS, _QUICK_ROUNDS
    violations: list[Violation] = []
    with structlog.testing.capture_logs():
        for number, name in enumerate(names):
            effort.say(name)
            folder = effort.folder / str(number)
            folder.mkdir()
            failures = _failures(folder, limits, name, rounds)
            if failures:
                problem = f"{len(failures)} of {4 * rounds} requests failed: {failures[:5]}"
                violations.append(Violation(name, problem))
    note = f"{4 * rounds} healthy requests beside each of {len(names)} floods"
    return Proof(len(names), tuple(violations), (note,))


def _failures(folder: Path, limits: ClientLimits, name: str, rounds: int) -> list[str]:
    stop, begun = threading.Event(), threading.Event()
    with _running(folder, limits) as place:
        operator, worker = place.context("bob", Role.OPERATOR), place.context("sow", Role.WORKER)
        crowd = limits.connections + 40
        flood = threading.Thread(
            target=_flood, args=(FLOODS[name](place), crowd, stop, begun), daemon=True
        )
        flood.start()
        try:
            begun.wait(60)
            return [f for _ in range(rounds) for f in _healthy(place, operator, worker)]
        finally:
            stop.set()
            flood.join()


SUITE = Suite(
    "A flood of serve, its health check or the gateway makes no request of a healthy client fail.",
    _search,
)
