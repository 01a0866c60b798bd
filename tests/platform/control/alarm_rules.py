"""State of a CloudWatch alarm by AWS's documented rules: M of N datapoints, and missing data.

CloudWatch looks at more datapoints than an alarm has periods: at its evaluation range. If enough of
them are there, the latest real ones count, however old. Only if fewer are there than the alarm has
periods does the treatment of missing data matter, and then as few points as possible are filled in.
AWS does not say how long the range is. Its example with three periods has five datapoints, and a
public case with one period had three or four, so that `MARGINS` holds what an alarm must endure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MARGINS = (0, 2, 3, 5)
"""Numbers of datapoints beyond the periods of an alarm that its evaluation range may have."""


class AlarmState(StrEnum):
    """State of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """Settings of an alarm that decide about its state."""

    periods: int
    """Datapoints that are evaluated (N)."""
    datapoints: int
    """Breaching datapoints that make an alarm (M)."""
    missing: str
    """Treatment of missing data."""


def next_state(rule: AlarmRule, points: Sequence[bool | None], current: AlarmState) -> AlarmState:
    """Return the state of an alarm in state `current` after a look at its evaluation range.

    `points` has the range, oldest first: whether each datapoint breaches; None if it is missing.
    """
    real = [point for point in points if point is not None]
    if len(real) >= rule.periods:
        return _alarm_if(sum(real[-rule.periods :]) >= rule.datapoints)
    lacking = rule.periods - len(real)
    match rule.missing:
        case "breaching":
            return _alarm_if(sum(real) + lacking >= rule.datapoints)
        case "notBreaching":
            return _alarm_if(sum(real) >= rule.datapoints)
        case "missing" | "ignore":
            return _without_filling(rule, points, current)
        case other:
            raise ValueError(other)


def _without_filling(
    rule: AlarmRule, points: Sequence[bool | None], current: AlarmState
) -> AlarmState:
    real = [point for point in points if point is not None]
    if sum(real) >= rule.datapoints:
        return AlarmState.ALARM
    if False in real:
        return AlarmState.OK
    if rule.missing == "ignore":
        return current
    if not real:
        return AlarmState.INSUFFICIENT_DATA
    # Nothing but breaching datapoints, and the first of them is old enough.
    return AlarmState.ALARM if len(points) - points.index(True) >= rule.datapoints else current


def _alarm_if(is_breaching: bool) -> AlarmState:
    return AlarmState.ALARM if is_breaching else AlarmState.OK
