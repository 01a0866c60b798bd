"""What the suspension file `noprocess` says: who stopped all processing, when and why."""

import json
import unicodedata
from dataclasses import asdict, dataclass

FILE = "noprocess"
"""Name of the file in the config root. While a regular file of this name exists, nothing new is started."""

_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Suspension:
    """An operator's stop."""

    reason: str
    by: str = ""
    at: str = ""
    """When, as ISO 8601."""

    def __str__(self) -> str:
        who = f" by {self.by}" if self.by else ""
        when = f" since {self.at}" if self.at else ""
        return f"suspended{who}{when}: {self.reason or 'no reason given'}"


def dump(suspension: Suspension) -> bytes:
    """The file's content."""
    return json.dumps(asdict(suspension), indent=1).encode() + b"\n"


def parse_suspension(content: bytes) -> Suspension:
    """What a file says: our JSON, or whatever a person wrote (`echo upgrading mongo > /config/noprocess`), or nothing at all."""
    text = content.decode(errors="replace")
    try:
        tree = json.loads(text)
    except ValueError:
        tree = None
    if not isinstance(tree, dict):
        return Suspension(_plain(text))
    return Suspension(
        *(_plain(str(tree.get(key) or tree.get(other) or "")) for key, other in _KEYS)
    )


_KEYS = (("reason", "why"), ("by", "who"), ("at", "when"))


def _plain(text: str) -> str:
    """One line without control characters, as it goes into messages and logs."""
    words = " ".join(text.split())
    return "".join(c for c in words if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})[:_LONGEST]
