"""Progress of the doctor: lines on a terminal, and events in a log."""

import sys

import click

from gromit.log import get_logger

log = get_logger(__name__)


def report_progress(text: str) -> None:
    """Show what is being looked at."""
    if sys.stderr.isatty():
        click.echo(text, err=True)
    else:
        log.info("doctor.looking", text=text)
