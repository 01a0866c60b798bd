"""Book of chitragupta on the health of components: who is asked when, and which answers count.

A good answer counts at once. A bad one counts after some in a row, because an answer may be lost,
and not in the grace after an apply, because programs need time to start.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gromit.core.stack.health import HealthCheck, HealthState, HealthStatus

BAD_ANSWERS = 3
"""Bad answers in a row of which the last one counts."""
_SOON_S, _BAD_S, _GOOD_S = 5.0, 15.0, 60.0
"""Pauses before the next question: while no answer counts, after a bad one, after a good one."""

HealthKey = tuple[str, str]
"""An environment, and a component of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthTarget:
    """A component whose program is asked at its public address."""

    environment: str
    component: str
    epoch: int
    """Epoch of the environment: what is known of an earlier one does not count."""
    host: str
    """Its public name."""
    addresses: tuple[str, ...]
    """Values of its DNS record."""
    port: int
    check: HealthCheck
    grace_until_ms: int

    @property
    def key(self) -> HealthKey:
        """Return the environment and the component."""
        return self.environment, self.component


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """Result of one round of questions to a component."""

    status: HealthStatus
    is_reached: bool
    """Whether an address of it answered at all."""


@dataclass(slots=True)
class _Entry:
    target: HealthTarget
    due_s: float
    counts: HealthStatus | None = None
    last: HealthStatus | None = None
    bad: int = 0
    is_reached: bool = False


@dataclass(slots=True)
class HealthBook:
    """Targets, their last answers, and the instants of the next questions."""

    _entries: dict[HealthKey, _Entry] = field(default_factory=dict)

    def follow(self, targets: Iterable[HealthTarget], now_s: float) -> None:
        """Replace the targets. One that changed begins again, and is due at once."""
        known = self._entries
        self._entries = {
            t.key: known[t.key] if t.key in known and known[t.key].target == t else _Entry(t, now_s)
            for t in targets
        }

    def due(self, now_s: float) -> list[HealthTarget]:
        """Return the targets to ask now."""
        return [e.target for e in self._entries.values() if e.due_s <= now_s]

    def undecided(self) -> list[HealthTarget]:
        """Return the targets of which another answer is needed before one counts."""
        return [
            e.target for e in self._entries.values() if e.last is None or 0 < e.bad < BAD_ANSWERS
        ]

    def record(
        self, findings: Mapping[HealthTarget, HealthFinding], now_s: float, now_ms: int
    ) -> None:
        """Record answers. Those of a target that is not followed any more are dropped."""
        for target, found in findings.items():
            entry = self._entries.get(target.key)
            if entry and entry.target == target:
                _record(entry, found, now_s, now_ms)

    def counting(self) -> dict[HealthKey, HealthStatus]:
        """Return the answers that count, by target."""
        if self.is_blind():
            return {}
        return {key: e.counts for key, e in self._entries.items() if e.counts}

    def pending(self) -> dict[HealthKey, HealthStatus]:
        """Return the last answer of each target of which none counts yet, as an unknown health."""
        if self.is_blind():
            return {}
        return {
            key: HealthStatus(HealthState.UNKNOWN, e.last.reason)
            for key, e in self._entries.items()
            if e.last and not e.counts
        }

    def is_blind(self) -> bool:
        """Whether no component of any of several environments could be reached.

        Then the observer's own network is the likely cause.
        """
        entries = self._entries.values()
        environments = {e.target.environment for e in entries}
        return len(environments) > 1 and all(e.last and not e.is_reached for e in entries)


def _record(entry: _Entry, found: HealthFinding, now_s: float, now_ms: int) -> None:
    entry.last, entry.is_reached = found.status, found.is_reached
    if found.status.is_good:
        entry.counts, entry.bad, entry.due_s = found.status, 0, now_s + _GOOD_S
        return
    is_grace = now_ms < entry.target.grace_until_ms
    entry.bad = 0 if is_grace else entry.bad + 1
    if entry.bad >= BAD_ANSWERS:
        entry.counts = found.status
    is_counted = entry.bad >= BAD_ANSWERS
    entry.due_s = now_s + (_BAD_S if is_counted else _SOON_S)
