"""Instants as integer milliseconds since 1970 in UTC, and durations as people write them.

Functions get the time as an argument; only one clock is read.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NewType

Millis = NewType("Millis", int)
"""An instant or a duration in milliseconds."""

_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?"
)

_UNITS = ((86_400, "d"), (3600, "h"), (60, "m"))


def iso(at_ms: int) -> str:
    """Return an instant in ISO 8601, such as `2026-01-31T08:15:00Z`."""
    # A listing has a dozen for each environment, and `strftime` takes three times as long.
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC).isoformat()[:-6]}Z"


def relative(at_ms: int, now_ms: int) -> str:
    """Return an instant relative to now, in its greatest unit: `5m ago`, `in 3d`."""
    seconds = abs(at_ms - now_ms) // 1000
    size, unit = next(((s, u) for s, u in _UNITS if seconds >= s), (1, "s"))
    text = f"{seconds // size}{unit}"
    return f"in {text}" if at_ms > now_ms else f"{text} ago"


def parse_iso(text: str) -> Millis:
    """Return the instant in a text that `iso` returned."""
    return Millis(int(datetime.fromisoformat(text).timestamp() * 1000))


def parse_duration(value: object) -> object:
    """Parse a duration: a number of seconds, or a text such as `90s`, `37m`, `1h30m` or `2d`.

    Return anything else unchanged, for the validator to refuse.
    """
    try:
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
            return timedelta(seconds=float(value))
        if isinstance(value, str) and value and (match := _DURATION.fullmatch(value)):
            days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
            return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        return value
    return value


def parse_moment(text: str, now_ms: int) -> Millis | None:
    """Return the instant in a text: `2h` is two hours before now. None if it has none since 1970.

    A time needs a time zone, and a duration a unit. A time in whole seconds means the end of its
    second, so that an event which shows that time has happened.
    """
    at_ms = _instant(text, now_ms)
    return at_ms if at_ms is not None and at_ms >= 0 else None


def _instant(text: str, now_ms: int) -> Millis | None:
    if not re.fullmatch(r"[\d.]+", text):
        length = parse_duration(text)
        if isinstance(length, timedelta):
            return Millis(now_ms - int(length.total_seconds() * 1000))
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            return None
        return Millis(int(at.timestamp() * 1000) + (0 if at.microsecond else 999))
    except (ValueError, OverflowError):
        return None


def format_duration(value: timedelta) -> str:
    """Return a duration in the form that `parse_duration` accepts, such as `1h30m`."""
    seconds = value.total_seconds()
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:.0f}{unit}")
    if seconds or not parts:
        parts.append(f"{seconds:g}s")
    return "".join(parts)
