"""Time from an accepted build until its URL answers, while sow watches.

Terraform's own time in the same run is the bare apply. What is added to it are claim, lock, checks,
images, the rollout of ECS, and the record of the public name.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

from tests.bench.law import LINEAR, Curve, Extent, Goal, Law, Measured
from tests.e2e.ground import emulated_aws
from tests.e2e.processes import Process
from tests.e2e.stage import Stage, installation
from tests.waiting import wait_for

CHANGES = (1, 5, 10)
FIRST_MOST, CHANGE_MOST_S = 0.1, 1.0
"""Largest added time: as a ratio to the bare apply of a new environment, and of a change, in s."""
WAIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Answered:
    """One build that answers."""

    whole_s: float
    terraform_s: float

    @property
    def added_s(self) -> float:
        """Return the time that was added to Terraform's own."""
        return self.whole_s - self.terraform_s

    @property
    def ratio(self) -> float:
        """Return the added time as a ratio to Terraform's own."""
        return self.added_s / self.terraform_s


def _answers(stage: Stage, environment: str, version: str) -> bool:
    try:
        return stage.running("alpha", environment, public=True) == version
    except (ValueError, httpx2.HTTPError):  # no name yet, or no task at its address
        return False


def _build(stage: Stage, sow: Process, environment: str) -> Answered:
    """Report a build, and wait until its URL answers."""
    build = stage.push("alpha", environment)
    runs = len(sow.events("terraform.ended", env=environment))
    began_s = time.monotonic()
    stage.report("alpha", environment, build.sha)
    wait_for(f"the URL of {environment}", lambda: _answers(stage, environment, build.sha), WAIT_S)
    whole_s = time.monotonic() - began_s
    ended = sow.events("terraform.ended", env=environment)[runs]
    stage.until_phase(environment, "ready", WAIT_S)
    return Answered(whole_s, float(ended["seconds"]))


def _measure(extent: Extent) -> Measured:
    with emulated_aws(extent.folder) as ground, installation(ground, "bench", {}) as stage:
        stage.serve()
        sow = stage.start("sow", stage.root, "--watch")
        extent.say("an environment for which sow prepares its Terraform")
        _build(stage, sow, stage.env("before"))
        name = stage.env("app")
        extent.say("a new environment")
        first = _build(stage, sow, name)
        changes: list[Answered] = []
        points: list[tuple[float, float]] = []
        for number in sorted(set(extent.sizes(*CHANGES))):
            extent.say(f"changes until there are {number}")
            while len(changes) < number:
                changes.append(_build(stage, sow, name))
            points.append((float(number), sum(change.whole_s for change in changes)))
    return Measured(
        _goals(first, changes),
        Curve("changes", "time from accepted to answering for all, s", tuple(points), LINEAR),
    )


def _goals(first: Answered, changes: Sequence[Answered]) -> tuple[Goal, ...]:
    added_s = statistics.median(change.added_s for change in changes)
    ratio = statistics.median(change.ratio for change in changes)
    return (
        Goal(
            what="time added to the bare apply of a new environment, as a ratio",
            unit="times",
            limit=FIRST_MOST,
            measured=first.ratio,
        ),
        Goal(
            what="time added to the bare apply of a new image",
            unit="s",
            limit=CHANGE_MOST_S,
            measured=added_s,
        ),
        Goal(
            what="time added to the bare apply of a new image, as a ratio",
            unit="times",
            limit=None,
            measured=ratio,
        ),
    )


LAW = Law(
    "A build answers a second after a bare apply would end, while sow watches.",
    _measure,
)
