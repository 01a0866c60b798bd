"""Ninety days of one installation: what it calls published answers, with the version it claims.

Real code: serve with its routes and its log of every minute, the clients, sow, reap, chitragupta
and the doctor with their services, pki with its files and keys, and the emulator's rules for
lifecycle policies, on the policy that the local cloud has.
Simulated: the table, Terraform, ECS with Fargate, the zone, and the images of the registry.
`tests/platform/control/test_alarm_quarter.py` gives the log lines of all parts to the alarms.

At random, calls of AWS are throttled, refused, or lose their answers, after all repetitions of the
SDK. A name that a pass could not move then waits for the next one.

A URL is followed as a browser does it: name, record, address, the task that has this address at
that moment, and the image that this task runs. A freed address belongs to the next task at once.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import structlog.testing

from gromit.bootstrap.machine import to_ms
from gromit.core.dns.plan import ZoneChanges
from gromit.core.environments.phases import Phase, Work
from gromit.core.stack.addresses import NameState
from gromit.core.time import Millis
from gromit.errors import GromitError
from gromit.local.cloud.registry_policy import registry_policy
from gromit.ports import Progress
from gromit.services.chitragupta import Chitragupta
from gromit.services.public_records import PublicRecords
from gromit.web.api.metrics import Metrics
from gromit.web.api.views import ComponentView, EnvironmentView, EnvironmentViews
from gromit.web.clients.serve import ServeClient
from tests.prove.faults import OF_AWS, Faults, random_faults
from tests.prove.installation import CATALOGUE, DOMAIN, SETTINGS, START_MS
from tests.prove.month import DAY_MS, HOUR_MS, MINUTE_MS, PASSES
from tests.prove.quarter_pki import Certificates
from tests.prove.simulated_fargate import STOP_S
from tests.prove.simulated_registry import SimulatedRegistry
from tests.prove.suite import Effort, Proof, Suite, Violation
from tests.prove.timed_installation import LONGEST_S, Plant, TimedInstallation

DAYS = 90
QUICK_DAYS = 16
"""Long enough for images to expire."""
PLANT_DAYS = SETTINGS.pki.leaf_days + 3
"""Long enough for certificates to expire."""
RETIRED_MS = 7 * DAY_MS
"""Age at which AWS retires a task."""
LONGEST_MS = (LONGEST_S + STOP_S[1]) * 1000
"""Longest time for which a published name may not answer: a task ends, and a pass starts."""
DELETE_EVERY_S, PARK_EVERY_S = 3 * 86_400, 2 * 86_400
"""Average time between two deletions, and between two times at which a person parks or unparks."""
LOOK_EVERY_S = 10
"""Time between two looks while tasks change."""
FAULT_EVERY = 500
"""Calls of AWS for one that fails, on average."""
REST_MS = 10 * HOUR_MS
"""Time without new events at the end: longer than the longest pause before another attempt."""
REPOSITORIES = tuple(sorted(CATALOGUE.repositories - CATALOGUE.known_only))
Hear = Callable[[int, str, Mapping[str, Any]], None]
PARTS = {"publish": "chitragupta", "event": "chitragupta"}
"""Part of each pass, where it has another name."""
_OF_SERVE = frozenset({"work.age", "work.overdue", "failure.recorded", "row.set_aside"})
"""Events that serve logs, whatever runs beside it."""
_OVERDUE_MS = {
    Work.SOW: to_ms(SETTINGS.sow.overdue),
    Work.REAP: to_ms(SETTINGS.reap.overdue),
}
_VIEWS = EnvironmentViews(CATALOGUE, DOMAIN)


@dataclass(frozen=True, slots=True)
class Watch:
    """Listener to the logs of all parts, and the minutes in which it misses one."""

    hear: Hear | None = None
    """Called with the minute, the part and the content of each line."""
    silent: Mapping[str, range] = field(default_factory=dict)
    """Minutes in which a part does not run. serve runs, and logs nothing."""


@dataclass(frozen=True, slots=True)
class _Pace:
    """Density of the events."""

    intervals: Mapping[str, int]
    build_every_s: int
    """Average time between two builds of branches that come and go."""
    branches: int
    """Number of these branches."""
    steady: tuple[str, ...]
    """Branches that are built in one repository each day, and in the others only once."""
    ca_days: int = 80
    """Lifetime of the CA."""
    trust_day: int = 25
    """Day on which a person lets all parts accept the next CA. On the next day it is in use."""


PACE = _Pace(PASSES, 4 * 3600, 8, ("release-5", "long-lived"))
CALM_PACE = _Pace(PASSES, 24 * 3600, 1, ("long-lived",))
QUICK_PACE = _Pace(
    {n: i * 24 for n, i in PASSES.items()}, 24 * 3600, 1, ("long-lived",), ca_days=14, trust_day=2
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plant(Plant):
    """Part of the product that is left out on purpose."""

    policy_keeps_marks: bool = True
    pki_renews: bool = True
    ca_is_replaced: bool = True


@dataclass(frozen=True, slots=True)
class _Noted:
    """chitragupta as sow uses it, whose failures are noted."""

    keeper: Chitragupta
    failed: Callable[[], None]

    def publish(self, environment: str, progress: Progress) -> ZoneChanges:
        """Bring the records of an environment in line."""
        try:
            return self.keeper.publish(environment, progress)
        except GromitError:
            self.failed()
            raise

    def retire(self, environment: str, progress: Progress) -> None:
        """Delete the records of an environment."""
        self.keeper.retire(environment, progress)


@dataclass
class _Quarter(TimedInstallation):
    """An installation in which images expire and AWS retires tasks."""

    plant: _Plant = field(default_factory=_Plant)
    pace: _Pace = PACE
    folder: Path = Path()
    """Folder of the CA."""
    logs: list[MutableMapping[str, Any]] = field(default_factory=list)
    """Lines that the parts have logged since they were heard."""
    watch: Watch = field(default_factory=Watch)
    samples: int = 0
    """URLs that were followed."""
    longest_ms: int = 0
    """Longest time for which a published name did not answer."""
    retired: int = 0
    """Tasks that AWS has retired."""
    parked: int = 0
    """Environments that people have parked."""
    unparked: int = 0
    failed_passes: int = 0
    """Passes that a fault of AWS has ended early."""
    longest_after_fault_ms: int = 0
    """Longest time for which a name did not answer, because a pass had failed."""
    _failed_ms: int | None = None
    """Instant at which a pass could not move names, if none has done it since."""
    _silent_ms: dict[str, int] = field(default_factory=dict)
    """URL that does not answer to the instant at which it was seen first."""
    _seen: set[str] = field(default_factory=set)
    """Subjects of problems."""
    _is_over: bool = False
    """Whether nothing new happens any more."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.fargate.has_image = self._has_image
        self._metrics = Metrics(self.store, lambda: Millis(self._minute * MINUTE_MS), _OVERDUE_MS)
        self._minute = START_MS // MINUTE_MS
        self._part = "serve"
        ledger = replace(self._api.environments.ledger, store=self.store)
        self._seen_by_serve = replace(self._api.environments, ledger=ledger)
        self.certificates = Certificates(self.folder, self._date)
        self.certificates.create(self.pace.ca_days)

    def make_images(self) -> SimulatedRegistry:
        """Return a registry whose images expire."""
        self.registry = SimulatedRegistry({r: self._policy(r) for r in REPOSITORIES}, self.now_ms)
        return self.registry

    def public_records(self, worker: ServeClient) -> PublicRecords:
        """Return what sow does with records. Names that it cannot move wait for chitragupta."""
        records = super().public_records(worker)
        if records.keeper is None:
            return records
        return PublicRecords(_Noted(self.chitragupta(worker), self._on_unmoved))

    def attempted(self, name: str) -> bool:
        """Do a pass, and note whether names wait for the next one."""
        is_done = super().attempted(name)
        self.failed_passes += not is_done
        if name == "publish":
            if is_done:
                self._failed_ms = None
            else:
                self._on_unmoved()
        return is_done

    def wrong_names(self, environment: str) -> Iterable[str]:
        """Return the names that do not answer, unless they wait for the next pass."""
        services = [s for (name, _), s in self.cloud.services.items() if name == environment]
        if not any(service.desired for service in services):
            return self._left_of(environment)
        return () if self._failed_ms is not None else super().wrong_names(environment)

    def _on_unmoved(self) -> None:
        if self._failed_ms is None:
            self._failed_ms = self.now_ms

    def push(self, repository: str, branch: str, sha: str) -> None:
        """Push one image with both tags: that of its branch moves."""
        for tag in (sha, branch):
            self.images.push(repository, tag, f"{repository}:{sha}")

    def run(self, days: int) -> None:
        """Let the days pass, and then some hours in which nothing new happens."""
        self.begin("day", "hour", "pki", "build", "delete", "park")
        self.run_until(START_MS + days * DAY_MS)
        self._is_over = True
        self.faults.choose = lambda _number, _call: None
        self.run_until(self.now_ms + max(REST_MS, 3 * self.intervals["sow"]))
        self.problems += self._unready()

    # ── logs ─────────────────────────────────────────────────────────────────────────────────────

    def _happen(self, name: str) -> None:
        """Do what is due, and hear what serve and this part log."""
        self._log_ages()
        part = PARTS.get(name, name)
        if self._is_silent(part):
            if name != "event":
                self.put(self.now_ms + self.intervals.get(name, DAY_MS), name)
            return
        before, self._part = self._part, part
        super()._happen(name)
        self._forward()
        self._part = before

    def _log_ages(self) -> None:
        """Log what serve logs each minute, for the minutes in which nothing has happened."""
        self._forward()
        if self.watch.hear is None:
            return
        while self._minute < self.now_ms // MINUTE_MS:
            self._minute += 1
            self._metrics.log_ages()
            self._forward()

    def _is_silent(self, part: str) -> bool:
        minute = (self.now_ms - START_MS) // MINUTE_MS
        return minute in self.watch.silent.get(part, ())

    def _forward(self) -> None:
        """Let the lines be heard that were logged since the last call."""
        while self.logs:
            line = self.logs.pop(0)
            part = "serve" if line["event"] in _OF_SERVE else self._part
            if self.watch.hear is not None and not (part == "serve" and self._is_silent(part)):
                self.watch.hear(self._minute - START_MS // MINUTE_MS, part, line)

    # ── events ───────────────────────────────────────────────────────────────────────────────────

    def happen(self, name: str) -> None:
        """Let an event happen."""
        if self._is_over:
            return
        match name:
            case "build":
                self.put(self.soon(self.pace.build_every_s), name)
                branch = f"feature-{self.random.randrange(self.pace.branches)}"
                self._report(branch, self.random.choice(REPOSITORIES))
            case "delete":
                self.put(self.soon(DELETE_EVERY_S), name)
                self._delete(f"feature-{self.random.randrange(self.pace.branches)}")
            case "park":
                self.put(self.soon(PARK_EVERY_S), name)
                self._park_or_unpark()
            case "pki":
                self.put(self.now_ms + DAY_MS, name)
                self._look_after_certificates()
            case "look":
                pass
            case "hour":
                self.put(self.now_ms + HOUR_MS, name)
                self._retire()
            case _:
                self.put(self.now_ms + DAY_MS, name)
                self._begin_day()

    def _on_task(self, at_ms: int) -> None:
        """Let passes begin, and follow all URLs again and again until they are over."""
        super()._on_task(at_ms)
        for after_ms in range(0, LONGEST_MS + 1000 * LOOK_EVERY_S, 1000 * LOOK_EVERY_S):
            self.put(at_ms + after_ms, "look")

    def _begin_day(self) -> None:
        """Move the default branches, expire images, and build the branches that live long."""
        self.images.now_ms = self.now_ms
        self.registry.run_policies()
        for repository in REPOSITORIES:
            tag = CATALOGUE.default_tag(repository)
            self.images.push(repository, tag, f"{repository} of {self.now_ms}")
        is_first = self.now_ms < START_MS + HOUR_MS
        for branch in self.pace.steady:
            for repository in REPOSITORIES if is_first else REPOSITORIES[-1:]:
                self._report(branch, repository)
        self._report("master", "tyk")
        gone_ms = self.now_ms - HOUR_MS
        self.fargate.tasks[:] = [t for t in self.fargate.tasks if t.holds_address(gone_ms)]

    def _report(self, branch: str, repository: str) -> None:
        number = next(self._order)
        self._insist(lambda: self.build(repository, branch, f"sha-{number}", number))

    def _delete(self, name: str) -> None:
        row = self.store.read(name)
        if row is not None and row.get("want") == "up":
            self._insist(lambda: self.operator.call("DELETE", f"/env/{name}"))

    def _park_or_unpark(self) -> None:
        """Park one that is ready, or bring one back that is parked."""
        phases = {view.name: view.phase for view in self._views()}
        name = self.random.choice(sorted(phases) or [""])
        if phases.get(name) is Phase.PARKED:
            self.unparked += 1
            self._insist(lambda: self.operator.post(f"/v1/environments/{name}/unpark", {}))
        elif phases.get(name) is Phase.READY:
            self.parked += 1
            self._insist(lambda: self.operator.post(f"/v1/environments/{name}/park", {}))

    def _insist(self, request: Callable[[], object]) -> None:
        """Repeat a request until serve has answered, as a workflow does."""
        for _ in range(4):
            before = len(self.faults.struck)
            try:
                request()
            except GromitError as error:
                if len(self.faults.struck) == before:
                    self.problem(f"serve refused a request: {error}")
                    return
            else:
                return

    def _retire(self) -> None:
        for task in self.fargate.running():
            if task.running_ms < self.now_ms - RETIRED_MS:
                self.retired += 1
                self.fargate.retire(task)

    def _look_after_certificates(self) -> None:
        """Let pki renew what is due, and a person replace the CA. Nothing may have expired."""
        for text in self.certificates.problems():
            self._see(text, text)
        day = (self.now_ms - START_MS) // DAY_MS
        if self.plant.ca_is_replaced and day == self.pace.trust_day:
            self.certificates.trust_next()
        if self.plant.ca_is_replaced and day == self.pace.trust_day + 1:
            self.certificates.use_next()
        if self.plant.pki_renews and "certificate" not in " ".join(self._seen):
            self.certificates.ensure()

    def _date(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    # ── conditions at any time ───────────────────────────────────────────────────────────────────

    def check(self) -> None:
        """Follow every URL that is called published."""
        published = list(self._published())
        for view, component in published:
            self.samples += 1
            url = str(component.url)
            if problem := self._problem_of(view, component):
                self._on_silence(url, problem)
            else:
                self._silent_ms.pop(url, None)
        for url in self._silent_ms.keys() - {component.url for _, component in published}:
            del self._silent_ms[url]
        for text in self.fargate.refused:
            self._see(text, text)
        self.fargate.refused.clear()

    def _on_silence(self, url: str, problem: str) -> None:
        """Record for how long a URL does not answer. After a failed pass it waits for the next."""
        silent_ms = self.now_ms - self._silent_ms.setdefault(url, self.now_ms)
        allowed_ms = LONGEST_MS
        if self._failed_ms is None:
            self.longest_ms = max(self.longest_ms, silent_ms)
        else:
            self.longest_after_fault_ms = max(self.longest_after_fault_ms, silent_ms)
            allowed_ms += self.intervals["publish"]
        if silent_ms > allowed_ms:
            self._see(url, f"{url} for {silent_ms // 1000} s: {problem}")

    def _published(self) -> Iterator[tuple[EnvironmentView, ComponentView]]:
        """Yield what serve shows of each component with a published name."""
        for view in self._views():
            for component in view.components.values():
                if component.gone:
                    self._see(
                        f"{view.name} {component.name}",
                        f"{view.name} runs {component.version} of {component.repository},"
                        f" because {component.gone} is gone",
                    )
                if component.dns and component.dns.state is NameState.PUBLISHED:
                    yield view, component

    def _views(self) -> Iterator[EnvironmentView]:
        for environment in self._seen_by_serve.page(None, 1000).environments:
            view = _VIEWS.detail(environment, self.now_ms)
            if view.want == "up":
                yield view

    def _problem_of(self, view: EnvironmentView, component: ComponentView) -> str | None:
        """Return why a URL does not answer as the product says; None if it does."""
        values = self.zone.values(f"{component.name}.{view.name}.{DOMAIN}")
        if len(values) != 1:
            return f"the record has {sorted(values)}"
        (address,) = values
        task = next((t for t in self.fargate.owners(address) if t.is_running(self.now_ms)), None)
        if task is None:
            return f"nothing answers at {address}"
        if (task.environment, task.component) != (view.name, component.name):
            return f"{address} is of {task.component} of {task.environment} now"
        return self._wrong_version(view, component, task.image)

    def _wrong_version(
        self, view: EnvironmentView, component: ComponentView, image: str
    ) -> str | None:
        if view.phase is not Phase.READY:
            return None
        if not image.endswith(f"@{component.digest}"):
            return f"it runs {image}, and not {component.version} ({component.digest})"
        tag = (str(component.repository), component.version)
        if component.digest not in self.registry.pushes.get(tag, ()):
            return f"{component.digest} was never {component.version}"
        return None

    def _unready(self) -> Iterator[str]:
        for view in self._views():
            if view.phase is Phase.PARKED:
                yield from (f"at the end: {text}" for text in self._left_of(view.name))
                continue
            if view.phase is not Phase.READY:
                yield f"at the end: {view.name} is {view.phase} ({view.error})"
            yield from (f"at the end: {text}" for text in self._unanswered(view.name))
        yield from self.cloud.violations

    def _left_of(self, name: str) -> Iterator[str]:
        """Yield what a parked environment must not have."""
        if any(task.environment == name for task in self.fargate.running()):
            yield f"{name} is parked, and a task runs"
        if any(f".{name}." in record.name for record in self.zone.records() if record.type == "A"):
            yield f"{name} is parked, and has a record"

    def _see(self, subject: str, text: str) -> None:
        """Record the first problem of a subject, with its time."""
        if subject not in self._seen:
            self._seen.add(subject)
            self.problem(f"day {(self.now_ms - START_MS) / DAY_MS:.3f}: {text}")

    # ── images ───────────────────────────────────────────────────────────────────────────────────

    def _has_image(self, image: str) -> bool:
        repository, is_built, digest = image.rpartition("/")[2].partition("@")
        return not is_built or bool(self.images.existing([(repository, digest)]))

    def _policy(self, repository: str) -> Mapping[str, object]:
        policy = registry_policy([CATALOGUE.default_tag(repository)])
        if self.plant.policy_keeps_marks:
            return policy
        kept = [rule for rule in policy["rules"] if "gromit" not in rule["description"]]
        return {"rules": kept}


PLANTS = {
    "policy that ignores marks": _Plant(policy_keeps_marks=False),
    "sow that does not publish": _Plant(sow_publishes=False),
    "retirement without event": _Plant(events_start_passes=False),
    "pki that does not renew": _Plant(pki_renews=False),
    "CA that is not replaced": _Plant(ca_is_replaced=False),
}
"""Faults that the search has to find."""


def run(
    seed: int,
    days: int,
    pace: _Pace,
    plant: _Plant | None = None,
    watch: Watch | None = None,
) -> _Quarter:
    """Return days that have passed."""
    random = Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="quarter-") as folder,
        structlog.testing.capture_logs() as logs,
        _Quarter(
            faults=Faults(random_faults(Random(seed), FAULT_EVERY, OF_AWS)),
            random=random,
            plant=plant or _Plant(),
            intervals=pace.intervals,
            pace=pace,
            logs=logs,
            watch=watch or Watch(),
            folder=Path(folder),
        ) as place,
    ):
        place.run(days)
        logs.clear()
    return place


