"""Instants in milliseconds, and in ISO 8601."""

from hypothesis import given
from hypothesis import strategies as st

from gromit.core.time import iso, parse_iso


def test_an_instant_is_shown_in_utc_to_the_second() -> None:
    assert iso(1_769_847_300_999) == "2026-01-31T08:15:00Z"


@given(st.integers(0, 4_000_000_000))
def test_what_was_shown_is_read_back(seconds: int) -> None:
    assert parse_iso(iso(seconds * 1000)) == seconds * 1000
