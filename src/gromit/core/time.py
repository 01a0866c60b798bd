"""Time as gromit keeps it: whole milliseconds since 1970 (UTC), taken from one clock and always handed in."""

from datetime import UTC, datetime
from typing import NewType

Millis = NewType("Millis", int)
"""An instant, or a length of time, in milliseconds."""


def iso(at_ms: int) -> str:
    """An instant as people and programs read it: `2026-01-31T08:15:00Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> Millis:
    """The instant that `iso` has written."""
    return Millis(int(datetime.fromisoformat(text).timestamp() * 1000))
