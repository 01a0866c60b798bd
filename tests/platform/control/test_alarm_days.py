"""Alarms of the applied control plane in days of health, silence and trouble."""

import re
from collections import Counter
from typing import Any

import pytest

from tests.docs.markdown import read
from tests.platform.control.alarm_clock import AlarmClock
from tests.platform.control.alarm_days import (
    DAY,
    HOUR,
    INTERVALS,
    MINUTE,
    AppliedAlarms,
    InstallationDays,
    Lines,
)
from tests.platform.control.alarm_rules import MARGINS, AlarmState
from tests.platform.control.installed import Installed

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("control")]

PROMISED = {
    "sow": 3 * HOUR,
    "chitragupta": HOUR,
    "reap": 12 * HOUR,
    "pki": 3 * DAY,
    "doctor": 3 * DAY,
    "doctor-environments": 3 * DAY,
}
"""Silence of each part that fires its alarm."""
SERVE_SILENT = 20 * MINUTE


@pytest.fixture(params=[min(MARGINS), max(MARGINS)])
def days(applied: AppliedAlarms, lines: Lines, request: pytest.FixtureRequest) -> InstallationDays:
    """An installation, with the shortest and the longest range that CloudWatch may evaluate."""
    return InstallationDays(AlarmClock(applied.alarms, applied.filters, request.param), lines)


def said(days: InstallationDays) -> list[str]:
    """Return the alarms that fired, in order."""
    return [message.alarm.removeprefix("gromit-") for message in days.alarms.warnings()]


def test_the_intervals_are_those_of_the_schedules(installed: Installed) -> None:
    units = {"minutes": MINUTE, "hours": HOUR, "day": DAY}
    rules = installed.emulator.client("events").list_rules()["Rules"]
    found = {
        rule["Name"].removeprefix("gromit-"): re.findall(r"(\d+) (\w+)", rule["ScheduleExpression"])
        for rule in rules
        if "ScheduleExpression" in rule
    }
    assert {name: int(n) * units[unit] for name, ((n, unit),) in found.items()} == INTERVALS


@pytest.mark.parametrize("serves_from", [0, 3 * HOUR + 7, 99 * DAY])
def test_nothing_fires_at_the_installation_nor_later_while_all_is_well(
    days: InstallationDays, serves_from: int
) -> None:
    """Serve may start late, or not at all, if the CA has no key yet."""
    days.serves_from = serves_from
    days.run(5 * DAY)
    assert said(days) == []
    ended = Counter(message.alarm for message in days.alarms.messages)
    assert max(ended.values(), default=1) == 1, "each alarm says once that all is well"


def noticed(days: InstallationDays) -> dict[str, int]:
    """Return the minute in which the silence of each part was noticed, by the alarm of the part."""
    found = days.alarms.warnings()
    assert all(message.state is AlarmState.ALARM for message in found)
    minutes = {message.alarm.removeprefix("gromit-not-run-"): message.minute for message in found}
    assert len(minutes) == len(found), "each alarm fires once"
    return minutes


def test_a_part_that_falls_silent_is_noticed_in_the_promised_time(days: InstallationDays) -> None:
    days.silent = dict.fromkeys(INTERVALS, range(2 * DAY + 7 * MINUTE, 6 * DAY))
    days.run(6 * DAY)
    silence = {part: minute - days.last_pass[part] for part, minute in noticed(days).items()}
    assert silence.keys() == INTERVALS.keys()
    for part, minutes in silence.items():
        assert PROMISED[part] - HOUR <= minutes <= PROMISED[part] + HOUR
        hours = PROMISED[part] // HOUR
        assert f"completed a {'run' if hours == 72 else 'pass'} for {hours} hour" in section(part)


def section(part: str) -> str:
    """Return the section about the silence of a part."""
    page = read("reference/alarms.md")
    return page.partition(f"## gromit-not-run-{part}\n")[2].partition("\n## ")[0]


