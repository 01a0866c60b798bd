"""Random worlds of environments on a virtual clock: expiry, extensions and sweeps."""

from structlog.testing import capture_logs

from tests.prove.lifetime_world import LifetimeWorld
from tests.prove.suite import Effort, Proof, Suite, Violation

_WORLDS, _QUICK_WORLDS = 600, 3


def _search(effort: Effort) -> Proof:
    worlds = _QUICK_WORLDS if effort.is_quick else _WORLDS
    violations: list[Violation] = []
    expired = 0
    for number in range(worlds):
        seed = effort.seed * 10_000 + number
        world = LifetimeWorld(seed)
        with capture_logs():
            found = list(world.run())
        violations += [Violation(f"LifetimeWorld({seed})", text) for text in found[:1]]
        expired += len(world.expired)
        if number % 50 == 49:
            effort.say(f"{number + 1} of {worlds} worlds, {expired} environments expired")
    return Proof(worlds, tuple(violations), (f"{expired} environments expired",))


SUITE = Suite(
    "Nothing expires early, late or without both warnings; a sweep takes only dead branches.",
    _search,
)
