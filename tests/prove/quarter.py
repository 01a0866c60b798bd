"""Ninety days of one installation: what it calls published answers, with the version it claims.

Real code: serve with its routes and its log of every minute, the clients, sow, reap, chitragupta
and the doctor with their services, pki with its files and keys, and the emulator's rules for
lifecycle policies, on the policy that the local cloud has.
Simulated: the table, Terraform, ECS with Fargate, the zone, and the images of the registry.
`tests/platform/control/test_alarm_quarter.py` gives the log lines of all parts to the alarms.
No CA is renewed: that is the work of a person.

A URL is followed as a browser does it: name, record, address, the task that has this address at
that moment, and the image that this task runs. A freed address belongs to the next task at once.
"""

import itertools
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import structlog.testing

from gromit.adapters.security.pki_files import PkiFiles
from gromit.bootstrap.machine import to_ms
from gromit.core.environments.phases import Phase, Work
from gromit.core.security.certificates import (
    CertificateStatus,
    IssuedCertificate,
    LeafRequest,
    newest_by_name,
)
from gromit.core.security.roles import Role
from gromit.core.stack.addresses import NameState
from gromit.core.time import Millis
from gromit.local.cloud.registry_policy import registry_policy
from gromit.services.pki import Pki, PkiInputs
from gromit.web.api.metrics import Metrics
from gromit.web.api.views import ComponentView, EnvironmentView, EnvironmentViews
from tests.fakes.authority import new_key
from tests.prove.installation import CATALOGUE, DOMAIN, SETTINGS, START_MS
from tests.prove.month import DAY_MS, HOUR_MS, MINUTE_MS, PASSES
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
DELETE_EVERY_S = 3 * 86_400
"""Average time between two deletions."""
REPOSITORIES = tuple(sorted(CATALOGUE.repositories - CATALOGUE.known_only))
LEAVES = tuple(
    LeafRequest(name=role.value, kind=role, days=SETTINGS.pki.leaf_days)
    for role in (Role.GATEWAY, Role.WORKER, Role.OPERATOR)
)
"""Certificates that pki renews."""
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
    """Listener to the logs of all parts, and the days in which it misses one."""

    hear: Hear | None = None
    """Called with the minute, the part and the content of each line."""
    silent: Mapping[str, range] = field(default_factory=dict)
    """Days in which a part does not run."""


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


PACE = _Pace(PASSES, 4 * 3600, 8, ("release-5", "long-lived"))
CALM_PACE = _Pace(PASSES, 24 * 3600, 1, ("long-lived",))
QUICK_PACE = _Pace({n: i * 24 for n, i in PASSES.items()}, 24 * 3600, 1, ("long-lived",))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plant(Plant):
    """Part of the product that is left out on purpose."""

    policy_keeps_marks: bool = True
    pki_renews: bool = True


