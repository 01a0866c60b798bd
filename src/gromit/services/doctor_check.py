"""One check of the doctor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gromit.core.doctor.findings import Check, Finding

CheckFunction = Callable[[], Sequence[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorCheck:
    """One check: a function that looks facts up and lets the core judge them."""

    check: Check
    subject: str = ""
    run: CheckFunction
    """Returns findings. A `GromitError` that it raises becomes a finding."""
    needs: tuple[Check, ...] = ()
    """Checks that must be ok; otherwise this one is skipped."""
    optional: bool = False
    """Whether the check is skipped, not wrong, if a backend does not answer or denies access."""


def on_aws(
    check: Check, run: CheckFunction, *needs: Check, subject: str = "", optional: bool = False
) -> DoctorCheck:
    """Return a check that needs AWS, and so the identity of the credentials."""
    return DoctorCheck(
        check=check, run=run, needs=(Check.IDENTITY, *needs), subject=subject, optional=optional
    )
