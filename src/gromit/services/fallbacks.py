"""Lookup of the versions that repositories without a reported build contribute."""

from dataclasses import dataclass

import structlog

from gromit.core.environments.desired_state import Build
from gromit.core.environments.environment import Environment, RepositoryVersion, Source
from gromit.core.environments.fallbacks import FallbackUpdate, dead_before, follows_branch
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import Row
from gromit.core.names import is_tag
from gromit.core.stack.catalogue import Catalogue
from gromit.errors import BackendError
from gromit.ports import ImageRegistry

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FallbackLookup:
    """Finds fallbacks in the image registry."""

    images: ImageRegistry
    catalogue: Catalogue

    def find(
        self, repositories: frozenset[str], leaf: str, name: str, row: Row | None
    ) -> dict[str, RepositoryVersion]:
        """Return each repository's image of the same branch if it exists, else its default tag.

        `leaf` is the last path element of the branch, `name` the environment's name: an image may
        have either as its tag. `row` has the environment's row or tombstone. Images that a
        deleted incarnation left do not count.
        """
        tags = [t for t in dict.fromkeys((leaf, name)) if is_tag(t)]
        found = set(self.images.digests([(r, t) for r in sorted(repositories) for t in tags]))
        since_ms = dead_before(row) if row is not None else None
        if found and since_ms is not None:
            found = {i for i, at_ms in self.images.pushed(found).items() if at_ms >= since_ms}
        chosen = {}
        for repository in sorted(repositories):
            tag = next((t for t in tags if (repository, t) in found), None)
            branch = RepositoryVersion(tag, Source.BRANCH) if tag else None
            chosen[repository] = branch or self._default(repository)
        return chosen

    def find_or_default(
        self, repositories: frozenset[str], leaf: str, name: str, row: Row | None
    ) -> dict[str, RepositoryVersion]:
        """Return the same as `find`, or default tags if the registry cannot be reached.

        A new environment does not wait for the registry of another repository. The next lookup
        finds the images of the branch.
        """
        try:
            return self.find(repositories, leaf, name, row)
        except BackendError as error:
            log.warning("fallbacks.defaults", env=name, reason=error.message)
            return {r: self._default(r) for r in sorted(repositories)}

    def update(
        self, environment: Environment, leaf: str, build: Build | None = None
    ) -> FallbackUpdate:
        """Return the fallbacks that differ from the row: a branch's image was pushed, or expired.

        The registry is not asked for a `build` that is known already. If the registry cannot be
        reached, the fallbacks stay as they are, so that it never blocks an environment.
        """
        if environment.gone_ms is not None or (build and _is_desired(environment, build)):
            return FallbackUpdate({}, environment.revision)
        reported = environment.reported | ({build.repository} if build else set())
        others = self.catalogue.repositories - reported
        following = frozenset(r for r in others if follows_branch(environment.row, r))
        try:
            found = self.find(following, leaf, environment.name, environment.row)
        except BackendError as error:
            log.warning("fallbacks.kept", env=environment.name, reason=error.message)
            found = {}
        known = environment.versions
        changed = {r: v for r, v in found.items() if r in known and known[r] != v}
        return FallbackUpdate(changed, environment.revision)

    def _default(self, repository: str) -> RepositoryVersion:
        return RepositoryVersion(self.catalogue.default_tag(repository), Source.DEFAULT)


def _is_desired(environment: Environment, build: Build) -> bool:
    """Whether a build is already part of the desired state."""
    has_it = environment.has_reported(build.repository, build.version)
    return has_it and environment.want is Want.UP
