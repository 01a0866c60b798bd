"""Names of a row's attributes, each defined once.

Writes, parsing, the index and the expiry of the table take their names from here. A new attribute
needs its name here, a field in `environment.py`, and the writes that change it.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

VERSION, SEQUENCE, REF, FALLBACK, REDEPLOY = "v#", "s#", "r#", "d#", "n#"
MISSING = "g#"
PIN, PIN_NOTE = "p#", "b#"
"""Prefixes of attributes for one repository or component.

Four precede a repository: its version, sequence, ref and fallback. `n#` precedes a component: the
mark of its last redeployment. Three precede a repository again: since when lists of its branches
lack its branch, the version that was rolled back from, and who did that.
"""
PREFIXES = (VERSION, SEQUENCE, REF, FALLBACK, REDEPLOY, MISSING, PIN, PIN_NOTE)
PREFIX_LENGTH = len(VERSION)
"""Length of each prefix."""

RESERVED = "#"
"""Prefix of the names of rows that are no environments. No environment can have such a name."""


class Attribute(StrEnum):
    """An attribute with a fixed name. `docs/reference/table.md` describes the meaning of each."""

    NAME = "name"
    INCARNATION = "incarnation"
    WANT = "want"
    GENERATION = "generation"
    OBSERVED = "observed"
    REVISION = "revision"
    PROTECTED = "protected"
    PROTECTED_BY = "protected_by"
    PARKED = "parked"
    ASLEEP = "asleep"
    STARTED = "started"
    RAN = "ran"
    CREATED = "created"
    CHANGED = "changed"
    WORK = "work"
    DUE = "due"
    SINCE = "since"
    ATTEMPTS = "attempts"
    LAST_ERROR = "last_error"
    HOLDER = "holder"
    LEASE_UNTIL = "lease_until"
    CLAIMED = "claimed"
    CLAIM_ID = "claim_id"
    TASK = "task"
    CLAIMED_AT = "claimed_at"
    PROGRESS = "progress"
    EPOCH = "epoch"
    INFRA = "infra"
    SPEC_HASH = "spec_hash"
    HASH_EPOCH = "hash_epoch"
    LAST_DONE = "last_done"
    FAILED_EPOCH = "failed_epoch"
    STATE_LINEAGE = "state_lineage"
    STATE_SERIAL = "state_serial"
    HOOKS = "hooks"
    DELETED_AT = "deleted_at"
    IMAGES_SINCE = "images_since"
    MADE = "made"
    REQUESTER = "requester"
    LAST_BUILD = "last_build"
    ROLLBACK = "rollback"
    PROBLEMS = "problems"
    REPAIRS = "repairs"
    DNS = "dns"
    HEALTH = "health"
    GONE_AT = "gone_at"
    EXPIRE_AT = "expire_at"
    TOUCHED = "touched"
    KEEP_UNTIL = "keep_until"
    WARNED = "warned"
    LIFE = "life"
    LOOK_AT = "look_at"
    EVENTS = "events"


LEASE_ATTRIBUTES = frozenset(
    {
        Attribute.HOLDER,
        Attribute.LEASE_UNTIL,
        Attribute.CLAIMED,
        Attribute.CLAIM_ID,
        Attribute.TASK,
        Attribute.CLAIMED_AT,
        Attribute.PROGRESS,
    }
)
"""Attributes that exist only while a worker has a claim."""

FAILURE_ATTRIBUTES = frozenset({Attribute.ATTEMPTS, Attribute.LAST_ERROR})
"""Attributes that a success or a change removes."""

STATE_ATTRIBUTES = frozenset({Attribute.STATE_LINEAGE, Attribute.STATE_SERIAL})
"""Attributes that identify the Terraform state that the last run left."""

OBSERVED_ATTRIBUTES = frozenset({Attribute.PROBLEMS, Attribute.DNS, Attribute.HEALTH})
"""Attributes that say what an observation found."""

WORK_ATTRIBUTES = frozenset({Attribute.WORK, Attribute.DUE, Attribute.SINCE})
"""Attributes that exist only while there is work. Without them a row is not in the index."""

INDEX_PROJECTION = (Attribute.LEASE_UNTIL, Attribute.CLAIM_ID, Attribute.SINCE)
"""Attributes that the index of work carries besides its keys `work` and `due`, and the name."""

LIFE_PROJECTION = (Attribute.WARNED,)
"""Attributes that the index of lifetimes carries besides its keys `life` and `look_at`."""

WANTED_PROJECTION = (
    Attribute.NAME,
    Attribute.INCARNATION,
    Attribute.WANT,
    Attribute.GENERATION,
    Attribute.OBSERVED,
    Attribute.REVISION,
    Attribute.PARKED,
    Attribute.CREATED,
    Attribute.CHANGED,
    Attribute.ATTEMPTS,
    *sorted(LEASE_ATTRIBUTES - {Attribute.TASK, Attribute.PROGRESS}),
    Attribute.EPOCH,
    Attribute.MADE,
    Attribute.PROBLEMS,
    Attribute.DNS,
    Attribute.HEALTH,
    Attribute.GONE_AT,
)
"""Attributes that say whether an environment is wanted and what of it runs: no history."""

LIFE_ATTRIBUTES = frozenset({Attribute.LIFE, Attribute.LOOK_AT, Attribute.WARNED})
"""Attributes that exist only while an environment has a deadline."""

DELETED_ATTRIBUTES = (
    FAILURE_ATTRIBUTES
    | LIFE_ATTRIBUTES
    | {Attribute.PARKED, Attribute.ASLEEP, Attribute.DNS, Attribute.HEALTH}
)
"""Attributes that a deletion removes. The names go as well, so a revival must not claim them."""

_INCARNATION_PREFIXES = (VERSION, REF, FALLBACK, REDEPLOY, MISSING, PIN, PIN_NOTE)
_INCARNATION_ATTRIBUTES = (
    LEASE_ATTRIBUTES
    | STATE_ATTRIBUTES
    | OBSERVED_ATTRIBUTES
    | LIFE_ATTRIBUTES
    | {
        Attribute.REQUESTER,
        Attribute.LAST_BUILD,
        Attribute.ROLLBACK,
        Attribute.PROTECTED_BY,
        Attribute.PARKED,
        Attribute.ASLEEP,
        Attribute.STARTED,
        Attribute.RAN,
        Attribute.TOUCHED,
        Attribute.KEEP_UNTIL,
        Attribute.DELETED_AT,
        Attribute.IMAGES_SINCE,
        Attribute.GONE_AT,
        Attribute.EXPIRE_AT,
        Attribute.SPEC_HASH,
        Attribute.HOOKS,
        Attribute.LAST_DONE,
        Attribute.MADE,
        Attribute.REPAIRS,
        Attribute.EVENTS,
    }
)


def by_prefix(row: Mapping[str, Any]) -> Mapping[str, dict[str, Any]]:
    """Return by prefix the values of the repositories or components that attributes name."""
    found: dict[str, dict[str, Any]] = {prefix: {} for prefix in PREFIXES}
    for attribute in sorted(a for a in row if a[:PREFIX_LENGTH] in found):
        prefix, name = attribute[:PREFIX_LENGTH], attribute[PREFIX_LENGTH:]
        found[prefix][name] = row[attribute]
    return found


def incarnation_attributes(row: Iterable[str]) -> frozenset[str]:
    """Return the attributes of a tombstone that a new incarnation must not inherit.

    Sequences and the epoch are not among them, so that old builds and old claims stay refused.
    """
    prefixed = {a for a in row if a.startswith(_INCARNATION_PREFIXES)}
    return _INCARNATION_ATTRIBUTES | prefixed
