"""Origin of a request to serve: the certificate or, behind the gateway, the person, token or job.

The gateway says in headers who asked it. They count only from the role gateway.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from gromit.core.security.people import Person
from gromit.core.security.roles import Role
from gromit.core.text import visible
from gromit.errors import TrustError
from gromit.web.server.gate import peer_certificate
from gromit.web.server.limits import Scope

REQUESTER_HEADER = "X-Gromit-Requester"
"""Id of the token that the gateway received, or `owner/name` of the job's repository."""
RUN_HEADER = "X-Gromit-Run"
"""Run and attempt of the job whose token the gateway received."""
CLIENT_HEADER = "X-Gromit-Client"
"""Address of the gateway's client."""
PERSON_HEADER = "X-Gromit-Person"
"""Name of the person who is logged in at the gateway, percent-encoded."""
PERSON_ROLE_HEADER = "X-Gromit-Person-Role"
"""The person's role: viewer, developer or operator."""
PERSON_REPOSITORIES_HEADER = "X-Gromit-Person-Repositories"
"""The person's repositories, separated by commas; `*`: all; without the header none."""
PERSON_HEADERS = (PERSON_HEADER, PERSON_ROLE_HEADER, PERSON_REPOSITORIES_HEADER)
_ALL = "*"
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
    person: str | None = None
    """Name that the gateway gives a person, not checked; None for a request of no person."""

    @property
    def text(self) -> str | None:
        """The origin in words, for histories."""
        if self.person is not None:
            return "login at the gateway"
        if self.requester is None:
            return self.serial and f"certificate {self.serial}"
        return f"{self.requester} run {self.run}" if self.run else f"token {self.requester}"

    @property
    def facts(self) -> Mapping[str, str]:
        """The known facts by name, for logs."""
        known = {
            "serial": self.serial,
            "person": self.person,
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


def person_headers(person: Person) -> dict[str, str]:
    """Return the headers by which the gateway vouches for a person."""
    repositories = person.repositories
    return {
        PERSON_HEADER: quote(person.name, safe="@+ "),
        PERSON_ROLE_HEADER: str(person.role),
        PERSON_REPOSITORIES_HEADER: _ALL
        if repositories is None
        else ",".join(sorted(repositories)),
    }


def vouched_person(scope: Scope) -> Person | None:
    """Return the person for whom the gateway vouches; None for a request of no person.

    Raises `TrustError` if the headers do not make sense: such a request must not get the rights of
    the gateway. Headers of other roles say nothing.
    """
    peer = peer_certificate(scope)
    if peer is None or peer.role is not Role.GATEWAY:
        return None
    given: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1")
        if name in _PERSON_NAMES:
            if name in given:
                raise TrustError(f"the header {name} comes twice")
            given[name] = raw_value.decode("latin-1").strip()
    if not given:
        return None
    name, role, repositories = (given.get(header, "") for header in _PERSON_NAMES)
    return Person.checked(_decoded(name), role, _named(repositories))


_PERSON_NAMES = tuple(header.lower() for header in PERSON_HEADERS)


def _decoded(name: str) -> str:
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        return ""  # as a missing name


def _named(repositories: str) -> list[str] | None:
    if repositories == _ALL:
        return None
    return [name.strip() for name in repositories.split(",")] if repositories else []


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
        _shown_person(given),
    )


def _shown_person(given: Mapping[str, str]) -> str | None:
    """Return a person's name for logs, also of a request that is refused."""
    name = given.get(PERSON_HEADER.lower())
    return name and visible(unquote(name))[:_LONGEST]


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers that are not empty; the first one counts."""
    named = [(name.decode("latin-1"), value.decode("latin-1").strip()) for name, value in raw]
    return {name: visible(value)[:_LONGEST] for name, value in reversed(named) if value}
