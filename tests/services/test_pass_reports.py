"""Reports of passes: outcome, duration, and what was measured since the last one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from gromit.core.dns.tasks import PublicTask
from gromit.core.metrics.pass_report import (
    DURATIONS_MAX,
    CallCount,
    CallOutcome,
    DnsFigures,
    PassOutcome,
    PassPart,
    TerraformAction,
    TerraformTime,
)
from gromit.errors import GromitError, NotFound, Suspended, Temporary
from gromit.services.pass_reports import PassFigures, PassReporter
from tests.fakes.dns import FakeTasks, FakeZone
from tests.fakes.passes import FakePassSink
from tests.services.test_chitragupta import APP, World, silent
from tests.services.test_workers import Crew


@dataclass
class Process:
    """A process with a clock, calls of AWS, and a sink of reports."""

    clock: list[float] = field(default_factory=lambda: [100.0])
    calls: dict[tuple[str, CallOutcome], int] = field(default_factory=dict)
    sink: FakePassSink = field(default_factory=FakePassSink)

    def __post_init__(self) -> None:
        self.figures = PassFigures(lambda: int(self.clock[0] * 1000), self.totals)

    def totals(self) -> Mapping[tuple[str, CallOutcome], int]:
        return self.calls

    def reporter(self, part: PassPart = PassPart.SOW) -> PassReporter:
        return PassReporter(part, self.figures, self.sink, lambda: self.clock[0])

    @property
    def outcomes(self) -> list[PassOutcome]:
        return [report.outcome for report in self.sink.reports]


def test_a_report_has_what_happened_since_the_last_one() -> None:
    process = Process()
    passes = process.reporter()
    passes.begin()
    process.calls["ecs", CallOutcome.OK] = 3
    process.figures.terraform_ended("apply", 12.5, is_done=False)
    process.figures.published(90_000)
    process.clock[0] += 20
    passes.done()
    passes.begin()
    process.calls["ecs", CallOutcome.OK] = 5
    process.calls["ec2", CallOutcome.THROTTLED] = 1
    passes.done(DnsFigures(4, 1, 2, 0, 0))
    first, second = process.sink.reports
    assert (first.part, first.seconds, first.lags) == (PassPart.SOW, 20, (10,))
    assert first.calls == (CallCount("ecs", CallOutcome.OK, 3),)
    assert first.terraform == (TerraformTime(TerraformAction.APPLY, False, 12.5),)
    assert second.calls == (
        CallCount("ec2", CallOutcome.THROTTLED, 1),
        CallCount("ecs", CallOutcome.OK, 2),
    )
    assert (second.terraform, second.lags) == ((), ())
    assert second.dns == DnsFigures(4, 1, 2, 0, 0)


def test_a_report_is_bounded() -> None:
    process = Process()
    for _ in range(DURATIONS_MAX + 1):
        process.figures.published(0)
    process.reporter().done()
    assert len(process.sink.reports[0].lags) == DURATIONS_MAX


def test_a_serve_of_an_earlier_release_stops_no_pass() -> None:
    process = Process(sink=FakePassSink(refusal=NotFound("no such route")))
    process.reporter().done()
    process.reporter().failed(Temporary("serve is away"))
    assert process.sink.reports == []


@pytest.mark.parametrize(
    ("halt", "outcome"),
    [
        (None, PassOutcome.DONE),
        (Suspended("by an operator"), PassOutcome.SUSPENDED),
        (Temporary("no answer"), PassOutcome.FAILED),
    ],
)
def test_each_pass_of_a_worker_is_reported_once(
    halt: GromitError | None, outcome: PassOutcome
) -> None:
    crew, process = Crew(halts=[halt]), Process()
    pool = crew.workers()
    pool.passes = process.reporter()
    if halt is None:
        pool.once()
    else:
        with pytest.raises(type(halt)):
            pool.once()
    assert process.outcomes == [outcome]


def test_passes_of_chitragupta_report_records_and_the_lag_of_their_tasks() -> None:
    process = Process()
    started = [replace(task, started_ms=40_000) for task in APP]
    world = World(zone=FakeZone(), tasks=FakeTasks(started))
    passes = process.reporter(PassPart.CHITRAGUPTA)
    keeper = replace(world.keeper, passes=passes, published=process.figures.published)
    keeper.run(silent)
    keeper.run(silent)
    keeper.failed(Temporary("no answer"))
    assert process.outcomes == [PassOutcome.DONE, PassOutcome.DONE, PassOutcome.FAILED]
    first, second, _ = process.sink.reports
    assert (first.dns, first.lags) == (DnsFigures(0, 0, 3, 0, 0), (60, 60))
    assert (second.dns, second.lags) == (DnsFigures(2, 0, 0, 0, 0), ())


def test_the_start_of_a_task_makes_no_other_task_of_it() -> None:
    assert replace(APP[0], started_ms=1) == PublicTask("app", "tyk", "1.1.1.1")
