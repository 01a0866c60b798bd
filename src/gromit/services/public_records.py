"""Public records of the one environment that sow works on.

A Fargate task takes its public address along when it ends, and AWS gives the address to others. So
sow does not leave the records to chitragupta's next pass, which may be many minutes away.
"""

from dataclasses import dataclass
from typing import Protocol

import structlog

from gromit.core.dns.plan import ZoneChanges
from gromit.errors import GromitError
from gromit.ports import Progress

log = structlog.get_logger(__name__)


class RecordKeeper(Protocol):
    """Keeper of the public records of single environments: chitragupta."""

    def publish(self, environment: str, progress: Progress) -> ZoneChanges:
        """Bring the records of an environment in line with its tasks, and return the plan."""

    def retire(self, environment: str, progress: Progress) -> None:
        """Delete all records of an environment."""


@dataclass(frozen=True, slots=True)
class PublicRecords:
    """Public records of environments, as sow changes them."""

    keeper: RecordKeeper | None
    """None if no public zone is set: then environments have no public names."""

    def update(self, environment: str, progress: Progress) -> None:
        """Bring the records in line with the running tasks.

        A failure is logged and never raised. The environment runs as desired, and chitragupta's
        next pass finds the same differences.
        """
        if self.keeper is None:
            return
        try:
            changes = self.keeper.publish(environment, progress)
        except GromitError as error:
            progress(f"its public records are not up to date: {error.message}")
            log.warning(
                "records.not_updated", env=environment, reason=error.message, hint=error.hint
            )
            return
        for record, reason in changes.blocked:
            progress(f"{record.name} is not published: {reason}")

    def remove(self, environment: str, progress: Progress) -> None:
        """Delete all records, before the tasks stop. Raises a `GromitError` if one remains."""
        if self.keeper is not None:
            progress("removing its DNS records")
            self.keeper.retire(environment, progress)
