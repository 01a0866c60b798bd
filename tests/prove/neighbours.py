"""A week of two installations in one account and zone, worked at the same time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from random import Random

import structlog.testing

from gromit.core.dns.ownership import parse_mark
from gromit.core.dns.plan import RecordSet
from gromit.core.stack.resources import ResourceKind
from gromit.errors import Conflict, GromitError, NotFound
from tests.prove.faults import Faults, ProcessKilled, random_faults
from tests.prove.installation import CATALOGUE, DOMAIN, START_MS, Installation
from tests.prove.suite import Effort, Proof, Suite, Violation

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
DAYS, QUICK_DAYS = 7, 1
WEEKS = 3
"""Weeks with other random events."""
STEP_MINUTES, QUICK_STEP_MINUTES = 10, 20
EVENTS = 1 / 3
"""Events of each installation in a step, on average."""
FAULT_EVERY = 500
"""Calls for one fault, on average."""
PASSES = {"publish": 13 * MINUTE_MS, "sow": 37 * MINUTE_MS, "reap": 8 * HOUR_MS, "doctor": DAY_MS}
NAMES = ("team-a", "team-b")
SHARED = ("master", "release-5", *(f"both-{n}" for n in range(4)))
"""Branches that both installations build."""
REPOSITORIES = tuple(sorted(CATALOGUE.repositories - CATALOGUE.known_only))
PERSONS = frozenset({"192.0.2.9"})
"""Address in the records of a person."""


@dataclass(slots=True)
class Side:
    """One installation, and what its people do."""

    place: Installation
    branches: tuple[str, ...]
    due: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PASSES, START_MS))
    builds: int = 0

    def build(self, random: Random) -> bool:
        self.builds += 1
        repository, branch = random.choice(REPOSITORIES), random.choice(self.branches)
        sha = f"sha-{self.builds}"
        return _insist(lambda: self.place.build(repository, branch, sha, self.builds))

    def delete(self, random: Random) -> bool:
        branch = random.choice(self.branches)
        return _insist(lambda: self.place.operator.call("DELETE", f"/env/{branch}"))

    def restart(self, random: Random) -> bool:
        """Let Fargate replace a task, whose address changes."""
        cloud = self.place.cloud
        ours = [key for key in sorted(cloud.services) if _runs_it(self.place, key[0])]
        if ours:
            cloud.restart(*random.choice(ours))
        return bool(ours)

    def contents(self) -> Mapping[str, object]:
        """Return all that no other installation may touch."""
        place, name = self.place, self.place.name
        resources = place.cloud.resources.existing
        services = place.cloud.services
        return {
            "resources": [
                (env, one) for env, all_ in resources.items() for one in all_ if one.owner == name
            ],
            "services": {
                key: one.desired for key, one in services.items() if _runs_it(place, key[0])
            },
            "records": _records(place, name),
            "states": dict(place.states.heads),
            "locks": dict(place.states.locks),
            "data": set(place.hooks.data),
        }


@dataclass(slots=True)
class _Week:
    """Both installations, a person with records of their own, and what must not happen."""

    sides: tuple[Side, Side]
    random: Random
    persons: dict[str, RecordSet] = field(default_factory=dict)
    """Records of a person at names of environments."""
    problems: list[str] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)
    """Kind of event to its number."""

    def run(self, days: int, step_minutes: int) -> None:
        """Let the days pass, and then two in which nothing new happens."""
        for minute in range(0, days * 24 * 60, step_minutes):
            self._step(START_MS + minute * MINUTE_MS)
            for side in self.sides:
                if self.random.random() < EVENTS:
                    self._event(side)
        for side in self.sides:
            side.place.faults.choose = lambda _number, _call: None
        end_ms = max(side.place.now_ms for side in self.sides)
        for number in range(1, 13):
            for side in self.sides:
                side.due = dict.fromkeys(PASSES, 0)
            self._step(end_ms + number * 4 * HOUR_MS)
        for side, other in (self.sides, self.sides[::-1]):
            self.problems += side.place.cloud.violations
            self.problems += _wrong_ends(side.place, other.place, self.persons)
            self._count_names(side.place, other.place)

    def _step(self, now_ms: int) -> None:
        for side, other in (self.sides, self.sides[::-1]):
            side.place.now_ms = max(side.place.now_ms, now_ms)
            for name, interval in PASSES.items():
                if side.due[name] <= side.place.now_ms:
                    side.due[name] = side.place.now_ms + interval
                    self._pass(side, other, name)

    def _pass(self, side: Side, other: Side, name: str) -> None:
        before = other.contents()
        failure = side.place.attempt(name)
        if isinstance(failure, ProcessKilled):
            side.due[name] = side.place.now_ms + MINUTE_MS  # ECS starts it again
            self._count("killed")
        after = other.contents()
        for what in (key for key in before if before[key] != after[key]):
            self._problem(
                f"{name} of {side.place.name} changed {what} of {other.place.name}:"
                f" {before[what]} became {after[what]}"
            )
        for record in _records(side.place, side.place.name).values():
            if record.type == "A" and _runs_it(other.place, record.name.split(".")[1]):
                self._problem(f"{name} of {side.place.name} published {record} of the other one")
        lost = [r for r in self.persons.values() if r not in side.place.zone.records()]
        for record in lost:
            self._problem(f"{name} of {side.place.name} changed {record.name} of a person")
            del self.persons[record.name]

    # ── events ───────────────────────────────────────────────────────────────────────────────────

    def _event(self, side: Side) -> None:
        kinds: dict[Callable[[Random], bool], int] = {
            side.build: 14,
            side.delete: 5,
            side.restart: 4,
            self._take_a_name: 2,
            self._give_a_name_back: 2,
        }
        event = self.random.choices(list(kinds), list(kinds.values()))[0]
        if event(self.random):
            self._count(event.__name__.strip("_"))

    def _take_a_name(self, random: Random) -> bool:
        """Write an address at the name of a component before gromit does."""
        side = random.choice(self.sides)
        zone, environment = side.place.zone, random.choice(side.branches)
        component = random.choice(sorted(side.place.cloud.public))
        if any(f".{environment}." in record.name for record in zone.records()):
            return False
        record = RecordSet(f"{component}.{environment}.{DOMAIN}", "A", 300, PERSONS)
        zone.content[record.name, "A", ""] = self.persons[record.name] = record
        return True

    def _give_a_name_back(self, random: Random) -> bool:
        if not self.persons:
            return False
        record = self.persons.pop(random.choice(sorted(self.persons)))
        del self.sides[0].place.zone.content[record.name, "A", ""]
        return True

    def _count_names(self, place: Installation, other: Installation) -> None:
        for name in sorted(_desired(place)):
            if _runs_it(place, name):
                self._count(f"{place.name} runs")
            elif _runs_it(other, name):
                self._count(f"{place.name} refused")

    def _count(self, kind: str) -> None:
        self.events[kind] = self.events.get(kind, 0) + 1

    def _problem(self, text: str) -> None:
        if len(self.problems) < 20:
            self.problems.append(text)


def _insist(request: Callable[[], object]) -> bool:
    """Repeat a request until serve has answered; False if it has not, or has refused it."""
    for _ in range(4):
        with suppress(GromitError):
            try:
                request()
            except (Conflict, NotFound):
                return False
            return True
    return False


def _records(place: Installation, name: str) -> dict[str, RecordSet]:
    """Return the records of environments whose mark names an installation."""
    marks = {
        record.name.partition(".")[2]: mark
        for record in place.zone.records()
        if record.type == "TXT" and (mark := parse_mark(record.values))
    }
    return {
        f"{record.name} {record.type}": record
        for record in place.zone.records()
        if (mark := marks.get(record.name.partition(".")[2]))
        and mark.installation == name
        and record.name.partition(".")[0] not in mark.foreign
    }


def _runs_it(place: Installation, environment: str) -> bool:
    """Whether the cluster of an environment is an installation's."""
    found = place.cloud.resources.existing.get(environment, [])
    return any(r.kind is ResourceKind.CLUSTER and r.owner == place.name for r in found)


