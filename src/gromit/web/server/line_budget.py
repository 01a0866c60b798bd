"""Budgets of log lines: floods of clients are counted, not written line by line.

Each client may cause some lines at once. What it causes beyond that within a second is one line
with counts, and so is each further second of a flood. Addresses without an end share a budget.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv6Address, ip_address
from typing import Protocol

import structlog

from gromit.log import AUDIT

audit = structlog.get_logger(AUDIT)

BURST = 10
"""Lines that a client may cause at once after a quiet second."""
SECOND_S = 1.0
CLIENTS_MAX = 100
"""Clients with a budget of their own at a time; all others share one."""
OTHERS = "others"


class Timer(Protocol):
    """A call in the future."""

    def cancel(self) -> None:
        """Do not call."""


def _call_later(seconds: float, call: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(seconds, call)


@dataclass(slots=True)
class _Window:
    lines: int
    """Lines that may still be written."""
    left_out: Counter[str] = field(default_factory=Counter)
    end: Timer | None = None


class LineBudget:
    """Budget of the lines of one event, by client. Only for code in the event loop."""

    def __init__(
        self,
        event: str,
        call_later: Callable[[float, Callable[[], None]], Timer] = _call_later,
    ) -> None:
        self._event = event
        self._call_later = call_later
        self._windows: dict[str, _Window] = {}

    def admits(self, client: str | None, reason: str, who: str | None = None) -> bool:
        """Whether a line about a client may be written; it is counted by its reason otherwise.

        `who` is what the client has proved to be: it has a budget of its own at each address.
        """
        key = " ".join(filter(None, (client_group(client), who))) or OTHERS
        if key not in self._windows and len(self._windows) >= CLIENTS_MAX:
            key = OTHERS
        window = self._windows.get(key) or self._open(key, BURST)
        if window.lines:
            window.lines -= 1
            return True
        window.left_out[reason] += 1
        return False

    def flush(self) -> None:
        """Write all counts now."""
        for key, window in list(self._windows.items()):
            if window.end is not None:
                window.end.cancel()
            self._close(key)

    def _open(self, key: str, lines: int) -> _Window:
        window = self._windows[key] = _Window(lines)
        window.end = self._call_later(SECOND_S, partial(self._end, key))
        return window

    def _end(self, key: str) -> None:
        if self._close(key):
            self._open(key, 0)  # the flood goes on: one line a second is enough

    def _close(self, key: str) -> bool:
        """Write the counts of a window; return whether there were any."""
        counts = self._windows.pop(key).left_out
        if not counts:
            return False
        audit.warning(
            "lines.left_out", of=self._event, client=key, count=counts.total(), by=dict(counts)
        )
        return True


def client_group(address: str | None) -> str | None:
    """Return what counts as one client: an address, or an IPv6 network of 64 bits."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped else f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
