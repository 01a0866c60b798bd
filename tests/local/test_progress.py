"""Progress on terminals and elsewhere."""

import io

import pytest
from rich.console import Console

from gromit.errors import BackendError
from gromit.local.progress import Course, display


def course(*, terminal: bool) -> tuple[Course, io.StringIO]:
    shown = io.StringIO()
    return Course(display(Console(file=shown, force_terminal=terminal, highlight=False, width=100))), shown


def test_elsewhere_it_is_plain_lines_each_said_once() -> None:
    taken, shown = course(terminal=False)
    with taken.step("look [here]"):
        taken.display.note("not yet")
        taken.display.note("not yet")
        taken.detail = "seen"
    lines = shown.getvalue().splitlines()
    assert lines[:2] == ["… look [here]", "    not yet"]
    assert lines[2].startswith("✓ look [here] (0.")
    assert lines[2].endswith(" s): seen")
    assert "\x1b" not in shown.getvalue()


def test_on_a_terminal_one_line_changes_and_the_outcome_stays() -> None:
    taken, shown = course(terminal=True)
    with taken.step("look"):
        taken.display.note("not [yet]")
    assert "✓ look" in shown.getvalue()
    assert "\x1b[" in shown.getvalue()


def test_a_failed_step_is_kept_with_its_reason_and_the_error_goes_on() -> None:
    taken, shown = course(terminal=False)
    with pytest.raises(BackendError), taken.step("look"):
        raise BackendError("nothing there")
    (step,) = taken.steps
    assert (step.verified, step.detail) == (False, "nothing there")
    assert "✗ look" in shown.getvalue()


def test_an_interrupted_step_is_kept_too() -> None:
    taken, _ = course(terminal=True)
    with pytest.raises(KeyboardInterrupt), taken.step("look"):
        raise KeyboardInterrupt
    assert taken.steps[0].detail == "interrupted"