def _branches(place: Installation) -> tuple[str, ...]:
    return SHARED + tuple(f"{place.name}-{n}" for n in range(4))


def _desired(place: Installation) -> Iterator[str]:
    for name in _branches(place):
        row = place.store.read(name)
        if row is not None and row.get("want") == "up":
            yield name


def _wrong_ends(
    place: Installation, other: Installation, persons: Mapping[str, RecordSet]
) -> Iterator[str]:
    """Yield what is wrong at the end: each name is run by one installation, and only by it."""
    yield from _remains(place)
    for name in _desired(place):
        found = place.environment(name) or {}
        if _runs_it(other, name):
            failure = str(found["error"])
            if f"belongs to the installation {other.name}" not in failure:
                yield f"{place.name} {name}: {other.name} has it, and it is {found['phase']}"
        elif found["phase"] != "ready":
            yield f"{place.name} {name}: it is {found['phase']} ({found['error']})"
        else:
            yield from _unpublished(place, name, persons)


def _remains(place: Installation) -> Iterator[str]:
    for name in sorted({*_branches(place)} - {*_desired(place)}):
        found = place.environment(name) or {}
        if found and found["phase"] != "gone":
            yield f"{place.name} {name}: it was deleted, and is {found['phase']} ({found['error']})"
    for name, resources in place.cloud.resources.existing.items():
        if name not in {*_desired(place)} and any(r.owner == place.name for r in resources):
            yield f"{place.name} {name}: it is not desired, and has resources"