def test_a_part_that_never_runs_is_noticed_in_the_same_time(days: InstallationDays) -> None:
    days.serves_from = 100 * MINUTE
    days.silent = dict.fromkeys(INTERVALS, range(4 * DAY))
    days.run(4 * DAY)
    for part, minute in noticed(days).items():
        waited = minute - days.serves_from
        assert PROMISED[part] - HOUR <= waited <= PROMISED[part] + HOUR
    assert noticed(days).keys() == INTERVALS.keys()


def test_one_run_that_is_lost_is_no_silence(days: InstallationDays) -> None:
    """All parts but chitragupta and sow, which run often, lose the same run."""
    days.gap = range(2 * DAY, 2 * DAY + 8 * MINUTE)
    days.run(4 * DAY)
    assert said(days) == []


@pytest.mark.parametrize("length", [30 * MINUTE, 2 * DAY])
def test_a_silent_serve_is_noticed_within_minutes_and_by_its_own_alarm_alone(
    days: InstallationDays, length: int
) -> None:
    """All other parts fail without serve."""
    begin = 3 * DAY + 11 * MINUTE
    end = begin + length
    days.gap = range(begin, end)
    days.run(6 * DAY)
    (first,) = days.alarms.warnings()
    assert (first.alarm, first.state) == ("gromit-silent-serve", AlarmState.INSUFFICIENT_DATA)
    assert begin < first.minute <= begin + SERVE_SILENT
    (over,) = [
        m for m in days.alarms.messages if m.alarm == first.alarm and m.minute > first.minute
    ]
    assert (over.state, over.minute - end <= 5) == (AlarmState.OK, True)


OCCURRENCES: dict[str, tuple[str, dict[str, Any]]] = {
    "undone-sow": ("work.overdue", {"kind": "sow"}),
    "undone-reap": ("work.overdue", {"kind": "reap"}),
    "needs-person": ("failure.recorded", {"failure_class": "person"}),
    "set-aside": ("row.set_aside", {}),
}
"""Alarm to the line of serve that fires it."""


def test_an_environment_that_is_stuck_hides_no_other(days: InstallationDays) -> None:
    minutes = [DAY, DAY + 2, DAY + 9, DAY + 300]
    days.extra = {
        minute: [days.line("serve", event, **fields) for event, fields in OCCURRENCES.values()]
        for minute in minutes
    }
    days.run(2 * DAY)
    assert Counter(said(days)) == dict.fromkeys(OCCURRENCES, len(minutes))
    over = {m.alarm for m in days.alarms.messages if m.state is AlarmState.OK}
    assert not over & {f"gromit-{name}" for name in OCCURRENCES}


def test_a_finding_of_a_daily_run_is_repeated_each_day_so_that_it_hides_no_other(
    days: InstallationDays,
) -> None:
    found = [
        days.line("doctor", "doctor.quota", percent=80),
        days.line("doctor-environments", "doctor.compared", for_operators=1),
        days.line("pki", "pki.standing", name="serve", days=6),
    ]
    days.extra = {day * DAY: found for day in (1, 2, 3)}
    days.run(5 * DAY)
    assert Counter(said(days)) == {"quota": 3, "discrepancies": 3, "certificate": 3}


def test_the_ca_that_expires_soon_fires_once_and_until_there_is_a_new_one(
    days: InstallationDays,
) -> None:
    soon = days.line("pki", "pki.standing", name="ca", days=59)
    days.extra = {day * DAY: [soon] for day in (1, 2, 3)}
    days.run(6 * DAY)
    assert said(days) == ["ca"]
    last = [message.state for message in days.alarms.messages if message.alarm == "gromit-ca"][-1]
    assert last is AlarmState.OK


def test_the_failures_of_builds_wake_no_operator(days: InstallationDays) -> None:
    """Neither a hundred of them, nor what the doctor finds of their environments."""
    failure = days.line("serve", "failure.recorded", failure_class="build")
    run = days.line("sow", "run.finished", ending="failed", failure_class="build")
    compared = days.line("doctor-environments", "doctor.compared", discrepancies=9, for_operators=0)
    days.extra = {DAY + m: [failure, run] for m in range(100)} | {2 * DAY: [compared]}
    days.run(3 * DAY)
    assert said(days) == []


