"""A running server: certificates, overload and shutdown."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

from gromit.adapters.security.pki_files import DenyListFile
from gromit.core.security.roles import Role
from gromit.core.time import Millis
from gromit.errors import BackendError, ConfigError
from gromit.web.server.accept import HANDSHAKES_FAILED, REFUSED
from gromit.web.server.health import health_app
from gromit.web.server.limits import ClientLimits, Receive, Scope, Send
from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import ServerTls
from gromit.web.tls import CertificateFiles
from tests.fakes.authority import Files, TestCa
from tests.fakes.clients import connection, read_all, read_answer, read_until, tls_context, wait_for
from tests.waiting import PATIENCE_S
from tests.web.applications import mirror

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
UNFINISHED = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n"


class House:
    """A server with mutual TLS, a clock that the test sets, and a deny list."""

    def __init__(
        self, folder: Path, *, limits: ClientLimits | None = None, refresh_s: float = 60
    ) -> None:
        self.ca = TestCa(folder)
        self.late_ms = 0
        self.denylist = folder / "denylist"
        self.denylist.touch()
        files = self.ca.leaf("serve", "server")
        tls = ServerTls(
            CertificateFiles(files.cert, files.key, files.ca), denylist=DenyListFile(self.denylist)
        )
        listener = Listener(mirror, "127.0.0.1:0", tls, limits or ClientLimits())
        self.server = Server(listener, refresh_s=refresh_s, now_ms=self.now_ms)

    def now_ms(self) -> Millis:
        return Millis(time.time_ns() // 1_000_000 + self.late_ms)

    @contextmanager
    def client(self, files: Files) -> Iterator[socket.socket]:
        with connection(self.server.address(), tls_context(files, files.ca)) as stream:
            yield stream


def _status(stream: socket.socket) -> int:
    stream.sendall(GET)
    return int(read_answer(stream).split(b" ", 2)[1])


def _begin(stream: socket.socket) -> None:
    """Begin a second request, so that the connection is neither young nor idle."""
    assert _status(stream) == 200
    stream.sendall(UNFINISHED)
    read_until(stream, b"100 Continue")


class TestPeers:
    """The certificate is checked for each request."""

    def test_one_that_is_revoked_while_connected_is_refused_with_its_next_request(
        self, tmp_path: Path
    ) -> None:
        house = House(tmp_path)
        alice, bob = house.ca.leaf("alice", Role.OPERATOR), house.ca.leaf("bob", Role.OPERATOR)
        with house.server.running(), house.client(alice) as alices, house.client(bob) as bobs:
            assert (_status(alices), _status(bobs)) == (200, 200)
            house.denylist.write_text(f"{alice.serial}\n")
            assert (_status(alices), _status(bobs)) == (403, 200)
            assert read_all(alices) == b""
            with house.client(alice) as again:
                again.sendall(GET)
                answer = read_answer(again)
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
            "error": f"certificate {alice.serial} was revoked"
        }

    def test_no_client_is_let_in_while_the_deny_list_cannot_be_read(self, tmp_path: Path) -> None:
        house = House(tmp_path)
        with house.server.running(), house.client(house.ca.leaf("alice", Role.OPERATOR)) as stream:
            assert _status(stream) == 200
            house.denylist.rename(tmp_path / "away")
            assert _status(stream) == 503
            house.denylist.write_text("no serial")
            assert _status(stream) == 503
            (tmp_path / "away").rename(house.denylist)
            assert _status(stream) == 200

    def test_one_that_expires_while_connected_is_refused_with_its_next_request(
        self, tmp_path: Path
    ) -> None:
        house = House(tmp_path)
        with (
            house.server.running(),
            house.client(house.ca.leaf("alice", Role.OPERATOR, days=1)) as stream,
        ):
            assert _status(stream) == 200
            house.late_ms = 24 * 3600 * 1000
            assert _status(stream) == 403

    def test_open_connections_of_revoked_certificates_are_cut(self, tmp_path: Path) -> None:
        house = House(tmp_path, refresh_s=0.02)
        alice, bob = house.ca.leaf("alice", Role.OPERATOR), house.ca.leaf("bob", Role.OPERATOR)
        with house.server.running(), house.client(alice) as alices, house.client(bob) as bobs:
            assert (_status(alices), _status(bobs)) == (200, 200)
            house.denylist.write_text(f"{alice.serial} # left\n")
            assert read_all(alices) == b""
            assert _status(bobs) == 200


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Succession:
    """A server whose CA for clients is replaced. Its own certificate stays."""

    def __init__(self, folder: Path) -> None:
        self.old, self.new = TestCa(folder / "old", "old"), TestCa(folder / "new", "new")
        self.trusted = folder / "trusted.pem"
        self.trust(self.old)
        files = self.old.leaf("serve", "server")
        tls = ServerTls(CertificateFiles(files.cert, files.key, str(self.trusted)), tls_min="1.2")
        self.server = Server(Listener(mirror, "127.0.0.1:0", tls), refresh_s=0.02)

    def trust(self, *authorities: TestCa) -> None:
        text = b"".join(ca.path.read_bytes() for ca in authorities)
        part = self.trusted.with_suffix(".part")
        part.write_bytes(text)
        part.rename(self.trusted)

    def context(self, files: Files, version: ssl.TLSVersion) -> ssl.SSLContext:
        return tls_context(files, str(self.old.path), version)

    def is_refused(self, context: ssl.SSLContext) -> bool:
        return self.resumed(context, None) is None

    def resumed(self, context: ssl.SSLContext, session: ssl.SSLSession | None) -> bool | None:
        """Whether a session is resumed; None if its client is refused."""
        host, _, port = self.server.address().rpartition(":")
        try:
            with (
                socket.create_connection((host, int(port)), timeout=PATIENCE_S) as plain,
                context.wrap_socket(plain, server_hostname="localhost", session=session) as stream,
            ):
                stream.sendall(GET)
                return stream.session_reused if stream.recv(1) else None
        except (ssl.SSLError, ConnectionError):
            return None


def _session(stream: socket.socket) -> ssl.SSLSession | None:
    assert isinstance(stream, ssl.SSLSocket)
    return stream.session


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
class TestReplacedCas:
    """A CA that is trusted no more lets no client in, and ends what it let in before."""

    def test_open_connections_of_the_old_one_are_cut(
        self, tmp_path: Path, version: ssl.TLSVersion
    ) -> None:
        house = Succession(tmp_path)
        alice, bob = house.old.leaf("alice", Role.OPERATOR), house.new.leaf("bob", Role.OPERATOR)
        with house.server.running(), ExitStack() as stack:
            enter = stack.enter_context
            busy = enter(connection(house.server.address(), house.context(alice, version)))
            silent = enter(connection(house.server.address(), house.context(alice, version)))
            assert _status(busy) == 200
            house.trust(house.new)
            assert (read_all(busy), read_all(silent)) == (b"", b"")
            assert house.is_refused(house.context(alice, version))
            news = enter(connection(house.server.address(), house.context(bob, version)))
            assert _status(news) == 200

    def test_both_are_served_while_both_are_trusted(
        self, tmp_path: Path, version: ssl.TLSVersion
    ) -> None:
        house = Succession(tmp_path)
        alice, bob = house.old.leaf("alice", Role.OPERATOR), house.new.leaf("bob", Role.OPERATOR)
        with house.server.running(), ExitStack() as stack:
            enter = stack.enter_context
            stays = enter(connection(house.server.address(), house.context(alice, version)))
            assert _status(stays) == 200
            house.trust(house.old, house.new)
            wait_for(lambda: not house.is_refused(house.context(bob, version)))
            joined = enter(connection(house.server.address(), house.context(bob, version)))
            assert (_status(stays), _status(joined)) == (200, 200)
            house.trust(house.new)
            assert read_all(stays) == b""
            assert _status(joined) == 200

    def test_a_ca_of_the_same_name_is_another_one(
        self, tmp_path: Path, version: ssl.TLSVersion
    ) -> None:
        house = Succession(tmp_path)
        alice = house.old.leaf("alice", Role.OPERATOR)
        with (
            house.server.running(),
            connection(house.server.address(), house.context(alice, version)) as stream,
        ):
            assert _status(stream) == 200
            house.trust(TestCa(tmp_path / "namesake", "old"))
            assert read_all(stream) == b""

    def test_no_session_of_the_old_one_is_resumed(
        self, tmp_path: Path, version: ssl.TLSVersion
    ) -> None:
        house = Succession(tmp_path)
        context = house.context(house.old.leaf("alice", Role.OPERATOR), version)
        with house.server.running(), connection(house.server.address(), context) as stream:
            assert _status(stream) == 200
            session = _session(stream)  # it ends with its connection
            if version is ssl.TLSVersion.TLSv1_2:  # 1.3 resumes by tickets, and gets none
                assert house.resumed(context, session) is True
            house.trust(house.old, house.new)
            wait_for(lambda: house.resumed(context, session) is False)
            house.trust(house.new)
            wait_for(lambda: house.resumed(context, session) is None)


class TestCrowds:
    """Many connections, honest and not."""

    def test_half_open_handshakes_end_and_keep_no_client_out(self, tmp_path: Path) -> None:
        house = House(
            tmp_path,
            limits=ClientLimits(handshake_s=3.0, handshakes=20, connections=5, kept_connections=0),
        )
        alice = house.ca.leaf("alice", Role.VIEWER)
        failed = {reason: HANDSHAKES_FAILED.labels(reason) for reason in ("displaced", "timeout")}
        before = sum(c._value.get() for c in failed.values())
        with house.server.running(), ExitStack() as stack:
            silent = [stack.enter_context(connection(house.server.address())) for _ in range(60)]
            for _ in range(5):
                with house.client(alice) as stream:
                    assert _status(stream) == 200
            assert [read_all(each) for each in silent] == [b""] * 60
            wait_for(lambda: sum(c._value.get() for c in failed.values()) == before + 60)
        assert failed["timeout"]._value.get() > 0
        assert failed["displaced"]._value.get() > 0

    def test_connections_beyond_the_limit_are_refused_until_one_ends(self, tmp_path: Path) -> None:
        house = House(tmp_path, limits=ClientLimits(connections=3, kept_connections=0))
        alice = house.ca.leaf("alice", Role.VIEWER)
        before = REFUSED._value.get()
        with house.server.running(), ExitStack() as stack:
            for _ in range(2):
                _begin(stack.enter_context(house.client(alice)))
            with house.client(alice) as third:
                _begin(third)
                with connection(house.server.address()) as fourth:
                    assert read_all(fourth) == b""
            assert REFUSED._value.get() == before + 1

            def served() -> bool:
                with contextlib.suppress(OSError), house.client(alice) as stream:
                    return _status(stream) == 200
                return False

            wait_for(served)


class TestListeners:
    """Several addresses, and faults of some."""

    def test_two_listeners_live_in_one_server(self, tmp_path: Path) -> None:
        ca, registry = TestCa(tmp_path), CollectorRegistry()
        Counter("ours", "of the test", registry=registry).inc()
        files, alice = ca.leaf("serve", "server"), ca.leaf("alice", Role.VIEWER)
        tls = ServerTls(CertificateFiles(files.cert, files.key, files.ca))
        fault: list[str | None] = [None]
        health = health_app(registry, lambda: fault[0])
        server = Server(Listener(mirror, "127.0.0.1:0", tls), Listener(health, "127.0.0.1:0"))
        with (
            server.running(),
            httpx2.Client(
                base_url=f"http://{server.address(1)}", trust_env=False, timeout=PATIENCE_S
            ) as plain,
        ):
            with connection(server.address(0), tls_context(alice, alice.ca)) as stream:
                assert _status(stream) == 200
            assert (plain.get("/healthcheck").text, plain.get("/readyz").text) == ("OK", "OK")
            fault[0] = "the table does not answer"
            not_ready = plain.get("/readyz")
            assert (not_ready.status_code, not_ready.json()) == (
                503,
                {"error": "the table does not answer"},
            )
            metrics = plain.get("/metrics").text
            assert plain.get("/newbuild").status_code == 404
        assert "ours_total 1.0" in metrics
        assert "gromit_tls_handshakes_failed" in metrics
        assert "process_open_fds" in metrics

    def test_the_periodic_call_runs_at_once_and_again_until_the_end(self) -> None:
        calls, third = [0], threading.Event()

        def periodic() -> None:
            calls[0] += 1
            if calls[0] >= 3:
                third.set()

        server = Server(
            Listener(health_app(CollectorRegistry(), lambda: None, periodic, 0.01), "127.0.0.1:0")
        )
        with server.running():
            assert third.wait(PATIENCE_S)
        assert calls[0] >= 3

    def test_a_bug_of_one_periodic_call_does_not_end_the_others(self) -> None:
        calls, second = [0], threading.Event()

        def periodic() -> None:
            calls[0] += 1
            if calls[0] == 1:
                raise KeyError("bug")
            second.set()

        health = health_app(CollectorRegistry(), lambda: None, periodic, 0.01)
        with capture_logs() as logged, Server(Listener(health, "127.0.0.1:0")).running():
            assert second.wait(PATIENCE_S)
        assert [e["log_level"] for e in logged if e["event"] == "periodic.failed"] == ["error"]

    def test_an_address_that_is_taken_is_named(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(ConfigError, match=address):
                Server(Listener(mirror, "127.0.0.1:0"), Listener(mirror, address)).bind()

    @pytest.mark.parametrize("address", ["127.0.0.1:99999", "127.0.0.1:x", "203.0.113.7:0"])
    def test_an_address_that_is_none_of_ours_is_named(self, address: str) -> None:
        with pytest.raises(ConfigError, match=f"cannot listen on {address}"):
            Server(Listener(mirror, address)).bind()

    def test_an_ipv6_address_is_written_in_brackets(self) -> None:
        server = Server(Listener(mirror, "[::1]:0"))
        with server.running(), connection(server.address().replace("[::1]", "::1")) as stream:
            assert server.address().startswith("[::1]:")
            assert _status(stream) == 200

    def test_an_application_that_does_not_start_ends_the_server(self) -> None:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            assert scope["type"] == "lifespan"
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no table"})

        server = Server(Listener(mirror, "127.0.0.1:0"), Listener(broken, "127.0.0.1:0"))
        with pytest.raises(BackendError, match="did not start"), server.running():
            raise AssertionError("it must not get here")


SCRIPT = """
import asyncio, sys
from gromit import log
from gromit.web.server.server import Listener, Server

