"""Alarms on a virtual clock: log lines of the parts go in, messages of the topic come out.

alarms = AlarmClock(metric_alarms, metric_filters, margin=2)
line = alarms.prepare("/gromit-control/serve", {"event": "work.age", …})
alarms.put(minute, line)
alarms.run_until(minute)
alarms.messages
"""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.platform.control import filters
from tests.platform.control.alarm_rules import AlarmRule, AlarmState, next_state

_STATISTICS: Mapping[str, Callable[[float, float], float]] = {
    "Sum": lambda before, value: before + value,
    "Minimum": min,
    "Maximum": max,
}
_BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "LessThanThreshold": lambda value, limit: value < limit,
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
}
_ACTIONS = {
    AlarmState.OK: "OKActions",
    AlarmState.ALARM: "AlarmActions",
    AlarmState.INSUFFICIENT_DATA: "InsufficientDataActions",
}


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """Message that an alarm sends to the topic."""

    minute: int
    alarm: str
    state: AlarmState


Prepared = Sequence[tuple[str, float]]
"""Values that a log line adds to metrics."""


@dataclass(slots=True)
class _Alarm:
    settings: Mapping[str, Any]
    margin: int
    minutes: int = 0
    """Length of a period."""
    state: AlarmState = AlarmState.INSUFFICIENT_DATA
    """A new alarm is in this state, without having changed to it."""
    current: float | None = None
    """Value of the current period; None without any data."""
    points: deque[bool | None] = field(default_factory=deque)
    """Evaluation range: whether the value of each period breaches."""

    def __post_init__(self) -> None:
        self.minutes = int(self.settings["Period"]) // 60
        length = self.periods + self.margin
        self.points = deque([None] * length, maxlen=length)

    @property
    def periods(self) -> int:
        return int(self.settings["EvaluationPeriods"])

    def put(self, value: float) -> None:
        """Add a value to the current period."""
        before, statistic = self.current, _STATISTICS[self.settings["Statistic"]]
        self.current = value if before is None else statistic(before, value)

    def end_period(self) -> AlarmState | None:
        """Evaluate the range that ends with the current period. Return a changed state."""
        self.points.append(self._breaches())
        self.current = None
        datapoints = int(self.settings.get("DatapointsToAlarm", self.periods))
        rule = AlarmRule(self.periods, datapoints, self.settings["TreatMissingData"])
        before, self.state = self.state, next_state(rule, list(self.points), self.state)
        return self.state if self.state is not before else None

    def _breaches(self) -> bool | None:
        if self.current is None:
            return None
        breaches = _BREACHES[self.settings["ComparisonOperator"]]
        return breaches(self.current, self.settings["Threshold"])


class AlarmClock:
    """All alarms, evaluated at the end of each of their periods."""

    def __init__(
        self,
        alarms: Sequence[Mapping[str, Any]],
        metric_filters: Sequence[Mapping[str, Any]],
        margin: int,
    ) -> None:
        self.messages: list[Message] = []
        self._minute = 0
        self._filters = metric_filters
        self._alarms = [_Alarm(settings, margin) for settings in alarms]
        self._by_metric: defaultdict[str, list[_Alarm]] = defaultdict(list)
        for alarm in self._alarms:
            self._by_metric[alarm.settings["MetricName"]].append(alarm)

    def prepare(self, group: str, line: Mapping[str, Any]) -> Prepared:
        """Return what a line of a log group adds to metrics."""
        found = []
        for one in self._filters:
            if one["logGroupName"] != group:
                continue
            (made,) = one["metricTransformations"]
            if filters.matches(one["filterPattern"], line):
                found.append((made["metricName"], filters.value(made["metricValue"], line)))
            elif "defaultValue" in made:
                found.append((made["metricName"], float(made["defaultValue"])))
        return found

    def put(self, minute: int, line: Prepared) -> None:
        """Let a part log a line in a minute, which is not before that of an earlier line."""
        self.run_until(minute)
        for metric, value in line:
            for alarm in self._by_metric[metric]:
                alarm.put(value)

    def run_until(self, minute: int) -> None:
        """Evaluate all periods that end until a minute."""
        while self._minute < minute:
            self._minute += 1
            for alarm in self._alarms:
                if self._minute % alarm.minutes == 0:
                    self._end_period(alarm)

    def _end_period(self, alarm: _Alarm) -> None:
        changed = alarm.end_period()
        if changed and alarm.settings.get(_ACTIONS[changed]):
            self.messages.append(Message(self._minute, alarm.settings["AlarmName"], changed))

    def warnings(self) -> list[Message]:
        """Return all messages so far but those that say that something is over, in order."""
        return sorted(m for m in self.messages if m.state is not AlarmState.OK)