def test_many_failures_of_the_platform_fire_and_few_do_not(days: InstallationDays) -> None:
    runs = [
        days.line(kind, "run.finished", ending="failed", failure_class="platform")
        for kind in ("sow", "reap")
    ]
    days.extra = {DAY + 9 * m: runs for m in range(4)}
    days.extra |= {2 * DAY + 9 * m: runs for m in range(5)}
    days.run(3 * DAY)
    fired = {(m.alarm, m.minute // DAY) for m in days.alarms.warnings()}
    assert fired == {("gromit-failed-sow", 2), ("gromit-failed-reap", 2)}


def test_work_that_no_worker_takes_fires_after_two_hours(days: InstallationDays) -> None:
    begin = DAY
    days.extra = {
        begin + m: [days.line("serve", "work.age", kind="sow", seconds=60.0 * m)]
        for m in range(5 * HOUR)
    }
    # The healthy line of the same minute has the age 0, which is the minimum of a period.
    days.gap = range(begin, begin + 5 * HOUR)
    days.run(2 * DAY)
    (first,) = [m for m in days.alarms.warnings() if m.alarm == "gromit-oldest-sow"]
    assert 2 * HOUR < first.minute - begin <= 2 * HOUR + 20 * MINUTE


def test_every_window_is_one_that_cloudwatch_accepts(applied: AppliedAlarms) -> None:
    """A day at most, or a week with periods of an hour or more."""
    for alarm in applied.alarms:
        longest = 7 * DAY if alarm["Period"] >= 3600 else DAY
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= longest * 60


def test_a_silent_gateway_is_noticed_within_minutes_while_all_others_work(
    days: InstallationDays,
) -> None:
    begin = 2 * DAY + 3 * MINUTE
    days.silent["gateway"] = range(begin, begin + 3 * HOUR)
    days.run(4 * DAY)
    (first,) = days.alarms.warnings()
    assert (first.alarm, first.state) == (
        "gromit-silent-gateway",
        AlarmState.INSUFFICIENT_DATA,
    )
    assert begin < first.minute <= begin + SERVE_SILENT


def test_three_passes_of_a_worker_that_fail_fire_and_two_do_not(days: InstallationDays) -> None:
    """Passes in between succeed, so that none of the other alarms notices it."""
    for kind in ("sow", "reap"):
        for minute in (DAY + 60, DAY + 180, 2 * DAY + 60, 2 * DAY + 180, 2 * DAY + 300):
            days.extra.setdefault(minute, []).append(days.line(kind, "work.pass_failed"))
    days.run(4 * DAY)
    fired = {(m.alarm, (m.minute - 1) // DAY) for m in days.alarms.warnings()}
    assert fired == {("gromit-failed-passes-sow", 2), ("gromit-failed-passes-reap", 2)}


@pytest.mark.long
def test_in_ninety_days_no_alarm_is_missed_and_none_is_false(days: InstallationDays) -> None:
    """AWS retires a task of serve each week, and builds fail each day."""
    length = 90 * DAY
    days.gap = {week + minute for week in range(5 * DAY, length, 7 * DAY) for minute in range(4)}
    build = [
        days.line("serve", "failure.recorded", failure_class="build"),
        days.line("sow", "run.finished", ending="failed", failure_class="build"),
    ]
    days.extra = {day + minute: build for day in range(0, length, DAY) for minute in range(9)}
    days.extra[20 * DAY + 600] = [days.line("serve", "failure.recorded", failure_class="person")]
    days.extra[70 * DAY + 1] = [days.line("doctor", "doctor.quota", percent=95)]
    days.silent = {
        "sow": range(30 * DAY, 30 * DAY + 5 * HOUR),
        "reap": range(40 * DAY, 41 * DAY),
        "chitragupta": range(50 * DAY, 50 * DAY + 2 * HOUR),
        "serve": range(60 * DAY, 60 * DAY + HOUR),
    }
    days.run(length)
    assert [(m.minute // DAY, m.alarm) for m in days.alarms.warnings()] == [
        (20, "gromit-needs-person"),
        (30, "gromit-not-run-sow"),
        (40, "gromit-not-run-reap"),
        (50, "gromit-not-run-chitragupta"),
        (60, "gromit-silent-serve"),
        (70, "gromit-quota"),
    ]
