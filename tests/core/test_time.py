"""Instants in milliseconds, and in ISO 8601."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.time import Millis, iso, parse_iso, parse_moment, relative


def test_an_instant_is_shown_in_utc_to_the_second() -> None:
    assert iso(1_769_847_300_999) == "2026-01-31T08:15:00Z"


@given(st.integers(0, 4_000_000_000))
def test_what_was_shown_is_read_back(seconds: int) -> None:
    assert parse_iso(iso(seconds * 1000)) == seconds * 1000


@pytest.mark.parametrize(
    ("offset_s", "text"),
    [
        (0, "0s ago"),
        (-59, "59s ago"),
        (-60, "1m ago"),
        (-7199, "1h ago"),
        (-86_400 * 400, "400d ago"),
        (30, "in 30s"),
        (86_400 * 3 + 5, "in 3d"),
    ],
)
def test_an_instant_is_shown_relative_to_now(offset_s: int, text: str) -> None:
    now = 1_790_000_000_000
    assert relative(now + offset_s * 1000, now) == text


NOW = 1_769_847_300_500


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2h", NOW - 7_200_000),
        ("1d12h", NOW - 129_600_000),
        ("2026-01-31T08:15:00Z", 1_769_847_300_999),
        ("2026-01-31T09:15:00+01:00", 1_769_847_300_999),
        ("2026-01-31T08:15:00.250Z", 1_769_847_300_250),
        ("2026-01-31T08:15:00", None),  # without a time zone
        ("12", None),
        ("sha-1234", None),
        ("", None),
        ("9" * 400 + "d", None),
        ("99999999d", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_moment_is_a_duration_before_now_or_a_time(text: str, at_ms: int | None) -> None:
    assert parse_moment(text, Millis(NOW)) == at_ms


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_none(text: str) -> None:
    at_ms = parse_moment(text, NOW)
    assert at_ms is None or iso(at_ms)
