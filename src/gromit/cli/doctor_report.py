"""Report of a doctor's daily run to serve, for the page of the platform."""

from dataclasses import asdict

from gromit.cli import CliContext
from gromit.cli.serve_requests import connected_serve
from gromit.core.doctor.reports import DoctorReport
from gromit.errors import GromitError
from gromit.log import get_logger

log = get_logger(__name__)


def send_report(run: CliContext, report: DoctorReport) -> None:
    """Send a report if `doctor.report` asks for it. A failure is logged, and changes no result."""
    if not run.settings.doctor.report:
        return
    try:
        connected_serve(run).post("/v1/reports", asdict(report))
    except GromitError as error:
        log.warning("doctor.not_reported", reason=error.message)
