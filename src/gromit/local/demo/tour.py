"""The tour of the product, which is its proof as well: every step is verified from outside, through the gateway, DNS and HTTP."""

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
"""The two that report builds; their components are public."""

REFS = ("refs/heads/feature/shopping-cart", "refs/heads/shopping-cart")
"""Their branches: one last element, so one environment."""

_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class TourResult:
    """What came of a tour."""

    steps: tuple[CompletedStep, ...]
    error: GromitError | None
    """Why it ended early."""


def run_demo(folder: Path | None, environ: Mapping[str, str], display: Display) -> TourResult:
    """Take the tour in `folder`, or in a fresh one that is removed if all went well. Its cloud is down afterwards in any case.

    Raises `Conflict` if there is one already that is up: it is left alone.
    """
    if folder:
        _refuse_others(control.folder(folder))
    place = control.folder(folder or Path(tempfile.mkdtemp(prefix="gromit-demo-")))
    shipped = {"GROMIT_CATALOGUE": "", "GROMIT_REPOS": ""}
    tour = DemoTour(place, {**environ, **shipped}, StepLog(display))
    error = _taken(tour)
    if error is None and folder is None:
        shutil.rmtree(place.root)
    return TourResult(tuple(tour.course.steps), error)


@dataclass(frozen=True, slots=True)
class DemoTour:
    """What the steps share."""

    place: CloudPaths
    environ: Mapping[str, str]
    course: StepLog
    patience: float = 150.0
    """Seconds that a step may wait for what it verifies."""

    def until(
        self, look: Callable[CheckArgs, str], *at: CheckArgs.args, **more: CheckArgs.kwargs
    ) -> None:
        """Look until nothing is wrong any more. Raises `BackendError` with what still is after the patience is over."""
        deadline, pause = time.monotonic() + self.patience, threading.Event()
        while wrong := look(*at, **more):
            self.course.display.note(wrong)
            if time.monotonic() > deadline:
                raise BackendError(f"after {self.patience:.0f} s, {wrong}")
            pause.wait(_LOOK)


@dataclass(frozen=True, slots=True)
class _Branch:
    """One branch of two repositories, and how to look at its environment."""

    facts: CloudState
    witness: CloudProbe
    catalogue: Catalogue
    environment: str
    tokens: Mapping[str, str]
    """Repository to its own token."""

    def expect(self, component: str, version: str) -> ExpectedComponent:
        return ExpectedComponent(self.catalogue.components[component], self.environment, version)

    def build(self, repository: str, ref: str) -> str:
        """Do what the repository's release workflow does; gives the build's sha."""
        pushed = release.push(self.facts, repository, ref)
        release.report(self.facts, self.tokens[repository], pushed)
        return pushed["sha"]


def _refuse_others(place: CloudPaths) -> None:
    record = supervisor.read_supervisor_state(place.processes)
    if record and record.supervisor.alive():
        hint = "give another folder, or none; or bring that one down"
        raise Conflict(
            f"the local cloud in {place.root} is up: the tour needs one of its own", hint=hint
        )


def _taken(tour: DemoTour) -> GromitError | None:
    """Bring a cloud up, take the tour in it, and bring it down; gives what went wrong first. One that did not come up is down."""
    place, course = tour.place, tour.course
    error: GromitError | None = None
    try:
        with course.step("bring a local cloud up"):
            control.detach(
                place, ["--dir", str(place.root)], tour.environ, course.display.note, tied=True
            )
    except GromitError as problem:
        return _explained(problem, place)
    try:
        _take(tour)
    except GromitError as problem:
        error = _explained(problem, place)
    except BaseException:
        control.down(place, course.display.note)
        raise
    try:
        with course.step("bring the local cloud down; no process is left"):
            _bring_down(place, course)
    except GromitError as problem:
        error = error or problem
    return error


def _explained(problem: GromitError, place: CloudPaths) -> GromitError:
    return GromitError(problem.message, hint=problem.hint or f"the logs are in {place.logs}")


