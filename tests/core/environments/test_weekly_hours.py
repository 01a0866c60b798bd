"""Weekly hours, against local clocks, over changes between summer and winter."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gromit.core.environments.weekly_hours import DAYS, WeeklyHours, parse_spans

HOUR_MS, YEAR_DAYS = 3_600_000, 366
NEW_YEAR_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
TEXTS = ("mon-fri 07:00-20:00", "mon-fri 07:30-19:45, sat 09:00-13:00", "sun 03:30-24:00")


def hours(text: str, zone: str) -> WeeklyHours:
    return WeeklyHours(parse_spans(text), ZoneInfo(zone), text)


def is_inside(text: str, zone: str, at_ms: int) -> bool:
    """Say the same by the local clock."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    clock = f"{local:%H:%M}"
    for part in text.split(", "):
        days, span = part.split()
        first, _, last = days.partition("-")
        start, end = span.split("-")
        is_day = DAYS.index(first) <= local.weekday() <= DAYS.index(last or first)
        if is_day and start <= clock < end:
            return True
    return False


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        (TEXTS[0], "Europe/Berlin"),
        (TEXTS[1], "Australia/Lord_Howe"),
        (TEXTS[2], "America/New_York"),
    ],
)
def test_each_quarter_of_an_hour_of_a_year_is_as_the_clock_says(text: str, zone: str) -> None:
    found, at_ms = hours(text, zone), NEW_YEAR_MS
    change_ms = found.next_change(at_ms)
    inside = is_inside(text, zone, at_ms)
    # Every quarter of an hour a clock is read; the hours are asked only where it says something new
    # and where they promised so.
    for _ in range(YEAR_DAYS * 24 * 4):
        at_ms += HOUR_MS // 4
        assert change_ms is not None
        if (is_inside(text, zone, at_ms) is not inside) or at_ms >= change_ms:
            assert at_ms == change_ms
            inside = not inside
            assert found.contain(at_ms) is inside is not found.contain(at_ms - 1)
            change_ms = found.next_change(at_ms)


def test_whole_weeks_never_change() -> None:
    always = hours("mon-sun 00:00-24:00", "Europe/Berlin")
    assert always.contain(NEW_YEAR_MS)
    assert always.next_change(NEW_YEAR_MS) is None


def test_where_clocks_go_forward_a_missing_time_is_as_long_after_the_gap() -> None:
    gap = hours("sun 02:30-04:00", "Europe/Berlin")
    before = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
    at_ms = gap.next_change(int(before.timestamp() * 1000))
    assert at_ms == int((before + timedelta(minutes=31)).timestamp() * 1000)


@pytest.mark.parametrize("text", ["sun 02:30-03:00", "sun 02:00-03:00"])
def test_a_span_that_clocks_skip_is_no_change(text: str) -> None:
    gap = hours(text, "Europe/Berlin")
    monday = datetime(2026, 3, 23, tzinfo=UTC)
    at_ms = gap.next_change(int(monday.timestamp() * 1000))
    assert at_ms is not None
    assert at_ms >= int((monday + timedelta(days=12)).timestamp() * 1000)
    assert gap.contain(at_ms)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mon-fri", "is not DAYS HH:MM-HH:MM"),
        ("mon 20:00-07:00", "ends before it begins"),
        ("sat-mon 07:00-08:00", "goes beyond sunday"),
        ("mon 07:00-24:30", "24:30 is not a time of a day"),
        ("mon 07:60-08:00", "07:60 is not a time of a day"),
        ("moo 07:00-08:00", "'moo' is no day"),
        ("", "is not DAYS HH:MM-HH:MM"),
    ],
)
def test_wrong_hours_are_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_spans(text)
