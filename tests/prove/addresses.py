"""Public names of an installation with schedules alone, while tasks come and go.

Fargate gives the address of a stopped task to the next customer who asks. Only passes of sow and
chitragupta at the intervals of `terraform/infra`, and those that events start, move the names.
"""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import stamina
import structlog.testing

from gromit.core.environments.readiness import unpublished_names
from gromit.core.environments.worker_protocol import RunEnding
from gromit.services.public_records import PublicRecords
from gromit.services.workers import RunResult
from gromit.web.clients.serve import ServeClient
from tests.prove.installation import CATALOGUE, DOMAIN, START_MS, Installation
from tests.prove.month import PASSES
from tests.prove.simulated_cloud import SimulatedCloud
from tests.prove.simulated_fargate import START_S, SimulatedFargate
from tests.prove.suite import Effort, Proof, Suite, Violation

HOURS, QUICK_HOURS = 48, 4
WORLDS = 5
DELIVERY_S = 5
"""Longest time between a change of a task and the start of what it starts."""
CALL_MS = 100
"""Longest time that a call takes."""
PASS_S = 5
"""Longest time that a pass of chitragupta takes here."""
LONGEST_S = DELIVERY_S + START_S[1] + PASS_S
"""Longest time for which a name may have the address of a stopped task: a start of Fargate."""
BUILD_EVERY_S, RETIRE_EVERY_S, DELETE_EVERY_S = 1200, 900, 14_400
"""Average time between two events of a kind."""
BRANCHES = tuple(f"feature-{n}" for n in range(6))
REPOSITORIES = ("tyk", "tyk-analytics", "tyk-pump")


@dataclass(frozen=True, slots=True)
class _Plant:
    """Part of the product that is left out on purpose."""

    sow_publishes: bool = True
    events_start_passes: bool = True


