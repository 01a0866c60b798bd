"""Report of the doctor of environments."""

from collections.abc import Sequence

from gromit.core.discrepancies.kinds import Discrepancy
from gromit.core.doctor.findings import FindingStatus
from gromit.core.doctor.reports import LINES_MAX, DoctorReport, ReportKind, report_line


def environments_report(compared: int, found: Sequence[Discrepancy]) -> DoctorReport:
    """Return the report of a comparison."""
    lines = tuple(
        report_line(str(d.kind), d.environment, FindingStatus.WRONG, (d.seen, d.remedy))
        for d in found[:LINES_MAX]
    )
    return DoctorReport(ReportKind.ENVIRONMENTS, compared, len(found), lines)