def _unpublished(place: Installation, name: str, persons: Mapping[str, RecordSet]) -> Iterator[str]:
    for component in sorted(place.cloud.public):
        record = f"{component}.{name}.{DOMAIN}"
        address = place.cloud.services[name, component].address
        if record not in persons and place.zone.values(record) != {address}:
            found = place.zone.values(record)
            yield f"{place.name} {name}: {component} is at {address}, not {found}"


def _search(effort: Effort) -> Proof:
    weeks = 1 if effort.is_quick else WEEKS
    violations: list[Violation] = []
    notes: list[str] = []
    days = QUICK_DAYS if effort.is_quick else DAYS
    for seed in range(effort.seed, effort.seed + weeks):
        week = run(seed, days, QUICK_STEP_MINUTES if effort.is_quick else STEP_MINUTES)
        violations += [Violation(f"--seed {seed}, {days} days", text) for text in week.problems]
        calls = sum(len(side.place.faults.calls) for side in week.sides)
        events = ", ".join(f"{number} {kind}" for kind, number in sorted(week.events.items()))
        notes.append(f"{days} days: {events}; {calls} calls")
        effort.say(notes[-1])
    return Proof(weeks * days, tuple(violations), tuple(notes))


def run(seed: int, days: int, step_minutes: int) -> _Week:
    """Return a week that has passed."""
    choose = random_faults(Random(seed), FAULT_EVERY)

    with (
        structlog.testing.capture_logs() as logs,
        ExitStack() as stack,
    ):
        first = stack.enter_context(Installation(Faults(choose), name=NAMES[0]))
        second = stack.enter_context(Installation(Faults(choose), name=NAMES[1], neighbour=first))
        sides = [Side(place, _branches(place)) for place in (first, second)]
        week = _Week((sides[0], sides[1]), Random(seed))
        week.run(days, step_minutes)
        logs.clear()
    return week


SUITE = Suite(
    "Two installations in one account and zone never touch what the other one has.",
    _search,
)
