"""Instants in milliseconds, and in ISO 8601."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.time import iso, parse_iso, relative


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
