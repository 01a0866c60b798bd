"""Ports of chitragupta: the tasks that have public addresses, and the zone with their names."""

from collections.abc import Collection, Sequence
from typing import Protocol

from gromit.core.dns.plan import RecordSet, ZoneChanges
from gromit.core.dns.tasks import TaskListing
from gromit.ports import Progress


class TaskSource(Protocol):
    """Public tasks and their addresses."""

    def public_tasks(self, environment: str | None = None) -> TaskListing:
        """Return all tasks of public components that have a public address.

        Tasks of all environments count, or those of one, whether they run, start or stop.
        """

    def running_tasks(self, environments: Collection[str]) -> TaskListing:
        """Return the tasks of a few environments that ECS reports as running.

        An environment without a cluster has none.
        """

    def tasks_of(self, environment: str) -> TaskListing:
        """Return the tasks of one environment that ECS reports as running.

        The caller knows that its cluster is one of this installation.
        """


class RecordStore(Protocol):
    """The public zone."""

    def records(self) -> Sequence[RecordSet]:
        """Return every record below our domain. Raises if the listing is incomplete."""

    def records_of(self, environment: str) -> Sequence[RecordSet]:
        """Return every record below an environment's name. Raises like `records`."""

    def apply(self, changes: ZoneChanges, progress: Progress) -> None:
        """Write the changes in batches within the zone's limits.

        Raises `BackendError` that names what was not written. `is_outdated` is set if a record was
        not as the plan assumed.
        """
