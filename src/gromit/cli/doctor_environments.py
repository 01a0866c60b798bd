"""`gromit doctor environments`: find what is out of step with the table, and repair it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gromit.bootstrap.environment_doctor import DoctorParts, build_environment_doctor
from gromit.cli import PARTLY, CliContext, LongRunningCommand, pass_cli
from gromit.cli.doctor_progress import report_progress
from gromit.cli.doctor_report import send_report
from gromit.cli.render import print_line, print_rows
from gromit.core.discrepancies.kinds import Discrepancy, Repair
from gromit.core.discrepancies.report import environments_report
from gromit.core.names import parse_ref
from gromit.services.environment_doctor import EnvironmentsReport

_COLUMNS = ("environment", "kind", "seen", "repair", "remedy")
_NONE = "no discrepancies"


@click.command(cls=LongRunningCommand)
@click.argument("root", required=False, type=click.Path(path_type=Path))
@click.option("-e", "--env", "names", multiple=True, help="Only this environment; repeatable.")
@click.option("--fix", is_flag=True, help="Repair what gromit may repair.")
@click.option("--yes", is_flag=True, help="Do not ask before the repairs.")
@click.option(
    "--force", is_flag=True, help="Repair without a limit, also if the table has no rows."
)
@pass_cli
def environments(
    run: CliContext, root: Path | None, names: tuple[str, ...], *, fix: bool, yes: bool, force: bool
) -> int:
    """Compare the table with states, resources, records, config folders and images.

    Without --fix nothing is changed: `repair` and `remedy` show what --fix would do. It needs the
    config root, because nothing is repaired while processing is suspended.

    Exits with 0 if nothing is wrong, or everything was repaired, and with 4 otherwise.
    """
    parts = build_environment_doctor(run.settings, _root(run, root))
    found = parts.doctor({parse_ref(name).environment for name in names}, report_progress)
    if not names:
        send_report(run, environments_report(len(found.inventory.rows), found.discrepancies))
    if not fix or not found.discrepancies:
        rows = [_row(one) for one in found.discrepancies]
        print_rows(rows, _COLUMNS, run.output, empty=_NONE)
        return PARTLY if found.discrepancies else 0
    results = make_repairs(parts, found, ask=not yes, force=force)
    rows = [_row(one, results.get(one, "")) for one in found.discrepancies]
    print_rows(rows, (*_COLUMNS, "result"), run.output)
    is_clean = len(results) == len(found.discrepancies) and set(results.values()) == {"repaired"}
    return 0 if is_clean else PARTLY


def make_repairs(
    parts: DoctorParts, found: EnvironmentsReport, *, ask: bool, force: bool
) -> Mapping[Discrepancy, str]:
    """Make the repairs after a confirmation, and return the result of each."""
    repairer, discrepancies = parts.repairer, found.discrepancies
    repairer.guard()
    if not force:
        repairer.check(found.inventory, discrepancies)
    wanted = [one for one in discrepancies if one.repair is not Repair.PERSON]
    if ask and wanted:
        _show_plan(wanted)
        click.confirm(f"Make these {len(wanted)} repairs?", abort=True, err=True)
    return {
        result.discrepancy: result.problem or "repaired"
        for result in repairer.run(wanted, report_progress)
    }


def _show_plan(wanted: Sequence[Discrepancy]) -> None:
    for one in wanted:
        print_line(f"{one.environment}: {one.seen}; {one.remedy}", err=True)


def _root(run: CliContext, root: Path | None) -> Path | None:
    """Return the config root; None if none is given and the one in the settings is not here."""
    if root is not None:
        return root
    return run.settings.root if run.settings.root.is_dir() else None


def _row(one: Discrepancy, result: str | None = None) -> dict[str, Any]:
    """Row of a table, or object of the JSON, whose field names are public."""
    row = {
        "environment": one.environment,
        "kind": one.kind,
        "subject": one.subject,
        "seen": one.seen,
        "repair": one.repair,
        "remedy": one.remedy,
    }
    return row if result is None else {**row, "result": result}
