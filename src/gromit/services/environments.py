"""What clients ask of environments: builds, replacements, deletions, and looking at them. Used by the API alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from urllib.parse import unquote

import structlog

from gromit.core.environments import wanted
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import (
    Environment,
    RepositoryVersion,
    Source,
    Want,
    parse_environment,
)
from gromit.core.environments.fallbacks import FallbackUpdate, follows_branch
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.rows import Row, WriteAccepted, WriteRefused, WriteResult
from gromit.core.environments.wanted import Build, NewIncarnation
from gromit.core.names import EnvironmentName, is_environment_name, is_tag, parse_ref
from gromit.core.stack.catalogue import Catalogue
from gromit.errors import BackendError, Conflict, InvalidInput, NotFound, TrustError
from gromit.ports import ImageRegistry
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error

log = structlog.get_logger(__name__)


class BuildResult(StrEnum):
    """What a reported build has led to."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    STALE = "stale"
    RETRIED = "retried"


@dataclass(frozen=True, slots=True)
class EnvironmentPolicy:
    """Settings of this service."""

    protected: tuple[str, ...]
    """Names, with `*` as wildcard, that are protected from the beginning."""
    grace_ms: int
    """Time between deletion and reaping."""


@dataclass(frozen=True, slots=True)
class EnvironmentPage:
    """A part of all environments."""

    environments: list[Environment]
    unreadable: list[str]
    """Names of rows that were changed by hand so that they cannot be understood."""
    last: str | None
    """Where the next part begins; None if this was the last."""


