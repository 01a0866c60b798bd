"""Client of serve for workers and the command line: mTLS, clear errors and retries."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from gromit.core.environments.phases import UNREADABLE
from gromit.errors import (
    BackendError,
    Conflict,
    GromitError,
    InvalidInput,
    NotFound,
    Suspended,
    Temporary,
    TrustError,
    UnreadableRow,
)
from gromit.log import get_logger
from gromit.web.announcements import Announcement, HeardChanges, parse_announcement
from gromit.web.clients.connections import ClientRequest, ClientResponse, ClientTransport
from gromit.web.clients.retries import RETRIES, Retries

if TYPE_CHECKING:
    from gromit.core.doctor.installation import ServeIdentity

log = get_logger(__name__)

STREAM_READ_S = 45.0
"""Longest pause of a stream; serve sends a heartbeat each 15 s."""
PAGE = 500
"""Page size of serve's reads; with a smaller page serve would read rows twice."""
RECONNECT_S = 1.0
"""Pause before a broken stream is opened again."""
DATA = "data: "
"""Prefix of an announcement in a stream."""

_ERRORS: Mapping[int, type[GromitError]] = {
    400: InvalidInput,
    401: TrustError,
    403: TrustError,
    404: NotFound,
    409: Conflict,
    422: InvalidInput,
    423: Suspended,
    429: Temporary,
    502: Temporary,
    503: Temporary,
    504: Temporary,
}


class ServeClient:
    """Requests to serve. Every request may be repeated safely.

    Claims and results carry a nonce. Other requests state the desired result. A repeated PUT or
    PATCH raises the generation again, which costs one more pass over an unchanged environment.
    """

    def __init__(self, http: ClientTransport, retries: Retries | None = None) -> None:
        self._http = http
        self._retries = retries or RETRIES

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str
    ) -> ClientResponse:
        """Send a request, again while serve cannot be reached. Raises the error of the response."""
        content = json.dumps(body).encode() if body is not None else None
        request = ClientRequest(method, f"{path}?{urlencode(query)}" if query else path, content)
        return self._retries.call(lambda: self._once(request))

    def get(self, path: str, **query: str) -> Any:
        """Return the JSON at a path."""
        return response_json(self.call("GET", path, None, **query))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a POST request and return the JSON of its response."""
        return response_json(self.call("POST", path, body))

    def pages(self, **query: str) -> Iterator[dict[str, Any]]:
        """Yield all environments that match a filter, and after them the unreadable rows."""
        unreadable: dict[str, dict[str, Any]] = {}
        for page in self.listing(**query):
            yield from page["environments"]
            # A serve of an earlier release only names them. Pages may repeat them.
            unreadable |= {name: _set_aside(name) for name in page["unreadable"]}
            unreadable |= {row["name"]: row for row in page.get("set_aside", ())}
        yield from unreadable.values()

    def sorted_pages(self, **query: str) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of what matches a filter, unreadable rows included: each by name.

        Only one of them is held at a time. serve has up to 500 on a page, in no order.
        """
        known: set[str] = set()
        for page in self.listing(**query):
            # A serve of an earlier release only names them. Pages may repeat them.
            unreadable = {name: _set_aside(name) for name in page["unreadable"]}
            unreadable |= {row["name"]: row for row in page.get("set_aside", ())}
            fresh = [row for name, row in unreadable.items() if name not in known]
            known |= unreadable.keys()
            yield sorted([*page["environments"], *fresh], key=lambda row: str(row["name"]))

    def listing(self, path: str = "/v1/environments", **query: str) -> Iterator[dict[str, Any]]:
        """Yield the pages of a listing as serve returns them."""
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = self.get(path, limit=str(PAGE), **query, **more)
            yield page
            cursor = page["next"]
            if cursor is None:
                return

    def check_suspension(self) -> None:
        """Raise `Suspended` if serve says that all processing is suspended."""
        try:
            found = self.get("/v1/suspensions")
        except NotFound:
            return  # serve is of a release without suspensions
        for suspension in found["suspensions"]:
            if suspension["scope"] == "all" and suspension["via"] == "serve":
                raise Suspended(f"processing is {suspension['text']}", hint=suspension["remedy"])

    def caller(self) -> "ServeIdentity":
        """Return name and role that serve sees in our certificate."""
        # Only the doctor asks; the other clients start without its rules.
        from gromit.core.doctor.installation import ServeIdentity  # noqa: PLC0415

        found = self.get("/v1/whoami")
        try:
            return ServeIdentity(self._http.url, str(found["name"]), str(found["role"]))
        except (KeyError, TypeError):
            message = f"{self._http.url} did not return a name and a role"
            raise BackendError(message) from None

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[str]]:
        """Yield lines of an SSE stream: `DATA` begins an announcement, others are heartbeats."""
        with self._http.send(ClientRequest("GET", path, read_s=STREAM_READ_S)) as answer:
            if answer.status_code != 200:
                raise _error(answer)
            yield answer.lines()

    def _once(self, request: ClientRequest) -> ClientResponse:
        with self._http.send(request) as answer:
            answer.read()
        if not answer.is_success:
            raise _error(answer)
        return answer


