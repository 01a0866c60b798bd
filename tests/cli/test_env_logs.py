"""Lines that `gromit env logs --follow` has printed."""

from typing import Any

import pytest

from gromit.cli.env_logs import PrintedLines


def line(second: int, text: str) -> dict[str, Any]:
    """Return a line of tyk."""
    return {
        "at": f"2026-01-31T08:15:{second:02}.000Z",
        "component": "tyk",
        "task": "t1",
        "text": text,
    }


def texts(lines: list[Any]) -> list[str]:
    """Return the texts of lines."""
    return [line["text"] for line in lines]


@pytest.mark.parametrize("is_complete", [True, False])
def test_each_line_is_printed_once(is_complete: bool) -> None:
    printed = PrintedLines(is_complete=is_complete)
    first = [line(20, "a"), line(30, "b"), line(30, "b")]
    assert texts(printed.new(first)) == ["a", "b", "b"]
    assert printed.next_start() == "2026-01-31T08:15:15+00:00"
    assert printed.new(first) == []
    more = [*first, line(30, "b"), line(31, "c")]
    assert texts(printed.new(more)) == ["b", "c"]
    assert printed.new(more) == []


def test_lines_that_come_late_are_printed() -> None:
    printed = PrintedLines(is_complete=False)
    printed.new([line(30, "b")])
    printed.new([line(30, "b"), line(31, "c")])
    late = [line(29, "late"), line(30, "b"), line(31, "c")]
    assert texts(printed.new(late)) == ["late"]


def test_lines_that_were_left_out_at_first_stay_out() -> None:
    printed = PrintedLines(is_complete=False)
    assert texts(printed.new([line(30, "newest")])) == ["newest"]
    assert texts(printed.new([line(29, "older"), line(30, "newest"), line(31, "new")])) == ["new"]
    assert printed.new([line(29, "older"), line(30, "newest"), line(31, "new")]) == []


def test_without_a_line_the_next_question_is_about_the_last_seconds() -> None:
    printed = PrintedLines(is_complete=False)
    assert printed.new([]) == []
    assert printed.next_start() == "15s"
    assert texts(printed.new([line(1, "first")])) == ["first"]


def test_a_run_is_followed_by_the_one_after_it() -> None:
    printed = PrintedLines(is_complete=True)
    first = [line(20, "1 to create"), line(21, "a: created")]
    assert texts(printed.new(first[:1])) == ["1 to create"]
    assert texts(printed.new(first)) == ["a: created"]
    assert printed.new(first) == []
    after = [line(40, "1 to create") | {"task": "t2"}]
    assert texts(printed.new(after)) == ["1 to create"]
    assert printed.new(after) == []
