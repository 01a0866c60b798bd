"""A tour of the product, which also proves it: each step is verified from outside.

The checks use the gateway, DNS and HTTP, as users do.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

from gromit.adapters.catalogue import file as catalogue_file
from gromit.core.names import parse_ref
from gromit.core.stack.catalogue import Catalogue
from gromit.errors import BackendError, Conflict, GromitError
from gromit.local.cloud import control, processes, supervisor
from gromit.local.cloud.layout import CloudPaths, CloudState, require_state
from gromit.local.cloud.trust import new_token
from gromit.local.demo import release
from gromit.local.demo.checks import CloudProbe, ExpectedComponent
from gromit.local.demo.progress import CompletedStep, Display, StepLog

CheckArgs = ParamSpec("CheckArgs")

REPOSITORIES = ("tyk", "tyk-analytics")
"""The two repositories that report builds; their components are public."""

REFS = ("refs/heads/feature/shopping-cart", "refs/heads/shopping-cart")
"""Their branches: the last element is the same, so they share one environment."""

_POLL = 0.2


@dataclass(frozen=True, slots=True)
class TourResult:
    """Result of a tour."""

    steps: tuple[CompletedStep, ...]
    error: GromitError | None
    """Reason why the tour ended early."""


def run_demo(folder: Path | None, environ: Mapping[str, str], display: Display) -> TourResult:
    """Take the tour in `folder`, or in a temporary one that a failure alone leaves behind.

    Afterwards the cloud is down in any case. Raises `Conflict` if the folder's cloud is up already,
    and does not touch it.
    """
    if folder:
        _refuse_running_cloud(control.folder(folder))
    place = control.folder(folder or Path(tempfile.mkdtemp(prefix="gromit-demo-")))
    shipped = {"GROMIT_CATALOGUE": "", "GROMIT_REPOS": ""}
    tour = DemoTour(place, {**environ, **shipped}, StepLog(display))
    try:
        error = _run(tour)
    except BaseException:  # Ctrl-C, most of the time
        control.down(place, display.note)
        if folder is None:
            shutil.rmtree(place.root, ignore_errors=True)
        raise
    if error is None and folder is None:
        shutil.rmtree(place.root)
    return TourResult(tuple(tour.log.steps), error)


@dataclass(frozen=True, slots=True)
class DemoTour:
    """State that the steps share."""

    place: CloudPaths
    environ: Mapping[str, str]
    log: StepLog
    timeout_s: float = 150.0
    """Seconds that a step may wait for the condition that it verifies."""

    def wait_until(
        self, look: Callable[CheckArgs, str], *at: CheckArgs.args, **more: CheckArgs.kwargs
    ) -> None:
        """Repeat a check until it finds nothing wrong.

        Raises `BackendError` with its last finding after `timeout_s`.
        """
        deadline, pause = time.monotonic() + self.timeout_s, threading.Event()
        while wrong := look(*at, **more):
            self.log.display.note(wrong)
            if time.monotonic() > deadline:
                raise BackendError(f"after {self.timeout_s:.0f} s, {wrong}")
            pause.wait(_POLL)


@dataclass(frozen=True, slots=True)
class _Branch:
    """One branch of two repositories, and a probe of its environment."""

    facts: CloudState
    probe: CloudProbe
    catalogue: Catalogue
    environment: str
    tokens: Mapping[str, str]
    """Repository to its token."""

    def expect(self, component: str, version: str) -> ExpectedComponent:
        return ExpectedComponent(self.catalogue.components[component], self.environment, version)

    def build(self, repository: str, ref: str) -> str:
        """Push and report a build, as the repository's release workflow does; return its sha."""
        pushed = release.push(self.facts, repository, ref)
        release.report(self.facts, self.tokens[repository], pushed)
        return pushed["sha"]


def _refuse_running_cloud(place: CloudPaths) -> None:
    record = supervisor.read_supervisor_state(place.processes)
    if record and record.supervisor.alive():
        raise Conflict(
            f"the local cloud in {place.root} is up: the tour needs its own cloud",
            hint="Choose another folder, omit --dir, or run `gromit local down`.",
        )


def _run(tour: DemoTour) -> GromitError | None:
    """Bring a cloud up, take the tour, and bring the cloud down; return the first error.

    A cloud that did not come up is down.
    """
    place, log = tour.place, tour.log
    error: GromitError | None = None
    try:
        with log.step("bring a local cloud up"):
            control.detach(
                place, ["--dir", str(place.root)], tour.environ, log.display.note, tied=True
            )
    except GromitError as problem:
        return _explained(problem, place)
    try:
        _take(tour)
    except GromitError as problem:
        error = _explained(problem, place)
    try:
        with log.step("bring the local cloud down; no process is left"):
            _bring_down(place, log)
    except GromitError as problem:
        error = error or problem
    return error