def _take(tour: DemoTour) -> None:
    course, branch = tour.course, _branch(tour)
    with course.step("two repositories report builds of one branch, each with its own token"):
        first, second = (branch.build(r, ref) for r, ref in zip(REPOSITORIES, REFS, strict=True))
        course.detail = f"{REPOSITORIES[0]} {first[:8]}, {REPOSITORIES[1]} {second[:8]}"
    _comes_up(tour, branch, {REPOSITORIES[0]: first, REPOSITORIES[1]: second})
    _moves_on(tour, branch, second)
    _goes_away(tour, branch)


def _branch(tour: DemoTour) -> _Branch:
    facts = require_state(tour.place)
    labels = {r: f"release workflow of {r}" for r in REPOSITORIES}
    tokens = {r: new_token(tour.place, tour.environ, r, label) for r, label in labels.items()}
    witness = CloudProbe(tour.place, facts)
    return _Branch(
        facts, witness, catalogue_file.load_catalogue(), parse_ref(REFS[0]).environment, tokens
    )


def _comes_up(tour: DemoTour, branch: _Branch, builds: Mapping[str, str]) -> None:
    witness, name = branch.witness, branch.environment
    with tour.course.step("the environment is made by terraform, and ready"):
        tour.until(witness.environment, name, "ready")
    for component, sha in builds.items():
        expected = branch.expect(component, sha)
        with tour.course.step(
            f"the URL of {component}, by DNS, answers with that build and its config"
        ):
            tour.until(witness.public, expected)
            tour.course.detail = _url(branch, expected)
    others = [c for c in branch.catalogue.components.values() if c.name not in builds]
    with tour.course.step("the other components run the default branch, and have no public name"):
        for other in others:
            expected = branch.expect(
                other.name,
                other.default_tag if other.repository else str(other.image).rpartition(":")[2],
            )
            tour.until(witness.internal, expected)
            tour.until(witness.unpublished, expected)
        tour.course.detail = ", ".join(c.name for c in others)


def _moves_on(tour: DemoTour, branch: _Branch, second: str) -> None:
    witness, untouched = branch.witness, branch.expect(REPOSITORIES[1], second)
    before = witness.task(untouched)
    with tour.course.step(f"{REPOSITORIES[0]} reports a newer build"):
        newer = branch.build(REPOSITORIES[0], REFS[0])
        tour.course.detail = newer[:8]
    expected = branch.expect(REPOSITORIES[0], newer)
    with tour.course.step("the same URL answers with it"):
        tour.until(witness.public, expected)
        tour.course.detail = _url(branch, expected)
    with tour.course.step(f"{REPOSITORIES[1]} was left alone, and the environment is ready"):
        tour.until(witness.environment, branch.environment, "ready")
        if witness.task(untouched) != before:
            raise BackendError(f"{REPOSITORIES[1]} was restarted by a build of {REPOSITORIES[0]}")


def _goes_away(tour: DemoTour, branch: _Branch) -> None:
    witness, name = branch.witness, branch.environment
    with tour.course.step("the branch is deleted in both repositories"):
        for repository in REPOSITORIES:
            release.retire(branch.facts, branch.tokens[repository], name)
    with tour.course.step(
        "everything is gone: services, DNS records, terraform state, config folder"
    ):
        tour.until(witness.leftovers, name)
        tour.until(witness.environment, name, "gone")
        for repository in REPOSITORIES:
            expected = branch.expect(repository, "")
            tour.until(witness.unpublished, expected)


def _bring_down(place: CloudPaths, course: StepLog) -> None:
    record = supervisor.read_supervisor_state(place.processes)
    below = (
        processes.descendants(record.supervisor.pid) if record and record.supervisor.alive() else []
    )
    control.down(place, course.display.note)
    if alive := [p.pid for p in (*below, *([record.supervisor] if record else [])) if p.alive()]:
        raise BackendError(f"processes are left: {alive}")
    course.detail = f"{len(below)} processes ended"


def _url(branch: _Branch, expected: ExpectedComponent) -> str:
    return f"http://{branch.witness.public_name(expected)}:{expected.component.port}/"
