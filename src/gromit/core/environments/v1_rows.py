"""Flat rows of gromit v1: how they are recognized, and why one cannot be used as it is.

serve, its listings and `gromit migrate` all take the reasons from here, so that they agree.
"""

from collections.abc import Mapping
from typing import Any

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.row_writes import Row
from gromit.core.names import Ref, is_tag, mapped_name
from gromit.errors import Conflict

STATE = "state"
"""Attribute of gromit v1 with the state of an environment."""
DELETED, PROCESSED = "deleted", "processed"
STATES = frozenset({"new", PROCESSED, DELETED})
"""Values of `state` in gromit v1. `processed` means that the environment was applied."""


def is_v1_row(row: Row) -> bool:
    """Whether a row is a flat one of gromit v1, which has no generation and no incarnation."""
    return Attribute.GENERATION not in row and Attribute.INCARNATION not in row


def is_v1_tombstone(row: Row) -> bool:
    """Whether a flat row only says that its environment was deleted."""
    return is_v1_row(row) and v1_fault(row) is None and row.get(STATE) == DELETED


def v1_names(ref: Ref) -> tuple[str, ...]:
    """Return the other names that gromit v1 may have given the environment of a branch."""
    names = dict.fromkeys((ref.leaf, ref.leaf.replace(".", "")))
    return tuple(name for name in names if name and name != ref.environment)


def v1_name(row: Row) -> str:
    """Return the name of a flat row, which gromit v1 took from a branch without a check."""
    return str(row.get(Attribute.NAME, ""))


def v1_versions(row: Row) -> Mapping[str, Any]:
    """Return all attributes of a flat row that name a version, whatever their values are."""
    return {a: v for a, v in row.items() if a not in {Attribute.NAME, STATE}}


def is_no_version(value: object) -> bool:
    """Whether gromit v1 stored that a repository has no version: NULL, or an empty text."""
    return value is None or value == ""


def v1_fault(row: Row) -> str | None:
    """Return why a flat row has no meaning that is certain; None if it has one.

    The name is not part of that: `mapped_name` gives the one that the environment gets.
    """
    state = row.get(STATE)
    if not isinstance(state, str) or state not in STATES:
        return f"its state {state!r} is not one of gromit v1"
    for attribute, value in sorted(v1_versions(row).items()):
        if not is_no_version(value) and not (isinstance(value, str) and is_tag(value)):
            return f"{attribute} has no valid version: fix or remove that attribute"
    if mapped_name(v1_name(row)) is None:
        return "no environment can have its name"
    return None


def v1_refusal(row: Row) -> Conflict:
    """Refuse a request for a flat row, with what `gromit migrate` says about it."""
    name, fault = v1_name(row), v1_fault(row)
    if fault is not None:
        return Conflict(
            f"the row of {name} is from gromit v1, and {fault}",
            hint=f"`gromit migrate --apply --keep {name}` creates it again from what is valid,"
            f" and `--reap {name}` destroys it",
        )
    if row.get(STATE) == DELETED:
        return Conflict(
            f"the row of {name} is from gromit v1, which had deleted it",
            hint="run `gromit migrate --apply`; what it leaves alone needs a decision:"
            f" `--keep {name}` creates it again, and `--reap {name}` removes what is left of it",
        )
    return Conflict(
        f"the row of {name} is from gromit v1",
        hint="run `gromit migrate --apply` once; no data is lost",
    )