@dataclass(frozen=True, slots=True)
class Environments:
    """The registry of environments."""

    ledger: Ledger
    images: ImageRegistry
    catalogue: Catalogue
    policy: EnvironmentPolicy
    new_id: Callable[[], str]

    # ── builds ────────────────────────────────────────────────────────────────────────────────────

    def report(self, build: Build, stamp: ChangeContext) -> tuple[BuildResult, Environment]:
        """Take a build in. One read and one write for an environment that exists and hears something new.

        Raises `InvalidInput` for an unknown repository and `Conflict` if another ref of the repository has the name.
        """
        self.catalogue.require(build.repository)
        name = build.ref.environment
        for _ in range(ATTEMPTS):
            row = self.ledger.read(name)
            moved = self._moved(row, build.ref.last, build) if row is not None else None
            outcome = self.ledger.write(name, wanted.report(build, stamp, moved), "build")
            if isinstance(outcome, WriteAccepted):
                return BuildResult.ACCEPTED, parse_environment(outcome.row)
            row = outcome.row
            settled = (
                self._start(None, build, stamp) if row is None else self._refused(row, build, stamp)
            )
            if settled:
                return settled
        raise contention_error(name)

    def _refused(
        self, row: Row, build: Build, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment] | None:
        """What a refused report means; None if the row has changed since and the report is to be tried again."""
        environment = parse_environment(row)
        known = environment.versions.get(build.repository)
        up = environment.want is Want.UP
        if up and known and known.ref is not None and known.ref != build.ref.full:
            raise Conflict(
                f"{build.repository} already has {known.ref!r} in environment {environment.name}",
                hint=f"delete or rename one of the branches {known.ref!r} and {build.ref.full!r}: both would be {environment.name}",
            )
        same = (
            known is not None and known.source is Source.REPORTED and known.version == build.version
        )
        newest = environment.sequences.get(build.repository)
        if build.sequence is not None and newest is not None and build.sequence <= newest:
            if up and same and build.sequence == newest:
                return self._said_again(row, build, stamp)
            return (BuildResult.DUPLICATE if same else BuildResult.STALE), environment
        if environment.gone_ms is not None:
            return self._start(row, build, stamp)
        return self._said_again(row, build, stamp) if up and same else None

    def _said_again(
        self, row: Row, build: Build, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment]:
        environment = parse_environment(row)
        if environment.versions[build.repository].ref is None:
            self.ledger.write(environment.name, wanted.record_ref(build), "ref")
        if build.sequence is not None and build.sequence != environment.sequences.get(
            build.repository
        ):
            self.ledger.write(environment.name, wanted.record_sequence(build), "sequence")
        if environment.attempts:
            now = self.ledger.read(environment.name) or row
            moved = self._moved(now, build.ref.last)
            write = (
                wanted.renew_fallbacks(moved, stamp) if moved.fallbacks else wanted.retry_now(stamp)
            )
            outcome = self.ledger.write(environment.name, write, "retry")
            if isinstance(outcome, WriteAccepted):
                return BuildResult.RETRIED, parse_environment(outcome.row)
        return BuildResult.DUPLICATE, environment

    def _start(
        self, before: Row | None, build: Build, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment] | None:
        name = build.ref.environment
        others = self.catalogue.repositories - {build.repository}
        birth = NewIncarnation(
            self.new_id(), self._is_protected(name), self._fallbacks(others, build.ref.last, name)
        )
        text = f"{build.repository} reported {build.version} of {build.ref.full}"
        write = wanted.create_incarnation(
            before, birth, wanted.build_attributes(build), stamp, text
        )
        outcome = self.ledger.write(name, write, "created")
        return (
            (BuildResult.ACCEPTED, parse_environment(outcome.row))
            if isinstance(outcome, WriteAccepted)
            else None
        )

    # ── the old interface ─────────────────────────────────────────────────────────────────────────

    def put(self, asked: str, versions: Mapping[str, str], stamp: ChangeContext) -> Environment:
        """Create an environment with these versions, or replace those that it has. Others get their fallbacks."""
        self._check_versions(versions)
        name = self._name(asked)
        reported = wanted.reported_attributes(versions)
        fallbacks = self._fallbacks(
            self.catalogue.repositories - set(versions), parse_ref(asked).last, name
        )
        for _ in range(ATTEMPTS):
            row = self.ledger.read(name)
            if row is None or parse_environment(row).gone_ms is not None:
                birth = NewIncarnation(self.new_id(), self._is_protected(name), fallbacks)
                write = wanted.create_incarnation(row, birth, reported, stamp, "versions given")
            else:
                write = wanted.replace_versions(row, reported, fallbacks, stamp)
            outcome = self.ledger.write(name, write, "replaced")
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)

    def patch(self, asked: str, versions: Mapping[str, str], stamp: ChangeContext) -> Environment:
        """Merge these versions into an environment. One write."""
        self._check_versions(versions)
        name = self._name(asked)
        outcome = self.ledger.write(
            name, wanted.merge_versions(wanted.reported_attributes(versions), stamp), "changed"
        )
        return self._live(asked, outcome)

    def delete(self, asked: str, stamp: ChangeContext) -> None:
        """Nobody wants it any more. Again for one that is deleted already: nothing. Raises `Conflict` if it is protected."""
        name = self._name(asked)
        outcome = self.ledger.write(
            name, wanted.delete(stamp, self.policy.grace_ms, "asked to"), "deleted"
        )
        if isinstance(outcome, WriteRefused) and self._live(asked, outcome).want is Want.UP:
            raise _is_protected(name)

    def retire(self, asked: str, repository: str, stamp: ChangeContext) -> None:
        """One repository's branch is gone. The environment goes with the last one.

        `asked` is the environment's name, or the branch's ref. Raises `TrustError` if that repository has reported nothing here, or
        another branch of the same name; `Conflict` if the environment is protected.
        """
        name, tag = self._name(asked), self.catalogue.default_tag(repository)
        ref = parse_ref(asked)
        for attempt in range(ATTEMPTS):
            row = self.ledger.read(name)
            environment = self._found(asked, row)
            held = (
                environment.versions[repository].ref if repository in environment.reported else None
            )
            if held is not None and held != ref.full and _is_full(asked):
                raise TrustError(
                    f"{repository} has no reported version of {ref.full!r} in {name}: what it has is of {held!r}",
                    hint="nothing was changed; the branch that is reported there goes on",
                )
            if environment.want is Want.GONE or (
                attempt and repository not in environment.reported
            ):
                return  # also after a write of ours whose answer was lost
            if repository not in environment.reported:
                raise TrustError(
                    f"{repository} has no reported version in {name}",
                    hint="its part was never reported, or is retired",
                )
            if environment.protected:
                raise _is_protected(name)
            if environment.reported == {repository}:
                write = wanted.retire_last_repository(
                    row or {}, repository, tag, stamp, self.policy.grace_ms
                )
            else:
                write = wanted.retire(row or {}, repository, tag, stamp)
            if isinstance(self.ledger.write(name, write, "retired"), WriteAccepted):
                return
        raise contention_error(name)

    def get(self, asked: str) -> Environment:
        """An environment that is not gone. Raises `NotFound`."""
        return self._found(asked, self.ledger.read(self._name(asked)))

    # ── /v1 ───────────────────────────────────────────────────────────────────────────────────────

    def inspect(self, asked: str) -> Environment:
        """An environment, or the tombstone of one."""
        row = self.ledger.read(self._name(asked))
        if row is None:
            raise _not_found(asked)
        return parse_environment(row)

    def page(self, after: str | None, limit: int) -> EnvironmentPage:
        """Environments and tombstones, at most `limit`."""
        page = self.ledger.store.page(after, limit)
        found, unreadable = [], []
        for row in page.rows:
            if Attribute.GENERATION not in row:
                continue  # of the earlier system
            try:
                found.append(parse_environment(row))
            except (KeyError, TypeError, ValueError):
                unreadable.append(str(row[Attribute.NAME]))
        return EnvironmentPage(found, unreadable, page.last)

    def protect(self, asked: str, *, protected: bool, stamp: ChangeContext) -> Environment:
        """Protect it, or no longer. The same again changes nothing."""
        outcome = self.ledger.write(
            self._name(asked), wanted.protect(protected=protected, stamp=stamp), "protected"
        )
        environment = self._live(asked, outcome)
        if environment.want is Want.GONE:
            raise Conflict(
                f"{environment.name} is deleted", hint="report a build of it to revive it"
            )
        return environment

    def redeploy(
        self, asked: str, component: str | None, stamp: ChangeContext, mark: str | None = None
    ) -> Environment:
        """Roll one component, or all of them, over, with the images that there are now.

        The same `mark` (by default the time) again changes nothing.
        """
        if component is not None and component not in self.catalogue.components:
            known = ", ".join(sorted(self.catalogue.components))
            raise InvalidInput(
                f"there is no component {component!r}", hint=f"components are {known}"
            )
        components = [component] if component else list(self.catalogue.components)
        name, mark = self._name(asked), mark or str(stamp.now_ms)
        for _ in range(ATTEMPTS):
            row = self.ledger.read(name)
            environment = self._found(asked, row)
            if environment.want is Want.GONE:
                raise Conflict(
                    f"{environment.name} is deleted", hint="report a build of it to revive it"
                )
            if all(environment.redeploys.get(c) == mark for c in components):
                return environment
            refs = sorted(v.ref for v in environment.versions.values() if v.ref)
            moved = self._moved(row or {}, parse_ref(refs[0]).last if refs else name)
            outcome = self.ledger.write(
                name, wanted.redeploy(components, mark, stamp, moved), "redeploy"
            )
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)

    # ── parts ─────────────────────────────────────────────────────────────────────────────────────

    def _name(self, asked: str) -> EnvironmentName:
        """`asked` as it is if there is such a row, else mapped like a ref.

        The two differ only for what is no name by itself, and for names that end in a hash.
        """
        mapped = parse_ref(asked).environment
        if mapped != asked and is_environment_name(asked) and self.ledger.read(asked) is not None:
            return EnvironmentName(asked)
        return mapped

    def _found(self, asked: str, row: Row | None) -> Environment:
        if row is None:
            raise _not_found(asked)
        environment = parse_environment(row)
        if environment.gone_ms is not None:
            raise _not_found(asked)
        return environment

    def _live(self, asked: str, outcome: WriteResult) -> Environment:
        return self._found(asked, outcome.row)

    def _is_protected(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.policy.protected)

    def _check_versions(self, versions: Mapping[str, str]) -> None:
        for repository in versions:
            self.catalogue.require(repository)

    def _moved(self, row: Row, last: str, build: Build | None = None) -> FallbackUpdate:
        """Fallbacks that are to be others than those in the row: a branch's image has come, or has expired.

        None are looked up for a `build` that says nothing new, and none that cannot be: an environment is never held up by that.
        """
        environment = parse_environment(row)
        if environment.gone_ms is not None or (build and _is_known(environment, build)):
            return FallbackUpdate({}, environment.revision)
        reported = environment.reported | ({build.repository} if build else set())
        asked = frozenset(
            r for r in self.catalogue.repositories - reported if follows_branch(row, r)
        )
        try:
            found = self._fallbacks(asked, last, environment.name)
        except BackendError as error:
            log.warning("fallbacks.kept", env=environment.name, reason=error.message)
            found = {}
        known = environment.versions
        return FallbackUpdate(
            {r: v for r, v in found.items() if r in known and known[r] != v}, environment.revision
        )

    def _fallbacks(
        self, repositories: frozenset[str], last: str, name: str
    ) -> dict[str, RepositoryVersion]:
        """For repositories without a reported version: the tag of the same branch if there is one, else the default's."""
        tags = [t for t in dict.fromkeys((last, name)) if is_tag(t)]
        found = self.images.digests([(r, t) for r in sorted(repositories) for t in tags])
        chosen = {}
        for repository in sorted(repositories):
            tag = next((t for t in tags if (repository, t) in found), None)
            default = RepositoryVersion(self.catalogue.default_tag(repository), Source.DEFAULT)
            chosen[repository] = RepositoryVersion(tag, Source.BRANCH) if tag else default
        return chosen


def _is_known(environment: Environment, build: Build) -> bool:
    """Whether an environment runs this build, or is to."""
    known = environment.versions.get(build.repository)
    return (
        environment.want is Want.UP
        and known is not None
        and known.source is Source.REPORTED
        and known.version == build.version
    )


def _is_full(asked: str) -> bool:
    """Whether a branch is named as a whole, not by what could be an environment's name as well."""
    return "/" in unquote(asked).strip("/")


def _not_found(asked: str) -> NotFound:
    return NotFound(f"could not find env {asked}", hint="`gromit env list` shows all environments")


def _is_protected(name: str) -> Conflict:
    return Conflict(
        f"{name} is protected", hint=f"an operator can allow it: gromit env unprotect {name}"
    )
