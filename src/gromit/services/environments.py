"""Requests of clients: builds, replacements, deletions and queries. Only the API uses this."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gromit.core.environments import desired_state, parking, pins, precedence, protection, refusals
from gromit.core.environments.attributes import VERSION, Attribute
from gromit.core.environments.desired_state import Build, NewIncarnation
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.fallbacks import branch_leaf
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.made_status import replaced_components
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import Row, WriteAccepted, WriteRefused, WriteResult
from gromit.core.environments.v1_rows import is_v1_tombstone
from gromit.core.names import EnvironmentName, parse_ref
from gromit.core.stack.catalogue import Catalogue
from gromit.errors import Conflict, InvalidInput, UnreadableRow
from gromit.ports import ImageRegistry
from gromit.services.creation_limits import CreationLimits
from gromit.services.fallbacks import FallbackLookup
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error
from gromit.services.replacing import Replacement, Replacer


class BuildResult(StrEnum):
    """Result of a reported build."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    STALE = "stale"
    RETRIED = "retried"
    PARKED = "parked"
    """It is recorded; the environment is parked, so nothing starts."""
    PINNED = "pinned"
    """It was rolled back from, so nothing starts."""


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

    environments: list[Environment]
    unreadable: list[UnreadableEntry]
    last: str | None
    """Name after which the next page begins; None if this was the last."""


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
        """Record a build. A new version of an existing environment costs one read and one write.

        Raises `InvalidInput` for an unknown repository, and `Conflict` if another branch comes
        before this one.
        """
        self.catalogue.require(build.repository)
        precedence.check_name(build, self.policy.protected)
        name = build.ref.environment
        for _ in range(ATTEMPTS):
            before = self.ledger.find(name)
            if before and pins.is_left(before.row, build.repository, build.version, build.ref.full):
                return self._stay_back(before, build)
            update = self._fallbacks.update(before, build.ref.leaf, build) if before else None
            is_parked = before is not None and before.parked
            write = desired_state.report(build, stamp, update)
            write = parking.build_write(write, is_parked=is_parked)
            outcome = self.ledger.write(name, write, "build")
            if isinstance(outcome, WriteAccepted):
                return _recorded(outcome.row)
            if result := self._after_refusal(outcome.row, build, stamp):
                receipt, environment = result
                if receipt in {BuildResult.DUPLICATE, BuildResult.STALE}:
                    environment = self.ledger.touch(environment, stamp)
                return receipt, environment
        raise contention_error(name)

    def _stay_back(self, environment: Environment, build: Build) -> tuple[BuildResult, Environment]:
        """Record only the place in the order of a build that was rolled back from."""
        if build.sequence is not None:
            self.ledger.write(environment.name, desired_state.record_sequence(build), "sequence")
        return BuildResult.PINNED, environment

    def _after_refusal(
        self, row: Row | None, build: Build, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment] | None:
        """Return the result of a report that the row refused; None to try again.

        | the row that refused                          | result                              |
        |-----------------------------------------------|-------------------------------------|
        | does not exist                                | a new incarnation                   |
        | is up, with another ref of the repository     | takes its place, or `Conflict`      |
        | is up, with this version and sequence         | a repeated report                   |
        | has this sequence or a greater one            | duplicate or stale, by the version  |
        | is a tombstone                                | a new incarnation                   |
        | is up, with this version                      | a repeated report                   |
        | anything else                                 | None                                |
        """
        if row is None:
            return self._create(None, build, stamp)
        environment = parse_environment(row)
        known = environment.versions.get(build.repository)
        is_up = environment.want is Want.UP
        if is_up and known and known.ref is not None and known.ref != build.ref.full:
            return self._take_over(environment, build, known.ref, stamp)
        is_same = environment.has_reported(build.repository, build.version)
        newest = environment.sequences.get(build.repository)
        is_again = is_up and is_same and build.sequence == newest
        is_old = build.sequence is not None and newest is not None and build.sequence <= newest
        if is_old and not is_again:
            return (BuildResult.DUPLICATE if is_same else BuildResult.STALE), environment
        if environment.gone_ms is not None:
            return self._create(environment, build, stamp)
        if is_up and is_same:
            return self._repeat(environment, build, stamp)
        # The build is new. Only the revision did not match: another change came after our read.
        return None

    def _take_over(
        self, environment: Environment, build: Build, held: str, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment] | None:
        """Take the place of a branch of the same repository; None to try again."""
        precedence.check_place(build, held)
        update = self._fallbacks.update(environment, build.ref.leaf, build)
        write = desired_state.take_over(build, held, stamp, update)
        write = parking.build_write(write, is_parked=environment.parked)
        outcome = self.ledger.write(environment.name, write, "build")
        if isinstance(outcome, WriteRefused):
            return None
        return _recorded(outcome.row)

    def _repeat(
        self, environment: Environment, build: Build, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment]:
        """Record what a repeated report adds, and retry a failed environment at once.

        If a fallback runs because the image was gone, the build has pushed it again.
        """
        name, repository = environment.name, build.repository
        if environment.versions[repository].ref is None:
            self.ledger.write(name, desired_state.record_ref(build), "ref")
        newest = environment.sequences.get(repository)
        if build.sequence is not None and build.sequence != newest:
            self.ledger.write(name, desired_state.record_sequence(build), "sequence")
        if replaced := replaced_components(environment.made, build.repository, build.version):
            write = desired_state.redeploy(replaced, str(stamp.now_ms), stamp)
            outcome = self.ledger.write(name, write, "redeploy")
            if isinstance(outcome, WriteAccepted):
                return BuildResult.RETRIED, parse_environment(outcome.row)
        if not environment.attempts:
            return BuildResult.DUPLICATE, environment
        # The writes above have changed the revision, on which an update of the fallbacks depends.
        now = self.ledger.find(name) or environment
        update = self._fallbacks.update(now, build.ref.leaf)
        write = desired_state.retry_now(stamp)
        if update.fallbacks:
            write = desired_state.renew_fallbacks(update, stamp)
        outcome = self.ledger.write(name, write, "retry")
        if isinstance(outcome, WriteAccepted):
            return BuildResult.RETRIED, parse_environment(outcome.row)
        # A worker has claimed it in the meantime, or another change has already scheduled it.
        return BuildResult.DUPLICATE, environment

    def _create(
        self, tombstone: Environment | None, build: Build, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment] | None:
        """Create an incarnation for a build; None if another request was faster."""
        name = build.ref.environment
        self.ledger.require_migrated(build.ref)
        self.limits.admit(self.ledger.store, build.repository, stamp)
        others = self.catalogue.repositories - {build.repository}
        before = tombstone.row if tombstone else None
        fallbacks = self._fallbacks.find_or_default(others, build.ref.leaf, name, before)
        new = NewIncarnation(self.new_id(), self._starts_protected(name), fallbacks)
        text = f"{build.repository} reported {build.version} of {build.ref.full}"
        write = desired_state.create_incarnation(
            before, new, desired_state.build_attributes(build), stamp, text
        )
        outcome = self.ledger.write(name, write, "created")
        if isinstance(outcome, WriteRefused):
            return None
        return BuildResult.ACCEPTED, parse_environment(outcome.row)

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
        """Merge these versions into an environment. One write."""
        self._check_versions(versions)
        name = self._readable_name(name_or_ref)
        write = desired_state.merge_versions(desired_state.reported_attributes(versions), stamp)
        return self._require_live(name_or_ref, self.ledger.write(name, write, "changed"))

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
        found, unreadable = [], []
        for row in page.rows:
            try:
                found.append(parse_environment(row))
            except (UnreadableRow, Conflict) as fault:
                name, is_tombstone = str(row[Attribute.NAME]), is_v1_tombstone(row)
                unreadable.append(UnreadableEntry(name, fault, is_tombstone))
        return EnvironmentPage(found, unreadable, page.last)

    def protect(self, name_or_ref: str, *, protected: bool, stamp: ChangeContext) -> Environment:
        """Refuse deletion of an environment, or allow it again. A repeated call changes nothing."""
        write = protection.protect(protected=protected, stamp=stamp)
        outcome = self.ledger.write(self._readable_name(name_or_ref), write, "protected")
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


def _recorded(row: Row) -> tuple[BuildResult, Environment]:
    environment = parse_environment(row)
    return (BuildResult.PARKED if environment.parked else BuildResult.ACCEPTED), environment
