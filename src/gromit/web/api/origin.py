"""Origin of a request to serve: the certificate or, behind the gateway, the token or job.

The gateway says in headers who asked it. They count only from the role gateway.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gromit.core.security.roles import Role
from gromit.core.text import visible
from gromit.web.server.gate import peer_certificate
from gromit.web.server.limits import Scope

REQUESTER_HEADER = "X-Gromit-Requester"
"""Id of the token that the gateway received, or `owner/name` of the job's repository."""
RUN_HEADER = "X-Gromit-Run"
"""Run and attempt of the job whose token the gateway received."""
CLIENT_HEADER = "X-Gromit-Client"
"""Address of the gateway's client."""
_LONGEST = 200
"""Characters of a header that are kept."""


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Sender of a request; None is not known."""

    serial: str | None = None
    """Serial of the client certificate."""
    requester: str | None = None
    """Token or job's repository at the gateway; None for a request that did not come through it."""
    run: str | None = None
    client: str | None = None
    """Address of the client that asked the gateway, else of the client of serve."""

    @property
    def text(self) -> str | None:
        """The origin in words, for histories."""
        if self.requester is None:
            return self.serial and f"certificate {self.serial}"
        return f"{self.requester} run {self.run}" if self.run else f"token {self.requester}"

    @property
    def facts(self) -> Mapping[str, str]:
        """The known facts by name, for logs."""
        known = {
            "serial": self.serial,
            "requester": self.requester,
            "run": self.run,
            "client": self.client,
        }
        return {name: value for name, value in known.items() if value is not None}


def origin_headers(requester: str, run: str | None, client: str | None) -> dict[str, str]:
    """Return the headers by which the gateway says who asked it."""
    known = {REQUESTER_HEADER: requester, RUN_HEADER: run, CLIENT_HEADER: client}
    return {
        name: value.encode("ascii", "replace").decode() for name, value in known.items() if value
    }


def request_origin(scope: Scope) -> RequestOrigin:
    """Return the origin of a request."""
    address = scope["client"][0] if scope["client"] else None
    peer = peer_certificate(scope)
    if peer is None:
        return RequestOrigin(client=address)
    if peer.role is not Role.GATEWAY:
        return RequestOrigin(peer.serial, client=address)
    given = _headers(scope["headers"])
    return RequestOrigin(
        peer.serial,
        given.get(REQUESTER_HEADER.lower()),
        given.get(RUN_HEADER.lower()),
        given.get(CLIENT_HEADER.lower(), address),
    )


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers that are not empty; the first one counts."""
    named = [(name.decode("latin-1"), value.decode("latin-1").strip()) for name, value in raw]
    return {name: visible(value)[:_LONGEST] for name, value in reversed(named) if value}
