"""Figures of a process about its passes, and their reports."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from gromit.core.load import MemoryUse
from gromit.core.metrics.pass_report import (
    DURATIONS_MAX,
    CallCount,
    CallOutcome,
    DnsFigures,
    PassOutcome,
    PassPart,
    PassReport,
    TerraformAction,
    TerraformTime,
)
from gromit.errors import GromitError, Suspended
from gromit.ports import PassSink

CallTotals = Mapping[tuple[str, CallOutcome], int]
"""Calls of AWS by service and outcome, since the start of the process."""


@dataclass(slots=True)
class PassFigures:
    """Measurements of the parts of a process since the last report. Thread-safe."""

    now_ms: Callable[[], int]
    calls: Callable[[], CallTotals]
    memory: Callable[[], MemoryUse | None] = lambda: None
    """Return the memory of a worker since its start."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reported: CallTotals = field(default_factory=dict)
    _terraform: list[TerraformTime] = field(default_factory=list)
    _lags: list[float] = field(default_factory=list)

    def terraform_ended(self, action: str, seconds: float, is_done: bool) -> None:  # noqa: FBT001
        """Note the end of a Terraform command."""
        with self._lock:
            self._terraform.append(TerraformTime(TerraformAction(action), is_done, seconds))

    def published(self, started_ms: int) -> None:
        """Note that the record of a task was written."""
        with self._lock:
            self._lags.append(max(0, self.now_ms() - started_ms) / 1000)

    def take(
        self, part: PassPart, outcome: PassOutcome, seconds: float, dns: DnsFigures | None
    ) -> PassReport:
        """Return the report of a pass, and start the next one."""
        totals = dict(self.calls())
        with self._lock:
            terraform, self._terraform = self._terraform, []
            lags, self._lags = self._lags, []
            before, self._reported = self._reported, totals
        counts = (
            CallCount(service, outcome, count - before.get((service, outcome), 0))
            for (service, outcome), count in sorted(totals.items())
        )
        return PassReport(
            part=part,
            outcome=outcome,
            seconds=seconds,
            calls=tuple(each for each in counts if each.count),
            terraform=tuple(terraform[:DURATIONS_MAX]),
            dns=dns,
            memory=self.memory() if part is not PassPart.CHITRAGUPTA else None,
            lags=tuple(lags[:DURATIONS_MAX]),
        )


@dataclass(slots=True)
class PassReporter:
    """Reports the passes of one part. A report that is not accepted is lost, and nothing else."""

    part: PassPart
    figures: PassFigures
    sink: PassSink
    monotonic: Callable[[], float]
    _begun: float = 0.0

    def begin(self) -> None:
        """Note the begin of a pass."""
        self._begun = self.monotonic()

    def done(self, dns: DnsFigures | None = None) -> None:
        """Report a pass that has done its work."""
        self._report(PassOutcome.DONE, dns)

    def failed(self, error: GromitError) -> None:
        """Report a pass that has ended early."""
        is_halt = isinstance(error, Suspended)
        self._report(PassOutcome.SUSPENDED if is_halt else PassOutcome.FAILED, None)

    def _report(self, outcome: PassOutcome, dns: DnsFigures | None) -> None:
        seconds = self.monotonic() - self._begun
        report = self.figures.take(self.part, outcome, seconds, dns)
        with suppress(GromitError):  # a serve of an earlier release does not know the route
            self.sink.report(report)
