"""Reports of the doctors, which serve keeps until the next run.

The doctors run once a day, as commands with rights that serve lacks. They send serve what they
found, so that people see it without these rights.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from gromit.core.doctor.findings import Check, Finding, FindingStatus

LINES_MAX = 100
"""Lines of a report that are kept."""
TEXT_MAX = 300
"""Characters of a text that are kept."""


class ReportKind(StrEnum):
    """The doctors."""

    AWS = "aws"
    ENVIRONMENTS = "environments"


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A finding of a doctor that people should see."""

    check: str
    """Check of the installation, or kind of the discrepancy."""
    subject: str
    state: FindingStatus
    seen: str
    remedy: str


@dataclass(frozen=True, slots=True)
class QuotaLine:
    """Usage of an AWS quota."""

    quota: str
    used: float
    limit: float
    percent: int
    environments: int
    """Number of environments at which the quota is exhausted, existing ones included."""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Findings of a doctor."""

    kind: ReportKind
    checked: int
    """Number of findings, or of environments that were compared."""
    wrong: int
    lines: tuple[ReportLine, ...]
    quotas: tuple[QuotaLine, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report, and when and by whom it was sent."""

    report: DoctorReport
    at: str
    by: str


def installation_report(findings: Sequence[Finding]) -> DoctorReport:
    """Return the report of the doctor of an installation: what is wrong, certificates, quotas."""
    shown = [f for f in findings if _is_shown(f)]
    lines = (
        report_line(str(f.check), f.subject, f.state, (f.observed, f.remedy))
        for f in _worst_first(shown)
    )
    quotas = [f.headroom for f in findings if f.headroom is not None]
    return DoctorReport(
        ReportKind.AWS,
        len(findings),
        sum(f.state is FindingStatus.WRONG for f in findings),
        tuple(lines)[:LINES_MAX],
        tuple(QuotaLine(str(q.quota), q.used, q.limit, q.percent, q.environments) for q in quotas),
    )


def report_text(kept: KeptReport) -> str:
    """Return a report as the text that is kept."""
    return json.dumps({**asdict(kept.report), "at": kept.at, "by": kept.by})


def _is_shown(finding: Finding) -> bool:
    is_off = finding.state in {FindingStatus.WRONG, FindingStatus.WARNING}
    return is_off or finding.check is Check.CERTIFICATE


def _worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: f.state is not FindingStatus.WRONG)


def report_line(
    check: str, subject: str, state: FindingStatus, texts: tuple[str, str]
) -> ReportLine:
    """Return a line for an observation and a remedy, shortened.

    A serve of an earlier release knows no warnings, so they are sent as in order.
    """
    seen, remedy = (text[:TEXT_MAX] for text in texts)
    sent = FindingStatus.OK if state is FindingStatus.WARNING else state
    return ReportLine(check, subject[:TEXT_MAX], sent, seen, remedy)


def parse_report(text: str) -> KeptReport | None:
    """Return the report in a text; None if it cannot be read."""
    try:
        found: Mapping[str, Any] = json.loads(text)
        report = DoctorReport(
            ReportKind(found["kind"]),
            int(found["checked"]),
            int(found["wrong"]),
            tuple(
                ReportLine(**{**line, "state": FindingStatus(line["state"])})
                for line in found["lines"]
            ),
            tuple(QuotaLine(**line) for line in found["quotas"]),
        )
        return KeptReport(report, str(found["at"]), str(found["by"]))
    except (ValueError, TypeError, KeyError):
        return None
