"""Replacement of all versions of an environment that was not read before, or its creation.

One write does both, so that a replacement costs one call. It is refused for a tombstone, for an
environment that sleeps, and where images of an earlier incarnation could count: those need a read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gromit.core.environments import desired_state
from gromit.core.environments.attributes import PIN, PIN_NOTE, REF, VERSION, Attribute
from gromit.core.environments.desired_state import NewIncarnation
from gromit.core.environments.history import ROOM, ChangeContext
from gromit.core.environments.row_writes import (
    AllOf,
    AnyOf,
    Exists,
    LessThan,
    NotExists,
    Row,
    RowWrite,
)
from gromit.core.names import SEQUENCE_MAX

_ABSENT_OR_OURS = AnyOf(
    (
        NotExists(Attribute.NAME),
        AllOf(
            (
                Exists(Attribute.INCARNATION),
                LessThan(Attribute.GENERATION, SEQUENCE_MAX),
                LessThan(Attribute.REVISION, SEQUENCE_MAX),
            )
        ),
    )
)
"""Condition that there is no row, or one whose counters can be increased."""


def upsert_versions(
    repositories: Iterable[str],
    reported: Mapping[str, Any],
    new: NewIncarnation,
    stamp: ChangeContext,
) -> RowWrite:
    """Replace the versions of `repositories`, in a row that may not exist."""
    any_row: Row = {Attribute.REVISION: 0}
    write = desired_state.replace_versions(any_row, reported, new.fallbacks, stamp)
    known = {
        prefix + repository
        for repository in repositories
        for prefix in (VERSION, REF, PIN, PIN_NOTE)
    }
    return replace(
        write,
        conditions=(
            NotExists(Attribute.GONE_AT),
            NotExists(Attribute.IMAGES_SINCE),
            NotExists(Attribute.ASLEEP),
            _ABSENT_OR_OURS,
            ROOM,
        ),
        removes=(write.removes | known) - set(write.sets),
        defaults={
            Attribute.INCARNATION: new.incarnation,
            Attribute.PROTECTED: new.protected,
            Attribute.CREATED: stamp.now_ms,
            Attribute.OBSERVED: 0,
            Attribute.INFRA: False,
            Attribute.EPOCH: stamp.now_ms,
            Attribute.EVENTS: [stamp.event("created", "versions given")],
        },
    )


def has_other_versions(row: Row, repositories: Iterable[str]) -> bool:
    """Whether a row has versions of repositories that are not known any longer."""
    known = {prefix + repository for repository in repositories for prefix in (VERSION, REF)}
    return any(a.startswith((VERSION, REF)) and a not in known for a in row)
