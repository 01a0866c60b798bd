"""What repositories without a reported version contribute to an environment: their branch's image, or their default branch's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gromit.core.environments.attributes import FALLBACK, Attribute
from gromit.core.environments.environment import RepositoryVersion, Source
from gromit.core.environments.rows import Condition, Equals, Row


@dataclass(frozen=True, slots=True)
class FallbackUpdate:
    """Fallbacks that are others now than those in the row."""

    fallbacks: Mapping[str, RepositoryVersion]
    revision: int
    """Of the row that was looked at: a retirement meanwhile must not be undone."""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Hold as long as the row is the one that was looked at."""
        return (Equals(Attribute.REVISION, self.revision),) if self.fallbacks else ()

    @property
    def attributes(self) -> dict[str, Any]:
        """What changes in the row."""
        return fallback_attributes(self.fallbacks)


def follows_branch(row: Row, repository: str) -> bool:
    """Whether a repository without a reported version contributes its branch's tag where there is one: until it is retired."""
    return not row.get(FALLBACK + repository, {}).get("retired", False)


NO_FALLBACK_UPDATE = FallbackUpdate({}, 0)


def fallback_attributes(fallbacks: Mapping[str, RepositoryVersion]) -> dict[str, Any]:
    """How fallbacks stand in a row."""
    return {FALLBACK + r: {"tag": v.version, "source": v.source} for r, v in fallbacks.items()}


def retired_fallback(repository: str, default_tag: str) -> dict[str, Any]:
    """How the fallback of a repository stands there whose branch is gone, whatever its registry still holds."""
    return {FALLBACK + repository: {"tag": default_tag, "source": Source.DEFAULT, "retired": True}}
