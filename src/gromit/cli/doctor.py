"""`gromit doctor`: check an installation and suggest fixes."""

from dataclasses import asdict

import click

from gromit.bootstrap.doctor import build_doctor
from gromit.cli import FAILED, PARTLY, CliContext, Group, LongRunningCommand, pass_cli
from gromit.cli.doctor_environments import environments
from gromit.cli.doctor_progress import report_progress
from gromit.cli.doctor_report import send_report
from gromit.cli.render import print_rows
from gromit.core.doctor.findings import Finding, Health, overall_health
from gromit.core.doctor.quotas import QuotaHeadroom
from gromit.core.doctor.reports import installation_report

_COLUMNS = ("check", "subject", "state", "seen", "remedy")
_EXIT = {Health.HEALTHY: 0, Health.DEGRADED: PARTLY, Health.BROKEN: FAILED}


@click.group(cls=Group)
def doctor() -> None:
    """Check an installation, and compare its environments with what exists."""


@doctor.command(cls=LongRunningCommand)
@pass_cli
def aws(run: CliContext) -> int:
    """Check an installation on AWS, before or after you create it.

    Exits with 0 if nothing is wrong, with 4 if something is, and with 1 if nothing is in order.
    """
    findings = build_doctor(run.settings, report_progress).run_checks()
    send_report(run, installation_report(findings))
    print_rows([_row(f) for f in findings], _COLUMNS, run.output)
    return _EXIT[overall_health(findings)]


doctor.add_command(environments)


def _row(finding: Finding) -> dict[str, object]:
    """Row of a table, or object of the JSON, whose field names are public."""
    return {
        "check": finding.check,
        "subject": finding.subject,
        "state": finding.state,
        "seen": finding.observed,
        "remedy": finding.remedy,
        "wall": _figures(finding.headroom) if finding.headroom else None,
    }


def _figures(headroom: QuotaHeadroom) -> dict[str, object]:
    figures = asdict(headroom)
    figures["told"] = figures.pop("from_aws")
    return {**figures, "percent": headroom.percent}