log.configure_logging("info", "json")

stopping = asyncio.Event()

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"data: hello\\n\\n", "more_body": True})
    if scope["path"] == "/deaf":
        await asyncio.sleep(600)
    await stopping.wait()
    await send({"type": "http.response.body", "body": b"data: bye\\n\\n"})

server = Server(Listener(app, "127.0.0.1:0"), on_stop=stopping.set, grace_s=int(sys.argv[1]))
server.bind()
print(server.address(), flush=True)
try:
    server.run()
except KeyboardInterrupt:
    sys.exit(130)
print("clean", flush=True)
"""


@contextmanager
def _process(grace_s: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", SCRIPT, str(grace_s)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(os.environ)
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


class TestStopping:
    """Signals to a separate process."""

    @pytest.mark.parametrize(
        ("number", "code", "rest"), [(signal.SIGTERM, 0, "clean\n"), (signal.SIGINT, 130, "")]
    )
    def test_a_signal_ends_streams_and_then_the_server(
        self, number: signal.Signals, code: int, rest: str
    ) -> None:
        with _process(60) as (process, address), connection(address) as stream:
            stream.sendall(GET)
            read_until(stream, b"hello")
            process.send_signal(number)
            assert b"bye" in read_all(stream)
            assert process.wait(PATIENCE_S) == code
            assert process.stdout is not None
            assert process.stdout.read() == rest

    def test_what_does_not_end_is_cut_after_the_grace(self) -> None:
        with _process(1) as (process, address), connection(address) as stream:
            stream.sendall(GET.replace(b"/ ", b"/deaf ", 1))
            read_until(stream, b"hello")
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0

    def test_a_second_signal_waits_for_nothing(self) -> None:
        with _process(600) as (process, address), connection(address) as stream:
            stream.sendall(GET.replace(b"/ ", b"/deaf ", 1))
            read_until(stream, b"hello")
            process.send_signal(signal.SIGTERM)
            wait_for(lambda: _refuses(address))
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0

    def test_a_server_asked_to_stop_before_it_runs_does_not_run(self) -> None:
        server = Server(Listener(mirror, "127.0.0.1:0"))
        server.stop()
        server.run()

    def test_stopping_one_that_has_ended_is_no_error(self) -> None:
        server = Server(Listener(mirror, "127.0.0.1:0"))
        with server.running():
            pass
        server.stop()


def _refuses(address: str) -> bool:
    try:
        with connection(address):
            return False
    except ConnectionError:
        return True