def _search(effort: Effort) -> Proof:
    days, pace = (QUICK_DAYS, QUICK_PACE) if effort.is_quick else (DAYS, PACE)
    quarter = run(effort.seed, days, pace)
    violations = [Violation(f"--seed {effort.seed}, {days} days", p) for p in quarter.problems]
    note = (
        f"{days} days: {quarter.sown} runs of sow, {quarter.events} passes by events,"
        f" {quarter.certificates.renewed} renewed certificates"
        f" of {len(quarter.certificates.issuers)} CAs, {quarter.retired} retired tasks,"
        f" {quarter.registry.expired} expired images, {quarter.parked} times parked and"
        f" {quarter.unparked} brought back, {len(quarter.faults.struck)} faults in"
        f" {len(quarter.faults.calls)} calls, {quarter.failed_passes} failed passes,"
        f" {quarter.samples} URLs followed, of which none was silent for longer than"
        f" {quarter.longest_ms / 1000:.0f} s, and after a failed pass"
        f" {quarter.longest_after_fault_ms / 1000:.0f} s"
    )
    effort.say(note)
    plants = {} if effort.is_quick else PLANTS
    for name, plant in plants.items():
        if not run(effort.seed, PLANT_DAYS, QUICK_PACE, plant).problems:
            violations.append(Violation(f"--seed {effort.seed}", f"not found: {name}"))
    return Proof(days + len(plants) * PLANT_DAYS, tuple(violations), (note,))


SUITE = Suite(
    "In ninety days of expiring images and retired tasks, each URL that is called published"
    " answers with the version that it claims.",
    _search,
)
