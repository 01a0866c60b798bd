"""Reports of passes over HTTP: from a part's reporter to the metrics of serve."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from gromit.core.load import MemoryUse
from gromit.core.metrics.pass_report import (
    CallOutcome,
    DnsFigures,
    PassOutcome,
    PassPart,
    PassReport,
)
from gromit.core.security.roles import Role
from gromit.errors import InvalidInput, Temporary
from gromit.services.pass_reports import PassFigures, PassReporter
from gromit.web.clients.passes import ServePasses
from tests.web.scraping import metric_value
from tests.web.serving import Certificates, Emulator, Serve, serving

CALLS = {("ecs", CallOutcome.OK): 7, ("a-new-service", CallOutcome.DENIED): 2}


@pytest.fixture
def fresh(emulator: Emulator, certificates: Certificates) -> Iterator[Serve]:
    """Run a serve that has counted nothing."""
    with serving(emulator, certificates) as serve:
        yield serve


def value(serve: Serve, name: str, **labels: str) -> float | None:
    return metric_value(serve.health_url, name, **labels)


def reporter(serve: Serve, part: PassPart) -> PassReporter:
    figures = PassFigures(lambda: 10_000, lambda: CALLS)
    figures.terraform_ended("apply", 42.0, is_done=True)
    figures.published(4_000)
    sink = ServePasses(serve.serve_client(Role.WORKER))
    return PassReporter(part, figures, sink, time.monotonic, time.monotonic())


def test_a_pass_becomes_metrics_of_serve(fresh: Serve) -> None:
    chitragupta = reporter(fresh, PassPart.CHITRAGUPTA)
    chitragupta.done(DnsFigures(records=8, blocked=1, created=2, updated=3, deleted=0))
    part = {"part": "chitragupta"}
    assert value(fresh, "gromit_passes_total", **part, outcome="done") == 1
    assert value(fresh, "gromit_last_pass_timestamp_seconds", **part) == fresh.clock.now / 1000
    assert value(fresh, "gromit_pass_duration_seconds_count", **part) == 1
    assert value(fresh, "gromit_aws_calls_total", **part, service="ecs", outcome="ok") == 7
    assert value(fresh, "gromit_aws_calls_total", **part, service="other", outcome="denied") == 2
    terraform = {"action": "apply", "outcome": "done"}
    assert value(fresh, "gromit_terraform_duration_seconds_sum", **terraform) == 42
    assert value(fresh, "gromit_dns_records", state="ours") == 8
    assert value(fresh, "gromit_dns_records", state="blocked") == 1
    assert value(fresh, "gromit_dns_changes_total", action="updated") == 3
    assert value(fresh, "gromit_dns_lag_seconds_sum") == 6


def test_a_report_that_serve_accepts_raises_nothing(serve: Serve) -> None:
    report = PassReport(part=PassPart.REAP, outcome=PassOutcome.DONE, seconds=1)
    ServePasses(serve.serve_client(Role.WORKER)).report(report)


def test_the_memory_of_a_worker_is_a_metric_and_on_the_platform(fresh: Serve) -> None:
    sow, chitragupta = reporter(fresh, PassPart.SOW), reporter(fresh, PassPart.CHITRAGUPTA)
    for passes in (sow, chitragupta):
        passes.figures.memory = lambda: MemoryUse(900.5, 4096)
        passes.done()
    name = "gromit_worker_memory_bytes"
    assert value(fresh, name, part="sow", what="peak") == 900.5e6
    assert value(fresh, name, part="sow", what="limit") == 4096e6
    shown = fresh.get("/v1/platform")["memories"]
    assert shown == {"sow": {"peak_mb": 900.5, "limit_mb": 4096}}


def test_a_serve_that_does_not_know_the_memory_counts_the_rest() -> None:
    bodies: list[Any] = []

    class OlderServe:
        """Refuses the field, as the schema of an earlier release does."""

        def call(self, _method: str, _path: str, body: Any) -> None:
            bodies.append(body)
            if "memory" in body:
                raise InvalidInput("memory: Extra inputs are not permitted")

    report = PassReport(
        part=PassPart.SOW, outcome=PassOutcome.DONE, seconds=1, memory=MemoryUse(1, 2)
    )
    older: Any = OlderServe()
    ServePasses(older).report(report)
    assert [("memory" in body, body["seconds"]) for body in bodies] == [(True, 1), (False, 1)]


def test_failures_in_a_row_end_with_a_success(fresh: Serve) -> None:
    def failures() -> float | None:
        return value(fresh, "gromit_failed_passes", part="sow")

    sow = reporter(fresh, PassPart.SOW)
    for expected in (1, 2):
        sow.failed(Temporary("no answer"))
        assert failures() == expected
    assert value(fresh, "gromit_last_pass_timestamp_seconds", part="sow") is None
    sow.done()
    assert failures() == 0
    assert value(fresh, "gromit_passes_total", part="sow", outcome="failed") == 2


def test_the_calls_of_serve_itself_are_counted(fresh: Serve) -> None:
    def calls() -> float:
        labels = {"part": "serve", "service": "dynamodb", "outcome": "ok"}
        return value(fresh, "gromit_aws_calls_total", **labels) or 0

    before = calls()
    fresh.build("tyk", "app-test", "sha")
    assert calls() > before


@pytest.mark.parametrize(
    "body",
    [
        {"part": "serve"},
        {"outcome": "fine"},
        {"seconds": -1},
        {"seconds": "NaN"},
        {"lags": [1e300]},
        {"calls": [{"service": "ecs", "outcome": "ok", "count": 1.5}]},
        {"environment": "app"},
    ],
)
def test_other_reports_are_refused(serve: Serve, body: dict[str, object]) -> None:
    whole = {"part": "sow", "outcome": "done", "seconds": 1, **body}
    assert serve.send("POST", "/v1/passes", whole, Role.WORKER).status_code == 400
