"""Text of others as one safe line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.text import plain_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("no room left", "no room left"),
        ("two\nlines,\r\n\tand a tab", "two lines, and a tab"),
        ("a\x00b\x07c\x7fd\x9be", "abcde"),
        ("\x1b[1;31mError:\x1b[0m no \x1b[2Kroom", "Error: no room"),
        ("half an \x1bescape", "half an escape"),
        ("a\u202egnp.exe\u200b", "agnp.exe"),
        ("half a pair \ud83d", "half a pair "),
        ("größer ≥ 5 €", "größer ≥ 5 €"),
    ],
)
def test_control_characters_are_left_out(text: str, line: str) -> None:
    assert plain_line(text) == line


@given(st.text())
def test_any_text_becomes_one_line_that_can_be_encoded_and_stays_so(text: str) -> None:
    line = plain_line(text)
    assert {unicodedata.category(c) for c in line} & {"Cc", "Cf", "Cs"} == set()
    assert len(line.splitlines()) <= 1
    assert line.encode().decode() == line
