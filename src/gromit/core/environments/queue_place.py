"""Place of an environment in the queue of due work, and an estimate of its end."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunSample:
    """The last runs of one kind in this installation."""

    seconds: tuple[float, ...] = ()
    """Duration of each run that succeeded."""
    parallel: int = 0
    """Largest number of runs that were in progress at once."""


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Place in the order in which serve hands work out."""

    position: int
    """1 for the work that the next worker gets."""
    of: int
    """Number of environments whose work of this kind is due."""
    estimate_s: int | None
    """Seconds until its run has probably ended; null before a run has ended."""


def queue_positions(names: Iterable[str]) -> Mapping[str, int]:
    """Return the position of each environment, given the names in the order of claims."""
    return {name: position for position, name in enumerate(names, start=1)}


def queue_place(name: str, due: Mapping[str, int], sample: RunSample) -> QueuePlace | None:
    """Return the place of an environment; None if it is not among the due ones.

    `due` has the position of each. The estimate assumes that as many runs as before are in
    progress at once, and that each takes as long as half of the last ones.
    """
    position = due.get(name)
    if position is None:
        return None
    estimate_s = None
    if sample.seconds:
        rounds = math.ceil(position / max(1, sample.parallel))
        estimate_s = round(rounds * _median(sample.seconds))
    return QueuePlace(position, len(due), estimate_s)


def _median(values: Sequence[float]) -> float:
    ordered, middle = sorted(values), len(values) // 2
    return (ordered[middle] + ordered[~middle]) / 2
