"""Crowds of connections: an honest client beside them is always served."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gromit.core.security.roles import Role
from gromit.core.time import Millis
from gromit.web.server.capacity import Capacity
from gromit.web.server.health import health_app
from gromit.web.server.limits import ClientLimits
from gromit.web.server.protocol import CUT
from gromit.web.server.proxies import Networks
from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import Peer, ServerTls
from gromit.web.tls import CertificateFiles
from tests.fakes.authority import Files, TestCa
from tests.fakes.clients import connection, read_all, read_answer, tls_context
from tests.waiting import PATIENCE_S
from tests.web.applications import mirror

GET = b"GET /healthcheck HTTP/1.1\r\nhost: x\r\n\r\n"
LIMITS = ClientLimits(connections=12, peer_connections=6, kept_connections=3)
CROWD = ClientLimits(connections=128)


@dataclass
class Fake:
    """A connection in memory."""

    opened: float = 0.0
    peer: Peer | None = None
    is_young: bool = True
    is_closing: bool = False
    group: str | None = None
    idle_since: float | None = None

    def displace(self) -> None:
        self.is_closing = True


def _peer(serial: str, role: Role) -> Peer:
    return Peer(name=serial, role=role, serial=serial, expires_ms=Millis(0))


def test_the_oldest_young_connection_makes_room() -> None:
    crowd = [Fake(opened=n) for n in (5.0, 1.0, 3.0)]
    crowd[1].is_young = False
    capacity = Capacity(replace(LIMITS, connections=3), lambda: crowd)
    assert capacity.make_room()
    assert [c.is_closing for c in crowd] == [False, False, True]
    assert capacity.make_room(), "one is closing, so there is room"
    assert [c.is_closing for c in crowd] == [False, False, True]


def test_connections_that_have_sent_requests_stay() -> None:
    crowd = [Fake(is_young=False) for _ in range(3)]
    assert not Capacity(replace(LIMITS, connections=3), lambda: crowd).make_room()
    assert not any(c.is_closing for c in crowd)


def test_an_address_without_a_certificate_has_a_share_and_makes_room_itself() -> None:
    limits = replace(LIMITS, address_connections=3)
    own = [Fake(opened=n, group="192.0.2.1") for n in (2.0, 1.0, 3.0)]
    crowd = [Fake(opened=0.0, group="192.0.2.2"), *own]
    capacity = Capacity(limits, lambda: crowd)
    assert capacity.make_room("192.0.2.1")
    assert [c.is_closing for c in crowd] == [False, False, True, False]
    assert capacity.make_room("192.0.2.3")
    assert sum(c.is_closing for c in crowd) == 1


def test_an_idle_connection_makes_room_if_none_is_young_and_open_requests_stay() -> None:
    limits = replace(LIMITS, address_connections=3)
    busy = Fake(is_young=False, group="192.0.2.1")
    idle = [Fake(is_young=False, idle_since=n, group="192.0.2.1") for n in (9.0, 8.0)]
    capacity = Capacity(limits, lambda: [busy, *idle])
    assert capacity.make_room("192.0.2.1")
    assert [busy.is_closing, *(c.is_closing for c in idle)] == [False, False, True]
    full = Capacity(limits, lambda: [replace(busy) for _ in range(3)])
    assert not full.make_room("192.0.2.1")


def test_what_an_honest_client_has_just_opened_stays_while_others_are_idle() -> None:
    limits = replace(LIMITS, address_connections=3)
    fresh = Fake(opened=99.9, group="192.0.2.1")
    idle = [Fake(is_young=False, idle_since=n, group="192.0.2.1") for n in (9.0, 8.0)]
    capacity = Capacity(limits, lambda: [fresh, *idle], clock=lambda: 100.0)
    assert capacity.make_room("192.0.2.1")
    assert [fresh.is_closing, *(c.is_closing for c in idle)] == [False, False, True]
    slow = Fake(opened=90.0, group="192.0.2.1")
    capacity = Capacity(limits, lambda: [fresh, slow, idle[0]], clock=lambda: 100.0)
    assert capacity.make_room("192.0.2.1")
    assert [fresh.is_closing, slow.is_closing, idle[0].is_closing] == [False, True, False]


def test_at_the_limit_of_all_the_client_with_most_idle_connections_makes_room() -> None:
    quiet = Fake(is_young=False, idle_since=1.0, group="192.0.2.1")
    greedy = [Fake(is_young=False, idle_since=n, group="192.0.2.2") for n in (5.0, 4.0)]
    capacity = Capacity(replace(LIMITS, connections=3), lambda: [quiet, *greedy])
    assert capacity.make_room("192.0.2.3")
    assert [quiet.is_closing, *(c.is_closing for c in greedy)] == [False, False, True]


@pytest.mark.parametrize(("role", "room"), [(Role.VIEWER, True), (Role.WORKER, False)])
def test_idle_connections_of_people_make_room_and_those_of_own_parts_stay(
    role: Role, *, room: bool
) -> None:
    crowd = [Fake(is_young=False, idle_since=1.0, peer=_peer("ab", role)) for _ in range(3)]
    capacity = Capacity(replace(LIMITS, connections=3), lambda: crowd)
    assert capacity.make_room("192.0.2.3") is room
    assert sum(c.is_closing for c in crowd) == room


def test_a_person_takes_the_place_of_one_who_has_more_connections() -> None:
    greedy = [
        Fake(is_young=False, idle_since=float(n), peer=_peer("greedy", Role.VIEWER))
        for n in range(5)
    ]
    modest = [Fake(is_young=False, idle_since=0.0, peer=_peer("modest", Role.VIEWER))]
    others = [Fake(is_young=False, peer=_peer(str(n), Role.WORKER)) for n in range(3)]
    new = Fake(peer=_peer("new", Role.OPERATOR))
    crowd = [*modest, *greedy, *others, new]
    assert Capacity(LIMITS, lambda: crowd).refusal(new) is None
    assert [c.is_closing for c in crowd] == [False, True, *[False] * 8]
    again = Fake(peer=_peer("greedy", Role.VIEWER))
    crowd = [*modest, *greedy[1:], *others, new, again]
    assert Capacity(LIMITS, lambda: crowd).refusal(again) is not None


def test_the_address_of_a_proxy_has_no_share() -> None:
    crowd = [Fake(opened=n, group="10.0.0.7") for n in range(4)]
    limits = replace(LIMITS, address_connections=3)
    capacity = Capacity(limits, lambda: crowd, Networks(["10.0.0.0/24"]))
    assert capacity.make_room("10.0.0.7")
    assert not any(c.is_closing for c in crowd)


@pytest.mark.parametrize(
    ("role", "refused"),
    [(Role.VIEWER, True), (Role.OPERATOR, True), (Role.WORKER, False), (Role.GATEWAY, False)],
)
def test_a_certificate_of_a_person_has_a_share(role: Role, refused: bool) -> None:
    crowd = [Fake(peer=_peer("ab", role)) for _ in range(6)]
    capacity = Capacity(LIMITS, lambda: crowd)
    assert (capacity.refusal(Fake(peer=_peer("ab", role))) is not None) == refused
    assert capacity.refusal(Fake(peer=_peer("cd", role))) is None


@pytest.mark.parametrize(("role", "refused"), [(Role.VIEWER, True), (Role.WORKER, False)])
def test_the_last_connections_are_kept_for_the_control_plane(role: Role, refused: bool) -> None:
    crowd = [Fake(peer=_peer(str(n), Role.VIEWER), is_young=False) for n in range(9)]
    new = Fake(peer=_peer("new", role))
    crowd.append(new)
    assert (Capacity(LIMITS, lambda: crowd).refusal(new) is not None) == refused


class Guarded:
    """A server with mutual TLS and small limits."""

    def __init__(self, folder: Path) -> None:
        self.ca = TestCa(folder)
        files = self.ca.leaf("serve", "server")
        tls = ServerTls(CertificateFiles(files.cert, files.key, files.ca))
        self.server = Server(Listener(mirror, "127.0.0.1:0", tls, LIMITS))

    @contextmanager
    def client(self, files: Files) -> Iterator[socket.socket]:
        with connection(self.server.address(), tls_context(files, files.ca)) as stream:
            yield stream


def _ask(stream: socket.socket) -> bytes:
    stream.sendall(GET)
    return read_answer(stream)


def _flood(address: str, stop: threading.Event, started: threading.Event) -> None:
    """Hold as many half requests as there are connections, and reopen those that are cut."""
    host, _, port = address.rpartition(":")
    held: list[socket.socket] = []
    while not stop.wait(0.02):
        for each in [*held]:
            with suppress(BlockingIOError):
                with suppress(OSError):
                    each.recv(1000)
                held.remove(each)
                each.close()
        while len(held) < CROWD.connections:
            each = socket.create_connection((host, int(port)), PATIENCE_S)
            each.setblocking(False)
            with suppress(OSError):
                each.send(b"GET /healthcheck HTTP/1.1\r\nX: ")
            held.append(each)
        started.set()
    for each in held:
        each.close()


def test_a_client_without_credentials_does_not_shut_a_listener() -> None:
    health = health_app(CollectorRegistry(), lambda: None)
    server = Server(Listener(health, "127.0.0.1:0", None, CROWD))
    before = CUT.labels("displaced")._value.get()
    stop, started = threading.Event(), threading.Event()
    with server.running():
        address = server.address()
        attacker = threading.Thread(target=_flood, args=(address, stop, started))
        attacker.start()
        try:
            assert started.wait(PATIENCE_S)
            served = 0
            while served < 30 or CUT.labels("displaced")._value.get() == before:
                with connection(address) as honest:
                    assert b"200 OK" in _ask(honest)
                served += 1
        finally:
            stop.set()
            attacker.join()
        # The last of the queue, so that the server does not stop while it accepts another one.
        with connection(address) as honest:
            assert b"200 OK" in _ask(honest)


def test_a_viewer_does_not_shut_serve(tmp_path: Path) -> None:
    house = Guarded(tmp_path)
    viewer, operator = house.ca.leaf("eve", Role.VIEWER), house.ca.leaf("bob", Role.OPERATOR)
    worker = house.ca.leaf("sow", Role.WORKER)
    with house.server.running(), ExitStack() as stack:
        for _ in range(LIMITS.peer_connections):
            assert b"200 OK" in _ask(stack.enter_context(house.client(viewer)))
        with house.client(viewer) as refused:
            assert read_all(refused) == b""
        for files in (operator, worker, operator, worker):
            with house.client(files) as honest:
                assert b"200 OK" in _ask(honest)
