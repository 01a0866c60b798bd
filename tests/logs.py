"""Log lines of one subject.

Threads of earlier tests may still write lines, for example about a stream that has ended. A test
that expects certain lines and no others therefore names whose lines it means.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any


def lines_about(subject: str, logs: Iterable[MutableMapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the lines whose event belongs to a subject: `health` for `health.unreachable`."""
    return [line for line in logs if line["event"].partition(".")[0] == subject]
