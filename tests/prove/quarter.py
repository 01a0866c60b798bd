"""Ninety days of one installation: what it calls published answers, with the version it claims.

Real code: serve with its routes, the clients, sow, reap, chitragupta and the doctor with their
services, and the emulator's rules for lifecycle policies, on the policy that the local cloud has.
Simulated: the table, Terraform, ECS with Fargate, the zone, and the images of the registry.

A URL is followed as a browser does it: name, record, address, the task that has this address at
that moment, and the image that this task runs. A freed address belongs to the next task at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

import stamina
import structlog.testing

from gromit.core.environments.phases import Phase
from gromit.core.stack.addresses import NameState
from gromit.local.cloud.registry_policy import registry_policy
from gromit.web.api.views import ComponentView, EnvironmentView, EnvironmentViews
from tests.prove.installation import CATALOGUE, DOMAIN, START_MS
from tests.prove.month import DAY_MS, HOUR_MS, PASSES
from tests.prove.simulated_fargate import STOP_S
from tests.prove.simulated_registry import SimulatedRegistry
from tests.prove.suite import Effort, Proof, Suite, Violation
from tests.prove.timed_installation import LONGEST_S, Plant, TimedInstallation

DAYS = 90
QUICK_DAYS = 16
"""Long enough for images to expire."""
RETIRED_MS = 7 * DAY_MS
"""Age at which AWS retires a task."""
LONGEST_MS = (LONGEST_S + STOP_S[1]) * 1000
"""Longest time for which a published name may not answer: a task ends, and a pass starts."""
DELETE_EVERY_S = 3 * 86_400
"""Average time between two deletions."""
REPOSITORIES = tuple(sorted(CATALOGUE.repositories - CATALOGUE.known_only))
_VIEWS = EnvironmentViews(CATALOGUE, DOMAIN)


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
QUICK_PACE = _Pace({n: i * 24 for n, i in PASSES.items()}, 24 * 3600, 1, ("long-lived",))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plant(Plant):
    """Part of the product that is left out on purpose."""

    policy_keeps_marks: bool = True


@dataclass
class _Quarter(TimedInstallation):
    """An installation in which images expire and AWS retires tasks."""

    plant: _Plant = field(default_factory=_Plant)
    pace: _Pace = PACE
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
        self.begin("day", "hour", "build", "delete")
        self.run_until(START_MS + days * DAY_MS)
        self._is_over = True
        self.run_until(self.now_ms + 3 * self.intervals["sow"])
        self.problems += self._unready()

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
}
"""Faults that the search has to find."""


def run(seed: int, days: int, pace: _Pace, plant: _Plant | None = None) -> _Quarter:
    """Return days that have passed."""
    with (
        stamina.set_testing(testing=True, attempts=4),
        structlog.testing.capture_logs() as logs,
        _Quarter(
            random=Random(seed), plant=plant or _Plant(), intervals=pace.intervals, pace=pace
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
        f" {quarter.retired} retired tasks, {quarter.registry.expired} expired images,"
        f" {quarter.samples} URLs followed, of which none was silent for longer than"
        f" {quarter.longest_ms / 1000:.0f} s"
    )
    effort.say(note)
    plants = {} if effort.is_quick else PLANTS
    for name, plant in plants.items():
        if not run(effort.seed, QUICK_DAYS, QUICK_PACE, plant).problems:
            violations.append(Violation(f"--seed {effort.seed}", f"not found: {name}"))
    return Proof(days + len(plants) * QUICK_DAYS, tuple(violations), (note,))


SUITE = Suite(
    "In ninety days of expiring images and retired tasks, each URL that is called published"
    " answers with the version that it claims.",
    _search,
)
