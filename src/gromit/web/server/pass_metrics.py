"""Metrics of passes: at serve from reports, and on the port of a watching part from itself."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import REGISTRY, CollectorRegistry

from gromit.core.load import MemoryUse
from gromit.core.metrics import definitions
from gromit.core.metrics.definition import MetricReading
from gromit.core.metrics.pass_report import AWS_SERVICES, CallOutcome, PassOutcome, PassReport
from gromit.core.time import Millis
from gromit.web.server.metrics import ReadMetrics, counter, gauge, histogram

OwnCalls = Mapping[tuple[str, CallOutcome], int]
"""Calls of AWS by service and outcome."""


class PassMetrics:
    """The port `PassSink`: counts what passes report. Thread-safe."""

    def __init__(
        self,
        now_ms: Callable[[], Millis],
        registry: CollectorRegistry = REGISTRY,
        own_calls: Callable[[], OwnCalls] = dict,
    ) -> None:
        """`own_calls` returns the calls of serve itself, if this is serve."""
        self._now_ms = now_ms
        self._own_calls = own_calls
        self._reported_calls = Counter[tuple[str, str, str]]()
        self._lock = threading.Lock()
        self._in_a_row: dict[str, int] = {}
        self._memories: dict[str, MemoryUse] = {}
        self._passes = counter(definitions.PASSES, registry)
        self._durations = histogram(definitions.PASS_DURATION, registry)
        self._last = gauge(definitions.LAST_PASS, registry)
        self._failed = gauge(definitions.FAILED_PASSES, registry)
        registry.register(ReadMetrics(self._calls, definitions.AWS_CALLS))
        registry.register(ReadMetrics(self._readings, definitions.WORKER_MEMORY))
        self._terraform = histogram(definitions.TERRAFORM, registry)
        self._records = gauge(definitions.DNS_RECORDS, registry)
        self._changes = counter(definitions.DNS_CHANGES, registry)
        self._lags = histogram(definitions.DNS_LAG, registry)

    def report(self, report: PassReport) -> None:
        """Count one pass."""
        part = report.part
        self._passes.labels(part, report.outcome).inc()
        self._note_outcome(report)
        with self._lock:
            for call in report.calls:
                known = call.service if call.service in AWS_SERVICES else AWS_SERVICES[-1]
                self._reported_calls[part, known, call.outcome] += call.count
        for run in report.terraform:
            outcome = definitions.DONE if run.is_done else definitions.FAILED
            self._terraform.labels(run.action, outcome).observe(run.seconds)
        for lag_s in report.lags:
            self._lags.observe(lag_s)
        self._note_records(report)
        self._note_memory(report)

    def memories(self) -> Mapping[str, MemoryUse]:
        """Return the memory that each part has last reported."""
        with self._lock:
            return dict(self._memories)

    def _note_memory(self, report: PassReport) -> None:
        if report.memory is not None:
            with self._lock:
                self._memories[report.part] = report.memory

    def _readings(self) -> Iterator[MetricReading]:
        for part, memory in self.memories().items():
            for what, found_mb in (("peak", memory.peak_mb), ("limit", memory.limit_mb)):
                yield MetricReading(definitions.WORKER_MEMORY, found_mb * 1e6, (part, what))

    def _calls(self) -> Iterator[MetricReading]:
        for (service, outcome), count in self._own_calls().items():
            yield MetricReading(definitions.AWS_CALLS, count, ("serve", service, outcome))
        with self._lock:
            reported = list(self._reported_calls.items())
        for labels, count in reported:
            yield MetricReading(definitions.AWS_CALLS, count, labels)

    def _note_outcome(self, report: PassReport) -> None:
        part = report.part
        with self._lock:
            if report.outcome is PassOutcome.FAILED:
                self._in_a_row[part] = self._in_a_row.get(part, 0) + 1
            if report.outcome is PassOutcome.DONE:
                self._in_a_row[part] = 0
                self._last.labels(part).set(self._now_ms() / 1000)
                self._durations.labels(part).observe(report.seconds)
            self._failed.labels(part).set(self._in_a_row.get(part, 0))

    def _note_records(self, report: PassReport) -> None:
        if report.dns is None:
            return
        self._records.labels("ours").set(report.dns.records)
        self._records.labels("blocked").set(report.dns.blocked)
        for action in ("created", "updated", "deleted"):
            self._changes.labels(action).inc(getattr(report.dns, action))
