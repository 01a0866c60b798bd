"""Alarms of the applied control plane, fed by an installation whose parts really run.

The parts are those of `tests/prove/quarter.py`. Only the doctors log lines of an earlier run.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.platform.control.alarm_clock import AlarmClock
from tests.platform.control.alarm_days import DAY, AppliedAlarms, InstallationDays, Lines
from tests.platform.control.alarm_rules import MARGINS
from tests.prove import quarter

pytestmark = [pytest.mark.terraform, pytest.mark.long, pytest.mark.xdist_group("control")]

DAYS = 8
SILENT_DAY = 4


class _Ears:
    """Hears the lines of all parts, and has the doctors run each day as pki does."""

    def __init__(self, applied: AppliedAlarms, lines: Lines) -> None:
        self.clocks = [AlarmClock(applied.alarms, applied.filters, margin) for margin in MARGINS]
        self._doctors = [
            InstallationDays(clock, lines).healthy(part)
            for clock in self.clocks
            for part in ("doctor", "doctor-environments")
        ]

    def hear(self, minute: int, part: str, line: Mapping[str, Any]) -> None:
        """Give a line to all clocks."""
        for clock in self.clocks:
            clock.put(minute, clock.prepare(f"/gromit-control/{part}", line))
        if line["event"] == "pki.standing" and line["name"] == "ca":
            for run in self._doctors:
                run(minute)

    def said(self) -> list[list[tuple[str, int]]]:
        """Return the alarms of each clock, with the day."""
        return [
            [(m.alarm.removeprefix("gromit-"), m.minute // DAY) for m in clock.warnings()]
            for clock in self.clocks
        ]


@pytest.fixture
def ears(applied: AppliedAlarms, lines: Lines) -> _Ears:
    return _Ears(applied, lines)


def test_no_alarm_fires_while_images_expire_and_tasks_are_retired(ears: _Ears) -> None:
    days = quarter.run(7, DAYS, quarter.CALM_PACE, watch=quarter.Watch(ears.hear))
    assert days.problems == []
    assert days.retired
    assert ears.said() == [[]] * len(MARGINS)


def test_a_day_without_reap_is_noticed_on_that_day_and_nothing_else_is(ears: _Ears) -> None:
    """An environment that was deleted meanwhile waits too long, which is noticed as well."""
    silent = {"reap": range(SILENT_DAY, SILENT_DAY + 1)}
    quarter.run(7, SILENT_DAY + 2, quarter.CALM_PACE, watch=quarter.Watch(ears.hear, silent))
    for said in ears.said():
        assert ("not-run-reap", SILENT_DAY) in said
        assert {name for name, _ in said} <= {"not-run-reap", "undone-reap"}
