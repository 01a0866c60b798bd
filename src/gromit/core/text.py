"""Text of others - terraform, AWS, people - as one line that is safe to store, log and show."""

import re
import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs"})
"""Unicode categories of control characters, of invisible ones, and of halves of characters."""
_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")
"""Whole sequences that a terminal takes for a colour or a movement."""


def plain_line(text: str) -> str:
    """Return a text as one line without control characters."""
    words = " ".join(_ESCAPE_SEQUENCE.sub("", text).split())
    return "".join(c for c in words if unicodedata.category(c) not in _UNSAFE)
