"""Progress on terminals and elsewhere."""

import io

import pytest
from rich.console import Console

from gromit.errors import BackendError
from gromit.local.demo.progress import StepLog, display
from tests.local.screen import Screen

WIDTH = 100


def course(*, terminal: bool) -> tuple[StepLog, io.StringIO]:
    shown = io.StringIO()
    return StepLog(
        display(Console(file=shown, force_terminal=terminal, highlight=False, width=WIDTH))
    ), shown


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


def test_every_step_stays_on_the_screen_however_wide_the_notes_are() -> None:
    taken, shown = course(terminal=True)
    names = [f"step {number}" for number in range(12)]
    for number, name in enumerate(names):
        with taken.step(name):
            taken.display.note("the name does not resolve [yet] " * (number % 4 * 3))
            taken.display.note("nearly")
            taken.display.note("still not there " * (number % 5 * 4))
            taken.detail = "seen " * (number % 3 * 15)
    screen = Screen(WIDTH)
    screen.write(shown.getvalue())
    assert [line.split(" (")[0] for line in screen.lines if line.startswith("✓")] == [
        f"✓ {name}" for name in names
    ]
    assert [line for line in screen.lines if "resolve" in line or "still" in line] == [], (
        "notes go with their step"
    )


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
