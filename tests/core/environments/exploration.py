"""Exploration of every state of a small world, and a report of its faults."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

State = TypeVar("State", bound=Hashable)


class Move(NamedTuple, Generic[State]):
    """One possible next event."""

    label: str
    after: State
    is_calm: bool
    """Neither a fault nor a new request: it still happens when faults have ceased."""


@dataclass(frozen=True, slots=True)
class Question(Generic[State]):
    """Start, moves and rules of an exploration."""

    start: State
    moves: Callable[[State], Iterable[Move[State]]]
    complaint: Callable[[State], str | None]
    """Returns the invariant that a state breaks."""
    is_settled: Callable[[State], bool]
    """Whether the desired state is reached, and no work is left."""


@dataclass(slots=True)
class Findings:
    """Result of an exploration."""

    states: int = 0
    moves: int = 0
    crashes: int = 0
    broken: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Each broken invariant, with a shortest way to it."""
    stuck: int = 0
    """States that cannot reach a settled one, even without further faults and requests."""
    way_to_a_stuck_one: tuple[str, ...] = ()


def explore(question: Question[State], until: str = "") -> Findings:
    """Visit every state that can be reached.

    If `until` names an invariant, stop when it is broken.
    """
    findings = Findings()
    numbers, todo = {question.start: 0}, deque([question.start])
    came_from, calm_before, settled = [(0, "")], [list[int]()], [0]
    while todo:
        state = todo.popleft()
        here = numbers[state]
        for label, after, is_calm in question.moves(state):
            findings.moves += 1
            findings.crashes += label == "crash"
            there = numbers.setdefault(after, len(came_from))
            if there == len(came_from):
                came_from.append((here, label))
                calm_before.append([])
                todo.append(after)
                if question.is_settled(after):
                    settled.append(there)
                if broken := question.complaint(after):
                    findings.broken.setdefault(broken, _way(came_from, there))
                    if until and broken.startswith(until):
                        return findings
            if is_calm:
                calm_before[there].append(here)
    well = _leading_to(settled, calm_before)
    stuck = [n for n in range(len(came_from)) if n not in well]
    findings.states, findings.stuck = len(came_from), len(stuck)
    findings.way_to_a_stuck_one = _way(came_from, stuck[0]) if stuck else ()
    return findings


def _leading_to(goals: list[int], before: list[list[int]]) -> set[int]:
    well, todo = set(goals), list(goals)
    while todo:
        new = [n for n in before[todo.pop()] if n not in well]
        well.update(new)
        todo += new
    return well


def _way(came_from: list[tuple[int, str]], n: int) -> tuple[str, ...]:
    way: list[str] = []
    while n:
        n, label = came_from[n]
        way.append(label)
    return tuple(reversed(way))
