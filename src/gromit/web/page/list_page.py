"""The list of all environments, and the pieces of it that a change replaces."""

from typing import Any

from gromit.core.time import Millis
from gromit.web.page.index import EnvironmentIndex
from gromit.web.page.rendering import render
from gromit.web.page.rows import PHASES, ListQuery, select_rows

COLUMNS = (
    ("name", "Environment", ""),
    ("phase", "Phase", ""),
    (None, "Builds", "wide"),
    ("owner", "Owner", "wide"),
    ("age", "Age", "medium"),
    ("changed", "Changed", "medium"),
    ("expires", "Expires", ""),
)
"""Order, heading and class of each column."""


def list_values(index: EnvironmentIndex, query: ListQuery) -> dict[str, Any]:
    """Return the values of the list's template."""
    selection = select_rows(index.rows.values(), query)
    repositories = sorted({r for row in index.rows.values() for r in row.versions})
    live = query.address(page=query.page).removeprefix("?")
    return {
        "query": query,
        "selection": selection,
        "columns": COLUMNS,
        "repositories": repositories,
        "phases": PHASES,
        "live": f"/page/live?{live}&life={index.life}&since={index.version}",
        "fresh": 0,
    }


class ShownList:
    """The list as one open page shows it. Its rows never move under the eyes of the reader."""

    def __init__(self, index: EnvironmentIndex, query: ListQuery) -> None:
        self._index = index
        self._query = query
        self._suspensions = index.suspensions
        self._names = {row.name for row in select_rows(index.rows.values(), query).rows}

    def pieces(self, since: int, now_ms: Millis) -> str:
        """Return the rows that changed, the numbers, and how many rows the page lacks."""
        index, query = self._index, self._query
        changed = index.changed_since(since)
        if not changed and self._suspensions == index.suspensions:
            return ""
        self._suspensions = index.suspensions
        selection = select_rows(index.rows.values(), query)
        concerned = sorted(changed & self._names)
        return render(
            "list_live.html",
            query=query,
            selection=selection,
            rows=[index.rows[name] for name in concerned if name in index.rows],
            gone=[name for name in concerned if name not in index.rows],
            fresh=sum(row.name not in self._names for row in selection.rows),
            phases=PHASES,
            now_ms=now_ms,
            suspensions=index.suspensions,
            oob=True,
        )
