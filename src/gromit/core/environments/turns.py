"""Order in which due work is handed out: repositories take turns.

A repository whose work was handed out longest ago comes first. Its own work is in the order of age.
A flood of builds of one repository delays a build of another one by no more than the runs in
progress. Work that was put off, for example after a failure, comes behind all other work, until it
has been due for `PATIENCE_MS`: then it takes the turns of its repository like other work.

    due, oldest first: a1 a2 a3 a4 b1 b2 c1; turns: a was last, then b, c never had one
    order: c1 b1 a1 b2 a2 a3 a4
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

PATIENCE_MS = 10 * 60_000
"""Time for which due work that was put off waits behind all other work."""
UNKNOWN_REPOSITORY = ""
"""In place of the repository of work that no known build made due; all of it shares one turn."""


@dataclass(frozen=True, slots=True)
class DueWork:
    """Work of one environment, as the index of work has it."""

    name: str
    due_ms: int
    since_ms: int
    claim_id: str | None = None
    """Nonce of the claim that holds it; None if none did."""

    @property
    def is_put_off(self) -> bool:
        """Whether it was put off. Whatever does so moves `due` and leaves `since`."""
        return self.due_ms > self.since_ms

    def waits_for_others(self, now_ms: int) -> bool:
        """Whether it comes behind all work that was not put off."""
        return self.is_put_off and now_ms - self.due_ms < PATIENCE_MS


@dataclass(frozen=True, slots=True)
class DueRows:
    """Rows whose work is due and may be claimed."""

    names: tuple[str, ...]
    oldest_ms: int | None
    """Instant since which the one that is due longest is due."""
    next_ms: int | None
    """Instant at which the next one is due, if none is due now."""
    work: tuple[DueWork, ...] = ()
    """All that was read of due work without a valid lease, oldest first."""
    held: tuple[DueWork, ...] = ()
    """All that was read of work with a valid lease."""
    is_cut: bool = False
    """Whether more may be due behind what was read."""


def by_age(work: Iterable[DueWork], claim_id: str | None = None) -> tuple[DueWork, ...]:
    """Return work oldest first, what a claim holds already before it, what was put off behind it.

    `work` is in the order of due times.
    """
    return tuple(sorted(work, key=lambda w: (not _is_held_by(w, claim_id), w.is_put_off)))


def by_turns(
    work: Sequence[DueWork],
    repository_of: Callable[[DueWork], str],
    turns: Mapping[str, int],
    now_ms: int,
    claim_id: str | None = None,
) -> tuple[DueWork, ...]:
    """Return all work in the order of turns, what a claim holds already before it.

    `work` is in the order of due times. `turns` has the number of the last turn of each repository
    that had one; a later turn has a greater number.
    """
    first = [w for w in work if _is_held_by(w, claim_id)]
    others = [w for w in work if not _is_held_by(w, claim_id)]
    fresh = [w for w in others if not w.waits_for_others(now_ms)]
    waiting = [w for w in others if w.waits_for_others(now_ms)]
    latest = dict(turns)
    ordered = list(first)
    for group in (fresh, waiting):
        ordered += _interleave(group, repository_of, latest)
    return tuple(ordered)


def _interleave(
    work: Iterable[DueWork], repository_of: Callable[[DueWork], str], latest: dict[str, int]
) -> list[DueWork]:
    """Return work as repositories take turns, and note their turns in `latest`."""
    queues: dict[str, deque[DueWork]] = {}
    for one in work:
        queues.setdefault(repository_of(one), deque()).append(one)
    # The sort is stable: of repositories without a turn, the one with the oldest work comes first.
    waiting = deque(sorted(queues, key=lambda repository: latest.get(repository, 0)))
    number = max(latest.values(), default=0)
    ordered: list[DueWork] = []
    while waiting:
        repository = waiting.popleft()
        ordered.append(queues[repository].popleft())
        number += 1
        latest[repository] = number
        if queues[repository]:
            waiting.append(repository)
    return ordered


def _is_held_by(work: DueWork, claim_id: str | None) -> bool:
    return claim_id is not None and work.claim_id == claim_id
