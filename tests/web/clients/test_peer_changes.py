"""Changes between processes of serve: heard once everywhere, never echoed, and missed aloud."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx2
import pytest

from gromit.config.load import load_settings
from gromit.core.environments.wakes import Watcher
from gromit.core.security.roles import Role
from gromit.errors import ConfigError
from gromit.web.api.changes import ChangeHub
from gromit.web.clients.connections import HttpConnections
from gromit.web.clients.peer_changes import PeerAddress, PeerChanges, resolve_peers
from gromit.web.clients.serve import ServeClient
from gromit.web.line_backlog import MISSED
from tests.waiting import PATIENCE_S
from tests.web.serving import Certificates, Emulator, Serve, eventually, serving

MISSED_CHANGE = {"name": "*", "kind": "missed"}


@dataclass
class Replicas:
    """Processes of serve on one table, each of which follows the addresses of all."""

    serves: list[Serve]
    addresses: frozenset[PeerAddress] = frozenset()
    followers: list[PeerChanges] = field(default_factory=list)
    relayed: list[str | None] = field(default_factory=list)
    """Lines of other processes that were passed on, and None for those missed."""

    def follow(self) -> None:
        """Let each process follow all, and wait until it does."""
        self.addresses = frozenset(map(_address, self.serves))
        for serve in self.serves:
            hub = _hub(serve)
            self.followers.append(
                PeerChanges(
                    hub.id,
                    lambda: self.addresses,
                    lambda peer: _connect(self.serves[0], peer),
                    partial(self._relay, hub),
                    resolve_s=0.05,
                )
            )
            self.followers[-1].start()
        count = len(self.serves)
        eventually(lambda: self.relayed.count(None) >= count * (count - 1))

    def _relay(self, hub: ChangeHub, line: str | None) -> None:
        hub.relay(line)
        self.relayed.append(line)


def _hub(serve: Serve) -> ChangeHub:
    hub: ChangeHub = serve.app.state.deps.changes
    return hub


def _address(serve: Serve) -> PeerAddress:
    host, _, port = serve.server.address(0).rpartition(":")
    return PeerAddress("localhost", host, int(port))


def _connect(serve: Serve, peer: PeerAddress) -> ServeClient:
    url = f"https://{peer.host}:{peer.port}"
    return ServeClient(HttpConnections(url, serve.tls(Role.VIEWER), address=peer.address))


@contextmanager
def replicas(emulator: Emulator, certificates: Certificates, count: int) -> Iterator[Replicas]:
    with ExitStack() as ends:
        first = ends.enter_context(serving(emulator, certificates))
        table = {"GROMIT_TABLENAME": first.settings.tablename}
        others = [
            ends.enter_context(serving(emulator, certificates, first.clock, **table))
            for _ in range(count - 1)
        ]
        running = Replicas([first, *others])
        running.follow()
        try:
            yield running
        finally:
            for follower in running.followers:
                follower.close()


@contextmanager
def watching(serve: Serve, query: str = "") -> Iterator[Iterator[dict[str, Any]]]:
    with (
        httpx2.Client(
            base_url=serve.url,
            verify=serve.context(Role.VIEWER),
            timeout=PATIENCE_S,
            trust_env=False,
        ) as client,
        client.stream("GET", f"/v1/changes{query}") as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == ": connected"
        yield (json.loads(line[5:]) for line in lines if line.startswith("data:"))


def test_each_change_is_heard_once_at_each_process(
    emulator: Emulator, certificates: Certificates
) -> None:
    with replicas(emulator, certificates, 3) as running, ExitStack() as ends:
        streams = [ends.enter_context(watching(serve)) for serve in running.serves]
        for number, serve in enumerate(running.serves):
            serve.build("tyk", f"app-{number}", "sha")
            for stream in streams:
                assert next(stream) == {
                    "name": f"app-{number}",
                    "kind": "created",
                    "wakes": ["chitragupta", "sow"],
                }


def test_progress_reaches_those_who_follow_it_at_another_process(
    emulator: Emulator, certificates: Certificates
) -> None:
    with replicas(emulator, certificates, 2) as running:
        first, second = running.serves
        first.build("tyk", "app-test", "sha")
        claim = second.claim("sow")
        with watching(second, "?progress=*") as followed, watching(second) as others:
            step = {"text": "a: created (1s)", "done": 1, "total": 2}
            first.outcome(claim, "renew", progress=step)
            first.outcome(claim, "release")
            assert next(followed)["kind"] == "progress"
            assert [next(stream)["kind"] for stream in (followed, others)] == ["released"] * 2


def test_watchers_look_when_a_process_ends_and_hear_those_that_are_left(
    emulator: Emulator, certificates: Certificates
) -> None:
    with replicas(emulator, certificates, 2) as running:
        first, second = running.serves
        with watching(second) as events:
            address = _address(first)
            first.server.stop()
            assert next(events) == MISSED_CHANGE
            running.addresses -= {address}
            second.build("tyk", "app-test", "sha")
            # A process that is about to end may be followed once more.
            assert next(e for e in events if e != MISSED_CHANGE)["kind"] == "created"


def test_a_process_that_comes_later_is_followed(
    emulator: Emulator, certificates: Certificates
) -> None:
    with replicas(emulator, certificates, 1) as running:
        table = {"GROMIT_TABLENAME": running.serves[0].settings.tablename}
        with (
            serving(emulator, certificates, None, **table) as late,
            watching(running.serves[0]) as events,
        ):
            running.addresses |= {_address(late)}
            assert next(events) == MISSED_CHANGE
            late.build("tyk", "app-test", "sha")
            assert next(events)["kind"] == "created"


def test_a_peer_that_does_not_answer_wakes_no_watcher() -> None:
    relayed: list[str | None] = []
    tried = []

    def refuse(peer: PeerAddress) -> ServeClient:
        tried.append(peer)
        raise ConfigError(f"no connection to {peer.address}")

    peer = PeerAddress("localhost", "127.0.0.1", 1)
    follower = PeerChanges("own", lambda: frozenset({peer}), refuse, relayed.append)
    follower.start()
    eventually(lambda: tried)
    follower.close()
    assert relayed == []


def test_what_a_peer_says_reaches_no_peer_and_nonsense_wakes_all() -> None:
    async def scene() -> None:
        hub = ChangeHub()
        own, peer = hub.stream(), hub.stream(is_peer=True)
        assert await anext(own) == ": connected\n\n"
        assert await anext(peer) == f": connected {hub.id}\n\n"
        hub.relay('data: {"name": "a", "kind": "build"}')
        hub.relay('data: {"name": "a", "kind": "progress"}')
        hub.relay("data: nonsense")
        hub.relay(None)
        hub.announce("b", "build", wakes=[Watcher.SOW])
        assert await anext(own) == 'data: {"name": "a", "kind": "build"}\n\n'
        assert [await anext(own), await anext(own)] == [MISSED, MISSED]
        assert await anext(own) == await anext(peer)

    asyncio.run(scene())


def test_names_resolve_to_all_their_addresses_and_unknown_ones_to_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *more: Any, **named: Any) -> list[Any]:
        if not str(host).endswith(".internal"):
            return real(host, port, *more, **named)  # threads of earlier tests
        if host != "serve.internal":
            raise socket.gaierror(-2, "unknown")
        return [(2, socket.SOCK_STREAM, 6, "", (f"10.0.0.{n}", port)) for n in (1, 2)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    found = resolve_peers([("serve.internal", 8443), ("gone.internal", 8443)])
    assert found == {PeerAddress("serve.internal", f"10.0.0.{number}", 8443) for number in (1, 2)}


def test_what_cannot_be_a_name_ends_no_thread() -> None:
    assert resolve_peers([("serve..internal", 8443), (f"{'a' * 64}.internal", 8443)]) == frozenset()


@pytest.mark.parametrize(
    "peers", ["serve.internal", "https://serve.internal:443", "a:b", "a:0", "a:65536"]
)
def test_peers_are_names_with_ports(peers: str) -> None:
    with pytest.raises(ConfigError, match=r"serve\.internal:443"):
        _ = load_settings({"GROMIT_SERVE_PEERS": peers, "HOME": "/nonexistent"}).settings
