"""Text of others as one safe line."""

import shlex
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gromit.core.text import UNSAFE, is_plain, plain_line, shell_word, visible


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
    assert {unicodedata.category(c) for c in line} & UNSAFE == set()
    assert is_plain(line)
    assert len(line.splitlines()) <= 1
    assert line.encode().decode() == line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028paragraph\u2029", "line\\u2028paragraph\\u2029"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred\x9b", "\\x1b[31mred\\x9b"),
        ("half a pair \ud83d", "half a pair \\ud83d"),
        ("a tag \U000e0041", "a tag \\U000e0041"),
        ("größer ≥ 5 € 🙂", "größer ≥ 5 € 🙂"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_an_unsafe_character_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_line_ends_can_be_kept() -> None:
    assert visible("two\nlines\u202e\r", keep="\n") == "two\nlines\\u202e\\r"


@given(st.text())
def test_a_shown_text_is_plain(text: str) -> None:
    assert is_plain(visible(text))
    assert visible(visible(text)) == visible(text)


@given(st.text())
@example("it's a $HOME")
@example("")
def test_a_word_of_a_shell_is_one_word(text: str) -> None:
    assert shlex.split(shell_word(text)) == [text]


def test_a_plain_word_of_a_shell_has_no_quotation_marks() -> None:
    assert shell_word("/config/TT-1234_fix") == "/config/TT-1234_fix"
