"""Search for worlds in which the doctor of environments is wrong, or its repairs do harm."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from structlog.testing import capture_logs

from gromit.core.discrepancies.kinds import Discrepancy, DiscrepancyKind
from gromit.core.environments.phases import Phase
from gromit.errors import Suspended, UnsafePlan
from tests.prove.environment_plants import (
    PLANTS,
    Plant,
    Start,
    begin,
    end_busy,
    make_busy,
    make_foreign,
)
from tests.prove.environment_world import EnvironmentWorld
from tests.prove.suite import Effort, Proof, Suite, Violation
from tests.services.registry import CATALOGUE

WORLDS = {True: 50, False: 1000}
"""Number of worlds, by whether the search is quick."""
_REVIVABLE = frozenset(
    {
        DiscrepancyKind.WORLD_WITHOUT_ROW,
        DiscrepancyKind.ORPHAN_STATE,
        DiscrepancyKind.ORPHAN_CONFIG,
        DiscrepancyKind.DANGLING_RECORD,
        DiscrepancyKind.ORPHAN_IMAGE_MARK,
    }
)
"""Kinds of environments that a build can revive before they are repaired."""

_Named = frozenset[tuple[str, DiscrepancyKind]]


@dataclass
class _Scene:
    """One random world, and what is known about it."""

    random: Random
    world: EnvironmentWorld = field(default_factory=EnvironmentWorld)
    planted: dict[str, Plant] = field(default_factory=dict)
    healthy: dict[str, Start] = field(default_factory=dict)
    is_busy: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def build(self) -> None:
        """Make environments, and let some of them go wrong."""
        random = self.random
        for number in range(random.randint(0, 5)):
            self.planted[f"plant-{number}"] = random.choice(PLANTS)
        for number in range(random.randint(1, 4)):
            self.healthy[f"good-{number}"] = random.choice(list(Start))
        starts = {name: random.choice(plant.starts) for name, plant in self.planted.items()}
        make_foreign(self.world)
        begin(self.world, {**self.healthy, **starts})
        for name, plant in self.planted.items():
            plant.make(self.world, name, random)
        self.is_busy = random.random() < 0.3
        if self.is_busy:
            make_busy(self.world, "busy")
        if random.random() < 0.3:
            self._change_during_look()

    def check(self) -> Iterator[str]:
        """Yield what contradicts the claim."""
        found = self.world.find()
        yield from self._misnamed(found)
        if self.is_busy:
            end_busy(self.world, "busy")
        if self.random.random() < 0.1:
            yield from self._suspended(found)
        yield from self._limited(found)
        revived = self._revive()
        kept = self._keepsakes(revived)
        results = self.world.repair(found)
        self.counts["repairs"] += sum(not result.problem for result in results)
        yield from (
            f"{result.discrepancy.environment}: {result.discrepancy.kind} was not repaired:"
            f" {result.problem}"
            for result in results
            if result.problem and result.discrepancy.environment not in revived
        )
        for name, before in kept.items():
            if (after := self._snapshot(name)) != before:
                yield f"{name} was touched: {before} became {after}"
        self.world.pass_time()
        yield from self._left(revived)

    def _change_during_look(self) -> None:
        """Let a build come between the first listing and the last."""
        name = "good-0" if self.random.random() < 0.5 else "born"
        self.healthy.setdefault(name, Start.PENDING)
        self.world.clusters.meddling.append(lambda: self.world.report(name, "sha-meanwhile"))

    def _misnamed(self, found: Sequence[Discrepancy]) -> Iterator[str]:
        wanted: _Named = frozenset(
            (name, kind) for name, plant in self.planted.items() for kind in plant.kinds
        )
        named: _Named = frozenset((d.environment, d.kind) for d in found)
        self.counts.update(planted=len(wanted), named=len(named & wanted))
        self.counts["false findings"] += len(named - wanted)
        yield from (f"{name}: {kind} is not found" for name, kind in sorted(wanted - named))
        yield from (f"{name}: {kind} is found" for name, kind in sorted(named - wanted))

    def _suspended(self, found: Sequence[Discrepancy]) -> Iterator[str]:
        before = self._keepsakes(frozenset(self.planted))
        self.world.root.fault = Suspended("processing is suspended")
        try:
            results = self.world.repair(found)
        except Suspended:
            results = ()
        self.world.root.fault = None
        if results or self._keepsakes(frozenset(self.planted)) != before:
            yield "something was repaired while processing was suspended"

    def _limited(self, found: Sequence[Discrepancy]) -> Iterator[str]:
        losing = {d.environment for d in found if d.repair.is_destructive}
        if not losing:
            return
        inventory = self.world.look()
        # An empty table is a wrong one.
        limits = {len(losing): bool(inventory.rows), len(losing) - 1: False}
        for limit, may_run in limits.items():
            try:
                self.world.repairer(limit=limit).check(inventory, found)
            except UnsafePlan:
                is_allowed = False
            else:
                is_allowed = True
            if is_allowed != may_run:
                yield f"with a limit of {limit}, {len(losing)} may lose something: {is_allowed}"

    def _revive(self) -> frozenset[str]:
        """Let builds come for environments that were about to lose something."""
        random = self.random.random
        revived = frozenset(
            name
            for name, plant in self.planted.items()
            if plant.kinds <= _REVIVABLE and self._has_own_state(name) and random() < 0.2
        )
        for name in revived:
            self.world.report(name)
        return revived

    def _has_own_state(self, name: str) -> bool:
        """Whether a run could use the state: no run acts on another environment's."""
        head = self.world.states.heads.get(name)
        return head is None or not head.owners - {name}

    def _keepsakes(self, also: frozenset[str]) -> Mapping[str, object]:
        """Return all that no repair may touch, by the environment whose name it has."""
        names = {"theirs", "mail", "else", *self.healthy, *also}
        names |= {name for name, plant in self.planted.items() if not plant.is_repaired}
        return {name: self._snapshot(name) for name in names}

    def _snapshot(self, name: str) -> object:
        world = self.world
        return (
            list(world.resources.existing.get(name, [])),
            world.states.heads.get(name),
            name in world.states.damaged,
            world.states.locks.get(name),
            sorted(r.name for r in world.zone.records() if name in r.name.split(".")),
            world.root.folders().get(name),
            world.registry.store.read(name),
            {m for m in world.registry.images.all(CATALOGUE.repositories) if m.environment == name},
        )

    def _left(self, revived: frozenset[str]) -> Iterator[str]:
        """Yield what is still found after the repairs, and what died or did not."""
        for one in self.world.find():
            plant = self.planted.get(one.environment)
            if plant is None or plant.is_repaired or one.kind not in plant.kinds:
                yield f"{one.environment}: {one.kind} is still found: {one.seen}"
        for name in revived | {
            name
            for name, start in self.healthy.items()
            if start in {Start.PENDING, Start.READY, Start.CHANGED}
        }:
            if (phase := self.world.registry.phase(name)) is not Phase.READY:
                yield f"{name} is {phase}"


def _search(effort: Effort) -> Proof:
    violations: list[Violation] = []
    counts: Counter[str] = Counter()
    worlds = WORLDS[effort.is_quick]
    for number in range(worlds):
        scene = _Scene(Random(f"{effort.seed}-{number}"), counts=counts)
        with capture_logs():  # thousands of lines, which would hide the result
            scene.build()
            problems = list(scene.check())
        made = {name: plant.make.__name__ for name, plant in scene.planted.items()}
        case = f"world {number} of seed {effort.seed}: {made}"
        violations += [Violation(case, problem) for problem in problems]
    figures = ", ".join(f"{count} {name}" for name, count in counts.items())
    kinds = len({kind for plant in PLANTS for kind in plant.kinds})
    note = f"{worlds} worlds, {kinds} kinds by {len(PLANTS)} plants: {figures}"
    return Proof(worlds, tuple(violations), (note,))


SUITE = Suite(
    "The doctor of environments names every discrepancy and no other, and repairs only ours.",
    _search,
)
