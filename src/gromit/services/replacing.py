"""Replacement of all versions of an environment (PUT), which creates it if there is none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gromit.core.environments import desired_state
from gromit.core.environments.desired_state import NewIncarnation
from gromit.core.environments.environment import (
    Environment,
    RepositoryVersion,
    Source,
    parse_environment,
)
from gromit.core.environments.fallbacks import dead_before
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.row_writes import Row, RowWrite, WriteAccepted, WriteRefused
from gromit.core.environments.sleep import waking
from gromit.core.environments.upserts import has_other_versions, upsert_versions
from gromit.errors import BackendError
from gromit.services.fallbacks import FallbackLookup
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error


@dataclass(frozen=True, slots=True)
class Replacement:
    """Versions that an environment is to have."""

    name: str
    leaf: str
    """Last path element of the branch, with which images may be tagged."""
    versions: Mapping[str, str]
    stamp: ChangeContext


@dataclass(frozen=True, slots=True)
class Replacer:
    """Replaces the versions of environments."""

    ledger: Ledger
    fallbacks: FallbackLookup
    new_id: Callable[[], str]

    def __call__(self, request: Replacement, *, protected: bool) -> Environment:
        """Return the environment afterwards. `protected` is that of a new one.

        It costs one write, and what it takes to find the other repositories' fallbacks.
        """
        fallbacks = self._fallbacks(request, None)
        new = NewIncarnation(self.new_id(), protected, fallbacks)
        row, is_done = self._upsert(request, new)
        for _ in range(ATTEMPTS):
            if is_done:
                break
            outcome = self.ledger.write(request.name, self._write(request, row, new), "replaced")
            row, is_done = outcome.row, isinstance(outcome, WriteAccepted)
        if row is None or not is_done:
            raise contention_error(request.name)
        return parse_environment(row)

    def _upsert(self, request: Replacement, new: NewIncarnation) -> tuple[Row | None, bool]:
        """Return the row, and whether it is as requested."""
        repositories = self.fallbacks.catalogue.repositories | set(request.versions)
        reported = desired_state.reported_attributes(request.versions)
        write = upsert_versions(repositories, reported, new, request.stamp)
        if request.stamp.requester is not None:
            return self.ledger.read(request.name), False  # only a new incarnation gets it
        try:
            outcome = self.ledger.write_unread(request.name, write, "replaced")
        except BackendError:
            # DynamoDB answers so for some damaged rows. If it fails, so does the read.
            return self.ledger.read(request.name), False
        if isinstance(outcome, WriteRefused):
            return outcome.row, False
        return outcome.row, not has_other_versions(outcome.row, repositories)

    def _write(self, request: Replacement, row: Row | None, new: NewIncarnation) -> RowWrite:
        """Return the write for a row that is known. Raises `UnreadableRow` and `Conflict`."""
        reported = desired_state.reported_attributes(request.versions)
        is_branchs = any(f.source is Source.BRANCH for f in new.fallbacks.values())
        if row is not None and is_branchs and dead_before(row) is not None:
            new = replace(new, fallbacks=self._fallbacks(request, row))
        before = parse_environment(row) if row is not None else None
        if before is None or before.gone_ms is not None:
            return desired_state.create_incarnation(
                row, new, reported, request.stamp, "versions given"
            )
        write = desired_state.replace_versions(before.row, reported, new.fallbacks, request.stamp)
        return waking(write, before, request.stamp)

    def _fallbacks(self, request: Replacement, row: Row | None) -> Mapping[str, RepositoryVersion]:
        others = self.fallbacks.catalogue.repositories - set(request.versions)
        return self.fallbacks.find(others, request.leaf, request.name, row)