@dataclass
class _Days(Installation):
    """An installation in time: what is due happens also while a worker waits."""

    random: Random = field(default_factory=lambda: Random(0))
    plant: _Plant = field(default_factory=_Plant)
    problems: list[str] = field(default_factory=list)
    sown: int = 0
    """Runs of sow that were done."""
    events: int = 0
    """Passes that events have started."""
    longest_ms: int = 0
    """Longest time for which a name had the address of a stopped task."""
    waited_ms: dict[str, int] = field(default_factory=dict)
    """Environment that sow has made to that instant, until `env wait` would end."""
    longest_wait_ms: int = 0
    _agenda: list[tuple[int, int, str]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)
    _is_sowing: bool = False
    _is_passing: bool = False
    """Whether chitragupta does a pass: the next one waits for its end."""
    _is_looking: bool = False
    """Whether this test looks, which takes no time."""

    # ── the parts that differ ────────────────────────────────────────────────────────────────────

    def make_cloud(self, public: frozenset[str]) -> SimulatedCloud:
        """Return a world in which tasks take their time."""
        self.fargate = SimulatedFargate(
            self.states,
            public=public,
            now_ms=lambda: self.now_ms,
            random=self.random,
            changed=self._on_task,
        )
        return self.fargate

    def public_records(self, worker: ServeClient) -> PublicRecords:
        """Return what sow does with records, unless it is left out."""
        return PublicRecords(self.chitragupta(worker) if self.plant.sow_publishes else None)

    def record(self, result: RunResult) -> None:
        """Check the names of an environment at the instant at which sow has reported it."""
        super().record(result)
        if self._is_sowing and result.ending is RunEnding.DONE:
            self.sown += 1
            self.waited_ms[result.name] = self.now_ms
            self.problems += self._unanswered(result.name)

    def let_pass(self, duration_ms: int) -> None:
        """Do what is due while a worker waits. A second pass of sow or reap waits for its end."""
        until = self.now_ms + duration_ms
        self._until(until, nested=True)
        self.now_ms = max(self.now_ms, until)

    # ── time ─────────────────────────────────────────────────────────────────────────────────────

    def run(self, hours: int) -> None:
        """Let the hours pass."""
        self.faults.watch = self._take_time
        for name in ("publish", "sow", "reap"):
            self._put(START_MS + self.random.randrange(PASSES[name]), name)
        for name in ("build", "retire", "delete"):
            self._put(START_MS, name)
        self._until(START_MS + hours * 3_600_000, nested=False)

    def _take_time(self, _call: str) -> None:
        """Let time pass with each call. What is due meanwhile happens beside sow and reap."""
        if self._is_looking:
            return
        duration_ms = self.random.randint(0, CALL_MS)
        if self._is_passing:
            self.now_ms += duration_ms
        else:
            self.let_pass(duration_ms)

    def _put(self, at_ms: int, name: str) -> None:
        heapq.heappush(self._agenda, (at_ms, next(self._order), name))

    def _on_task(self, at_ms: int) -> None:
        if self.plant.events_start_passes:
            delay_s = self.random.randint(0, DELIVERY_S) + self.random.randint(*START_S)
            self._put(at_ms + delay_s * 1000, "event")

    def _until(self, end_ms: int, *, nested: bool) -> None:
        put_off: list[tuple[int, int, str]] = []
        while self._agenda and self._agenda[0][0] <= end_ms:
            at_ms, order, name = heapq.heappop(self._agenda)
            if nested and name in {"sow", "reap"}:
                put_off.append((at_ms, order, name))
                continue
            self.now_ms = max(self.now_ms, at_ms)
            self._check()
            self._happen(name)
            self._check_waits()
        for item in put_off:
            heapq.heappush(self._agenda, item)

    def _happen(self, name: str) -> None:
        match name:
            case "publish":
                self._put(self.now_ms + PASSES[name], name)
                self._pass_once()
            case "sow" | "reap":
                self._put(self.now_ms + PASSES[name], name)
                self._is_sowing = name == "sow"
                getattr(self, name)()
            case "event":
                self.events += 1
                self._pass_once()
            case "build":
                self._put(self._soon(BUILD_EVERY_S), name)
                self._build()
            case "retire":
                self._put(self._soon(RETIRE_EVERY_S), name)
                self._retire()
            case _:
                self._put(self._soon(DELETE_EVERY_S), name)
                self._delete()

    def _pass_once(self) -> None:
        self._is_passing = True
        if error := self.attempt("publish"):
            self._problem(f"a pass of chitragupta failed: {error}")
        self._is_passing = False

    def _soon(self, average_s: int) -> int:
        return self.now_ms + self.random.randint(1, 2 * average_s) * 1000

    # ── events ───────────────────────────────────────────────────────────────────────────────────

    def _build(self) -> None:
        number = next(self._order)
        branch, repository = self.random.choice(BRANCHES), self.random.choice(REPOSITORIES)
        self.build(repository, branch, f"sha-{number}", number)

    def _retire(self) -> None:
        if running := self.fargate.running():
            self.fargate.retire(self.random.choice(running))

    def _delete(self) -> None:
        name = self.random.choice(BRANCHES)
        row = self.store.read(name)
        if row is not None and row.get("want") == "up":
            self.operator.call("DELETE", f"/env/{name}")

    # ── conditions at any time ───────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        for name, address, ended_ms in self._published():
            self.longest_ms = max(self.longest_ms, ended_ms)
            if ended_ms > LONGEST_S * 1000:
                self._problem(f"{name} has had {address} of a stopped task for {ended_ms} ms")

    def _published(self) -> Iterator[tuple[str, str, int]]:
        """Yield names and their addresses, each with the ms since its task has stopped."""
        for record in self.zone.records():
            if record.type != "A":
                continue
            component, environment = record.name.removesuffix(f".{DOMAIN}").split(".")
            for address in sorted(record.values):
                ends = [
                    START_MS * 2 if t.stopped_ms is None else t.stopped_ms
                    for t in self.fargate.owners(address)
                    if (t.environment, t.component) == (environment, component)
                ]
                yield record.name, address, max(0, self.now_ms - max(ends, default=0))

    def _unanswered(self, environment: str) -> Iterator[str]:
        """Yield the public names of an environment at which its component does not answer."""
        for component in CATALOGUE.components.values():
            name = f"{component.name}.{environment}.{DOMAIN}"
            values = self.zone.values(name)
            alive = {
                t.address
                for t in self.fargate.tasks
                if (t.environment, t.component) == (environment, component.name)
                and t.holds_address(self.now_ms)
            }
            if component.public and not (values and values <= alive):
                yield f"{name} is {sorted(values)}, and its tasks are at {sorted(alive)}"

    def _check_waits(self) -> None:
        self._is_looking = True
        for name, since_ms in list(self.waited_ms.items()):
            view = self.environment(name)
            if view is None or view["want"] != "up":
                del self.waited_ms[name]
            elif view["phase"] == "ready" and not unpublished_names(view):
                del self.waited_ms[name]
                self.longest_wait_ms = max(self.longest_wait_ms, self.now_ms - since_ms)
        self._is_looking = False

    def _problem(self, text: str) -> None:
        if len(self.problems) < 20:
            self.problems.append(text)


PLANTS = {
    "sow that does not publish": _Plant(sow_publishes=False),
    "events that start no pass": _Plant(events_start_passes=False),
}
"""Faults that the search has to find."""


def run(seed: int, hours: int, plant: _Plant | None = None) -> _Days:
    """Return days that have passed."""
    with (
        stamina.set_testing(testing=True, attempts=4),
        structlog.testing.capture_logs() as logs,
        _Days(random=Random(seed), plant=plant or _Plant()) as place,
    ):
        place.run(hours)
        logs.clear()
    return place


def _search(effort: Effort) -> Proof:
    hours, worlds = (QUICK_HOURS, 1) if effort.is_quick else (HOURS, WORLDS)
    violations: list[Violation] = []
    notes: list[str] = []
    for seed in range(effort.seed, effort.seed + worlds):
        days = run(seed, hours)
        violations += [Violation(f"--seed {seed}, {hours} hours", text) for text in days.problems]
        notes.append(
            f"{hours} hours: {days.sown} runs of sow, {days.events} passes by events,"
            f" an address of a stopped task for at most {days.longest_ms / 1000:.0f} s,"
            f" names known to serve {days.longest_wait_ms / 1000:.0f} s after sow at most"
        )
        effort.say(notes[-1])
    for name, plant in PLANTS.items():
        if not run(effort.seed, QUICK_HOURS, plant).problems:
            violations.append(Violation(f"--seed {effort.seed}", f"not found: {name}"))
    return Proof(worlds * hours + len(PLANTS) * QUICK_HOURS, tuple(violations), tuple(notes))


SUITE = Suite(
    "With schedules alone, the names of an environment answer when sow reports it as done, and"
    " none has the address of a stopped task for longer than a task takes to start.",
    _search,
)
