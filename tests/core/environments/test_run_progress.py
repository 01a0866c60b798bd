"""Lines of a worker become progress, and progress survives the row."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments.run_progress import (
    COUNT_MAX,
    TEXT_MAX,
    ProgressStatus,
    RunProgress,
    fold_line,
)
from gromit.core.stack.terraform_events import (
    RunSummary,
    describe_event,
    fold_event,
    parse_event,
)


def _line(kind: str, **more: object) -> str:
    return json.dumps({"type": kind, **more})


def _plan(add: int, change: int, remove: int) -> str:
    changes = {"operation": "plan", "add": add, "change": change, "remove": remove}
    return _line("change_summary", changes=changes)


def _applied(address: str, seconds: int = 3) -> str:
    hook = {"resource": {"addr": address}, "action": "create", "elapsed_seconds": seconds}
    return _line("apply_complete", hook=hook)


def _progress(lines: list[str]) -> RunProgress | None:
    """Return the progress after lines of terraform's own output."""
    summary, progress = RunSummary(), None
    for line in lines:
        event = parse_event(line, str)
        summary = fold_event(summary, event)
        if text := describe_event(event, summary):
            progress = fold_line(progress, text)
    return progress


def test_the_plan_gives_the_total_and_each_resource_counts() -> None:
    plan = _plan(40, 1, 1)
    assert _progress([plan]) == RunProgress("40 to create, 1 to change, 1 to destroy", 0, 42)
    applied = [_applied('module.component["tyk"].aws_ecs_service.this') for _ in range(12)]
    progress = _progress([plan, *applied])
    assert progress == RunProgress("aws_ecs_service.this tyk: created (3s)", 12, 42)
    assert str(progress) == "aws_ecs_service.this tyk: created (3s) [12/42]"


def test_what_is_not_counted_keeps_the_last_count() -> None:
    lines = ["removing its DNS records", "a: destroyed (1s) [2/3]", "removing its state"]
    progress, seen = None, list[RunProgress | None]()
    for line in lines:
        progress = fold_line(progress, line)
        seen.append(progress)
    assert seen == [
        RunProgress("removing its DNS records"),
        RunProgress("a: destroyed (1s)", 2, 3),
        RunProgress("removing its state", 2, 3),
    ]


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_errors_and_warnings_of_terraform_are_no_progress(severity: str) -> None:
    said = {"severity": severity, "summary": "the password is hunter2", "detail": ""}
    before = RunProgress("a: created (1s)", 1, 2)
    (line,) = [
        describe_event(parse_event(text, str), RunSummary())
        for text in [_line("diagnostic", diagnostic=said)]
    ]
    assert line is not None
    assert fold_line(before, line) == before
    assert fold_line(None, line) is None


@given(st.text(min_size=1), st.integers(0, 10**12), st.integers(0, 10**12))
def test_progress_is_bounded_and_one_line(text: str, done: int, total: int) -> None:
    progress = fold_line(None, f"{text} [{done}/{total}]")
    if progress is None:
        return
    assert len(progress.text) <= TEXT_MAX
    assert "\n" not in progress.text
    if progress.done is not None and progress.total is not None:
        assert 0 <= progress.done <= progress.total <= COUNT_MAX


@given(st.text(), st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))
def test_a_row_keeps_progress(text: str, done: int | None, total: int | None) -> None:
    progress = RunProgress(text, done, total)
    assert ProgressStatus.from_row(progress.to_row(7)) == ProgressStatus(progress, 7)
    assert ProgressStatus.from_row(None) is None
