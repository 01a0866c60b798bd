"""Passes of gromit beside those of gromit v1, on the same emulated AWS with the same terraform.

One environment is measured alone. gromit then brings up as many as it runs at once, and the other
pattern one more, so that the growth is known: its environments follow one another. From that the
figures of 10 and 50 environments are computed.
"""

import math
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from gromit.local.aws.api_models.record import CHECKED, FOLDER_VARIABLE, RequestRecord
from tests.bench.first_system import PAUSE_S, FirstSystem, first_system
from tests.bench.law import LINEAR, Curve, Extent, Goal, Law, Measured, Table
from tests.e2e.ground import emulated_aws
from tests.e2e.stage import Build, Stage, installation

SIZES = (1, 10, 50)
PARALLEL = 4
"""Terraforms that sow runs at once by default."""


@dataclass(frozen=True, slots=True)
class _Cost:
    calls: Mapping[str, float]
    """By service."""
    seconds: float
    pauses: float = 0.0
    """Seconds of pauses that were counted and not waited for."""

    @property
    def total(self) -> float:
        """Return the calls of all services."""
        return sum(self.calls.values())

    def plus(self, other: "_Cost", times: float) -> "_Cost":
        """Return the cost with another one a number of times."""
        calls = dict(self.calls)
        for service, count in other.calls.items():
            calls[service] = calls.get(service, 0) + count * times
        return _Cost(
            calls,
            self.seconds + other.seconds * times,
            self.pauses + other.pauses * times,
        )


class _Meter:
    """Counts the requests that the emulator gets."""

    def __init__(self, folder: Path) -> None:
        self._record, self._file = RequestRecord(folder), folder / CHECKED

    def cost(self, act: Callable[[], object], pauses: float = 0.0) -> _Cost:
        """Do something, and return its cost."""
        before, began = self._record.requests(), perf_counter()
        act()
        took = perf_counter() - began
        calls = Counter[str]()
        for operation, count in (self._record.requests() - before).items():
            calls[operation.partition(".")[0]] += count
        return _Cost(calls, took + pauses, pauses)


def _measure(extent: Extent) -> Measured:
    folder = extent.folder / "requests"
    folder.mkdir()
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        with (
            emulated_aws(extent.folder / "ground") as ground,
            installation(ground, "bench", {}) as stage,
        ):
            stage.serve()
            meter = _Meter(folder)
            ours = _ours(extent, stage, meter)
            with first_system(stage, extent.folder) as other:
                theirs = _theirs(extent, other, meter)
    finally:
        del os.environ[FOLDER_VARIABLE]
    return _result(ours, theirs)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Costs of one environment, of each further group, and of a pass without work."""

    one: _Cost
    group: _Cost
    """Cost of as many further environments as are worked on at once."""
    size: int
    """Number of those."""
    quiet: _Cost

    def cost(self, environments: int) -> _Cost:
        """Return the cost of a number of environments from the report of a build to their names."""
        if environments == 1:
            return self.one
        groups = math.ceil(environments / self.size)
        calls = {s: n * (environments - 1) / self.size for s, n in self.group.calls.items()}
        seconds = self.group.seconds * groups - self.one.seconds
        pauses = self.group.pauses * groups - self.one.pauses
        return self.one.plus(_Cost(calls, seconds, pauses), 1)


def _ours(extent: Extent, stage: Stage, meter: _Meter) -> _Pattern:
    def bring_up(builds: list[Build]) -> None:
        for build in builds:
            stage.report("alpha", build.environment, build.sha)
        stage.work("sow")
        stage.work("chitragupta")

    # A release workflow pushes images, whatever is then reported.
    first, *others = (stage.push("alpha", stage.env(f"e{n}")) for n in range(1 + PARALLEL))
    extent.say("gromit: one environment")
    one = meter.cost(lambda: bring_up([first]))
    extent.say(f"gromit: {PARALLEL} environments at once")
    group = meter.cost(lambda: bring_up(others))

    def look() -> None:
        stage.work("sow")
        stage.work("chitragupta")

    extent.say("gromit: a pass without work")
    return _Pattern(one, group, PARALLEL, meter.cost(look))


def _theirs(extent: Extent, other: FirstSystem, meter: _Meter) -> _Pattern:
    def bring_up(name: str) -> None:
        other.report(name)
        other.look()
        other.sow(name)
        other.publish(frozenset({name}))

    extent.say("gromit v1: one environment")
    one = meter.cost(lambda: bring_up("first"), PAUSE_S)
    extent.say("gromit v1: another one")
    group = meter.cost(lambda: bring_up("second"), PAUSE_S)

    def look() -> None:
        other.look()
        other.publish(frozenset({"first", "second"}))

    extent.say("gromit v1: a pass without work")
    return _Pattern(one, group, 1, meter.cost(look))


def _result(ours: _Pattern, theirs: _Pattern) -> Measured:
    patterns = {"gromit": ours, "gromit v1": theirs}
    costs = {name: {n: p.cost(n) for n in SIZES} for name, p in patterns.items()}
    ten = {name: found[10] for name, found in costs.items()}
    working_s = ten["gromit v1"].seconds - ten["gromit v1"].pauses
    goals = (
        Goal(
            what="times faster, 10 environments",
            unit="",
            limit=10,
            measured=ten["gromit v1"].seconds / ten["gromit"].seconds,
            is_least=True,
        ),
        Goal(
            what="times faster, 10 environments, without its pauses",
            unit="",
            limit=2.5,
            measured=working_s / ten["gromit"].seconds,
            is_least=True,
        ),
    )
    curves = [
        Curve(
            "environments",
            "seconds from the reports to their names",
            tuple((float(n), found[n].seconds) for n in SIZES),
            LINEAR,
            name,
        )
        for name, found in costs.items()
    ]
    return Measured(goals, curves[0], tuple(curves[1:]), (_table(costs), _quiet(patterns)))


def _table(costs: Mapping[str, Mapping[int, _Cost]]) -> Table:
    rows = [
        (
            str(number),
            name,
            f"{cost.total:,.0f}",
            f"{cost.seconds:,.0f}",
            f"{cost.pauses:,.0f}",
            _by_service(cost),
        )
        for number in SIZES
        for name, found in costs.items()
        for cost in [found[number]]
    ]
    return Table(
        "From the report of a build of each environment to its public name. One environment is"
        " measured; the figures of more are computed from those of a further one, or of four at"
        " once. Terraform's own calls are among them. gromit's are more, because it claims work,"
        " proves that its claim holds, reports progress, and looks at what runs:",
        ("environments", "by", "calls", "seconds", "of which pauses", "calls by service"),
        tuple(rows),
    )


def _quiet(patterns: Mapping[str, _Pattern]) -> Table:
    clusters = {"gromit": 1 + PARALLEL, "gromit v1": 2}
    return Table(
        "A pass that has nothing to do, of what sows and of what publishes names:",
        ("by", "environments", "calls", "calls by service"),
        tuple(
            (name, str(clusters[name]), f"{found.quiet.total:,.0f}", _by_service(found.quiet))
            for name, found in patterns.items()
        ),
    )


def _by_service(cost: _Cost) -> str:
    return ", ".join(f"{service} {count:,.0f}" for service, count in sorted(cost.calls.items()))


LAW = Law(
    "gromit brings 10 environments up at least 10 times faster than gromit v1 did.",
    _measure,
)
