"""Fallbacks: versions of repositories that have not reported a build.

A fallback is the image of the same branch if it exists, else the one of the default branch.
Images that a deleted branch of the same name left do not count.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gromit.core.environments.attributes import FALLBACK, Attribute
from gromit.core.environments.environment import Environment, RepositoryVersion, Source
from gromit.core.environments.row_writes import Condition, Equals, Row
from gromit.core.names import is_tag, last_element


@dataclass(frozen=True, slots=True)
class FallbackUpdate:
    """Fallback versions that differ from the stored ones."""

    fallbacks: Mapping[str, RepositoryVersion]
    revision: int
    """Revision of the row that was read, so that a retirement since then is not undone."""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Return the condition that the row has not changed; none if there is nothing to update."""
        return (Equals(Attribute.REVISION, self.revision),) if self.fallbacks else ()

    @property
    def attributes(self) -> dict[str, Any]:
        """Return the attributes that change."""
        return fallback_attributes(self.fallbacks)


def follows_branch(row: Row, repository: str) -> bool:
    """Whether a fallback may be the image of the same branch, which is so until it is retired."""
    return not row.get(FALLBACK + repository, {}).get("retired", False)


def dead_before(row: Row) -> int | None:
    """Return the instant before which the branch's images are those of a deleted incarnation.

    For a tombstone it is the instant of its deletion. An incarnation keeps the one that it was
    created with: a build within the grace period revives it, and its images with it.
    """
    if Attribute.GONE_AT not in row:
        since: int | None = row.get(Attribute.IMAGES_SINCE)
        return since
    deleted: int = row.get(Attribute.DELETED_AT, row[Attribute.GONE_AT])
    return deleted


def branch_leaf(environment: Environment) -> str:
    """Return the last element of the branch; the environment's name if no build named one."""
    refs = sorted(v.ref for v in environment.versions.values() if v.ref)
    return last_element(refs[0]) if refs else environment.name


def branch_tags(environment: Environment) -> tuple[str, ...]:
    """Return the tags that images of the branch have.

    There are none where a branch of the same name was deleted before: its images may have them.
    """
    if dead_before(environment.row) is not None:
        return ()
    tags = dict.fromkeys((branch_leaf(environment), environment.name))
    return tuple(tag for tag in tags if is_tag(tag))


NO_FALLBACK_UPDATE = FallbackUpdate({}, 0)


def fallback_attributes(fallbacks: Mapping[str, RepositoryVersion]) -> dict[str, Any]:
    """Return the row attributes of fallbacks."""
    return {FALLBACK + r: {"tag": v.version, "source": v.source} for r, v in fallbacks.items()}


def retired_fallback(repository: str, default_tag: str) -> dict[str, Any]:
    """Return the row attributes of a retired repository: pinned to its default tag.

    Images of the deleted branch that are still in the registry do not count.
    """
    return {FALLBACK + repository: {"tag": default_tag, "source": Source.DEFAULT, "retired": True}}
