"""People at the gateway: who sent a request, and whether a browser may make a change.

A browser sends cookies by itself, also for pages of others. So a change that comes with a cookie
needs two things more: the browser must say that the page is the gateway's, and the page must send
the proof of its session. A token of the command line needs neither, because only its owner sends
it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from gromit.core.security.people import Person
from gromit.core.security.tokens import bearer_value
from gromit.core.time import Millis
from gromit.errors import TrustError
from gromit.web.gateway.sessions import (
    PersonSession,
    Purpose,
    SessionBook,
    SessionSigner,
    is_person_token,
)
from gromit.web.server.limits import RateLimit

CHANGE_HEADER = "X-Gromit-Csrf"
"""Header with the proof of a session."""
CHANGE_FIELD = "csrf"
"""Field of a form with the proof of a session."""
PATH_MAX = 1000
"""Characters of a path that a login goes on to."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginTerms:
    """Rules for sessions of one gateway."""

    url: str
    """Public URL of the gateway, without a path."""
    session: timedelta
    """Length of a session in a browser."""
    token: timedelta
    """Lifetime of a token of the command line."""

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the gateway by HTTPS; else only on their own machine."""
        return urlsplit(self.url).scheme == "https"

    def cookie_name(self, purpose: Purpose) -> str:
        """Return the name of a cookie.

        Browsers accept `__Host-` only from this very host, so no other host of the domain can plant
        one.
        """
        return f"{'__Host-' if self.is_secure else ''}gromit-{purpose}"


class People:
    """Finds the person of a request, and sets the cookies by which it does so."""

    def __init__(
        self,
        terms: LoginTerms,
        signer: SessionSigner,
        book: SessionBook,
        rate: RateLimit,
        now_ms: Callable[[], Millis],
    ) -> None:
        self.terms = terms
        self._signer = signer
        self._book = book
        self._rate = rate
        self._now_ms = now_ms

    def session(self, request: Request) -> PersonSession | None:
        """Return the session of a request; None if it has no valid one.

        A request with an Authorization header is judged by that alone.
        """
        values = request.headers.getlist("authorization")
        if values:
            text = bearer_value(values[0]) if len(values) == 1 else ""
            return self._book.recognise(Purpose.TOKEN, text)
        return self._book.recognise(Purpose.SESSION, self.cookie(request, Purpose.SESSION))

    def is_for_people(self, request: Request) -> bool:
        """Whether a request has no Authorization, or what looks like a token of a person."""
        values = request.headers.getlist("authorization")
        return not values or any(is_person_token(bearer_value(value)) for value in values)

    def person(self, request: Request) -> Person | None:
        """Return the person of a request; None if no one is logged in."""
        found = self.session(request)
        return None if found is None else found.person

    def change_proof(self, request: Request) -> str:
        """Return what a page of the request's session has to send with each change.

        It is empty without a session. The page sends it in the header `X-Gromit-Csrf`, or in a
        field `csrf` of a form.
        """
        found = self.session(request)
        return "" if found is None else self._signer.proof(found.id)

    def wait_ms(self, session: PersonSession) -> int:
        """Return 0 and count a request if its person may send it now, else the time to wait."""
        return self._rate.wait_ms(session.subject, self._now_ms())

    async def check_change(self, request: Request, session: PersonSession) -> None:
        """Raise `TrustError` unless a page of the gateway sent a change that has a cookie."""
        if request.method in SAFE or not session.is_cookie:
            return
        if not self._is_own_page(request):
            raise TrustError(
                "this change does not come from a page of the gateway",
                hint=f"open {self.terms.url} and do it there",
            )
        given = request.headers.get(CHANGE_HEADER) or await _form_field(request)
        if not self._signer.is_proof(session.id, given):
            raise TrustError(
                "the page is not of this session", hint="reload the page, and try again"
            )

    def _is_own_page(self, request: Request) -> bool:
        """Whether the browser says that the request comes from a page of the gateway.

        Every browser sends `Origin` with a change, and `Sec-Fetch-Site` if it is not very old.
        """
        origins = request.headers.getlist("origin")
        sites = request.headers.getlist("sec-fetch-site")
        if not set(origins) <= {self.terms.url} or not set(sites) <= {"same-origin"}:
            return False
        return bool(origins or sites)

    def start(self, response: Response, person: Person, subject: str) -> None:
        """Begin a session in a browser. It never continues an earlier one."""
        text = self._book.issue(Purpose.SESSION, person, subject, self.terms.session)
        self.set_cookie(response, Purpose.SESSION, text, self.terms.session)

    def token(self, person: Person, subject: str) -> str:
        """Return a token for the command line."""
        return self._book.issue(Purpose.TOKEN, person, subject, self.terms.token)

    def cookie(self, request: Request, purpose: Purpose) -> str:
        """Return the value of our cookie; empty without one."""
        return request.cookies.get(self.terms.cookie_name(purpose), "")

    def set_cookie(self, response: Response, purpose: Purpose, value: str, life: timedelta) -> None:
        """Set a cookie; an empty value removes it."""
        response.set_cookie(
            self.terms.cookie_name(purpose),
            value,
            max_age=int(life.total_seconds()) if value else 0,
            path="/",
            secure=self.terms.is_secure,
            httponly=True,
            samesite="lax",
        )

    def remove_cookie(self, response: Response, purpose: Purpose) -> None:
        """Make the browser forget a cookie."""
        self.set_cookie(response, purpose, "", timedelta(0))


async def _form_field(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    fields = parse_qs((await request.body()).decode("latin-1"), max_num_fields=64)
    return fields.get(CHANGE_FIELD, [""])[0]


def own_path(text: str) -> str | None:
    """Return a path of the gateway; None if a browser could take the text for another address.

    Browsers read two slashes or backslashes as the beginning of an address, and skip line breaks
    and tabs.
    """
    is_path = text.startswith("/") and not text.startswith("//")
    if not is_path or len(text) > PATH_MAX or not text.isascii() or not text.isprintable():
        return None
    return None if "\\" in text or " " in text else text
