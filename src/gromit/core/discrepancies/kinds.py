"""Kinds of discrepancies, and their repairs."""

from dataclasses import dataclass
from enum import StrEnum


class DiscrepancyKind(StrEnum):
    """Everything that `gromit doctor environments` finds.

    The names are stable: alarms and scripts may rely on them (docs/reference/doctor.md).
    """

    UNREADABLE_ROW = "unreadable_row"
    UNSCHEDULED_WORK = "unscheduled_work"
    """The row needs a worker, and none will ever get it."""
    STUCK_LEASE = "stuck_lease"
    ROW_WITHOUT_WORLD = "row_without_world"
    WORLD_WITHOUT_ROW = "world_without_row"
    DRIFTED = "drifted"
    LEAKED_RESOURCE = "leaked_resource"
    FOREIGN_RESOURCE = "foreign_resource"
    LOST_STATE = "lost_state"
    ORPHAN_STATE = "orphan_state"
    FOREIGN_STATE = "foreign_state"
    STALE_LOCK = "stale_lock"
    DANGLING_RECORD = "dangling_record"
    FOREIGN_RECORD = "foreign_record"
    ORPHAN_CONFIG = "orphan_config"
    IMAGE_MISSING = "image_missing"
    IMAGE_EXPIRING = "image_expiring"
    ORPHAN_IMAGE_MARK = "orphan_image_mark"


class Repair(StrEnum):
    """Repairs, in the order in which they are made."""

    UNLOCK = "unlock"
    """Remove a lock whose owner is proven dead."""
    SET_ASIDE_STATE = "set_aside_state"
    """Rename the state object, so that nothing uses it, and people still have it."""
    SET_ASIDE_CONFIG = "set_aside_config"
    """Rename the config folder, likewise."""
    RETIRE_RECORDS = "retire_records"
    RELEASE_IMAGES = "release_images"
    """Remove the tags with which registries keep images."""
    REMOVE = "remove"
    """Remove one resource, under the environment's lock."""
    REAP = "reap"
    """Let reap destroy what exists, after the grace period."""
    REDEPLOY = "redeploy"
    """Let sow make the environment again."""
    KEEP_IMAGE = "keep_image"
    """Tag an image that an environment uses, so that its registry keeps it."""
    RETRY = "retry"
    PERSON = "person"
    """Nothing that gromit may do."""

    @property
    def is_destructive(self) -> bool:
        """Whether it takes something away that no worker would make again."""
        return self in _DESTRUCTIVE


_DESTRUCTIVE = frozenset(
    {
        Repair.SET_ASIDE_STATE,
        Repair.SET_ASIDE_CONFIG,
        Repair.RETIRE_RECORDS,
        Repair.RELEASE_IMAGES,
        Repair.REMOVE,
        Repair.REAP,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One finding: what is wrong with one environment, and its repair."""

    kind: DiscrepancyKind
    environment: str
    subject: str = ""
    """The resource, record, image, lock or state that it is about; empty: the environment."""
    seen: str
    """The discrepancy in one sentence."""
    repair: Repair
    remedy: str
    """The repair in one sentence: what `--fix` does, or what a person has to do."""
    is_of_build: bool = False
    """Whether a build's own failure explains it, so that the people of the branch have to act."""
