"""Every way through the worker protocol, in a world in which killed applies must be adopted."""

from collections.abc import Iterator

from tests.core.environments.broken_protocols import BROKEN, BrokenVariant
from tests.core.environments.protocol_world import explore
from tests.prove.suite import Effort, Proof, Suite, Violation

_WORLDS = ((3, 2), (2, 3))
"""Requests of clients, and workers."""
_QUICK_WORLDS = ((2, 1),)


def _search(effort: Effort) -> Proof:
    violations: list[Violation] = []
    notes: list[str] = []
    states = 0
    for events, workers in _QUICK_WORLDS if effort.is_quick else _WORLDS:
        found = explore(events, workers)
        world = f"{events} requests, {workers} workers"
        states += found.states
        notes.append(f"{world}: {found.states} states, {found.crashes} crashes")
        effort.say(notes[-1])
        violations += [
            Violation(f"{world}: {' > '.join(way)}", fault) for fault, way in found.broken.items()
        ]
        if found.stuck:
            way = " > ".join(found.way_to_a_stuck_one)
            violations.append(Violation(f"{world}: {way}", "the work is never finished"))
    tried = [variant for variant in BROKEN if variant.events == 1 or not effort.is_quick]
    violations += _undetected(tried)
    notes.append(f"{len(tried)} broken protocols, of which each must be found")
    return Proof(states + len(tried), tuple(violations), tuple(notes))


def _undetected(variants: list[BrokenVariant]) -> Iterator[Violation]:
    """Yield the broken protocols in which the exploration finds no fault."""
    for variant in variants:
        workers = 2 if variant.fault else 1
        found = explore(variant.events, workers, variant.rules, until=variant.fault)
        if not (
            found.stuck or any(fault.startswith(variant.fault or "-") for fault in found.broken)
        ):
            yield Violation(variant.case, "the exploration does not find this fault")


SUITE = Suite(
    "No way through the protocol breaks an invariant or leaves work undone.",
    _search,
)
