"""The page before a real serve, and a reader of its HTML."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import httpx2
from starlette.requests import Request

from gromit.core.security.roles import Role
from gromit.core.time import Millis
from gromit.web.gateway.upstream import Upstream, UpstreamResponse, upstream_client
from gromit.web.page.app import PageApp, build_page
from gromit.web.page.backend import PageBackend, PageDeps, Visitor
from gromit.web.page.own_certificate import OwnCertificate
from gromit.web.server.server import Listener, Server
from gromit.web.tls import ClientTls
from tests.waiting import PATIENCE_S
from tests.web.serving import Serve

_PATIENCE = timedelta(seconds=PATIENCE_S)
CSRF = "csrf-of-the-session"
_APART = {"th", "td", "li", "p", "dt", "dd"}
_VOID = {"meta", "link", "input", "img", "br", "hr"}


@dataclass(eq=False)
class Element:
    """An element of a page."""

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    inside: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self._texts())).strip()

    def _texts(self) -> Iterator[str]:
        for part in self.inside:
            if isinstance(part, str):
                yield part
            else:
                yield from part._texts()
                yield " " if part.tag in _APART else ""

    def walk(self) -> Iterator["Element"]:
        yield self
        for part in self.inside:
            if isinstance(part, Element):
                yield from part.walk()

    def all(self, tag: str, **attributes: str) -> list["Element"]:
        """Return the elements of a tag with these attributes; `class_` is one of its classes."""
        return [e for e in self.walk() if e.tag == tag and _fits(e, attributes)]

    def one(self, tag: str, **attributes: str) -> "Element":
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} elements {tag} {attributes}"
        return found[0]


def _fits(element: Element, attributes: Mapping[str, str]) -> bool:
    return all(
        value in element.attributes.get("class", "").split()
        if name == "class_"
        else element.attributes.get(name.replace("_", "-")) == value
        for name, value in attributes.items()
    )


class _Reader(HTMLParser):
    """Builds the tree. Elements that are not closed, or closed in another order, are a fault."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        assert len(element.attributes) == len(attrs), f"an attribute of {tag} is given twice"
        self.open[-1].inside.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"{tag} is closed in the wrong place"

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def parse_html(text: str) -> Element:
    """Return the tree of a page, or of a piece of it."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert len(reader.open) == 1, f"{reader.open[-1].tag} is not closed"
    return reader.open[0]


@dataclass(frozen=True)
class Look:
    """A browser without a script."""

    http: httpx2.Client

    def get(self, path: str = "/", status: int = 200, **more: Any) -> Element:
        answer = self.http.get(path, **more)
        assert answer.status_code == status, answer.text
        return parse_html(answer.text)

    def submit(self, form: Element, **fields: str) -> httpx2.Response:
        """Send a form as a browser does, with other values of some fields."""
        given = {
            e.attributes["name"]: e.attributes.get("value", "")
            for tag in ("input", "select")
            for e in form.all(tag)
        }
        assert set(fields) <= set(given)
        return self.http.post(
            form.attributes["action"], data={**given, **fields}, follow_redirects=False
        )


def visitor(role: Role = Role.OPERATOR, *repositories: str, name: str = "ann") -> Visitor:
    """Return a person."""
    own = frozenset(repositories) if repositories else None
    return Visitor(name=name, role=role, csrf=CSRF, repositories=own)


@contextmanager
def looking(backend: PageBackend, now_ms: Callable[[], Millis]) -> Iterator[Look]:
    """Run the page with a backend."""
    closed = [backend.close] if isinstance(backend, OwnCertificate) else []
    page = PageApp(PageDeps(backend, now_ms))
    server = Server(Listener(build_page(page, *closed), "127.0.0.1:0"), on_stop=page.stop)
    with (
        server.running(),
        httpx2.Client(
            base_url=f"http://{server.address()}", timeout=PATIENCE_S, trust_env=False
        ) as http,
    ):
        yield Look(http)


class CountedRequests(OwnCertificate):
    """Counts the requests to serve, and the bytes of its answers."""

    def __init__(self, upstream: Upstream, person: Visitor) -> None:
        super().__init__(upstream, person)
        self.paths: list[str] = []
        self.bytes = 0

    async def send(
        self,
        request: Request | None,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
    ) -> UpstreamResponse:
        answer = await super().send(request, method, path, body)
        self.paths.append(path.partition("?")[0])
        self.bytes += len(answer.body)
        return answer

    def since(self) -> tuple[list[str], int]:
        """Return the paths and bytes since the last call."""
        found = self.paths, self.bytes
        self.paths, self.bytes = [], 0
        return found


def fill(serve: Serve, count: int) -> list[str]:
    """Fill a table with copies of an environment that is ready, and return their names."""
    serve.build("tyk", "copied", "sha-1234567")
    made = [
        {"name": name, "repository": name, "version": "sha-1234567", "digest": "sha256:" + "0" * 64}
        for name in ("tyk", "tyk-analytics", "tyk-pump", "tyk-sink", "tyk-identity-broker")
    ]
    assert serve.outcome(serve.claim("sow"), "done", made=made).status_code == 200
    table = serve.settings.tablename
    item = serve.dynamodb.get_item(TableName=table, Key={"name": {"S": "copied"}})["Item"]
    names = ["copied", *(f"env-{number:04}" for number in range(1, count))]
    puts = [{"PutRequest": {"Item": {**item, "name": {"S": name}}}} for name in names]
    for start in range(0, len(puts), 25):
        serve.dynamodb.batch_write_item(RequestItems={table: puts[start : start + 25]})
    return names


def counted_requests(serve: Serve, person: Visitor) -> CountedRequests:
    """Return a backend that counts."""
    upstream = Upstream(upstream_client(serve.url, _tls(serve, person)), _PATIENCE)
    return CountedRequests(upstream, person)


def _tls(serve: Serve, person: Visitor) -> ClientTls:
    return ClientTls(serve.certificates.of(person.role))


def own_certificate(serve: Serve, person: Visitor) -> OwnCertificate:
    """Return the backend of `gromit ui`, with the certificate of a role."""
    upstream = Upstream(upstream_client(serve.url, _tls(serve, person)), _PATIENCE)
    return OwnCertificate(upstream, person)


@contextmanager
def look_as(serve: Serve, role: Role = Role.OPERATOR) -> Iterator[Look]:
    """Run the page as `gromit ui` does, for a person of a role."""
    with looking(own_certificate(serve, visitor(role)), serve.clock) as look:
        yield look


def read_event(lines: Iterator[str]) -> str:
    """Return the HTML of the next event of a stream."""
    data: list[str] = []
    for line in lines:
        if line.startswith("data: "):
            data.append(line.removeprefix("data: "))
        elif data and not line:
            return "\n".join(data)
    raise AssertionError("the stream has ended")
