"""Log lines of one subject.

Threads of earlier tests may still write lines, for example about a stream that has ended. A test
that expects certain lines and no others therefore names whose lines it means.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

from structlog.testing import capture_logs

from tests.waiting import wait_for


def lines_about(subject: str, logs: Iterable[MutableMapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the lines whose event belongs to a subject: `health` for `health.unreachable`."""
    return [line for line in logs if line["event"].partition(".")[0] == subject]


@contextmanager
def captured_lines(event: str, count: int) -> Iterator[list[MutableMapping[str, Any]]]:
    """Capture lines of all subjects until `count` of an event are there.

    A server may log a request after its response, when the client goes on already.
    """
    with capture_logs() as lines:
        yield lines
        wait_for(
            f"{count} lines of {event}",
            lambda: sum(line["event"] == event for line in lines) >= count,
        )
