"""Sweeps: a repository lists its branches, and loses its parts of environments without a branch."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import structlog

from gromit.core.environments import sweep
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import RowWrite, WriteAccepted
from gromit.core.environments.sweep import DeadBranch, SweepPolicy
from gromit.core.environments.v1_rows import is_v1_row
from gromit.core.names import branch_digest
from gromit.core.stack.catalogue import Catalogue
from gromit.errors import UnreadableRow
from gromit.services.ledger import Ledger

log = structlog.get_logger(__name__)

PAGE = 500


@dataclass(slots=True)
class SweepResult:
    """Result of a sweep: names of environments."""

    missing: list[str] = field(default_factory=list)
    """The list lacks their branch; a later list must lack it too before it counts as dead."""
    retired: list[str] = field(default_factory=list)
    """They have lost the repository's part, or are deleted if it was the last one."""
    waiting: list[str] = field(default_factory=list)
    """Their branch is dead, but one sweep retires only a share."""


@dataclass(slots=True)
class Sweeps:
    """Retires dead branches."""

    ledger: Ledger
    catalogue: Catalogue
    policy: SweepPolicy
    grace_ms: int
    _last: dict[str, int] = field(default_factory=dict)
    """Repository to the instant of its last sweep that retired a branch."""

    def run(self, repository: str, digests: Collection[str], stamp: ChangeContext) -> SweepResult:
        """Compare a complete list of a repository's branches with its parts of environments.

        Raises `InvalidInput` for an unknown repository.
        """
        self.catalogue.require(repository)
        listed, result = frozenset(digests), SweepResult()
        known, dead = 0, list[DeadBranch]()
        for environment in self._environments():
            branch = sweep.held_branch(environment, repository)
            if branch is None:
                continue
            known += 1
            is_listed = branch_digest(branch) in listed
            found = self._sight(environment, repository, stamp.now_ms, is_listed=is_listed)
            if found is not None:
                dead.append(found)
            elif not is_listed:
                result.missing.append(environment.name)
        self._retire(repository, known, dead, stamp, result)
        log.info(
            "sweep.done",
            repo=repository,
            branches=len(listed),
            missing=len(result.missing),
            retired=len(result.retired),
            waiting=len(result.waiting),
        )
        return result

    def _sight(
        self, environment: Environment, repository: str, now_ms: int, *, is_listed: bool
    ) -> DeadBranch | None:
        """Record whether a list has the branch; return the branch if it is dead."""
        since_ms = environment.missing.get(repository)
        if is_listed:
            if since_ms is not None:
                self._note(environment, sweep.found_again(environment, repository))
            return None
        if since_ms is None:
            self._note(environment, sweep.first_missing(environment, repository, now_ms))
            return None
        is_dead = now_ms - since_ms >= self.policy.pause_ms
        return DeadBranch(environment, since_ms) if is_dead else None

    def _retire(
        self,
        repository: str,
        known: int,
        dead: list[DeadBranch],
        stamp: ChangeContext,
        result: SweepResult,
    ) -> None:
        share = sweep.retired_share(known, dead, self.policy)
        last_ms = self._last.get(repository)
        if last_ms is not None and stamp.now_ms - last_ms < self.policy.pause_ms:
            share = 0  # repeated sweeps do not retire more than one
        tag = self.catalogue.default_tag(repository)
        for one in sorted(dead, key=lambda d: (d.since_ms, d.environment.name)):
            name = one.environment.name
            if len(result.retired) >= share:
                result.waiting.append(name)
                continue
            write = sweep.retire_dead(one, repository, tag, stamp, self.grace_ms)
            if isinstance(self.ledger.write(name, write, "retired"), WriteAccepted):
                result.retired.append(name)
                self._last[repository] = stamp.now_ms

    def _note(self, environment: Environment, write: RowWrite) -> None:
        # Past the ledger: nothing that watchers see has changed.
        self.ledger.store.write(environment.name, write)

    def _environments(self) -> Iterator[Environment]:
        """Yield all environments that are desired up and can be read."""
        after: str | None = None
        while True:
            page = self.ledger.store.page(after, PAGE)
            for row in page.rows:
                if is_v1_row(row) or row.get(Attribute.WANT) != Want.UP:
                    continue
                try:
                    yield parse_environment(row)
                except UnreadableRow:
                    continue
            after = page.last
            if after is None:
                return
