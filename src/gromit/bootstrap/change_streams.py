"""Streams of changes of serve, which also follow the other processes of serve."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gromit.bootstrap.clients import client_tls
from gromit.config.schema import Settings
from gromit.web.announcements import parse_announcement
from gromit.web.api.admission import ApiDeps
from gromit.web.clients.connections import HttpConnections
from gromit.web.clients.peer_changes import PeerAddress, PeerChanges, resolve_peers
from gromit.web.clients.serve import DATA, ServeClient


@dataclass(frozen=True, slots=True)
class ChangeStreams:
    """Functions for the begin and the end of serve."""

    start: Callable[[], None]
    stop: Callable[[], None]


def change_streams(settings: Settings, deps: ApiDeps) -> ChangeStreams:
    """Return what follows the processes in `serve.peers`; without them nothing is followed.

    Raises `ConfigError` for peers without a client certificate.
    """
    changes = deps.changes
    parts = [name.rpartition(":") for name in settings.serve.peers]
    names = [(host, int(port)) for host, _, port in parts]
    if not names:
        return ChangeStreams(lambda: None, changes.close)
    tls = client_tls(settings)

    def connect(peer: PeerAddress) -> ServeClient:
        url = f"https://{peer.host}:{peer.port}"
        return ServeClient(HttpConnections(url, tls, address=peer.address))

    def relay(line: str | None) -> None:
        changes.relay(line)
        change = parse_announcement(line.removeprefix(DATA)) if line else None
        if change is not None:
            deps.run_times.note(change.name, change.kind, deps.now_ms())

    peers = PeerChanges(changes.id, partial(resolve_peers, names), connect, relay)

    def stop() -> None:
        peers.close()
        changes.close()

    return ChangeStreams(peers.start, stop)
