"""Requests of clients: builds, replacements, deletions and queries. Only the API uses this."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gromit.core.environments import (
    desired_state,
    precedence,
    protection,
    refusals,
)
from gromit.core.environments.attributes import VERSION, WANTED_PROJECTION, Attribute
from gromit.core.environments.desired_state import Build
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.fallbacks import branch_leaf
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want
from gromit.core.environments.protection import ProtectionChange
from gromit.core.environments.row_writes import Row, WriteAccepted, WriteResult
from gromit.core.environments.sleep import waking
from gromit.core.environments.v1_rows import is_v1_tombstone
from gromit.core.names import EnvironmentName, parse_ref
from gromit.core.stack.catalogue import Catalogue
from gromit.errors import Conflict, InvalidInput, UnreadableRow
from gromit.ports import ImageRegistry
from gromit.services.creation_limits import CreationLimits
from gromit.services.fallbacks import FallbackLookup
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error
from gromit.services.remembered_images import RememberedImages
from gromit.services.replacing import Replacement, Replacer
from gromit.services.reporting import BuildReporter, BuildResult


@dataclass(frozen=True, slots=True)
class EnvironmentPolicy:
    """Settings of this service."""

    protected: tuple[str, ...]
    """Names, with `*` as wildcard, that are protected from their creation on."""
    grace_ms: int
    """Time between deletion and reaping."""


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """A row that cannot be parsed, for example after a manual edit, or one of gromit v1."""

    name: str
    fault: UnreadableRow | Conflict
    is_tombstone: bool = False
    """Whether gromit v1 had deleted the environment."""


@dataclass(frozen=True, slots=True)
class EnvironmentPage:
    """One page of the list of environments."""

    entries: list[Environment | UnreadableEntry]
    """In the order of the store: the next page can begin behind each of them."""
    last: str | None
    """Name after which the next page begins; None if this was the last."""
    is_cut: bool = False
    """Whether the store has ended the page before its limit."""

    @property
    def environments(self) -> list[Environment]:
        """Those that can be parsed."""
        return [e for e in self.entries if isinstance(e, Environment)]

    @property
    def unreadable(self) -> list[UnreadableEntry]:
        """Rows that cannot be parsed."""
        return [e for e in self.entries if isinstance(e, UnreadableEntry)]


@dataclass(frozen=True, slots=True)
class Environments:
    """Registry of environments."""

    ledger: Ledger
    images: ImageRegistry
    catalogue: Catalogue
    policy: EnvironmentPolicy
    new_id: Callable[[], str]
    limits: CreationLimits = field(default_factory=CreationLimits)

    def report(self, build: Build, stamp: ChangeContext) -> tuple[BuildResult, Environment]:
        """Record a build.

        Raises `InvalidInput` for an unknown repository, and `Conflict` if another branch comes
        before this one.
        """
        # A guess of the row that was stale asks again what the registry has.
        fallbacks = FallbackLookup(RememberedImages(self.images), self.catalogue)
        reporter = BuildReporter(
            self.ledger, fallbacks, self.policy.protected, self.new_id, self.limits
        )
        return reporter(build, stamp)

    def put(
        self, name_or_ref: str, versions: Mapping[str, str], stamp: ChangeContext
    ) -> Environment:
        """Create an environment with these versions, or replace its versions.

        The other repositories get their fallbacks.
        """
        self._check_versions(versions)
        name = self.ledger.resolve(name_or_ref)
        request = Replacement(name, parse_ref(name_or_ref).leaf, versions, stamp)
        return Replacer(self.ledger, self._fallbacks, self.new_id)(
            request, protected=self._starts_protected(name)
        )

    def patch(
        self, name_or_ref: str, versions: Mapping[str, str], stamp: ChangeContext
    ) -> Environment:
        """Merge these versions into an environment, which wakes it if it sleeps.

        One write, if this process knows the row.
        """
        self._check_versions(versions)
        name = self.ledger.resolve(name_or_ref)
        write = desired_state.merge_versions(desired_state.reported_attributes(versions), stamp)
        guessed, known = None, self.ledger.known_environment(name)
        if known is not None:
            guessed = self.ledger.write_known(known, waking(write, known, stamp), "changed")
            if isinstance(guessed, WriteAccepted):
                return parse_environment(guessed.row)
        # A refusal has the row as it is now.
        row = self.ledger.read(name) if guessed is None else guessed.row
        for _ in range(ATTEMPTS):
            found = None if row is None else parse_environment(row)
            environment = self._require(name_or_ref, found)
            outcome = self.ledger.write(name, waking(write, environment, stamp), "changed")
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
            row = outcome.row
        raise contention_error(name)

    def delete(self, name_or_ref: str, stamp: ChangeContext) -> None:
        """Delete an environment; one that is deleted already stays as it is.

        Raises `Conflict` if it is protected.
        """
        name = self._readable_name(name_or_ref)
        write = desired_state.delete(stamp, self.policy.grace_ms, "requested")
        outcome = self.ledger.write(name, write, "deleted")
        if isinstance(outcome, WriteAccepted):
            return
        # Refused, and yet up: only protection is left as the reason.
        if self._require_live(name_or_ref, outcome).want is Want.UP:
            raise refusals.is_protected(name)

    def retire(self, name_or_ref: str, repository: str, stamp: ChangeContext) -> None:
        """Record that a repository's branch was deleted. The last one deletes the environment.

        `name_or_ref` is the environment's name, or the ref of the branch. A repeated call changes
        nothing. Raises `TrustError` if the repository never reported a version here, or has one of
        another branch with the same name, and `Conflict` if the environment is protected.
        """
        name, tag = self.ledger.resolve(name_or_ref), self.catalogue.default_tag(repository)
        for attempt in range(ATTEMPTS):
            environment = self._require(name_or_ref, self.ledger.find(name))
            refusals.check_ref(environment, repository, name_or_ref)
            is_reported = repository in environment.reported
            # After the first attempt the version may be missing because our own write succeeded
            # and its answer was lost.
            is_done = refusals.is_retired(environment, repository) or (attempt and not is_reported)
            if environment.want is Want.GONE or is_done:
                return
            if not is_reported:
                raise refusals.never_reported(repository, name)
            if environment.protected:
                raise refusals.is_protected(name)
            write = desired_state.retire(environment.row, repository, tag, stamp)
            if environment.reported == {repository}:
                write = desired_state.retire_last_repository(
                    environment.row, repository, tag, stamp, self.policy.grace_ms
                )
            if isinstance(self.ledger.write(name, write, "retired"), WriteAccepted):
                return
        raise contention_error(name)

    def get(self, name_or_ref: str) -> Environment:
        """Return an environment that is not gone. Raises `NotFound`."""
        return self._require(name_or_ref, self.ledger.find(self.ledger.resolve(name_or_ref)))

    def inspect(self, name_or_ref: str, repository: str | None = None) -> Environment:
        """Return an environment, or the tombstone of one. Raises `NotFound`.

        With a repository, one without a reported version of it is not found either.
        """
        row = self.ledger.read(self.ledger.resolve(name_or_ref))
        # Before the row is parsed: that one exists and is damaged is nothing for others, either.
        if row is None or (repository is not None and VERSION + repository not in row):
            raise refusals.not_found(name_or_ref)
        return parse_environment(row)

    def page(self, after: str | None, limit: int) -> EnvironmentPage:
        """Return environments and tombstones, at most `limit`, behind the name `after`."""
        page = self.ledger.store.page(after, limit)
        return EnvironmentPage([_entry(row) for row in page.rows], page.last, page.is_cut)

    def wanted_page(self, after: str | None, limit: int) -> EnvironmentPage:
        """Return the same page with less of each row: whether it is wanted, and what runs."""
        page = self.ledger.store.page(after, limit, WANTED_PROJECTION)
        return EnvironmentPage([_entry(row) for row in page.rows], page.last, page.is_cut)

    def protect(self, name_or_ref: str, *, protected: bool, stamp: ChangeContext) -> Environment:
        """Refuse deletion of an environment, or allow it again. A repeated call changes nothing."""
        write = protection.protect(protected=protected, stamp=stamp)
        kind = ProtectionChange.to(protected=protected)
        outcome = self.ledger.write(self._readable_name(name_or_ref), write, kind)
        environment = self._require_live(name_or_ref, outcome)
        if environment.want is Want.GONE:
            raise refusals.deleted(environment)
        return environment

    def redeploy(
        self, name_or_ref: str, component: str | None, stamp: ChangeContext, mark: str | None = None
    ) -> Environment:
        """Redeploy one component, or all, with the images that the fallbacks have now.

        A repeated call with the same `mark` (default: the time) changes nothing.
        """
        components = self._components(component)
        name, mark = self.ledger.resolve(name_or_ref), mark or str(stamp.now_ms)
        for _ in range(ATTEMPTS):
            environment = self._require(name_or_ref, self.ledger.find(name))
            if environment.want is Want.GONE:
                raise refusals.deleted(environment)
            if all(environment.redeploys.get(c) == mark for c in components):
                return environment
            update = self._fallbacks.update(environment, branch_leaf(environment))
            write = desired_state.redeploy(components, mark, stamp, update)
            write = waking(write, environment, stamp)
            outcome = self.ledger.write(name, write, "redeploy")
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)

    def retry(self, name_or_ref: str, stamp: ChangeContext) -> Environment:
        """Make work that failed or was put off due at once. What is due already stays as it is.

        Raises `Conflict` if a worker has the environment, if nothing is left to do, and within the
        grace period of a deletion.
        """
        name = self.ledger.resolve(name_or_ref)
        for _ in range(ATTEMPTS):
            environment = self._require(name_or_ref, self.ledger.find(name))
            if refusal := refusals.retry(environment, stamp.now_ms):
                raise refusal
            if not environment.attempts and environment.due_ms <= stamp.now_ms:
                return self.ledger.touch(environment, stamp)
            write = desired_state.make_due(environment.row, stamp)
            outcome = self.ledger.write(name, write, "retry")
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)

    @property
    def _fallbacks(self) -> FallbackLookup:
        return FallbackLookup(self.images, self.catalogue)

    def _readable_name(self, name_or_ref: str) -> EnvironmentName:
        """Return the name of a row that is not damaged, for a write that reads nothing before."""
        name = self.ledger.resolve(name_or_ref)
        self.ledger.find(name)
        return name

    def _require(self, name_or_ref: str, environment: Environment | None) -> Environment:
        if environment is None or environment.gone_ms is not None:
            raise refusals.not_found(name_or_ref)
        return environment

    def _require_live(self, name_or_ref: str, outcome: WriteResult) -> Environment:
        row = outcome.row
        return self._require(name_or_ref, parse_environment(row) if row is not None else None)

    def _components(self, component: str | None) -> list[str]:
        if component is None:
            return list(self.catalogue.components)
        if component not in self.catalogue.components:
            known = ", ".join(sorted(self.catalogue.components))
            raise InvalidInput(
                f"there is no component {component!r}", hint=f"components are {known}"
            )
        return [component]

    def _starts_protected(self, name: str) -> bool:
        return precedence.is_protected_name(name, self.policy.protected)

    def _check_versions(self, versions: Mapping[str, str]) -> None:
        for repository in versions:
            self.catalogue.require(repository)


def _entry(row: Row) -> Environment | UnreadableEntry:
    try:
        return parse_environment(row)
    except (UnreadableRow, Conflict) as fault:
        return UnreadableEntry(str(row[Attribute.NAME]), fault, is_v1_tombstone(row))
