"""Days of an installation on a virtual clock, as its alarms see them.

    days = InstallationDays(AlarmClock(applied.alarms, applied.filters, margin=2), lines)
    days.silent["reap"] = range(5 * DAY, 8 * DAY)
    days.run(8 * DAY)
    days.alarms.warnings()

Each part logs what the real code logs, at the intervals of the applied schedules.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.platform.control.alarm_clock import AlarmClock
from tests.platform.control.installed import PROGRAMS, Installed

MINUTE, HOUR, DAY = 1, 60, 24 * 60
"""In minutes."""
Lines = Mapping[str, list[dict[str, Any]]]

INTERVALS = {
    "sow": 37 * MINUTE,
    "reap": 4 * HOUR,
    "chitragupta": 13 * MINUTE,
    "pki": DAY,
    "doctor": DAY,
    "doctor-environments": DAY,
}
"""Time between two runs of each scheduled part."""
EACH_MINUTE = ("serve", "gateway")
"""Parts that log a line each minute."""
_HEALTHY: Mapping[str, Mapping[str, Any]] = {
    "doctor.quota": {"percent": 50},
    "doctor.compared": {"discrepancies": 0, "for_operators": 0},
    "work.age": {"seconds": 0.0, "undone_seconds": 0.0},
}
"""Fields of the lines that are different if all is well."""
_REGULAR = frozenset(
    {
        "work.age",
        "gateway.checked",
        "work.passed",
        "dns.passed",
        "pki.standing",
        "doctor.checked",
        "doctor.quota",
        "doctor.compared",
    }
)
"""Events that a part logs if all is well."""


@dataclass(frozen=True, slots=True)
class AppliedAlarms:
    """Alarms and metric filters of an account."""

    alarms: Sequence[Mapping[str, Any]]
    filters: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, installed: Installed) -> "AppliedAlarms":
        """Return those that are applied."""
        logs = installed.emulator.client("logs")
        found = [
            one
            for part in PROGRAMS
            for one in logs.describe_metric_filters(logGroupName=f"/gromit-control/{part}")[
                "metricFilters"
            ]
        ]
        alarms = installed.emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]
        return cls(alarms, found)


@dataclass
class InstallationDays:
    """An installation whose first minute is that of the apply."""

    alarms: AlarmClock
    lines: Lines
    serves_from: int = 0
    """Minute since which serve runs."""
    silent: dict[str, Container[int]] = field(default_factory=dict)
    """Minutes in which a part does not run."""
    gap: Container[int] = ()
    """Minutes in which serve, on which all others depend, does not run."""
    extra: dict[int, list[tuple[str, Mapping[str, Any]]]] = field(default_factory=dict)
    """Further lines by minute, each with its part."""
    last_pass: dict[str, int] = field(default_factory=dict)

    def run(self, until: int) -> None:
        """Let all minutes pass."""
        healthy = {part: self.healthy(part) for part in (*EACH_MINUTE, *INTERVALS)}
        for minute in range(until):
            for part, put in healthy.items():
                if self._logs(part, minute):
                    self.last_pass[part] = minute
                    put(minute)
            for part, line in self.extra.get(minute, ()):
                self.alarms.put(minute, self.alarms.prepare(f"/gromit-control/{part}", line))
        self.alarms.run_until(until)

    def line(self, part: str, event: str, **fields: Any) -> tuple[str, Mapping[str, Any]]:
        """Return a real line of a part, with some fields changed."""
        found = [one for one in self.lines[f"/gromit-control/{part}"] if one["event"] == event]
        return part, found[0] | fields

    def healthy(self, part: str) -> Callable[[int], None]:
        """Return a function that logs what a part logs in a minute in which all is well."""
        group = f"/gromit-control/{part}"
        lines = [
            {**line, **_HEALTHY.get(line["event"], {})}
            for line in self.lines[group]
            if line["event"] in _REGULAR
        ]
        assert lines, part
        prepared = [self.alarms.prepare(group, line) for line in lines]

        def put(minute: int) -> None:
            for one in prepared:
                self.alarms.put(minute, one)

        return put

    def _logs(self, part: str, minute: int) -> bool:
        is_up = minute >= self.serves_from and (part == "gateway" or minute not in self.gap)
        is_there = minute not in self.silent.get(part, ())
        is_time = part in EACH_MINUTE or (minute > 0 and minute % INTERVALS[part] == 0)
        return is_up and is_there and is_time
