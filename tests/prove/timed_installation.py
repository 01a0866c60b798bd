"""An installation in time: what is due happens also while a worker waits.

Fargate gives the address of a stopped task to the next customer who asks. Only passes of sow and
chitragupta at the intervals of `terraform/infra`, and those that events start, move the names.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from gromit.core.environments.worker_protocol import RunEnding
from gromit.services.public_records import PublicRecords
from gromit.services.workers import RunResult
from gromit.web.clients.serve import ServeClient
from tests.prove.installation import CATALOGUE, DOMAIN, START_MS, Installation
from tests.prove.month import PASSES
from tests.prove.simulated_cloud import SimulatedCloud
from tests.prove.simulated_fargate import START_S, FargateTask, SimulatedFargate

DELIVERY_S = 5
"""Longest time between a change of a task and the start of what it starts."""
CALL_MS = 100
"""Longest time that a call takes."""
PASS_S = 5
"""Longest time that a pass of chitragupta takes here."""
LONGEST_S = DELIVERY_S + START_S[1] + PASS_S
"""Longest time for which a name may have the address of a stopped task: a start of Fargate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """Part of the product that is left out on purpose."""

    sow_publishes: bool = True
    events_start_passes: bool = True


@dataclass
class TimedInstallation(Installation):
    """An installation whose events and passes are on an agenda.

    A subclass says what else happens, by `happen`, and what must be true at any time, by `check`.
    """

    random: Random = field(default_factory=lambda: Random(0))
    plant: Plant = field(default_factory=Plant)
    intervals: Mapping[str, int] = field(default_factory=lambda: PASSES)
    """Time between two passes of each part, in ms."""
    problems: list[str] = field(default_factory=list)
    sown: int = 0
    """Runs of sow that were done."""
    events: int = 0
    """Passes that events have started."""
    _agenda: list[tuple[int, int, str]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)
    _is_sowing: bool = False
    _is_passing: bool = False
    """Whether chitragupta does a pass: the next one waits for its end."""
    is_looking: bool = False
    """Whether this test looks, which takes no time."""

    def happen(self, name: str) -> None:
        """Do what is due by this name, and is no pass."""
        raise NotImplementedError(name)

    def check(self) -> None:
        """Check what must be true at any time. Called before all that is due, and at the end."""
        raise NotImplementedError

    def after(self) -> None:
        """Look at what has happened. Called after all that was due."""

    def wrong_names(self, environment: str) -> Iterable[str]:
        """Return the names of an environment that do not answer when sow has reported it."""
        return self._unanswered(environment)

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
            self.problems += self.wrong_names(result.name)

    def let_pass(self, duration_ms: int) -> None:
        """Do what is due while a worker waits. A second pass of sow or reap waits for its end."""
        until = self.now_ms + duration_ms
        self._until(until, nested=True)
        self.now_ms = max(self.now_ms, until)

    # ── time ─────────────────────────────────────────────────────────────────────────────────────

    def begin(self, *events: str) -> None:
        """Begin with all passes, and with the events of some names."""
        self.faults.watch = self._take_time
        for name, interval in self.intervals.items():
            self.put(START_MS + self.random.randrange(interval), name)
        for name in events:
            self.put(START_MS, name)

    def run_until(self, end_ms: int) -> None:
        """Let time pass until an instant."""
        self._until(end_ms, nested=False)
        self.check()

    def put(self, at_ms: int, name: str) -> None:
        """Let something happen at an instant."""
        heapq.heappush(self._agenda, (at_ms, next(self._order), name))

    def soon(self, average_s: int) -> int:
        """Return a random instant, after this time on average."""
        return self.now_ms + self.random.randint(1, 2 * average_s) * 1000

    def problem(self, text: str) -> None:
        """Record a problem, if there are not many already."""
        if len(self.problems) < 20:
            self.problems.append(text)

    def _take_time(self, _call: str) -> None:
        """Let time pass with each call. What is due meanwhile happens beside sow and reap."""
        if self.is_looking:
            return
        duration_ms = self.random.randint(0, CALL_MS)
        if self._is_passing:
            self.now_ms += duration_ms
        else:
            self.let_pass(duration_ms)

    def _on_task(self, at_ms: int) -> None:
        if self.plant.events_start_passes:
            delay_s = self.random.randint(0, DELIVERY_S) + self.random.randint(*START_S)
            self.put(at_ms + delay_s * 1000, "event")

    def _until(self, end_ms: int, *, nested: bool) -> None:
        put_off: list[tuple[int, int, str]] = []
        while self._agenda and self._agenda[0][0] <= end_ms:
            at_ms, order, name = heapq.heappop(self._agenda)
            if nested and name in {"sow", "reap", "doctor"}:
                put_off.append((at_ms, order, name))
                continue
            self.now_ms = max(self.now_ms, at_ms)
            self.check()
            self._happen(name)
            self.after()
        for item in put_off:
            heapq.heappush(self._agenda, item)

    def _happen(self, name: str) -> None:
        if name in self.intervals:
            self.put(self.now_ms + self.intervals[name], name)
        match name:
            case "publish":
                self._publish()
            case "sow" | "reap" | "doctor":
                self._is_sowing = name == "sow"
                self.attempted(name)
            case "event":
                self.events += 1
                self._publish()
            case _:
                self.happen(name)

    def _publish(self) -> None:
        self._is_passing = True
        self.attempted("publish")
        self._is_passing = False

    def attempted(self, name: str) -> bool:
        """Do a pass; return whether it has ended well. Only a fault of AWS may end it early."""
        before = len(self.faults.struck)
        error = self.attempt(name)
        if error and len(self.faults.struck) == before:
            self.problem(f"a pass of {name} failed: {error}")
        return error is None

    # ── public names ─────────────────────────────────────────────────────────────────────────────

    def published(self) -> Iterator[tuple[str, str, int]]:
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

    def alive(self, environment: str, component: str) -> list[FargateTask]:
        """Return the tasks of a component that have their address now."""
        return [
            t
            for t in self.fargate.tasks
            if (t.environment, t.component) == (environment, component)
            and t.holds_address(self.now_ms)
        ]

    def _unanswered(self, environment: str) -> Iterator[str]:
        """Yield the public names of an environment at which its component does not answer."""
        for component in CATALOGUE.components.values():
            name = f"{component.name}.{environment}.{DOMAIN}"
            values = self.zone.values(name)
            alive = {t.address for t in self.alive(environment, component.name)}
            if component.public and not (values and values <= alive):
                yield f"{name} is {sorted(values)}, and its tasks are at {sorted(alive)}"
