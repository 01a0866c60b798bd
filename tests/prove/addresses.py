"""Public names of an installation with schedules alone, while tasks come and go."""

from dataclasses import dataclass, field
from random import Random

import structlog.testing

from gromit.core.environments.readiness import unpublished_names
from gromit.core.environments.worker_protocol import RunEnding
from gromit.services.workers import RunResult
from tests.prove.installation import START_MS
from tests.prove.month import HOUR_MS, PASSES
from tests.prove.suite import Effort, Proof, Suite, Violation
from tests.prove.timed_installation import LONGEST_S, Plant, TimedInstallation

HOURS, QUICK_HOURS = 48, 4
WORLDS = 5
BUILD_EVERY_S, RETIRE_EVERY_S, DELETE_EVERY_S = 1200, 900, 14_400
"""Average time between two events of a kind."""
BRANCHES = tuple(f"feature-{n}" for n in range(6))
REPOSITORIES = ("tyk", "tyk-analytics", "tyk-pump")


INTERVALS = {name: PASSES[name] for name in ("publish", "sow", "reap")}


@dataclass
class _Days(TimedInstallation):
    """Days in which builds, deletions and retired tasks follow each other closely."""

    longest_ms: int = 0
    """Longest time for which a name had the address of a stopped task."""
    waited_ms: dict[str, int] = field(default_factory=dict)
    """Environment that sow has made to that instant, until `env wait` would end."""
    longest_wait_ms: int = 0

    def run(self, hours: int) -> None:
        """Let the hours pass."""
        self.begin("build", "retire", "delete")
        self.run_until(START_MS + hours * HOUR_MS)

    def record(self, result: RunResult) -> None:
        """Begin to wait for an environment when sow has reported it."""
        super().record(result)
        if self._is_sowing and result.ending is RunEnding.DONE:
            self.waited_ms[result.name] = self.now_ms

    def happen(self, name: str) -> None:
        """Let an event happen, and the next one of its kind soon."""
        match name:
            case "build":
                self.put(self.soon(BUILD_EVERY_S), name)
                self._build()
            case "retire":
                self.put(self.soon(RETIRE_EVERY_S), name)
                self._retire()
            case _:
                self.put(self.soon(DELETE_EVERY_S), name)
                self._delete()

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

    def check(self) -> None:
        """Check the addresses of all names."""
        for name, address, ended_ms in self.published():
            self.longest_ms = max(self.longest_ms, ended_ms)
            if ended_ms > LONGEST_S * 1000:
                self.problem(f"{name} has had {address} of a stopped task for {ended_ms} ms")

    def after(self) -> None:
        """End the waits for environments that are ready."""
        self.is_looking = True
        for name, since_ms in list(self.waited_ms.items()):
            view = self.environment(name)
            if view is None or view["want"] != "up":
                del self.waited_ms[name]
            elif view["phase"] == "ready" and not unpublished_names(view):
                del self.waited_ms[name]
                self.longest_wait_ms = max(self.longest_wait_ms, self.now_ms - since_ms)
        self.is_looking = False


PLANTS = {
    "sow that does not publish": Plant(sow_publishes=False),
    "events that start no pass": Plant(events_start_passes=False),
}
"""Faults that the search has to find."""


def run(seed: int, hours: int, plant: Plant | None = None) -> _Days:
    """Return days that have passed."""
    with (
        structlog.testing.capture_logs() as logs,
        _Days(random=Random(seed), plant=plant or Plant(), intervals=INTERVALS) as place,
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
