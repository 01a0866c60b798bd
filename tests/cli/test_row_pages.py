"""Long lists that are printed page by page."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from gromit.cli.render import print_json, print_rows
from gromit.cli.row_pages import print_json_pages, print_table_pages

COLUMNS = ("name", "phase")
PAGES: Sequence[Sequence[Mapping[str, Any]]] = (
    [{"name": "a", "phase": "ready"}, {"name": "bb", "phase": None}],
    [],
    [{"name": "much-longer", "phase": "x"}],
    [{"name": "c", "phase": "failed: why", "more": {"deep": ["\n", "ü"]}}],
)


@pytest.mark.parametrize("count", range(len(PAGES) + 1))
def test_json_of_pages_is_the_text_of_the_whole_list(
    count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    print_json([row for page in PAGES[:count] for row in page])
    whole = capsys.readouterr().out
    print_json_pages(PAGES[:count])
    assert capsys.readouterr().out == whole


def test_a_list_that_fails_midway_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    def failing() -> Iterator[Sequence[Mapping[str, Any]]]:
        yield PAGES[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        print_json_pages(failing())
    shown = capsys.readouterr().out
    assert '"bb"' in shown
    with pytest.raises(ValueError, match="delimiter"):
        json.loads(shown)


def test_one_page_is_the_table_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(PAGES[0], COLUMNS, "table")
    whole = capsys.readouterr().out
    print_table_pages(PAGES[:2], COLUMNS, empty="none")
    assert capsys.readouterr().out == whole


def test_columns_grow_from_page_to_page_below_one_line_of_heads(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table_pages(PAGES, COLUMNS, empty="none")
    assert capsys.readouterr().out.splitlines() == [
        "NAME  PHASE",
        "a     ready",
        "bb    -",
        "much-longer  x",
        "c            failed: why",
    ]


@pytest.mark.parametrize("pages", [[], [[]], [[], []]])
def test_a_list_without_rows_says_so(
    pages: list[list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    print_table_pages(pages, COLUMNS, empty="none")
    assert capsys.readouterr().out == "none\n"


def test_a_page_is_printed_before_the_next_one_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = list[str]()

    def pages() -> Iterator[Sequence[Mapping[str, Any]]]:
        yield PAGES[0]
        printed.append(capsys.readouterr().out)
        yield PAGES[2]

    for show in (print_json_pages, lambda found: print_table_pages(found, COLUMNS, empty="none")):
        show(pages())
    assert all("bb" in text for text in printed)
    assert len(printed) == 2
