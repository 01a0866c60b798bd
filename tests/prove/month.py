"""Thirty days of an installation on a virtual clock, with all that people and machines do to it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import structlog.testing

from gromit.bootstrap.machine import to_ms
from gromit.core.environments.row_writes import Row
from gromit.core.stack.resources import ResourceKind
from gromit.errors import Conflict, GromitError, NotFound
from tests.prove.ends import wrong_ends
from tests.prove.faults import Faults, ProcessKilled, random_faults
from tests.prove.installation import SETTINGS, START_MS, Installation
from tests.prove.suite import Effort, Proof, Suite, Violation
from tests.services.registry import CATALOGUE

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
DAYS, QUICK_DAYS = 30, 2
MONTHS = 3
"""Months with other random events."""
IDLE_MS = to_ms(SETTINGS.lifetime.idle)
LATE_MS = 4 * DAY_MS
"""Longest time between a deadline and the end: late warnings, the grace, and two reaps."""
FAULT_EVERY = 400
"""Calls for one fault, on average."""
PASSES = {
    "publish": 13 * MINUTE_MS,
    "sow": 37 * MINUTE_MS,
    "reap": 4 * HOUR_MS,
    "doctor": DAY_MS,
}
"""Intervals of the passes, as in `terraform/infra`."""
BRANCHES = ("master", "release-5", *(f"feature-{n}" for n in range(30)))
BUSY = tuple(1 / (n + 1) for n in range(len(BRANCHES)))
"""Share of each branch in the builds: some get one a day, others a few in the month."""
REPOSITORIES = tuple(sorted(CATALOGUE.repositories - CATALOGUE.known_only))
PROTECTED = frozenset({"master", "release-5"})


@dataclass(slots=True)
class _Life:
    """The wishes of people about one environment."""

    versions: dict[str, str] = field(default_factory=dict)
    active_ms: int = 0
    keep_until_ms: int = 0
    deleted_ms: int | None = None
    is_expired: bool = False

    def deadline_ms(self) -> int:
        """Return the instant at which it expires if nothing more happens."""
        return max(self.active_ms + IDLE_MS, self.keep_until_ms)


@dataclass(slots=True)
class _Month:
    """One installation, and what people expect of it."""

    place: Installation
    random: Random
    lives: dict[str, _Life] = field(default_factory=dict)
    suspended_until_ms: int = 0
    builds: int = 0
    events: dict[str, int] = field(default_factory=dict)
    """Kind of event to its number."""
    problems: list[str] = field(default_factory=list)

    def run(self, days: int) -> None:
        """Let the days pass, and then one in which nothing new happens."""
        due = dict.fromkeys(PASSES, START_MS)
        for minute in range(0, days * 24 * 60, 10):
            self.place.now_ms = max(self.place.now_ms, START_MS + minute * MINUTE_MS)
            if self.random.random() < 1 / 6:
                self._event()
            self._passes(due)
            self._check_lives()
        self._rest(due)

    def _passes(self, due: dict[str, int]) -> None:
        for name, interval in PASSES.items():
            if due[name] <= self.place.now_ms:
                due[name] = self.place.now_ms + interval
                applies = self.place.cloud.applies
                is_suspended = self.place.now_ms < self.suspended_until_ms
                if isinstance(self.place.attempt(name), ProcessKilled):
                    self._count("killed")
                    due[name] = self.place.now_ms + MINUTE_MS  # ECS starts it again
                if is_suspended and self.place.cloud.applies != applies:
                    self.problems.append(f"terraform ran while all was suspended ({name})")

    def _rest(self, due: dict[str, int]) -> None:
        """End all faults and suspensions, and let every part do its passes for two days."""
        self.place.faults.choose = lambda _number, _call: None
        self.place.now_ms = max(self.place.now_ms, self.suspended_until_ms)
        for _ in range(8):
            self.place.now_ms += 6 * HOUR_MS
            due.update(dict.fromkeys(PASSES, 0))
            self._passes(due)
            self._check_lives()
        undecided = {n for n, life in self.lives.items() if self._is_expiring(n, life)}
        expected = {
            name: life.versions if self._is_wanted(name, life) else None
            for name, life in self.lives.items()
            if name not in undecided
        }
        self.problems += wrong_ends(self.place, expected, undecided)

    def _is_expiring(self, name: str, life: _Life) -> bool:
        is_over = life.deleted_ms is not None or self._is_overdue(life)
        return not is_over and not self._is_wanted(name, life)

    # ── conditions at any time ────────────────────────────────────────────────────────────

    def _check_lives(self) -> None:
        for name, life in self.lives.items():
            row = self.place.store.read(name)
            is_up = row is not None and row.get("want") == "up"
            if self._is_wanted(name, life) and not is_up:
                self._problem(f"{name} died early: {self._age(life)}")
            if life.deleted_ms is None and not is_up and not life.is_expired:
                life.is_expired = True
                self._count("expired")
            if self._is_overdue(life) and is_up and name not in PROTECTED:
                self._problem(f"{name} lives too long: {self._age(life)}")

    def _is_wanted(self, name: str, life: _Life) -> bool:
        if life.deleted_ms is not None:
            return False
        return name in PROTECTED or self.place.now_ms < life.deadline_ms()

    def _is_overdue(self, life: _Life) -> bool:
        return life.deleted_ms is None and self.place.now_ms > life.deadline_ms() + LATE_MS

    def _age(self, life: _Life) -> str:
        now = self.place.now_ms
        return (
            f"day {(now - START_MS) / DAY_MS:.1f},"
            f" deadline {(life.deadline_ms() - START_MS) / DAY_MS:.1f}"
        )

    def _problem(self, text: str) -> None:
        if len(self.problems) < 20:
            self.problems.append(text)

    # ── events ───────────────────────────────────────────────────────────────────────────────────

    def _event(self) -> None:
        kinds: dict[Callable[[], bool], int] = {
            self._build: 20,
            self._delete: 3,
            self._extend: 2,
            self._suspend: 1,
            self._scale_to_zero: 1,
            self._edit_console: 1,
        }
        event = self.random.choices(list(kinds), list(kinds.values()))[0]
        if event():
            self._count(event.__name__.strip("_"))

    def _build(self) -> bool:
        name = self.random.choices(BRANCHES, BUSY)[0]
        repository = self.random.choice(REPOSITORIES)
        self.builds += 1
        sha = f"sha-{self.builds}"
        # Before the request: an answer that is lost must not make the model forget it.
        before = self.place.store.read(name)
        is_new = not _has_reports(before)
        if not self._insist(lambda: self.place.build(repository, name, sha, self.builds)):
            return False
        life = self.lives.get(name)
        if life is None or is_new:
            life = self.lives[name] = _Life()
        life.versions = {**life.versions, repository: sha}
        life.active_ms, life.deleted_ms, life.is_expired = self.place.now_ms, None, False
        return True

    def _delete(self) -> bool:
        name = self.random.choice(BRANCHES)
        life = self.lives.get(name)
        if life is None or life.deleted_ms is not None:
            return False
        with suppress(Conflict, NotFound):
            if self._insist(lambda: self.place.operator.call("DELETE", f"/env/{name}")):
                if name in PROTECTED:
                    self._problem(f"{name} was deleted although it is protected")
                life.deleted_ms = self.place.now_ms
        return life.deleted_ms is not None

    def _extend(self) -> bool:
        name = self.random.choice(BRANCHES)
        days = self.random.randint(1, 9)
        life = self.lives.get(name)
        if life is None or not self._is_wanted(name, life):
            return False
        path = f"/v1/environments/{name}/extend"
        if not self._insist(lambda: self.place.operator.post(path, {"for": f"{days}d"})):
            return False
        life.active_ms = self.place.now_ms
        life.keep_until_ms = max(life.keep_until_ms, self.place.now_ms + days * DAY_MS)
        return True

    def _suspend(self) -> bool:
        hours = self.random.randint(1, 10)
        body = {"scope": "all", "reason": "an exercise", "for_s": hours * 3600}
        if not self._insist(lambda: self.place.operator.post("/v1/suspensions", body)):
            return False
        # A second suspension by the same person moves the end of the first.
        self.suspended_until_ms = self.place.now_ms + hours * HOUR_MS
        return True

    def _scale_to_zero(self) -> bool:
        running = sorted(self.place.cloud.services)
        if not running:
            return False
        self.place.cloud.scale(*self.random.choice(running), 0)
        return True

    def _edit_console(self) -> bool:
        """Make something by the name of a dead environment, as a person's experiment does."""
        dead = [n for n, life in sorted(self.lives.items()) if life.deleted_ms is not None]
        if not dead:
            return False
        name = self.random.choice(dead)
        if self.place.cloud.named(name, ResourceKind.DISCOVERY, "tyk") is None:
            self.place.cloud.make(name, ResourceKind.DISCOVERY, "tyk")
        return True

    def _insist(self, request: Callable[[], object]) -> bool:
        """Repeat a request until serve has answered; False if it has not."""
        for _ in range(4):
            try:
                request()
            except (Conflict, NotFound):
                raise
            except GromitError:
                continue
            return True
        return False

    def _count(self, kind: str) -> None:
        self.events[kind] = self.events.get(kind, 0) + 1


