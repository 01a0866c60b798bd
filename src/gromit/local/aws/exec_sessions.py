"""Sessions of ECS Exec that were opened and that a client has not joined yet.

A server of the local cloud (`exec_server`) serves them. Without one, for example in a test, a
session has an address at AWS, as on AWS, and nothing serves it.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

LIFETIME_S = 60.0
"""Seconds in which a client has to join a session."""


@dataclass(frozen=True, slots=True)
class PendingSession:
    """A session before its client has joined."""

    task: str
    """Id of the ECS task."""
    command: str
    """Program and arguments, quoted as for a shell."""


@dataclass
class ExecSessions:
    """Open sessions of one emulator, by their token. A token is good for one client."""

    address: tuple[str, int] | None = None
    """Address of the server that serves them; None if there is none."""
    clock: Callable[[], float] = time.monotonic
    _pending: dict[str, tuple[float, PendingSession]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, session: PendingSession, region: str) -> dict[str, str]:
        """Return the session as AWS describes it to the client."""
        identity = f"ecs-execute-command-{secrets.token_hex(9)}"
        token, now = secrets.token_urlsafe(32), self.clock()
        with self._lock:
            self._pending = {t: p for t, p in self._pending.items() if p[0] > now}
            self._pending[token] = (now + LIFETIME_S, session)
        return {
            "sessionId": identity,
            "streamUrl": f"{self._origin(region)}/v1/data-channel/{identity}"
            "?role=publish_subscribe",
            "tokenValue": token,
        }

    def join(self, token: str) -> PendingSession | None:
        """Return the session of a token, once; None if there is none any more."""
        with self._lock:
            until, session = self._pending.pop(token, (0.0, None))
        return session if until > self.clock() else None

    def _origin(self, region: str) -> str:
        if self.address is None:
            return f"wss://ssmmessages.{region}.amazonaws.com"
        host, port = self.address
        return f"ws://{host}:{port}"


SESSIONS = ExecSessions()
"""Sessions of the emulator of this process, whose state exists once."""
