"""The suspension file `noprocess`: who stopped all processing, when and why."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from gromit.core.text import plain_line

FILE = "noprocess"
"""Name of the file in the config root. While a regular file of this name exists, no work starts."""

_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Suspension:
    """An operator's stop of all processing."""

    reason: str
    by: str = ""
    at: str = ""
    """Time, in ISO 8601."""

    def __str__(self) -> str:
        who = f" by {self.by}" if self.by else ""
        when = f" since {self.at}" if self.at else ""
        return f"suspended{who}{when}: {self.reason or 'no reason given'}"


def dump(suspension: Suspension) -> bytes:
    """Return the file's content."""
    return json.dumps(asdict(suspension), indent=1).encode() + b"\n"


def parse_suspension(content: bytes) -> Suspension:
    """Return the suspension in a file: our JSON, or any text, or nothing.

    A person may write plain text: `echo upgrading mongo > /config/noprocess`.
    """
    text = content.decode(errors="replace")
    try:
        tree = json.loads(text)
    except ValueError:
        tree = None
    if not isinstance(tree, dict):
        return Suspension(_plain(text))
    return Suspension(
        reason=_value(tree, "reason", "why"),
        by=_value(tree, "by", "who"),
        at=_value(tree, "at", "when"),
    )


def _value(tree: dict[str, Any], key: str, other_key: str) -> str:
    return _plain(str(tree.get(key) or tree.get(other_key) or ""))


def _plain(text: str) -> str:
    return plain_line(text)[:_LONGEST]