def _has_reports(row: Row | None) -> bool:
    """Whether a build of this incarnation was reported; leftovers get a row without one."""
    return row is not None and "gone_at" not in row and any(a.startswith("v#") for a in row)


def _search(effort: Effort) -> Proof:
    days, months = (QUICK_DAYS, 1) if effort.is_quick else (DAYS, MONTHS)
    violations: list[Violation] = []
    notes: list[str] = []
    for seed in range(effort.seed, effort.seed + months):
        month = run(seed, days)
        violations += [Violation(f"--seed {seed}, {days} days", text) for text in month.problems]
        notes.append(_note(month, days))
        effort.say(notes[-1])
    return Proof(months * days, tuple(violations), tuple(notes))


def _note(month: _Month, days: int) -> str:
    cloud, events = month.place.cloud, sorted(month.events.items())
    return (
        f"{days} days: {', '.join(f'{number} {kind}' for kind, number in events)};"
        f" {cloud.applies} applies, {cloud.destroys} destroys,"
        f" {sum(not r.problem for r in month.place.repairs)} repairs,"
        f" {len(month.place.faults.struck)} faults in {len(month.place.faults.calls)} calls"
    )


def run(seed: int, days: int) -> _Month:
    """Return a month that has passed."""
    random = Random(seed)

    with (
        structlog.testing.capture_logs() as logs,
        Installation(Faults(random_faults(random, FAULT_EVERY))) as place,
    ):
        month = _Month(place, random)
        month.run(days)
        logs.clear()
    return month


SUITE = Suite(
    "In a month of builds, deletions, crashes and neglect nothing dies early, late or by half.",
    _search,
)
