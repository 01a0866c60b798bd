"""Instants that people name in a query, and that an answer shows."""

from datetime import UTC, datetime, timedelta

from gromit.core.time import Millis, parse_duration
from gromit.errors import InvalidInput


def instant_of(text: str, now_ms: Millis) -> Millis:
    """Return the instant that a person names. Raises `InvalidInput`."""
    length = parse_duration(text)
    if isinstance(length, timedelta):
        return Millis(max(0, now_ms - int(length.total_seconds() * 1000)))
    try:
        at = datetime.fromisoformat(text)
        # A time without a zone is taken as UTC, in which all times are shown.
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return Millis(max(0, int(at.timestamp() * 1000)))
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{text!r} is neither a time nor a duration",
            hint="for example 10m, 2h or 2026-01-31T08:15:00Z",
        ) from None


def iso_with_milliseconds(at_ms: int) -> str:
    """Return an instant as a time with milliseconds."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return at.replace("+00:00", "Z")
