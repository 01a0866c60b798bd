"""The doctor of environments: finds discrepancies, and reports them for alarms."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import structlog

from gromit.core.discrepancies.facts import InstallationInventory
from gromit.core.discrepancies.finding import find_discrepancies
from gromit.core.discrepancies.kinds import Discrepancy
from gromit.ports import Progress

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EnvironmentsReport:
    """Result of a comparison."""

    inventory: InstallationInventory
    discrepancies: Sequence[Discrepancy]


@dataclass(frozen=True, slots=True)
class EnvironmentDoctor:
    """Compares everything that exists with the table. It changes nothing."""

    take: Callable[[Progress], InstallationInventory]

    def __call__(self, names: Collection[str], progress: Progress) -> EnvironmentsReport:
        """Find the discrepancies of the named environments; of all without names."""
        inventory = self.take(progress)
        found = [d for d in find_discrepancies(inventory) if not names or d.environment in names]
        for one in found:
            log.warning(
                "doctor.discrepancy",
                env=one.environment,
                kind=str(one.kind),
                subject=one.subject,
                seen=one.seen,
                repair=str(one.repair),
            )
        log.info(
            "doctor.compared",
            environments=len(inventory.rows),
            discrepancies=len(found),
            for_operators=sum(not one.is_of_build for one in found),
        )
        return EnvironmentsReport(inventory, found)
