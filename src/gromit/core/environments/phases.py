"""Phases of an environment, its desired existence, and the kinds of work."""

from enum import StrEnum


class Want(StrEnum):
    """Desired existence of an environment."""

    UP = "up"
    GONE = "gone"


class Work(StrEnum):
    """Kind of work that a row needs; the partition key of the sparse index."""

    SOW = "sow"
    REAP = "reap"


class Phase(StrEnum):
    """Derived status of an environment."""

    PENDING = "pending"
    SOWING = "sowing"
    READY = "ready"
    PARKED = "parked"
    DEGRADED = "degraded"
    """It was ready, and an observation found that a part of it does not run."""
    FAILED = "failed"
    DELETING = "deleting"
    REAPING = "reaping"
    GONE = "gone"


UNREADABLE = "unreadable"
"""Shown in place of the phase of a damaged row, from which none can be derived."""
