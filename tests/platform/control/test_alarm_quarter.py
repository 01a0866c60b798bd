"""Alarms of the applied control plane, fed by an installation whose parts really run.

The parts are those of `tests/prove/quarter.py`. Only the doctors and the gateway log lines of an
earlier run.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.platform.control.alarm_clock import AlarmClock, Prepared
from tests.platform.control.alarm_days import DAY, HOUR, AppliedAlarms, InstallationDays, Lines
from tests.platform.control.alarm_rules import MARGINS
from tests.prove import quarter

pytestmark = [
    pytest.mark.terraform,
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("control"),
]

PLANTS = {
    "reap": range(11 * DAY, 12 * DAY),
    "sow": range(35 * DAY, 35 * DAY + 5 * HOUR),
    "pki": range(41 * DAY, 45 * DAY),
    "chitragupta": range(50 * DAY, 50 * DAY + 2 * HOUR),
    "serve": range(60 * DAY, 60 * DAY + HOUR),
}
"""Minutes in which a part does not run."""
FIRST_DAYS = {
    "not-run-reap": 11,
    "ca": 21,
    "not-run-sow": 35,
    "not-run-pki": 43,
    "not-run-chitragupta": 50,
    "silent-serve": 60,
}
"""Alarm to the day on which it must fire. The CA of the installation expires on day 80."""
LATE = frozenset({"oldest-sow", "undone-reap", "undone-sow"})
"""Alarms of environments that wait for a part which does not run."""


class _Ears:
    """Hears the lines of all parts, and has the doctors and the gateway log theirs."""

    def __init__(self, applied: AppliedAlarms, lines: Lines) -> None:
        self.clocks = [AlarmClock(applied.alarms, applied.filters, margin) for margin in MARGINS]
        self._day = self._minute = -1
        self._prepared: dict[str, Prepared] = {}
        every = [InstallationDays(clock, lines) for clock in self.clocks]
        self._daily = [d.healthy(p) for d in every for p in ("doctor", "doctor-environments")]
        self._each_minute = [days.healthy("gateway") for days in every]

    def hear(self, minute: int, part: str, line: Mapping[str, Any]) -> None:
        """Give a line to all clocks."""
        while self._minute < minute:
            self._minute += 1
            for check in self._each_minute:
                check(self._minute)
        prepared = self._prepare(part, line)
        for clock in self.clocks:
            clock.put(minute, prepared)
        if minute // DAY > self._day:
            self._day = minute // DAY
            for run in self._daily:
                run(minute)

    def _prepare(self, part: str, line: Mapping[str, Any]) -> Prepared:
        """Return what a line adds to metrics. Most lines are equal to earlier ones."""
        key = f"{part} {sorted(line.items())}"
        if key not in self._prepared:
            self._prepared[key] = self.clocks[0].prepare(f"/gromit-control/{part}", line)
        return self._prepared[key]

    def said(self) -> list[list[tuple[str, int]]]:
        """Return the alarms of each clock, with the day."""
        return [
            [(m.alarm.removeprefix("gromit-"), m.minute // DAY) for m in clock.warnings()]
            for clock in self.clocks
        ]


@pytest.fixture
def ears(applied: AppliedAlarms, lines: Lines) -> _Ears:
    return _Ears(applied, lines)


def test_in_ninety_days_no_alarm_is_missed_and_none_is_false(ears: _Ears) -> None:
    """Images expire, tasks are retired, AWS fails at times, and the CA is replaced."""
    watch = quarter.Watch(ears.hear, PLANTS)
    days = quarter.run(7, quarter.DAYS, quarter.CALM_PACE, watch=watch)
    planted = f"day {PLANTS['chitragupta'].start // DAY}."
    assert [text for text in days.problems if not text.startswith(planted)] == []
    assert days.retired
    assert days.faults.struck
    assert len(days.certificates.issuers) == 2
    for said in ears.said():
        sure = [(name, day) for name, day in said if name not in LATE]
        assert sorted(sure) == sorted(FIRST_DAYS.items())
        assert {day for name, day in said if name in LATE} <= {11, 12, 35}
