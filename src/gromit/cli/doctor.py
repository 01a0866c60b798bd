"""`gromit doctor`: looks at an installation, and says of each thing how it stands and how to mend it."""

import sys
from dataclasses import asdict

import click
import structlog

from gromit.bootstrap.doctor import build_doctor
from gromit.cli import FAILED, PARTLY, CliContext, Group, LongRunningCommand, pass_cli
from gromit.cli.render import print_rows
from gromit.core.doctor.findings import Finding, Health, overall_health

log = structlog.get_logger(__name__)

_COLUMNS = ("check", "subject", "state", "seen", "remedy")
_EXIT = {Health.SOUND: 0, Health.AILING: PARTLY, Health.BROKEN: FAILED}


@click.group(cls=Group)
def doctor() -> None:
    """Look at an installation; nothing is changed."""


@doctor.command(cls=LongRunningCommand)
@pass_cli
def aws(run: CliContext) -> int:
    """Look at an installation on AWS, before or after it is made. Ends with 0 if nothing is wrong, with 4 if something is."""
    findings = build_doctor(run.settings, _report).examine()
    print_rows([_row(f) for f in findings], _COLUMNS, run.output)
    return _EXIT[overall_health(findings)]


def _report(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(text, err=True)
    else:
        log.info("doctor.looking", text=text)


def _row(finding: Finding) -> dict[str, object]:
    wall = finding.wall
    figures = {**asdict(wall), "percent": wall.percent} if wall else None
    return {**asdict(finding), "wall": figures}
