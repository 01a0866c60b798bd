"""Repairs of discrepancies. Each one looks again before it acts, and acts under the locks.

Nothing is repaired while processing is suspended, and nothing is taken away from more environments
at once than a run of reap may destroy: such a plan has another reason, as a wrong table.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import structlog

from gromit.core.discrepancies.facts import InstallationInventory, RowFacts
from gromit.core.discrepancies.kinds import Discrepancy, DiscrepancyKind, Repair
from gromit.core.environments.phases import Phase
from gromit.core.environments.terraform_locks import FoundLock, Lock
from gromit.core.stack.image_marks import marks_of, used_mark
from gromit.core.stack.resources import Resource, ResourceKind
from gromit.errors import (
    BackendError,
    ConfigRootUnusable,
    Conflict,
    Denied,
    GromitError,
    Suspended,
    Temporary,
    UnsafePlan,
)
from gromit.ports import OwnerWatch, PlatformSource, Progress, StateBucket
from gromit.ports.image_marks import ImageMarks
from gromit.ports.inventory import ConfigFolders, RowDirectory, StateArchive
from gromit.services.clearing import Clearer

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RepairResult:
    """Result of one repair."""

    discrepancy: Discrepancy
    problem: str = ""
    """Why it was not made; empty if it was."""


_OF_SUBJECTS = frozenset({Repair.REMOVE, Repair.KEEP_IMAGE})
"""Repairs of one thing: an environment with several of them needs several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairer:
    """Makes the repairs that gromit may make."""

    rows: RowDirectory
    states: StateBucket
    archive: StateArchive
    owners: OwnerWatch
    clear: Clearer
    platform: PlatformSource
    folders: ConfigFolders | None
    retire_records: Callable[[str, Progress], None] | None
    """Removes all records of gromit for an environment; None without a zone."""
    guard: Callable[[], None]
    """Raises `Suspended` or `ConfigRootUnusable` if nothing may be changed."""
    marks: ImageMarks
    repositories: Collection[str]
    """Repositories of the catalogue."""
    installation: str = ""
    """Name of this installation; empty if it has none."""
    limit: int
    """Largest number of environments that lose something in one run."""

    def check(self, inventory: InstallationInventory, found: Sequence[Discrepancy]) -> None:
        """Raise `UnsafePlan` if too much would be taken away."""
        losing = {d.environment for d in found if d.repair.is_destructive}
        if losing and not inventory.rows:
            raise UnsafePlan(
                f"the table has no rows, and {len(losing)} environments exist",
                hint="check `tablename` and GROMIT_SERVE_URL; --force repairs nevertheless",
            )
        if len(losing) > self.limit:
            raise UnsafePlan(
                f"{len(losing)} environments would lose something, more than {self.limit}",
                hint="name some environments; --force repairs all of them nevertheless",
            )

    def run(self, found: Sequence[Discrepancy], progress: Progress) -> Iterator[RepairResult]:
        """Make all repairs, each one once for its environment. A failed one stops no other.

        Raises `Suspended` or `ConfigRootUnusable` before the first change that they forbid.
        """
        order = tuple(Repair)
        groups: dict[tuple[int, str, str], list[Discrepancy]] = {}
        for one in found:
            if one.repair is not Repair.PERSON:
                subject = one.subject if one.repair in _OF_SUBJECTS else ""
                key = (order.index(one.repair), one.environment, subject)
                groups.setdefault(key, []).append(one)
        for _, group in sorted(groups.items(), key=lambda item: item[0]):
            self.guard()
            problem = self._attempt(group[0], progress)
            yield from (RepairResult(one, problem) for one in group)

    def _attempt(self, one: Discrepancy, progress: Progress) -> str:
        """Make one repair, and return why it could not be made."""
        progress(f"{one.environment}: {one.remedy}")
        try:
            self._repair(one, progress)
        except (Suspended, ConfigRootUnusable):
            raise
        except GromitError as error:
            log.warning(
                "doctor.not_repaired",
                env=one.environment,
                kind=str(one.kind),
                repair=str(one.repair),
                reason=error.message,
            )
            return error.message
        log.warning(
            "doctor.repaired",
            env=one.environment,
            kind=str(one.kind),
            repair=str(one.repair),
            subject=one.subject,
        )
        return ""

    def _repair(self, one: Discrepancy, progress: Progress) -> None:
        name = one.environment
        if suspension := self.rows.suspension(name):
            raise Conflict(f"{name} is {suspension}")
        repairs: dict[Repair, Callable[[], None]] = {
            Repair.UNLOCK: lambda: self._unlock(one),
            Repair.SET_ASIDE_STATE: lambda: self._set_state_aside(one),
            Repair.SET_ASIDE_CONFIG: lambda: self._set_config_aside(name),
            Repair.RETIRE_RECORDS: lambda: self._retire(name, progress),
            Repair.RELEASE_IMAGES: lambda: self._release_images(name),
            Repair.REMOVE: lambda: self._remove(one, progress),
            Repair.REAP: lambda: self.rows.reap(name),
            Repair.REDEPLOY: lambda: self.rows.redeploy(name),
            Repair.KEEP_IMAGE: lambda: self._keep_image(one),
            Repair.RETRY: lambda: self.rows.retry(name),
        }
        repairs[one.repair]()

    def _keep_image(self, one: Discrepancy) -> None:
        repository, _, digest = one.subject.partition("@")
        row = self.rows.find(one.environment)
        if row is None or not row.is_desired or digest not in row.built.values():
            raise Conflict(f"{one.environment} does not run {one.subject} any more")
        if self.marks.mark([(repository, digest)], used_mark(one.environment, self.installation)):
            raise Conflict(f"image {one.subject} is gone")

    def _unlock(self, one: Discrepancy) -> None:
        name = one.environment
        self._require_free(self.rows.find(name), name)
        found = self.states.find_lock(name)
        if found is None or found.id != one.subject:
            raise Conflict(f"the lock on {name} has changed meanwhile")
        verdict = self.owners.check_owner(found)
        if not verdict.dead:
            raise Conflict(f"the lock on {name} stays: {verdict.reason}")
        if not self.states.unlock(found):
            raise Conflict(f"the lock on {name} has changed meanwhile")

    def _set_state_aside(self, one: Discrepancy) -> None:
        name = one.environment
        with self._locked(name) as lock:
            row = self.rows.find(name)
            self._require_free(row, name)
            if one.kind is DiscrepancyKind.ORPHAN_STATE:
                _require_ended(row, name)
            elif not self._is_foreign(name):
                raise Conflict(f"the state of {name} has changed meanwhile")
            self.archive.set_aside(lock)
        if row is None or row.is_tombstone:
            return
        if row.is_settled:
            self.rows.redeploy(name)
        else:
            with suppress(Conflict):  # what is not due yet becomes so by itself
                self.rows.retry(name)

    def _is_foreign(self, name: str) -> bool:
        try:
            head = self.states.head(name)
        except (Temporary, Denied):
            raise
        except BackendError:
            return True
        return head is not None and bool(head.strangers(name))

    def _set_config_aside(self, name: str) -> None:
        if self.folders is None:
            raise Conflict("the config root is not on this machine")
        _require_ended(self.rows.find(name), name)
        self.folders.set_aside(name)

    def _retire(self, name: str, progress: Progress) -> None:
        if self.retire_records is None:
            raise Conflict("no zone is set")
        _require_ended(self.rows.find(name), name)
        self.retire_records(name, progress)

    def _release_images(self, name: str) -> None:
        with self._locked(name):  # sow tags images under the same lock
            _require_ended(self.rows.find(name), name)
            self.marks.unmark(self.repositories, marks_of(name, self.installation))

    def _remove(self, one: Discrepancy, progress: Progress) -> None:
        name = one.environment
        with self._locked(name):
            row = self.rows.find(name)
            self._require_free(row, name)
            if row is None or not row.is_settled or row.protected:
                raise Conflict(f"{name} has changed meanwhile")
            self.clear(name, lambda: self._strays(name, one.subject), progress)

    def _strays(self, name: str, subject: str) -> Sequence[Resource]:
        """Return what a stray consists of, if the state still does not contain it."""
        head = self.states.head(name)
        if head is None or not head.resources or head.strangers(name):
            raise Conflict(f"the state of {name} has changed meanwhile")
        held = set(head.held.values())
        found = self.clear.resources.find(name, self.platform.read())
        return [
            resource
            for resource in found
            if resource.is_ours and resource.key not in held and _is_part(resource, subject)
        ]

    @contextmanager
    def _locked(self, name: str) -> Iterator[Lock]:
        """Hold the lock on an environment's state, as workers do."""
        lock = self.states.lock(name, self.owners.identify(), "doctor")
        if isinstance(lock, FoundLock):
            raise Conflict(f"the state of {name} is locked by {lock.who}")
        try:
            yield lock
        finally:
            self.states.unlock(lock)

    def _require_free(self, row: RowFacts | None, name: str) -> None:
        """Raise `Conflict` if a worker has the environment."""
        # A worker reports its end before the lease is over, so the phase shows a lease that counts.
        if row is not None and row.phase in {Phase.SOWING, Phase.REAPING}:
            raise Conflict(f"a worker has {name}")


def _require_ended(row: RowFacts | None, name: str) -> None:
    """Raise `Conflict` unless nothing of the environment should exist."""
    if row is not None and not row.is_tombstone:
        raise Conflict(f"{name} has a row again")


def _is_part(resource: Resource, subject: str) -> bool:
    """Whether a resource is the subject of a discrepancy, or a revision of that family."""
    name = resource.id
    if resource.kind is ResourceKind.DEFINITION:
        name = resource.id.rpartition("/")[2].rpartition(":")[0]
    return f"{resource.kind} {name}" == subject
