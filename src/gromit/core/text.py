"""Text of others - terraform, AWS, people - as one line that is safe to store, log and show."""

import re
import unicodedata

UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that a text must not contain where people read it.

They are control characters, invisible ones and those that change the direction of the text around
them, halves of characters, and separators of lines and paragraphs.
"""
_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")
"""Whole sequences that a terminal takes for a colour or a movement."""
_SHELL_WORD = re.compile(r"[A-Za-z0-9@%+=:,./_-]+")


def is_plain(text: str) -> bool:
    """Whether a text has no unsafe character."""
    # Almost all texts are plain ASCII, and that is found out without a look at each character.
    return (text.isascii() and text.isprintable()) or not any(map(_is_unsafe, text))


def plain_line(text: str) -> str:
    """Return a text as one line without unsafe characters."""
    words = " ".join(_ESCAPE_SEQUENCE.sub("", text).split())
    return "".join(c for c in words if not _is_unsafe(c))


def plain_output(text: str) -> str:
    """Return a line of a program's output without colours, and with its indentation.

    Other unsafe characters are shown as their escapes.
    """
    return visible(_ESCAPE_SEQUENCE.sub("", text).rstrip(), keep="\t")


def visible(text: str, *, keep: str = "") -> str:
    r"""Return a text with each unsafe character as its escape, like `\u202e`; except `keep`."""
    if is_plain(text):
        return text
    return "".join(repr(c)[1:-1] if _is_unsafe(c) and c not in keep else c for c in text)


def shell_word(text: str) -> str:
    """Return a text as one word of a shell command, in quotation marks only if it needs them."""
    if _SHELL_WORD.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in UNSAFE
