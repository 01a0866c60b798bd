"""The doctor: looks at an installation, one thing after the other, and says of each how it stands.

What cannot be looked at never keeps the rest from being looked at. Nothing is changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from gromit.core.doctor.findings import Check, Finding, FindingStatus, skipped, wrong
from gromit.errors import BackendError, GromitError
from gromit.ports import Progress

log = structlog.get_logger(__name__)

_UNKNOWN = "see what the message names"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorCheck:
    """One look: facts from outside, judged by the core."""

    check: Check
    subject: str = ""
    look: Callable[[], Sequence[Finding]]
    """May raise any `GromitError`: then that is what is wrong."""
    needs: tuple[Check, ...] = ()
    """Without these in order there is nothing to look at."""
    excused: bool = False
    """A backend that does not answer, or refuses, is no fault of the installation: the check is skipped."""


class Doctor:
    """Makes all examinations, in order."""

    def __init__(self, examinations: Sequence[DoctorCheck], tell: Progress) -> None:
        self._examinations = examinations
        self._tell = tell

    def examine(self) -> list[Finding]:
        """All findings. What is wrong, and every quota that AWS has told, is logged for alarms."""
        found: list[Finding] = []
        for examination in self._examinations:
            self._tell(f"looking at {examination.check} {examination.subject}".rstrip())
            new = _blocked(examination, found) or _run_check(examination)
            for finding in new:
                _record(finding)
            found += new
        return found


def _blocked(examination: DoctorCheck, found: Sequence[Finding]) -> list[Finding]:
    """The finding that an examination cannot be made for want of another; empty if it can."""
    sound = {f.check for f in found if f.state is FindingStatus.OK} - {
        f.check for f in found if f.state is FindingStatus.WRONG
    }
    missing = [need for need in examination.needs if need not in sound]
    if not missing:
        return []
    return [
        skipped(
            examination.check,
            f"needs what is not in order: {', '.join(missing)}",
            examination.subject,
        )
    ]


def _run_check(examination: DoctorCheck) -> list[Finding]:
    try:
        return list(examination.look())
    except GromitError as error:
        if examination.excused and isinstance(error, BackendError):
            return [skipped(examination.check, error.message, examination.subject)]
        return [
            wrong(examination.check, error.message, error.hint or _UNKNOWN, examination.subject)
        ]
    except Exception:  # a fault of our own must not hide what the other looks would find
        log.exception("doctor.bug", check=str(examination.check))
        remedy = "this is a bug in gromit; please report it with the lines of the log"
        return [wrong(examination.check, "the look itself has failed", remedy, examination.subject)]


def _record(finding: Finding) -> None:
    if finding.wall is not None:
        wall = finding.wall
        log.info(
            "doctor.quota",
            quota=str(wall.quota),
            used=wall.used,
            limit=wall.limit,
            percent=wall.percent,
            environments=wall.environments,
        )
    if finding.state is FindingStatus.WRONG:
        log.warning(
            "doctor.finding",
            check=str(finding.check),
            subject=finding.subject,
            seen=finding.seen,
            remedy=finding.remedy,
        )
