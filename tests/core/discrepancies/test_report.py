"""Report of the doctor of environments."""

from gromit.core.discrepancies.kinds import Discrepancy, DiscrepancyKind, Repair
from gromit.core.discrepancies.report import environments_report
from gromit.core.doctor.findings import FindingStatus
from gromit.core.doctor.reports import LINES_MAX, ReportLine


def test_many_discrepancies_are_counted_and_some_are_kept() -> None:
    one = Discrepancy(
        kind=DiscrepancyKind.ORPHAN_STATE,
        environment="app",
        seen="seen",
        repair=Repair.PERSON,
        remedy="look",
    )
    report = environments_report(9, [one] * (LINES_MAX + 1))
    assert (report.checked, report.wrong, len(report.lines)) == (9, LINES_MAX + 1, LINES_MAX)
    assert report.lines[0] == ReportLine("orphan_state", "app", FindingStatus.WRONG, "seen", "look")
