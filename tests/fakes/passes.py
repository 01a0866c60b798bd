"""Fake of the port `PassSink`."""

from dataclasses import dataclass, field

from gromit.core.metrics.pass_report import PassReport
from gromit.errors import GromitError


@dataclass
class FakePassSink:
    """Keeps reports, or refuses them."""

    reports: list[PassReport] = field(default_factory=list)
    refusal: GromitError | None = None

    def report(self, report: PassReport) -> None:
        """Keep a report."""
        if self.refusal:
            raise self.refusal
        self.reports.append(report)
