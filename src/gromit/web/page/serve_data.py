"""Data of one page, read from serve on behalf of its person."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from gromit.core.time import Millis, parse_iso
from gromit.web.gateway.upstream import UpstreamResponse
from gromit.web.page.backend import PageBackend, Visitor

ROUTES_FRESH_MS = 600_000
"""Longest use of the list of serve's routes."""
READER_FRESH_MS = 60_000
READERS_MAX = 1000
_REQUESTS = frozenset(
    {"created", "build", "changed", "replaced", "redeploy", "rollback", "retry", "parked"}
    | {"unparked"}
)
"""Events after which a worker has something to do."""
_RESULTS = frozenset({"sown", "failed", "reaped"})


class ServeRefusal(Exception):
    """An error of serve, or of the way to it, as the page shows it."""

    def __init__(self, status: int, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One event of a history; `took_s` is the time from the request to its result."""

    event: Mapping[str, Any]
    took_s: float | None = None


@dataclass(frozen=True, slots=True)
class ShownEnvironment:
    """One environment, its history with the newest event first, and its explanation if known."""

    view: Mapping[str, Any]
    history: Sequence[HistoryLine]
    explanation: Mapping[str, Any] | None


@dataclass(slots=True)
class ServeData:
    """Reads what the pages show."""

    backend: PageBackend
    _routes: frozenset[tuple[str, str]] = frozenset()
    _routes_ms: Millis | None = field(default=None)
    _readers: dict[tuple[str, str], Millis] = field(default_factory=dict)
    """People whom serve lets read, and since when that is known."""

    async def get(self, request: Request, path: str) -> Any:
        """Return the JSON at a path. Raises `ServeRefusal`."""
        return _content(await self.backend.send(request, "GET", path))

    async def check_reader(self, request: Request, visitor: Visitor, now_ms: Millis) -> None:
        """Raise `ServeRefusal` unless serve lets the person read. Asked once a minute.

        The list of all environments is read once for all people, so serve has not judged each.
        """
        key = (visitor.name, str(visitor.role))
        if key in self._readers and now_ms - self._readers[key] < READER_FRESH_MS:
            return
        self._readers.pop(key, None)
        await self.get(request, "/v1/whoami")
        self._readers[key] = now_ms
        if len(self._readers) > READERS_MAX:
            del self._readers[next(iter(self._readers))]

    async def change(
        self, request: Request, method: str, path: str, body: Mapping[str, Any] | None
    ) -> None:
        """Send a change. Raises `ServeRefusal`."""
        _check(await self.backend.send(request, method, path, body))

    async def routes(self, request: Request, now_ms: Millis) -> frozenset[tuple[str, str]]:
        """Return method and path of each route that serve has; read once in ten minutes."""
        if self._routes_ms is None or now_ms - self._routes_ms > ROUTES_FRESH_MS:
            document = await self.get(request, "/v1/openapi.json")
            paths = document["paths"].items()
            self._routes = frozenset((m.upper(), p) for p, found in paths for m in found)
            self._routes_ms = now_ms
        return self._routes

    async def environment(
        self, request: Request, name: str, routes: frozenset[tuple[str, str]]
    ) -> ShownEnvironment:
        """Return one environment. Raises `ServeRefusal`."""
        path = environment_path(name)
        view = await self.get(request, path)
        events = (await self.get(request, f"{path}/events"))["events"]
        explanation = None
        if ("GET", "/v1/environments/{name}/explanation") in routes:
            explanation = await self.get(request, f"{path}/explanation")
        return ShownEnvironment(view, history_lines(events), explanation)


def environment_path(name: str) -> str:
    """Return the path of an environment at serve."""
    return f"/v1/environments/{quote(name, safe='')}"


def history_lines(events: Sequence[Mapping[str, Any]]) -> list[HistoryLine]:
    """Return a history with durations, newest event first."""
    lines: list[HistoryLine] = []
    requested: Millis | None = None
    for event in events:
        line, at = HistoryLine(event), parse_iso(event["at"])
        if event["kind"] in _REQUESTS and requested is None:
            requested = at
        if event["kind"] in _RESULTS and requested is not None:
            line = replace(line, took_s=(at - requested) / 1000)
        if event["kind"] in {"sown", "reaped"}:
            requested = None
        lines.append(line)
    return lines[::-1]


def _content(answer: UpstreamResponse) -> Any:
    _check(answer)
    try:
        return json.loads(answer.body)
    except ValueError:
        raise ServeRefusal(502, "the answer of serve is not JSON", None) from None


def _check(answer: UpstreamResponse) -> None:
    if 200 <= answer.status < 300:
        return
    try:
        found = json.loads(answer.body)
        message, hint = str(found["error"]), found.get("hint")
    except (ValueError, KeyError, TypeError, AttributeError):
        message, hint = f"serve answered {answer.status}", None
    raise ServeRefusal(answer.status, message, hint)
