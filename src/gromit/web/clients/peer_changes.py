"""Changes that other processes of serve record, for the watchers of this one.

Each process follows the stream of every other one, which carries what that process recorded itself,
and nothing that it heard. The names of the peers are resolved again and again, because their
addresses change. A stream that begins or ends may have missed something: then every watcher looks.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import structlog

from gromit.errors import GromitError
from gromit.web.clients.serve import DATA, ServeClient

log = structlog.get_logger(__name__)

RESOLVE_S = 10.0
"""Interval of resolving the peers' names: the TTL of the name `serve.internal`."""
RECONNECT_S = 1.0
"""Pause before a broken stream is opened again."""
PATH = "/v1/changes?own=true&progress=*"
CONNECTED = ": connected"
"""Start of the first line of a stream; the id of the process that sends it follows."""


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """One address of a process of serve, perhaps of this one."""

    host: str
    """Name that its certificate has to have."""
    address: str
    port: int


def resolve_peers(names: Sequence[tuple[str, int]]) -> frozenset[PeerAddress]:
    """Return all addresses of the names, without those of names that do not resolve now."""
    found = set[PeerAddress]()
    for host, port in names:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # the latter for what cannot be a name
            log.warning("peers.unresolved", host=host, reason=str(error))
            continue
        found |= {PeerAddress(host, str(answer[4][0]), port) for answer in answers}
    return frozenset(found)


@dataclass(slots=True)
class PeerChanges:
    """Follows all peers, each in a thread of its own."""

    own_id: str
    """Id of this process, whose own stream is left alone."""
    resolve: Callable[[], frozenset[PeerAddress]]
    connect: Callable[[PeerAddress], ServeClient]
    relay: Callable[[str | None], None]
    """Called with each announcement of a peer; None: something may have been missed."""
    resolve_s: float = RESOLVE_S
    _stop: threading.Event = field(default_factory=threading.Event)
    _followed: dict[PeerAddress, threading.Event] = field(default_factory=dict)
    """Address to the event that ends its thread."""

    def start(self) -> None:
        """Follow the peers until `close`."""
        threading.Thread(target=self._watch_addresses, name="peers", daemon=True).start()

    def close(self) -> None:
        """Stop: each thread ends with the next line of its stream."""
        self._stop.set()
        for end in list(self._followed.values()):
            end.set()

    def _watch_addresses(self) -> None:
        while not self._stop.is_set():
            found = self.resolve()
            for peer in found - self._followed.keys():
                end = self._followed[peer] = threading.Event()
                follow = threading.Thread(
                    target=self._follow, args=(peer, end), name="peer", daemon=True
                )
                follow.start()
            # A name that does not resolve now says nothing about its addresses.
            hosts = {peer.host for peer in found}
            for peer in [p for p in self._followed if p.host in hosts and p not in found]:
                self._followed.pop(peer).set()
            self._stop.wait(self.resolve_s)

    def _follow(self, peer: PeerAddress, end: threading.Event) -> None:
        reported = ""
        while not (end.is_set() or self._stop.is_set()):
            try:
                if self._listen(peer, end):
                    end.wait()  # this very process, as long as the address is its own
                    return
                reported = ""
            except GromitError as error:
                if error.message != reported:  # once per reason
                    log.warning("peers.interrupted", peer=peer.address, reason=error.message)
                reported = error.message
            end.wait(RECONNECT_S)

    def _listen(self, peer: PeerAddress, end: threading.Event) -> bool:
        """Relay one stream until it ends. Return whether it is this process's own."""
        with closing(self.connect(peer)) as client, client.stream(PATH) as lines:
            first = next(lines, "")
            if first.removeprefix(CONNECTED).strip() == self.own_id:
                return True
            self.relay(None)
            try:
                for line in lines:
                    if end.is_set():
                        break
                    if line.startswith(DATA):
                        self.relay(line)
            finally:
                self.relay(None)
        return False