def _explained(problem: GromitError, place: CloudPaths) -> GromitError:
    return GromitError(problem.message, hint=problem.hint or f"The logs are in {place.logs}.")


def _take(tour: DemoTour) -> None:
    log, branch = tour.log, _branch(tour)
    with log.step("two repositories report builds of one branch, each with its own token"):
        first, second = (branch.build(r, ref) for r, ref in zip(REPOSITORIES, REFS, strict=True))
        log.detail = f"{REPOSITORIES[0]} {first[:8]}, {REPOSITORIES[1]} {second[:8]}"
    _comes_up(tour, branch, {REPOSITORIES[0]: first, REPOSITORIES[1]: second})
    _moves_on(tour, branch, second)
    _goes_away(tour, branch)


def _branch(tour: DemoTour) -> _Branch:
    facts = require_state(tour.place)
    labels = {r: f"release workflow of {r}" for r in REPOSITORIES}
    tokens = {r: new_token(tour.place, tour.environ, r, label) for r, label in labels.items()}
    probe = CloudProbe(tour.place, facts)
    return _Branch(
        facts, probe, catalogue_file.load_catalogue(), parse_ref(REFS[0]).environment, tokens
    )


def _comes_up(tour: DemoTour, branch: _Branch, builds: Mapping[str, str]) -> None:
    probe, name = branch.probe, branch.environment
    with tour.log.step("the environment is made by terraform, and ready"):
        tour.wait_until(probe.environment, name, "ready")
    for component, sha in builds.items():
        expected = branch.expect(component, sha)
        with tour.log.step(
            f"the URL of {component}, by DNS, answers with that build and its config"
        ):
            tour.wait_until(probe.public, expected)
            tour.log.detail = _url(branch, expected)
    others = [c for c in branch.catalogue.components.values() if c.name not in builds]
    with tour.log.step("the other components run the default branch, and have no public name"):
        for other in others:
            # A component without a repository runs a fixed image.
            fixed = str(other.image).rpartition(":")[2]
            expected = branch.expect(other.name, other.default_tag if other.repository else fixed)
            tour.wait_until(probe.internal, expected)
            tour.wait_until(probe.unpublished, expected)
        tour.log.detail = ", ".join(c.name for c in others)


def _moves_on(tour: DemoTour, branch: _Branch, second: str) -> None:
    probe, untouched = branch.probe, branch.expect(REPOSITORIES[1], second)
    before = probe.task(untouched)
    with tour.log.step(f"{REPOSITORIES[0]} reports a newer build"):
        newer = branch.build(REPOSITORIES[0], REFS[0])
        tour.log.detail = newer[:8]
    expected = branch.expect(REPOSITORIES[0], newer)
    with tour.log.step("the same URL answers with it"):
        tour.wait_until(probe.public, expected)
        tour.log.detail = _url(branch, expected)
    with tour.log.step(f"{REPOSITORIES[1]} was left alone, and the environment is ready"):
        tour.wait_until(probe.environment, branch.environment, "ready")
        if probe.task(untouched) != before:
            raise BackendError(f"{REPOSITORIES[1]} was restarted by a build of {REPOSITORIES[0]}")


def _goes_away(tour: DemoTour, branch: _Branch) -> None:
    probe, name = branch.probe, branch.environment
    with tour.log.step("the branch is deleted in both repositories"):
        for repository in REPOSITORIES:
            release.retire(branch.facts, branch.tokens[repository], name)
    with tour.log.step("everything is gone: services, DNS records, terraform state, config folder"):
        tour.wait_until(probe.leftovers, name)
        tour.wait_until(probe.environment, name, "gone")
        for repository in REPOSITORIES:
            expected = branch.expect(repository, "")
            tour.wait_until(probe.unpublished, expected)


def _bring_down(place: CloudPaths, log: StepLog) -> None:
    record = supervisor.read_supervisor_state(place.processes)
    parts: list[processes.ProcessId] = []
    if record and record.supervisor.alive():
        parts = processes.descendants(record.supervisor.pid)
    control.down(place, log.display.note)
    supervisors = [record.supervisor] if record else []
    if alive := [process.pid for process in (*parts, *supervisors) if process.alive()]:
        raise BackendError(f"processes are left: {alive}")
    log.detail = f"{len(parts)} processes ended"


def _url(branch: _Branch, expected: ExpectedComponent) -> str:
    return f"http://{branch.probe.public_name(expected)}:{expected.component.port}/"
