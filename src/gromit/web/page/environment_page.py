"""The page of one environment, and the parts of it that a change replaces."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request

from gromit.core.environments.failures import shown_remedy
from gromit.core.time import Millis
from gromit.web.page.actions import offered_actions
from gromit.web.page.backend import Visitor
from gromit.web.page.index import EnvironmentIndex
from gromit.web.page.live import digest
from gromit.web.page.rendering import render
from gromit.web.page.serve_data import ServeData, ShownEnvironment

_RETRIES = "gromit tries again by itself"
_COMPONENTS = ("components", "versions", "urls", "outdated", "parked")


class EnvironmentPageBuilder:
    """Builds the page of an environment."""

    def __init__(
        self, data: ServeData, index: EnvironmentIndex, now_ms: Callable[[], Millis]
    ) -> None:
        self._data = data
        self._index = index
        self._now_ms = now_ms

    async def values(self, request: Request, visitor: Visitor, name: str) -> dict[str, Any]:
        """Return the values of the template. Raises `ServeRefusal`."""
        since = self._index.version  # before the environment is read
        routes = await self._data.routes(request, self._now_ms())
        shown = await self._data.environment(request, name, routes)
        row = self._index.rows.get(shown.view["name"])
        actions = offered_actions(visitor, shown.view, routes)
        return {
            "view": shown.view,
            "history": shown.history,
            "explanation": shown.explanation,
            "owner": row.owner if row else None,
            "remedy": _remedy(shown.view["error"]),
            "actions": actions,
            "csrf": visitor.csrf,
            "mark": secrets.token_hex(8),
            "parts": _parts(shown, [a.word for a in actions]),
            "life": self._index.life,
            "since": since,
        }

    def pieces(self, values: Mapping[str, Any], known: dict[str, str], now_ms: Millis) -> str:
        """Return the parts that differ from what the page has; `known` learns them."""
        have = dict(pair.split(".", 1) for pair in known["all"].split("~") if "." in pair)
        now = dict(pair.split(".", 1) for pair in values["parts"].split("~"))
        known["all"] = values["parts"]
        stale = [part for part, value in now.items() if have.get(part) != value]
        pieces = [render(f"_{part}.html", **values, now_ms=now_ms, oob=True) for part in stale]
        return "\n".join(pieces)


def _remedy(error: Mapping[str, Any] | None) -> str:
    """Return what a person has to do after a failure, as a sentence."""
    found = shown_remedy(error) if error else None
    return f"{found[0].upper()}{found[1:]}." if found else f"{_RETRIES}."


def _parts(shown: ShownEnvironment, actions: list[str]) -> str:
    """Return a digest of what each part shows, so that only what differs is sent."""
    view = dict(shown.view)
    runs = {key: view.pop(key) for key in _COMPONENTS if key in view}
    view["lease"] = view["lease"] and view["lease"]["holder"]  # its end moves all the time
    explanation = {**(shown.explanation or {}), "at": None}
    parts = {
        "summary": digest([view, explanation]),
        "components": digest(runs),
        "history": digest([line.event for line in shown.history]),
        "actions": digest(actions),
    }
    return "~".join(f"{part}.{value}" for part, value in parts.items())