def damaged_rows(page: Mapping[str, Any]) -> set[str]:
    """Return the rows of a page that serve cannot read, without those of gromit v1.

    gromit has made nothing of what those name, until `gromit migrate` has converted them.
    """
    flat = {r["name"] for r in page.get("set_aside", ()) if r["error"]["kind"] == Conflict.code}
    return set(page["unreadable"]) - flat


def _set_aside(name: str) -> dict[str, Any]:
    error = {"kind": UnreadableRow.code, "message": "its row cannot be read", "hint": None}
    return {"name": name, "phase": UNREADABLE, "error": error}


def response_json(answer: ClientResponse) -> Any:
    """Return the JSON of a response. Raises `BackendError` if it is not JSON, so not from serve."""
    try:
        return answer.json()
    except ValueError:
        hint = "check that GROMIT_SERVE_URL is the address of `gromit serve`"
        raise BackendError(f"the response of {answer.url} is not JSON", hint=hint) from None


class ServeChanges:
    """The ports `ChangeFeed` and `WorkFeed`: follows the stream of changes in a thread.

    The thread starts with the first `wait`. It closes the client, which is used for the stream
    only. `concerns` says which announcements count. `progress` names an environment whose progress
    counts as a change, too.
    """

    def __init__(
        self,
        client: ServeClient,
        progress: str | None = None,
        concerns: Callable[[Announcement], bool] = lambda _announcement: True,
    ) -> None:
        self._client = client
        self._changes = HeardChanges(concerns)
        self._hearing = threading.Lock()
        self._path = "/v1/changes"
        if progress is not None:
            self._path += f"?progress={quote(progress, safe='')}"
        self._announced = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def wait(self, seconds: float) -> bool:
        """Wait for an announcement, at most `seconds`; True if there was one."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._follow, name="changes", daemon=True)
            self._thread.start()
        is_announced = self._announced.wait(seconds)
        if is_announced:
            # Before the caller reads: a later change ends the next wait at once.
            self._announced.clear()
            with self._hearing:
                self._changes.end_wait()
        return is_announced

    def is_awaited(self) -> bool:
        """See the port."""
        with self._hearing:
            return self._changes.is_awaited()

    def forget(self) -> None:
        """See the port. What has ended no `wait` yet stays."""
        with self._hearing:
            self._changes.forget()

    def close(self) -> None:
        """Stop following: the thread ends with serve's next heartbeat, within 15 s."""
        self._closed.set()

    def _follow(self) -> None:
        reported = ""
        with closing(self._client):
            while not self._closed.is_set():
                try:
                    self._listen()
                except GromitError as error:
                    if error.message != reported:  # once per reason
                        log.warning("changes.interrupted", reason=error.message, hint=error.hint)
                    reported = error.message
                else:
                    reported = ""
                self._closed.wait(RECONNECT_S)

    def _listen(self) -> None:
        with self._client.stream(self._path) as lines:
            self._hear(None)  # something may have changed before the stream was open
            for line in lines:
                if self._closed.is_set():
                    return
                if line.startswith(DATA):
                    self._hear(parse_announcement(line.removeprefix(DATA)))

    def _hear(self, change: Announcement | None) -> None:
        with self._hearing:
            is_concerned = self._changes.hear(change)
        if is_concerned:
            self._announced.set()


def _error(answer: ClientResponse) -> GromitError:
    try:
        found = answer.json()
        message, hint = str(found["error"]), found.get("hint")
    except (ValueError, KeyError, TypeError, AttributeError):
        message, hint = f"serve answered {answer.status_code}", None
    kind = _ERRORS.get(answer.status_code, BackendError)
    return kind(message, hint=hint)
