"""Runs of an environment: which there were, and when, from its history and its claim."""

from collections.abc import Iterator
from dataclasses import dataclass

from gromit.core.environments.environment import Environment, HistoryEvent
from gromit.core.environments.phases import Want, Work
from gromit.errors import NotFound

COUNTED_MAX = 1000
"""Up to this number, a run is counted back from the last one; a greater number is an epoch."""
_MARGIN_MS = 60_000
"""Clocks of serve, of workers and of the log service differ a little."""
_LONGEST_MS = 2 * 3_600_000
"""Time before the outcome in which a run began whose claim has no time."""
_KINDS = {"sown": (Work.SOW,), "reaped": (Work.REAP,), "failed": (Work.SOW, Work.REAP)}


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run of a worker on an environment."""

    environment: str
    number: int
    """Epoch of its claim."""
    kinds: tuple[Work, ...]
    """Kind of its work; several if the history does not say which."""
    from_ms: int
    until_ms: int
    """Instants between which its lines were written."""


def past_runs(environment: Environment, now_ms: int) -> Iterator[PastRun]:
    """Yield the runs that are known, newest first, with the one that is under way."""
    lease = environment.lease
    if lease is not None and environment.is_held(now_ms):
        since_ms = lease.since_ms if lease.since_ms is not None else now_ms - _LONGEST_MS
        kind = Work.SOW if environment.want is Want.UP else Work.REAP
        yield _run(environment, lease.epoch, (kind,), (since_ms, now_ms))
    for event in reversed(environment.events):
        if event.run is not None and event.kind in _KINDS:
            times = (_began_ms(event), event.at_ms)
            yield _run(environment, event.run, _KINDS[event.kind], times)


def find_run(environment: Environment, wanted: int, now_ms: int) -> PastRun:
    """Return a run by its number, or counted back from 1, the last one. Raises `NotFound`."""
    known = list(past_runs(environment, now_ms))
    if wanted <= min(COUNTED_MAX, len(known)):
        return known[wanted - 1]
    for run in known:
        if run.number == wanted:
            return run
    raise NotFound(
        f"{environment.name} has no run {wanted} in its history",
        hint=f"it has {len(known)}: 1 is the last one",
    )


def _run(
    environment: Environment, number: int, kinds: tuple[Work, ...], times: tuple[int, int]
) -> PastRun:
    from_ms, until_ms = max(0, times[0] - _MARGIN_MS), times[1] + _MARGIN_MS
    return PastRun(environment.name, number, kinds, from_ms, until_ms)


def _began_ms(event: HistoryEvent) -> int:
    if event.took_s is None:
        return event.at_ms - _LONGEST_MS
    return event.at_ms - event.took_s * 1000
