"""The rules of alarms, against AWS's own examples of missing data."""

import pytest

from tests.platform.control.alarm_clock import AlarmClock
from tests.platform.control.alarm_rules import MARGINS, AlarmRule, AlarmState, next_state

OK, ALARM, UNKNOWN = AlarmState
KEPT = None
"""The state stays as it is."""
_POINTS = {"0": False, "X": True, "-": None}
_TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


@pytest.mark.parametrize(
    ("datapoints", "points", "expected"),
    [
        (3, "0-X-X", (OK, OK, OK, OK)),
        (3, "----0", (OK, OK, OK, OK)),
        (3, "-----", (UNKNOWN, KEPT, ALARM, OK)),
        (3, "0XX-X", (ALARM, ALARM, ALARM, ALARM)),
        (3, "--X--", (ALARM, KEPT, ALARM, OK)),
        (2, "0-X-X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "00X0X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0-X--", (OK, OK, ALARM, OK)),
        (2, "----0", (OK, OK, ALARM, OK)),
        (2, "---X-", (ALARM, KEPT, ALARM, OK)),
    ],
)
@pytest.mark.parametrize("current", AlarmState)
def test_the_state_is_that_of_the_documented_examples(
    datapoints: int, points: str, expected: tuple[AlarmState | None, ...], current: AlarmState
) -> None:
    """Three periods, and a range of five datapoints."""
    states = [
        next_state(AlarmRule(3, datapoints, how), [_POINTS[p] for p in points], current)
        for how in _TREATMENTS
    ]
    assert states == [current if state is KEPT else state for state in expected]


def test_an_unknown_treatment_is_no_treatment() -> None:
    with pytest.raises(ValueError, match="missings"):
        next_state(AlarmRule(1, 1, "missings"), [None], OK)


@pytest.mark.parametrize("margin", MARGINS)
def test_a_daily_period_and_missing_data_that_breach_are_late_and_false(margin: int) -> None:
    """The settings that alarms on silence had: one period of a day, missing data breach it."""
    day = 24 * 60
    alarm = {
        "AlarmName": "daily",
        "MetricName": "passes",
        "Period": day * 60,
        "EvaluationPeriods": 1,
        "TreatMissingData": "breaching",
        "Statistic": "Sum",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1.0,
        "AlarmActions": ["topic"],
    }
    alarms = AlarmClock([alarm], [], margin)
    alarms.run_until(day)
    assert [m.minute for m in alarms.warnings()] == [day], "nothing has run yet"
    for passed in range(1, 6):
        alarms.put(passed * day, [("passes", 1.0)])
    alarms.run_until(20 * day)
    silent_since = 5 * day
    assert alarms.warnings()[-1].minute - silent_since == (2 + margin) * day
