"""The client of serve, against a real serve and against servers that misbehave."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytest

from gromit.core.environments.claims import Claim, NoWork
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.run_progress import RunProgress
from gromit.core.environments.wakes import Watcher
from gromit.core.environments.worker_protocol import Problem
from gromit.core.security.roles import Role
from gromit.core.stack.contract import StateMark
from gromit.core.stack.made import MadeComponent, MadeStack
from gromit.core.stack.task_output import StoppedTask
from gromit.errors import (
    BackendError,
    Conflict,
    GromitError,
    InvalidInput,
    NotFound,
    Temporary,
    TrustError,
)
from gromit.local.cloud.network import free_port
from gromit.web.announcements import Announcement
from gromit.web.clients.connections import ClientRequest, ClientResponse, HttpConnections
from gromit.web.clients.environments import ServeEnvironments
from gromit.web.clients.retries import RETRIES
from gromit.web.clients.serve import ServeChanges, ServeClient
from gromit.web.clients.worker_queue import ServeQueue, new_worker_id
from gromit.web.tls import REFUSED, CertificateFiles, ClientTls
from tests.fakes.authority import Files, TestCa, now
from tests.fakes.queue import a_claim
from tests.fakes.retries import AT_ONCE
from tests.fakes.upstream import StandIn
from tests.waiting import PATIENCE_S, wait_for
from tests.web.serving import GRACE_S, Certificates, Emulator, Serve, eventually, serving

Behaviour = Callable[[socket.socket], None]
"""Reaction of a server after it has read the head of a request."""


@dataclass
class Broken:
    """A server with one behaviour per connection; the last one serves all later connections."""

    behaviours: list[Behaviour]
    requests: list[bytes] = field(default_factory=list)
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    ended: threading.Event = field(default_factory=threading.Event)

    @cached_property
    def http(self) -> HttpConnections:
        """Connections to this server."""
        host, port = self.listener.getsockname()
        return HttpConnections(f"http://{host}:{port}")

    @property
    def client(self) -> ServeClient:
        """A client that gives up soon only where the server says nothing."""
        self._expect(0)
        return ServeClient(self.http, AT_ONCE)

    def _expect(self, number: int) -> None:
        behaviour = self.behaviours[min(number, len(self.behaviours) - 1)]
        self.http.read_s = 0.3 if behaviour is _silent else PATIENCE_S

    def serve(self) -> None:
        while not self.ended.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            # A client that gives up, or is closed, ends its connection at any moment.
            with connection, suppress(OSError):
                connection.settimeout(PATIENCE_S)
                request = _read(connection)
                if b"\r\n\r\n" not in request:
                    continue
                self.requests.append(request)
                self._expect(len(self.requests))
                self.behaviours[min(len(self.requests), len(self.behaviours)) - 1](connection)


def _read(connection: socket.socket) -> bytes:
    """Read one request with its body, or what its client sends before the end."""
    request = b""
    while b"\r\n\r\n" not in request and (more := connection.recv(4096)):
        request += more
    length = re.search(rb"content-length: (\d+)", request, re.IGNORECASE)
    whole = request.find(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
    while len(request) < whole and (more := connection.recv(4096)):
        request += more
    return request


@contextmanager
def _broken(*behaviours: Behaviour) -> Iterator[Broken]:
    server = Broken(list(behaviours))
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join(PATIENCE_S)
        server.http.close()


def _answering(status: int, body: bytes, *headers: str) -> Behaviour:
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
        "",
        "",
    ]
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + body)


def _hanging_up(_connection: socket.socket) -> None:
    """End the connection without a response."""


def _silent(connection: socket.socket) -> None:
    connection.recv(1)  # until the client gives up


def _half(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"level":')


def _babbling(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n" * 3)


OK = _answering(200, b'{"level":"info"}')
BUSY = _answering(
    503, b'{"error":"table busy","code":"temporary","hint":"later"}', "Retry-After: 5"
)


# ── faults that pass ──────────────────────────────────────────────────────────────────────────────


FAULTS: dict[str, tuple[Behaviour, str]] = {
    "hangs up": (_hanging_up, "the connection to serve at http://127.0.0.1:.* broke"),
    "says nothing": (_silent, "serve at http://127.0.0.1:.* did not answer in time"),
    "stops half-way": (_half, "the connection to serve at http://127.0.0.1:.* broke"),
    "speaks no HTTP": (_babbling, "the connection to serve at http://127.0.0.1:.* broke"),
    "is busy": (BUSY, "table busy"),
    "limits": (_answering(429, b""), "serve answered 429"),
    "is a bad gateway": (_answering(502, b"<html>"), "serve answered 502"),
    "is unavailable": (_answering(503, b"<html>Service Unavailable</html>"), "serve answered 503"),
    "is a slow gateway": (_answering(504, b"null"), "serve answered 504"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_not_noticed(fault: str) -> None:
    behaviour = FAULTS[fault][0]
    with _broken(behaviour, behaviour, behaviour, OK) as server:
        assert server.client.get("/loglevel") == {"level": "info"}
        assert len(server.requests) == RETRIES.attempts


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_is_temporary_and_says_what_it_is(fault: str) -> None:
    behaviour, says = FAULTS[fault]
    with _broken(behaviour) as server:
        with pytest.raises(Temporary, match=says):
            server.client.get("/loglevel")
        # The client does not wait for a server that is slow to read the request.
        wait_for("the last request", lambda: len(server.requests) == RETRIES.attempts)


def test_an_unreachable_serve_is_temporary_and_says_what_to_check() -> None:
    with socket.socket() as taken:
        # Bound and not listening: no other program can answer at this port.
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        client = ServeClient(HttpConnections(f"http://127.0.0.1:{port}"), AT_ONCE)
        with pytest.raises(Temporary, match="could not connect") as caught:
            client.get("/loglevel")
    assert "GROMIT_SERVE_URL" in str(caught.value.hint)


def test_a_body_is_sent_again_whole() -> None:
    with _broken(_hanging_up, OK) as server:
        server.client.call("POST", "/v1/claims", {"kind": "sow", "holder": "w", "nonce": "n-1"})
        assert [b'"nonce": "n-1"' in r for r in server.requests] == [True, True]


# ── final answers ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInput),
        (401, TrustError),
        (403, TrustError),
        (404, NotFound),
        (409, Conflict),
        (413, BackendError),
        (500, BackendError),
        (301, BackendError),
        (304, BackendError),
    ],
)
def test_a_final_answer_is_not_requested_again(status: int, kind: type[GromitError]) -> None:
    body = b"" if status == 304 else b'{"error":"no, because","code":"x","hint":"do that"}'
    with _broken(_answering(status, body, "Location: http://127.0.0.1:1/")) as server:
        with pytest.raises(kind) as caught:
            server.client.get("/loglevel")
        assert type(caught.value) is kind
        assert len(server.requests) == 1
        if body:
            assert (caught.value.message, caught.value.hint) == ("no, because", "do that")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1]", b'"text"', b'{"detail":1}', b"null", b"\xff"]
)
def test_an_error_without_our_words_is_still_an_error(body: bytes) -> None:
    with (
        _broken(_answering(404, body)) as server,
        pytest.raises(NotFound, match="serve answered 404"),
    ):
        server.client.get("/loglevel")


@pytest.mark.parametrize("body", [b"", b"<html>login</html>", b"OK", b'{"level"'])
def test_an_answer_that_is_not_json_is_not_serves(body: bytes) -> None:
    with _broken(_answering(200, body)) as server:
        for ask in (server.client.get, lambda path: server.client.post(path, {})):
            with pytest.raises(BackendError, match="is not JSON") as caught:
                ask("/loglevel")
            assert not isinstance(caught.value, Temporary)
            assert "GROMIT_SERVE_URL" in str(caught.value.hint)


def test_a_server_of_another_ca_is_not_talked_to(
    serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Certificates(tmp_path_factory.mktemp("other") / "ca")
    http = HttpConnections(serve.url, ClientTls(stranger.of(Role.WORKER)))
    with closing(http), pytest.raises(Temporary, match="could not connect") as caught:
        ServeClient(http, AT_ONCE).get("/loglevel")
    assert "GROMIT_CA" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("made", "alert"),
    [
        (lambda ca: TestCa(ca.folder / "other", "other").leaf("x", Role.OPERATOR), "UNKNOWN_CA"),
        (
            lambda ca: ca.leaf("x", Role.OPERATOR, at=now() - timedelta(days=3)),
            "CERTIFICATE_EXPIRED",
        ),
    ],
    ids=["foreign", "expired"],
)
def test_a_refused_certificate_is_reported(
    tmp_path: Path, made: Callable[[TestCa], Files], alert: str
) -> None:
    ca = TestCa(tmp_path / "ca")
    files, fake = made(ca), StandIn(ca)
    with fake.running():
        tls = ClientTls(CertificateFiles(files.cert, files.key, str(ca.path)))
        with closing(HttpConnections(fake.url, tls)) as http:
            client = ServeClient(http, AT_ONCE)
            for ask in (lambda: client.get("/loglevel"), lambda: _listen(client)):
                with pytest.raises(
                    Temporary, match=rf"the connection to serve at .* broke: .*{alert}"
                ) as caught:
                    ask()
                assert caught.value.hint == REFUSED


def _listen(client: ServeClient) -> None:
    with client.stream("/v1/changes"):
        pass


def test_a_connection_that_breaks_within_an_answer_is_not_put_down_to_the_certificate() -> None:
    with _broken(_half) as server, pytest.raises(Temporary, match="broke") as caught:
        server.client.get("/loglevel")
    assert caught.value.hint is None


def test_errors_of_serve_come_out_as_what_they_are(serve: Serve) -> None:
    client = serve.serve_client(Role.VIEWER)
    with pytest.raises(NotFound, match="could not find env nowhere") as missing:
        client.get("/v1/environments/nowhere")
    assert missing.value.hint == "`gromit env list` shows all environments"
    with pytest.raises(
        TrustError, match=r"role viewer may not PUT .*: use a certificate of the role operator"
    ):
        client.call("PUT", "/env/app-test", {})
    with pytest.raises(TrustError, match="role viewer may not POST /v1/claims") as refused:
        client.call("POST", "/v1/claims", {})
    assert refused.value.hint == "use a certificate of the role worker"
    with pytest.raises(InvalidInput, match="limit"):
        client.get("/v1/environments", limit="0")


def test_requests_over_tls_share_a_connection(serve: Serve) -> None:
    """The tickets that TLS 1.3 sends after a handshake are not taken for the end of it."""
    with closing(HttpConnections(serve.url, serve.tls(Role.VIEWER))) as http:
        client, sockets = ServeClient(http, AT_ONCE), set[int]()
        for _ in range(4):
            assert client.get("/v1/whoami")["role"] == Role.VIEWER
            ((connection, _),) = http._idle
            sockets.add(id(connection.sock))
    assert len(sockets) == 1


# ── users of the client ───────────────────────────────────────────────────────────────────────────


def test_all_pages_are_read(serve: Serve) -> None:
    for number in range(7):
        serve.put_environment(f"env-{number}")
    client = serve.serve_client(Role.WORKER)
    assert sorted(e["name"] for e in client.pages()) == [f"env-{n}" for n in range(7)]
    first = _answering(200, b'{"environments":[{"name":"a"}],"unreadable":[],"next":"a/b c"}')
    with _broken(
        first, _answering(200, b'{"environments":[],"unreadable":[],"next":null}')
    ) as server:
        assert [e["name"] for e in server.client.pages(phase="all")] == ["a"]
        assert b"cursor=a%2Fb%20c" in server.requests[1].replace(b"+", b"%20")
        assert b"phase=all" in server.requests[1]


def test_unreadable_rows_are_listed_once_with_a_reason_also_by_an_older_serve(
    serve: Serve,
) -> None:
    serve.put_environment("a")
    serve.put_environment("b")
    serve.damage("b")
    client = serve.serve_client(Role.VIEWER)
    a, b = client.pages()
    assert (a["name"], b["name"], b["phase"]) == ("a", "b", "unreadable")
    assert "`events` is 'x', not a list" in b["error"]["message"]
    page = b'{"environments":[],"unreadable":["b"],"next":%s}'
    with _broken(_answering(200, page % b'"c"'), _answering(200, page % b"null")) as server:
        (only,) = server.client.pages()
    assert (only["name"], only["error"]["message"]) == ("b", "its row cannot be read")


def test_a_queue_claims_works_and_reports(serve: Serve) -> None:
    queue = ServeQueue(serve.serve_client(Role.WORKER), "sower-1", "task-1")
    assert queue.claim(Work.SOW) == NoWork(None)
    serve.build("tyk", "app-test", "sha")
    claim = queue.claim(Work.SOW)
    assert isinstance(claim, Claim)
    assert (claim.name, claim.kind, claim.holder, claim.generation, claim.want) == (
        "app-test",
        Work.SOW,
        "sower-1",
        1,
        Want.UP,
    )
    assert claim.versions["tyk"] == "sha"
    assert serve.rows["app-test"]["task"] == "task-1"
    serve.build("tyk", "app-test", "sha-2")
    assert queue.renew(claim).generation == 2
    assert claim.state is None
    queue.done(claim, MadeStack("hash"), StateMark("3f0c", 12))
    second = queue.claim(Work.SOW)
    assert isinstance(second, Claim)
    assert second.state == StateMark("3f0c", 12)
    assert second.hooks == ()
    queue.record_hooks(second, ("tyk", "redis"))
    assert serve.rows["app-test"]["hooks"] == ["redis", "tyk"]
    queue.forget_state(second)
    assert "state_serial" not in serve.rows["app-test"]
    queue.failed(second, Problem("terraform", "x" * 5000), StateMark("4a1d", 1))
    assert serve.rows["app-test"]["state_lineage"] == "4a1d"
    assert serve.get("/v1/environments/app-test")["error"]["message"] == "x" * 2000
    waiting = queue.claim(Work.SOW)
    assert isinstance(waiting, NoWork)
    assert waiting.retry_s is not None
    assert 15 <= waiting.retry_s <= 30
    with pytest.raises(Conflict, match="no longer valid"):
        queue.renew(claim)
    with pytest.raises(Conflict):
        queue.release(second)


def test_a_queue_reports_progress(serve: Serve) -> None:
    queue = ServeQueue(serve.serve_client(Role.WORKER), "sower-1")
    serve.build("tyk", "app-test", "sha")
    claim = queue.claim(Work.SOW)
    assert isinstance(claim, Claim)
    assert claim.takes_progress
    queue.renew(claim, RunProgress("a: created (1s)", 1, 2))
    progress = serve.get("/v1/environments/app-test")["progress"]
    assert (progress["text"], progress["done"], progress["total"]) == ("a: created (1s)", 1, 2)
    queue.renew(claim, RunProgress("waiting"))
    assert serve.get("/v1/environments/app-test")["progress"]["done"] is None


def test_a_serve_of_an_earlier_release_gets_renewals_without_progress() -> None:
    """It refuses unknown keys, and a worker must not lose its claim by that."""
    renewed = _answering(200, b'{"generation":2,"want":"up"}')
    refused = _answering(400, b'{"error":"unknown key progress","code":"invalid","hint":null}')
    progress = RunProgress("a: created (1s)", 1, 2)
    with _broken(renewed) as server:
        queue = ServeQueue(server.client, "sower-1")
        assert queue.renew(replace(a_claim(), takes_progress=False), progress).generation == 2
    with _broken(refused, renewed) as server:
        queue = ServeQueue(server.client, "sower-1")
        assert queue.renew(a_claim(), progress).generation == 2


def test_a_queue_reports_the_tasks_that_stopped(serve: Serve) -> None:
    serve.write_output("app-stopped", "t1", "no licence")
    queue = ServeQueue(serve.serve_client(Role.WORKER), "sower-1")
    serve.build("tyk", "app-stopped", "sha")
    claim = queue.claim(Work.SOW)
    assert isinstance(claim, Claim)
    stopped = (StoppedTask("tyk", "t1"), *(StoppedTask("pump", f"p{n}") for n in range(9)))
    queue.failed(claim, Problem("rollout", "tyk: exit code 1", stopped))
    error = serve.get("/v1/environments/app-stopped")["error"]
    assert [o["lines"] for o in error["output"]] == [["no licence"]]


def test_a_serve_of_an_earlier_release_gets_failures_without_stopped_tasks() -> None:
    refused = _answering(400, b'{"error":"unknown key stopped","code":"invalid","hint":null}')
    recorded = _answering(200, b"{}")
    with _broken(refused, recorded) as server:
        queue = ServeQueue(server.client, "sower-1")
        queue.failed(a_claim(), Problem("rollout", "no", (StoppedTask("tyk", "t1"),)))


def test_the_history_names_the_program_that_applied(serve: Serve) -> None:
    queue = ServeQueue(serve.serve_client(Role.WORKER), "sower-1")
    serve.build("tyk", "app-test", "sha")
    claim = queue.claim(Work.SOW)
    assert isinstance(claim, Claim)
    made = (MadeComponent(name="tyk", version="sha"),)
    queue.done(claim, MadeStack("hash", "recipe", made, "opentofu\n1.10.10"))
    events = serve.get("/v1/environments/app-test/events")["events"]
    assert [e["text"] for e in events if e["kind"] == "sown"] == ["opentofu 1.10.10"]


def test_a_serve_of_an_earlier_release_gets_no_state() -> None:
    claim_of_old = json.dumps(
        {
            "name": "app-test",
            "epoch": 1,
            "claimed": 1,
            "want": "up",
            "versions": {},
            "redeploys": {},
            "spec_hash": None,
        }
    ).encode()
    with _broken(_answering(200, claim_of_old), _answering(200, b"{}")) as server:
        queue = ServeQueue(server.client, "sower-1")
        claim = queue.claim(Work.SOW)
        assert isinstance(claim, Claim)
        assert claim.state is None
        queue.done(claim, MadeStack("hash"), StateMark("3f0c", 12))
        assert b"spec_hash" in server.requests[1]
        assert b"3f0c" not in server.requests[1]


def test_a_queue_gives_a_claim_back(serve: Serve) -> None:
    queue = ServeQueue(serve.serve_client(Role.WORKER), new_worker_id())
    serve.build("tyk", "app-test", "sha")
    claim = queue.claim(Work.SOW)
    assert isinstance(claim, Claim)
    queue.release(claim)
    assert isinstance(queue.claim(Work.SOW), Claim)


@dataclass
class LosesTheFirst:
    """Connections that lose the first response."""

    real: HttpConnections
    lost: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.real.url

    @contextmanager
    def send(self, request: ClientRequest) -> Iterator[ClientResponse]:
        with self.real.send(request) as answer:
            if not self.lost:
                self.lost.append(answer.json())
                raise Temporary("connection reset")
            yield answer

    def close(self) -> None:
        self.real.close()


def test_a_claim_whose_answer_got_lost_is_the_same_claim(serve: Serve) -> None:
    serve.build("tyk", "app-one", "sha")
    serve.build("tyk", "app-two", "sha")
    real = LosesTheFirst(HttpConnections(serve.url, serve.tls(Role.WORKER)))
    with closing(real):
        claim = ServeQueue(ServeClient(real, AT_ONCE), "w").claim(Work.SOW)
    assert isinstance(claim, Claim)
    assert (claim.name, claim.epoch) == (real.lost[0]["name"], real.lost[0]["epoch"])
    assert sum("holder" in row for row in serve.rows.values()) == 1


def test_holders_are_unlike() -> None:
    assert len({new_worker_id() for _ in range(50)}) == 50


def test_wanted_environments_are_all_that_have_a_row(serve: Serve) -> None:
    for name in ("is-up", "is-deleted", "is-gone"):
        serve.build("tyk", name, "sha")
        serve.work_off("sow")
    serve.send("DELETE", "/env/is-gone")
    serve.clock.advance(s=GRACE_S)
    serve.work_off("reap")
    serve.send("DELETE", "/env/is-deleted")
    wanted = ServeEnvironments(serve.serve_client(Role.WORKER)).desired()
    assert wanted == {"is-up": True, "is-deleted": False, "is-gone": False}


def test_a_damaged_row_hides_no_other_environment_and_is_neither_wanted_nor_unwanted(
    serve: Serve,
) -> None:
    for name in ("is-up", "is-damaged", "without-history"):
        serve.build("tyk", name, "sha")
    serve.damage("is-damaged", "made")
    serve.damage("without-history", "events")
    wanted = ServeEnvironments(serve.serve_client(Role.WORKER)).desired()
    assert wanted == {"is-up": True, "is-damaged": None, "without-history": True}


def test_an_earlier_serve_lists_what_is_wanted_too(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("is-up", "is-damaged", "is-deleted"):
        serve.build("tyk", name, "sha")
    serve.send("DELETE", "/env/is-deleted")
    serve.damage("is-damaged", "made")
    environments = ServeEnvironments(serve.serve_client(Role.WORKER))
    found = environments.environments()
    listing = ServeClient.listing

    def earlier(
        self: ServeClient, path: str = "/v1/environments", **query: str
    ) -> Iterator[dict[str, Any]]:
        return listing(self, path.replace("/v1/wanted", "/v1/none"), **query)

    monkeypatch.setattr(ServeClient, "listing", earlier)
    assert environments.environments() == found
    assert {name for name, known in found.items() if known is None} == {"is-damaged"}


# ── the stream of changes ─────────────────────────────────────────────────────────────────────────


def test_a_change_wakes_who_waits(serve: Serve) -> None:
    http = HttpConnections(serve.url, serve.tls(Role.WORKER))
    with closing(ServeChanges(ServeClient(http))) as changes:
        assert changes.wait(PATIENCE_S)  # whatever happened before it listened
        assert not changes.wait(0.05)
        serve.build("tyk", "app-test", "sha")
        assert changes.wait(PATIENCE_S)


def test_a_change_wakes_only_who_has_work_by_it_and_is_awaited_until_it_is_claimed(
    serve: Serve,
) -> None:
    with ExitStack() as stack:
        sow, reap = (
            stack.enter_context(
                closing(
                    ServeChanges(
                        ServeClient(HttpConnections(serve.url, serve.tls(Role.WORKER))),
                        concerns=partial(_makes_work_for, watcher),
                    )
                )
            )
            for watcher in (Watcher.SOW, Watcher.REAP)
        )
        for feed in (sow, reap):
            assert feed.wait(PATIENCE_S)
            feed.forget()
        serve.build("tyk", "app-test", "sha")
        assert sow.wait(PATIENCE_S)
        assert sow.is_awaited()
        claim = serve.claim("sow")
        wait_for("the claim to be heard", lambda: not sow.is_awaited())
        serve.outcome(claim, "release")
        assert sow.wait(PATIENCE_S)
        assert not reap.is_awaited()
        serve.send("DELETE", "/env/app-test")
        assert reap.wait(PATIENCE_S)
        assert not reap.wait(0.05)


def _makes_work_for(watcher: Watcher, change: Announcement) -> bool:
    return change.makes_work_for(watcher)


def test_the_stream_is_taken_up_again_after_a_restart_of_serve(
    emulator: Emulator, certificates: Certificates
) -> None:
    # No program is given this port while nothing listens at it.
    address = f"127.0.0.1:{free_port()}"
    http = HttpConnections(f"https://{address}", ClientTls(certificates.of(Role.WORKER)))
    with closing(ServeChanges(ServeClient(http))) as changes:
        with serving(emulator, certificates, GROMIT_SERVE_LISTEN=address):
            assert changes.wait(PATIENCE_S)
            assert not changes.wait(0.05)
        with serving(emulator, certificates, GROMIT_SERVE_LISTEN=address) as second:
            # The new stream counts as an announcement, because one may have been missed.
            assert changes.wait(PATIENCE_S)
            eventually(lambda: not changes.wait(0.05))
            second.build("tyk", "app-test", "sha")
            assert changes.wait(PATIENCE_S)


@pytest.mark.parametrize("fault", ["hangs up", "speaks no HTTP", "is busy"])
def test_a_stream_that_is_refused_is_asked_for_again(fault: str) -> None:
    def stream(connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: connected\n\ndata: {}\n\n"
        )

    with (
        _broken(FAULTS[fault][0], stream) as server,
        closing(ServeChanges(server.client)) as changes,
    ):
        assert changes.wait(PATIENCE_S)
        assert len(server.requests) >= 2


def test_waiting_without_a_server_is_only_waiting() -> None:
    with _broken(_hanging_up) as server, closing(ServeChanges(server.client)) as changes:
        assert not changes.wait(0.2)
        wait_for("a request", lambda: bool(server.requests))
