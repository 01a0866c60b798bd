"""Suite: workers and real Terraforms are killed, and nothing is lost, left over or stuck.

Each life is compared with the whole emulated account. Moments are events of a run, see
`strike_proxy`, and are spread over a first apply, a change and a destroy.
"""

import itertools
import os
import queue
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.prove.deaths import Manner
from tests.prove.kill_lives import Kill, Killed, KillLane, LifePlan, Part, lane
from tests.prove.strike_proxy import Moment, Request
from tests.prove.suite import Effort, Proof, Suite, Violation

Lives = queue.Queue[LifePlan]

_LANES = 3
_POINTS = 20
"""Kills in each part of a life that have to be followed by the desired state."""
_POINTS_ELSEWHERE = 3
"""The same with an installed Terraform."""
_RUNS_MAX = 2
_QUICK = LifePlan(
    (
        Kill(Part.APPLY, Manner.ALL, Moment(22, is_after=True)),
        Kill(Part.DESTROY, Manner.WORKER, Moment(12, is_after=True)),
    ),
    is_deleted_at_once=True,
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A Terraform with its provider."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    points: int = _POINTS


def engines() -> tuple[Sequence[Engine], Sequence[str]]:
    """Return what this machine has, and what is absent."""
    program, mirror = shutil.which("terraform"), os.environ.get("GROMIT_TEST_MIRROR")
    embedded = Engine("embedded Terraform with provider 3.39")
    if not program or not mirror:
        lacks = "no terraform is on the PATH" if not program else "GROMIT_TEST_MIRROR is not set"
        return (embedded,), (f"{lacks}: an installed Terraform was not tried",)
    settings = {"GROMIT_TERRAFORM_COMMAND": program, "GROMIT_TERRAFORM_MIRROR": mirror}
    return (embedded, Engine(f"{program} with {mirror}", settings, _POINTS_ELSEWHERE)), ()


def plans(
    events: Mapping[Part, Sequence[Request]], points: int, rng: random.Random
) -> list[LifePlan]:
    """Return lives whose kills are spread over all events, each manner as often as the others.

    Each kill happens twice: once the environment has to become what is desired, and once it is
    deleted straight away.
    """
    made = []
    for number in range(points):
        kills = {
            part: _kill(part, found, (number + rng.random()) / points, number)
            for part, found in events.items()
        }
        made.append(LifePlan(tuple(kills.values())))
        made.append(LifePlan((kills[Part.APPLY],), is_deleted_at_once=True))
        made.append(LifePlan((kills[Part.CHANGE],), is_deleted_at_once=True))
    rng.shuffle(made)
    return made


def _kill(part: Part, events: Sequence[Request], share: float, number: int) -> Kill:
    """Return the kill at a share of the run."""
    manner = list(Manner)[(number + list(Part).index(part)) % len(Manner)]
    only_terraform = manner is Manner.TERRAFORM
    count = sum(1 for event in events if event.by_terraform or not only_terraform)
    # The last event may not come in a run that differs a little.
    moment = Moment(1 + int(share * (count - 1)), number % 2 == 0, only_terraform)
    return Kill(part, manner, moment)


def search(effort: Effort) -> Proof:
    """Live all lives; a quick search lives one."""
    if effort.is_quick:
        return _Search(effort, Engine("embedded")).quick()
    found, notes = engines()
    proofs = [_Search(effort, engine).full() for engine in found]
    return Proof(
        sum(proof.cases for proof in proofs),
        tuple(violation for proof in proofs for violation in proof.violations),
        (*(note for proof in proofs for note in proof.notes), *notes),
    )


@dataclass(slots=True)
class _Search:
    effort: Effort
    engine: Engine
    violations: list[Violation] = field(default_factory=list)
    killed: list[Killed] = field(default_factory=list)
    missed: list[Kill] = field(default_factory=list)
    _begun: int = 0

    def quick(self) -> Proof:
        """Live one life."""
        self._run_lane(self.effort.folder, _queue([_QUICK]))
        return self._proof()

    def full(self) -> Proof:
        """Live all lives, some at a time."""
        folder = self.effort.folder / f"engine-{self.engine.settings != {}}"
        with lane(folder / "reference", self.engine.settings) as first:
            events = first.events()
        numbers = ", ".join(f"{len(found)} in the {part}" for part, found in events.items())
        self.effort.say(f"{self.engine.name}; events: {numbers}")
        ahead = _queue(plans(events, self.engine.points, random.Random(self.effort.seed)))
        with ThreadPoolExecutor(_LANES) as pool:
            lanes = [pool.submit(self._run_lane, folder / str(n), ahead) for n in range(_LANES)]
            for running in lanes:
                running.result()
        return self._proof()

    def _run_lane(self, folder: Path, ahead: Lives) -> None:
        """Live lives. After a violation they go on in another account, where nothing is left."""
        for number in itertools.count():
            if ahead.empty():
                return
            with lane(folder / str(number), self.engine.settings) as one:
                while self._live_next(one, ahead):
                    pass
                self.killed += one.killed
                self.missed += one.missed

    def _live_next(self, one: KillLane, ahead: Lives) -> bool:
        """Live the next life; return whether another one can follow in the same account."""
        try:
            plan = ahead.get_nowait()
        except queue.Empty:
            return False
        self._begun += 1
        self.effort.say(f"life {self._begun}, {ahead.qsize()} to come: {plan}")
        try:
            one.live(plan)
        except Exception as error:  # noqa: BLE001 - the other lives go on
            self.violations.append(Violation(f"{self.engine.name}: {plan}", f"{error}"))
            self.effort.say(f"VIOLATED: {plan}\n{error}")
            return False
        return True

    def _proof(self) -> Proof:
        killed = self.killed
        late = [
            Violation(f"{self.engine.name}: {one.kill} ({one.at})", f"it took {one.runs} runs")
            for one in killed
            if one.runs > _RUNS_MAX
        ]
        notes = [*_figures(killed), *(f"the moment did not come: {kill}" for kill in self.missed)]
        return Proof(len(killed), (*self.violations, *late), tuple(notes))


def _queue(plans: Iterable[LifePlan]) -> Lives:
    ahead: Lives = queue.Queue()
    for plan in plans:
        ahead.put(plan)
    return ahead


def _figures(killed: Sequence[Killed]) -> Iterator[str]:
    """Yield the number of kills by part and manner, and the runs that they needed."""
    by_kind = Counter((one.kill.part, one.kill.manner) for one in killed)
    for (part, manner), number in sorted(by_kind.items()):
        yield f"{number} kills in the {part}: {manner}"
    runs = Counter(one.runs for one in killed)
    yield "runs needed: " + ", ".join(f"{n} kills: {r}" for r, n in sorted(runs.items()))


SUITE = Suite(
    "A killed worker or Terraform leaves nothing that two runs do not complete or remove.",
    search,
    marks=("terraform", "cloud"),
)
