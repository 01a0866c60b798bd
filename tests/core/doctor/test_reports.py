"""Reports of the doctors."""

from gromit.core.doctor import findings
from gromit.core.doctor.findings import Check, FindingStatus
from gromit.core.doctor.reports import TEXT_MAX, installation_report


def test_a_report_has_what_is_wrong_first_then_certificates_and_no_more() -> None:
    report = installation_report(
        [
            findings.ok(Check.ZONE, "fine"),
            findings.ok(Check.CERTIFICATE, "valid until 2027", "ca"),
            findings.wrong(Check.TABLE, "no recovery", "apply terraform/infra", "x" * 2 * TEXT_MAX),
        ]
    )
    assert [(line.check, line.state) for line in report.lines] == [
        ("table", FindingStatus.WRONG),
        ("certificate", FindingStatus.OK),
    ]
    assert len(report.lines[0].subject) == TEXT_MAX
    assert (report.checked, report.wrong, report.quotas) == (3, 1, ())
