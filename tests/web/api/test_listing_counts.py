"""Scans that a listing costs. A test fails with one scan more, or one row that is read twice."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from gromit.core.environments.attributes import WANTED_PROJECTION
from gromit.ports import RowPage
from tests.bench.sample_row import sample_row
from tests.web.serving import Serve

ROWS, FIT = 300, 46
"""Rows of the table, and those that DynamoDB returns before the limit of 1 MB."""


class CutStore:
    """A table whose scans end at their size."""

    def __init__(self) -> None:
        self.scans = 0
        self.read = 0
        self.attributes: Sequence[str] | None = None
        self._row = sample_row(5)

    def page(
        self, after: str | None, limit: int, attributes: Sequence[str] | None = None
    ) -> RowPage:
        """Return what one scan of DynamoDB returns."""
        self.attributes = attributes
        first = int(after[1:]) + 1 if after else 0
        end = min(first + limit, first + FIT, ROWS)
        self.scans += 1
        self.read += end - first
        rows = tuple({**self._row, "name": f"e{number:04d}"} for number in range(first, end))
        last = f"e{end - 1:04d}" if end < ROWS else None
        return RowPage(rows, last, is_cut=last is not None and len(rows) < limit)


@pytest.fixture
def cut(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> CutStore:
    store = CutStore()
    monkeypatch.setattr(serve.app.state.deps.environments.ledger.store, "page", store.page)
    return store


def _pages(serve: Serve, **query: Any) -> list[int]:
    sizes, cursor = [], dict[str, str]()
    while True:
        page = serve.get("/v1/environments", **query, **cursor)
        sizes.append(len(page["environments"]))
        if page["next"] is None:
            return sizes
        cursor = {"cursor": page["next"]}


def test_the_list_of_wanted_environments_reads_each_row_once_and_no_history(
    serve: Serve, cut: CutStore
) -> None:
    listed, cursor = list[str](), dict[str, str]()
    while True:
        page = serve.get("/v1/wanted", **cursor)
        listed += [e["name"] for e in page["environments"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert listed == [f"e{number:04d}" for number in range(ROWS)]
    assert (cut.scans, cut.read) == (math.ceil(ROWS / FIT), ROWS)
    assert cut.attributes == WANTED_PROJECTION
    assert "events" not in cut.attributes


@pytest.mark.parametrize("query", [{}, {"phase": "all"}, {"prefix": "e"}, {"repository": "tyk"}])
def test_a_listing_is_one_scan_for_each_page_of_the_table(
    serve: Serve, cut: CutStore, query: dict[str, str]
) -> None:
    sizes = _pages(serve, limit=500, **query)
    assert sum(sizes) == ROWS
    assert (cut.scans, len(sizes), cut.read) == (math.ceil(ROWS / FIT),) * 2 + (ROWS,)


def test_a_filter_that_nothing_fits_is_one_answer(serve: Serve, cut: CutStore) -> None:
    assert _pages(serve, limit=500, prefix="zz") == [0]
    assert (cut.scans, cut.read) == (math.ceil(ROWS / FIT), ROWS)


def test_a_small_page_reads_one_row_more_than_it_shows(serve: Serve, cut: CutStore) -> None:
    sizes = _pages(serve, limit=10)
    assert sizes == [10] * (ROWS // 10)
    assert (cut.scans, cut.read) == (ROWS // 10, ROWS + ROWS // 10 - 1)


@pytest.mark.parametrize("query", [{}, {"phase": "all"}, {"prefix": "e"}, {"repository": "tyk"}])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("damaged", ["x", ".x", "x.", "..x", ".x.x.x", "..xx..", "xx...", ".xx"])
def test_each_row_is_on_one_page_wherever_the_damaged_ones_are(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, damaged: str, limit: int, query: dict[str, str]
) -> None:
    row = sample_row(5)
    rows = {
        f"e{number}": {**row, "name": f"e{number}"} | ({"events": "x"} if mark == "x" else {})
        for number, mark in enumerate(damaged)
    }

    def page(after: str | None, limit: int) -> RowPage:
        names = [name for name in rows if after is None or name > after]
        last = names[limit - 1] if len(names) > limit else None
        return RowPage(tuple(rows[name] for name in names[:limit]), last)

    monkeypatch.setattr(serve.app.state.deps.environments.ledger.store, "page", page)
    listed, cursor = list[str](), dict[str, str]()
    while True:
        found = serve.get("/v1/environments", limit=limit, **query, **cursor)
        assert len(found["environments"]) <= limit
        listed += [e["name"] for e in found["environments"]] + found["unreadable"]
        if found["next"] is None:
            break
        cursor = {"cursor": found["next"]}
    assert sorted(listed) == list(rows)
