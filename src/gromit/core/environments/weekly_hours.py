"""Weekly hours in a time zone: in which of two periods an instant is, and when the next begins.

A day's span begins and ends by the clocks of the zone. Where clocks go back, the first of two equal
times counts; where they go forward, a time that does not exist is the one as long after the gap.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(
    r"(?P<first>[a-z]{3})(-(?P<last>[a-z]{3}))? (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)"
)
_DAY_MINUTES = 24 * 60
_LOOKED_AT = 16
"""Days after an instant among which the next change is, also if clocks skip the one of a week."""


@dataclass(frozen=True, slots=True)
class DaySpan:
    """Span of one day of each week, in minutes from its midnight on."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Spans of each week in a time zone."""

    spans: tuple[DaySpan, ...]
    zone: tzinfo
    text: str
    """The hours as the settings have them."""

    def contain(self, at_ms: int) -> bool:
        """Whether an instant is in one of the spans."""
        return any(start <= at_ms < end for start, end in self._periods(at_ms, 1))

    def next_change(self, at_ms: int) -> int | None:
        """Return the next instant after which `contain` says something else; None if none does."""
        end_ms = at_ms
        for start, end in self._periods(at_ms, _LOOKED_AT):
            if end <= end_ms:
                continue
            if start > end_ms:
                return end_ms if end_ms > at_ms else start
            end_ms = end  # it follows without a gap
        return None

    def _periods(self, at_ms: int, days: int) -> list[tuple[int, int]]:
        """Return the spans of some days around an instant, each with its first instant and end."""
        today = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone).date()
        around = (today + timedelta(days=distance) for distance in range(-1, days + 1))
        found = (
            (self._instant(day, span.start), self._instant(day, span.end))
            for day in around
            for span in self.spans
            if span.weekday == day.weekday()
        )
        # A span within the gap of clocks that go forward has no instant.
        return sorted((start, end) for start, end in found if start < end)

    def _instant(self, day: date, minutes: int) -> int:
        days, rest = divmod(minutes, _DAY_MINUTES)
        day += timedelta(days=days)
        local = datetime(day.year, day.month, day.day, *divmod(rest, 60), tzinfo=self.zone)
        return int(local.timestamp() * 1000)


def parse_spans(text: str) -> tuple[DaySpan, ...]:
    """Return the spans in a text such as `mon-fri 07:00-20:00, sat 09:00-13:00`.

    Raises `ValueError`.
    """
    found: list[DaySpan] = []
    for part in text.split(","):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part.strip()!r} is not DAYS HH:MM-HH:MM, like mon-fri 07:00-20:00")
        start, end = _minutes(match["start"]), _minutes(match["end"])
        if start >= end:
            raise ValueError(f"{part.strip()!r} ends before it begins; 24:00 is the end of a day")
        first, last = _weekday(match["first"]), _weekday(match["last"] or match["first"])
        if first > last:
            raise ValueError(f"{part.strip()!r} goes beyond sunday: write two spans")
        found += [DaySpan(day, start, end) for day in range(first, last + 1)]
    return tuple(found)


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    found = 60 * hours + minutes
    if minutes >= 60 or found > _DAY_MINUTES:
        raise ValueError(f"{text} is not a time of a day")
    return found


def _weekday(text: str) -> int:
    if text not in DAYS:
        raise ValueError(f"{text!r} is no day: days are {', '.join(DAYS)}")
    return DAYS.index(text)
