"""Protection from deletion as conditional writes, and what developers may undo and delete."""

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum
from typing import Any

from gromit.core.environments.attributes import VERSION, Attribute
from gromit.core.environments.desired_state import LIVE
from gromit.core.environments.history import ROOM, ChangeContext
from gromit.core.environments.lifetime import activity
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import AnyOf, Equals, Exists, Row, RowWrite


class ProtectionChange(StrEnum):
    """The changes of protection, as histories and announcements name them."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"

    @classmethod
    def to(cls, *, protected: bool) -> "ProtectionChange":
        """Return the change after which the environment is protected, or is not."""
        return cls.PROTECTED if protected else cls.UNPROTECTED


def protect(*, protected: bool, stamp: ChangeContext) -> RowWrite:
    """Refuse deletion, or allow it again."""
    by: dict[str, Any] = {Attribute.PROTECTED_BY: stamp.actor} if protected else {}
    kind = ProtectionChange.to(protected=protected)
    gone = frozenset() if protected else frozenset({Attribute.PROTECTED_BY})
    return RowWrite(
        conditions=(
            *LIVE,
            ROOM,
            Equals(Attribute.PROTECTED, value=not protected),
            Equals(Attribute.WANT, Want.UP),
        ),
        sets={Attribute.PROTECTED: protected, **by, **activity(stamp.now_ms)},
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event(kind.value, ""),)},
        removes=frozenset({Attribute.WARNED}) | gone,
    )


def unprotect_own(stamp: ChangeContext) -> RowWrite:
    """Allow deletion again if the same actor has refused it."""
    write = protect(protected=False, stamp=stamp)
    is_own = Equals(Attribute.PROTECTED_BY, stamp.actor)
    return replace(write, conditions=(*write.conditions, is_own))


def is_protected_by(row: Row, actor: str) -> bool:
    """Whether an actor protects an environment that should be up."""
    is_up = row.get(Attribute.WANT) == Want.UP and row.get(Attribute.PROTECTED) is True
    return is_up and row.get(Attribute.PROTECTED_BY) == actor


def only_with_version_of(write: RowWrite, repositories: Collection[str]) -> RowWrite:
    """Return the write for an environment in which one of the repositories has reported."""
    one = AnyOf(tuple(Exists(VERSION + repository) for repository in sorted(repositories)))
    return replace(write, conditions=(*write.conditions, one))
