"""Markdown of foreign text: names, versions, reasons and addresses that gromit only passes on.

Each character with a meaning becomes a character reference, which Markdown never takes for
structure. The text is inside `<code>`, where GitHub makes no mentions, references or emoji.
"""

from __future__ import annotations

import re
import unicodedata

from gromit_action.job_log import masked

LONGEST = 600
"""Characters of one text."""
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control characters, invisible ones, and those that turn the direction of text around them."""
_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?", re.ASCII
)


def plain(text: object, longest: int = LONGEST) -> str:
    """Return a text as one bounded line without unsafe characters and without secrets."""
    shown = "".join(c if unicodedata.category(c) not in _UNSAFE else " " for c in masked(str(text)))
    line = " ".join(shown.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def code(text: object, longest: int = LONGEST) -> str:
    """Return Markdown that shows a text as it is."""
    line = plain(text, longest)
    return f"<code>{''.join(map(_reference, line))}</code>" if line else "-"


def _reference(character: str) -> str:
    if character == " " or (character.isascii() and character.isalnum()):
        return character
    return f"&#{ord(character)};"


def is_address(text: object) -> bool:
    """Whether a text is a web address of plain characters, which needs no escaping anywhere."""
    return isinstance(text, str) and len(text) <= LONGEST and bool(_ADDRESS.fullmatch(text))


def link(label: str, address: object) -> str:
    """Return a link of plain words to an address; any other address is only shown."""
    return f"[{label}](<{address}>)" if is_address(address) else code(address)
