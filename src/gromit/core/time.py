"""Time as gromit keeps it: whole milliseconds since 1970 (UTC), taken from one clock and always handed in.

And lengths of time as people write them.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NewType

Millis = NewType("Millis", int)
"""An instant, or a length of time, in milliseconds."""

_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?"
)


def iso(at_ms: int) -> str:
    """An instant as people and programs read it: `2026-01-31T08:15:00Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> Millis:
    """The instant that `iso` has written."""
    return Millis(int(datetime.fromisoformat(text).timestamp() * 1000))


def parse_duration(value: object) -> object:
    """Seconds as a number, or `90s`, `37m`, `1h30m`, `2d`; anything else is left for the validator to refuse."""
    try:
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
            return timedelta(seconds=float(value))
        if isinstance(value, str) and value and (match := _DURATION.fullmatch(value)):
            days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
            return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        return value
    return value


def format_duration(value: timedelta) -> str:
    """A length of time in the form that `parse_duration` reads, like `1h30m`."""
    seconds = value.total_seconds()
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:.0f}{unit}")
    if seconds or not parts:
        parts.append(f"{seconds:g}s")
    return "".join(parts)
