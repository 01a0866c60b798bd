"""The table of environments in memory."""

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gromit.core.environments.attributes import RESERVED
from gromit.core.environments.row_writes import (
    Condition,
    Row,
    RowWrite,
    WriteAccepted,
    WriteResult,
    apply_write,
    evaluate,
)
from gromit.core.environments.turns import DueRows, DueWork
from gromit.ports import LifeEntry, RowPage


class MemoryStore:
    """The port `EnvironmentStore`; one write at a time, as the real table does it for each item."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}
        self._writing = threading.Lock()
        self.writes = 0
        """Writes that were asked for, refused ones included."""
        self._answer_is_lost = False
        self.page_size = 1000
        """Entries of the index of work that one look reads."""
        self.looked_up = 0
        """Rows that were read for the repositories of their last builds."""

    def lose_next_answer(self) -> None:
        """Carry the next write out twice, as the SDK does when the first answer does not arrive."""
        self._answer_is_lost = True

    def put(self, row: Mapping[str, Any]) -> None:
        """Replace a row, as another program would."""
        self._rows[row["name"]] = dict(row)

    def read(self, name: str) -> Row | None:
        """The row of an environment."""
        row = self._rows.get(name)
        return None if row is None else dict(row)

    def write(self, name: str, write: RowWrite) -> WriteResult:
        """Carry a write out, if its conditions hold."""
        if self._answer_is_lost:
            self._answer_is_lost = False
            self.write(name, write)
        with self._writing:
            self.writes += 1
            outcome = apply_write(write, self.read(name), {"name": name})
            if isinstance(outcome, WriteAccepted):
                self._rows[name] = dict(outcome.row)
        return outcome

    def move(
        self, name: str, conditions: tuple[Condition, ...], target: str, write: RowWrite
    ) -> bool:
        """Remove one row and write another, if the conditions of both hold."""
        with self._writing:
            before = self.read(name)
            outcome = apply_write(write, self.read(target), {"name": target})
            is_same = before is not None and all(evaluate(c, before) for c in conditions)
            if not is_same or not isinstance(outcome, WriteAccepted):
                return False
            del self._rows[name]
            self._rows[target] = dict(outcome.row)
            return True

    def due(self, kind: str, now_ms: int, limit: int, claim_id: str | None = None) -> DueRows:
        """Names of rows with due work without a lease, oldest first.

        What `claim_id` holds comes before them, and what was put off comes last.
        """
        rows = sorted(
            (r for r in self._rows.values() if r.get("work") == kind and "due" in r),
            key=lambda r: (r["due"], r["name"]),
        )
        now = [r for r in rows if r["due"] <= now_ms]
        free = [_work(r) for r in now if _is_free(r, now_ms, claim_id)]
        held = [_work(r) for r in now if not _is_free(r, now_ms, claim_id)]
        upcoming = [r["due"] for r in rows if r["due"] > now_ms] if not free else []
        ours = [w for w in free if claim_id is not None and w.claim_id == claim_id]
        others = [w for w in free if w not in ours]
        first = [w for w in others if w.due_ms <= w.since_ms]
        put_off = [w for w in others if w not in first]
        return DueRows(
            tuple(w.name for w in (*ours, *first, *put_off)[:limit]),
            min((w.due_ms for w in free), default=None),
            min(upcoming, default=None),
            tuple(free[: self.page_size]),
            tuple(held),
            is_cut=len(free) > self.page_size,
        )

    def due_behind(self, kind: str, now_ms: int, last: DueWork) -> DueRows:
        """Due work that is due later than an entry, or at the same time with a later name."""
        rows = [r for r in self._rows.values() if r.get("work") == kind and "due" in r]
        due = [_work(r) for r in rows if r["due"] <= now_ms and _is_free(r, now_ms, None)]
        behind = sorted((w.due_ms, w.name, w) for w in due)
        work = [w for *place, w in behind if tuple(place) > (last.due_ms, last.name)]
        is_cut = len(work) > self.page_size
        return DueRows((), None, None, tuple(work[: self.page_size]), is_cut=is_cut)

    def last_builds(self, names: Collection[str]) -> Mapping[str, Row]:
        """Repositories of the last builds, and the instants of requests for work."""
        assert len(names) <= 100
        self.looked_up += len(names)
        return {n: dict(self._rows[n]) for n in names if n in self._rows}

    def unfinished(self, kind: str) -> Mapping[str, int]:
        """Environments with unfinished work of a kind, and since when it waits."""
        return {n: _since(r) for n, r in self._rows.items() if r.get("work") == kind}

    def lives(self, life: str, from_ms: int, until_ms: int, limit: int) -> tuple[LifeEntry, ...]:
        """Entries of the index of lifetimes, oldest first."""
        rows = sorted(
            (
                r
                for r in self._rows.values()
                if r.get("life") == life and from_ms <= r.get("look_at", -1) <= until_ms
            ),
            key=lambda r: (r["look_at"], r["name"]),
        )
        return tuple(LifeEntry(r["name"], r["look_at"], r.get("warned", 0)) for r in rows[:limit])

    def page(
        self, after: str | None, limit: int, attributes: Sequence[str] | None = None
    ) -> RowPage:
        """Rows by name, at most `limit`, from behind `after`."""
        known = (n for n in self._rows if not n.startswith(RESERVED))
        names = sorted(n for n in known if after is None or n > after)
        rows = tuple(
            {a: v for a, v in self._rows[n].items() if attributes is None or a in attributes}
            for n in names[:limit]
        )
        return RowPage(rows, names[limit - 1] if len(names) > limit else None)


def _is_free(row: Mapping[str, Any], now_ms: int, claim_id: str | None) -> bool:
    is_ours = claim_id is not None and row.get("claim_id") == claim_id
    return is_ours or "lease_until" not in row or row["lease_until"] < now_ms


def _work(row: Mapping[str, Any]) -> DueWork:
    return DueWork(row["name"], row["due"], _since(row), row.get("claim_id"))


def _since(row: Mapping[str, Any]) -> int:
    since = row.get("since")
    return since if isinstance(since, int) else int(row["due"])