@dataclass
class _Quarter(TimedInstallation):
    """An installation in which images expire and AWS retires tasks."""

    plant: _Plant = field(default_factory=_Plant)
    pace: _Pace = PACE
    folder: Path = Path()
    """Folder of the CA."""
    renewed: int = 0
    """Certificates that pki has renewed."""
    logs: list[MutableMapping[str, Any]] = field(default_factory=list)
    """Lines that the parts have logged since they were heard."""
    watch: Watch = field(default_factory=Watch)
    samples: int = 0
    """URLs that were followed."""
    longest_ms: int = 0
    """Longest time for which a published name did not answer."""
    retired: int = 0
    """Tasks that AWS has retired."""
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
        numbers = itertools.count(1)
        self._pki = Pki(
            PkiFiles(self.folder / "pki"), PkiInputs(self._date, lambda: next(numbers), new_key)
        )
        self._pki.init("quarter", SETTINGS.pki.ca_days)

    def make_images(self) -> SimulatedRegistry:
        """Return a registry whose images expire."""
        self.registry = SimulatedRegistry({r: self._policy(r) for r in REPOSITORIES}, self.now_ms)
        return self.registry

    def push(self, repository: str, branch: str, sha: str) -> None:
        """Push one image with both tags: that of its branch moves."""
        for tag in (sha, branch):
            self.images.push(repository, tag, f"{repository}:{sha}")

    def run(self, days: int) -> None:
        """Let the days pass, and then some hours in which nothing new happens."""
        self.begin("day", "hour", "pki", "build", "delete")
        self.run_until(START_MS + days * DAY_MS)
        self._is_over = True
        self.run_until(self.now_ms + 3 * self.intervals["sow"])
        self.problems += self._unready()

    # ── logs ─────────────────────────────────────────────────────────────────────────────────────

    def _happen(self, name: str) -> None:
        """Do what is due, and hear what serve and this part log."""
        self._log_ages()
        day = (self.now_ms - START_MS) // DAY_MS
        if day in self.watch.silent.get(name, ()):
            self.put(self.now_ms + self.intervals[name], name)
            return
        before, self._part = self._part, PARTS.get(name, name)
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

    def _forward(self) -> None:
        """Let the lines be heard that were logged since the last call."""
        while self.logs:
            line = self.logs.pop(0)
            part = "serve" if line["event"] in _OF_SERVE else self._part
            if self.watch.hear is not None:
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
            case "pki":
                self.put(self.now_ms + DAY_MS, name)
                self._renew()
            case "hour":
                self.put(self.now_ms + HOUR_MS, name)
                self._retire()
            case _:
                self.put(self.now_ms + DAY_MS, name)
                self._begin_day()

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
        self.build(repository, branch, f"sha-{number}", number)

    def _delete(self, name: str) -> None:
        row = self.store.read(name)
        if row is not None and row.get("want") == "up":
            self.operator.call("DELETE", f"/env/{name}")

    def _retire(self) -> None:
        for task in self.fargate.running():
            if task.running_ms < self.now_ms - RETIRED_MS:
                self.retired += 1
                self.fargate.retire(task)

    def _renew(self) -> None:
        """Renew what is due. Nothing may have expired meanwhile."""
        for line, status in self._pki.list():
            if status is CertificateStatus.EXPIRED and line in self._newest():
                self._see(line.name, f"the certificate of {line.name} has expired")
        if self._newest() and not self.plant.pki_renews:
            return
        self.renewed += sum(r.reason == "due" for r in self._pki.ensure(LEAVES))

    def _newest(self) -> Collection[IssuedCertificate]:
        return newest_by_name(line for line, _ in self._pki.list()).values()

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
                silent_ms = self.now_ms - self._silent_ms.setdefault(url, self.now_ms)
                self.longest_ms = max(self.longest_ms, silent_ms)
                if silent_ms > LONGEST_MS:
                    self._see(url, f"{url} for {silent_ms // 1000} s: {problem}")
            else:
                self._silent_ms.pop(url, None)
        for url in self._silent_ms.keys() - {component.url for _, component in published}:
            del self._silent_ms[url]
        for text in self.fargate.refused:
            self._see(text, text)
        self.fargate.refused.clear()

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
        environments = self._api.environments
        for environment in environments.page(None, 1000).environments:
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
            if view.phase is not Phase.READY:
                yield f"at the end: {view.name} is {view.phase} ({view.error})"
            yield from (f"at the end: {text}" for text in self._unanswered(view.name))
        yield from self.cloud.violations

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
    with (
        tempfile.TemporaryDirectory(prefix="quarter-") as folder,
        structlog.testing.capture_logs() as logs,
        _Quarter(
            random=Random(seed),
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
        f" {quarter.renewed} renewed certificates, {quarter.retired} retired tasks,"
        f" {quarter.registry.expired} expired images,"
        f" {quarter.samples} URLs followed, of which none was silent for longer than"
        f" {quarter.longest_ms / 1000:.0f} s"
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
