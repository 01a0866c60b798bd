"""Damage of rows: what a person's edit, or a release that was rolled back, can leave in the table.

Conditions of writes and the code behind them rely on the types of attributes. So a row is checked
before anything is derived from it, and the first fault is named in words.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from gromit.core.environments.attributes import (
    FALLBACK,
    MISSING,
    PIN,
    PIN_NOTE,
    PREFIX_LENGTH,
    REDEPLOY,
    REF,
    SEQUENCE,
    VERSION,
    Attribute,
)
from gromit.core.environments.row_writes import Row
from gromit.core.stack.made import MADE_FACTS

SOURCE = "source"
"""Part of a fallback that has a few values only."""
Fault = tuple[str, str]
"""Place in a value, empty for the value itself, and what is wrong there."""
ValueCheck = Callable[[Any], Fault | None]
"""Returns the first fault of a value; None if it has none.

A fault names its place while it is passed up, so a value without one costs no texts.
"""


def find_damage(row: Row, choices: Mapping[str, Collection[str]]) -> str | None:
    """Return the first fault of a row; None if it can be parsed.

    `choices` has the values that `want`, `work` and the source of a fallback may have.
    """
    checks = _row_checks(*(tuple(choices[c]) for c in (Attribute.WANT, Attribute.WORK, SOURCE)))
    if _is_sound(row, checks):
        return None
    place, words = _first_fault(row, checks)
    return f"`{place}` {words}"


@dataclass(frozen=True, slots=True)
class _RowChecks:
    """Checks of the attributes of a row."""

    named: Mapping[str, ValueCheck]
    prefixed: Mapping[str, ValueCheck]
    """By the prefix of attributes that name a repository or a component."""


@cache
def _row_checks(
    want: Collection[str], work: Collection[str], source: Collection[str]
) -> _RowChecks:
    """Return the checks, which are the same for each row."""
    named = {**_CHECKS, Attribute.WANT: _one_of(want), Attribute.WORK: _one_of(work)}
    return _RowChecks(
        {str(attribute): check for attribute, check in named.items()},
        {
            VERSION: _text,
            REF: _text,
            REDEPLOY: _text,
            SEQUENCE: _number,
            MISSING: _number,
            PIN: _text,
            PIN_NOTE: _map({"to": _text, "by": _text, "at": _number}),
            FALLBACK: _map({"tag": _text, SOURCE: _one_of(source)}),
        },
    )


def _is_sound(row: Row, checks: _RowChecks) -> bool:
    if not _required(row) <= row.keys():
        return False
    named, prefixed = checks.named, checks.prefixed
    for attribute, value in row.items():
        check = named.get(attribute) or prefixed.get(attribute[:PREFIX_LENGTH])
        if check is not None and check(value) is not None:
            return False
    return True


def _first_fault(row: Row, checks: _RowChecks) -> Fault:
    """Return the fault that comes first in the order of the checks, not in that of the row."""
    prefixed = {a: checks.prefixed.get(a[:PREFIX_LENGTH]) for a in sorted(row)}
    rest = {a: check for a, check in prefixed.items() if check is not None}
    fault = _map({**checks.named, **rest}, _required(row))(dict(row))
    if fault is None:
        raise TypeError("a row that is not sound has a fault")
    return fault


def _required(row: Row) -> frozenset[str]:
    # A claim without its lease would never end.
    return _ALWAYS | _OF_A_CLAIM if Attribute.HOLDER in row else _ALWAYS


def _type(kind: type, words: str) -> ValueCheck:
    def check(value: Any) -> Fault | None:
        # `True` is an int for isinstance, but no number of a row.
        return None if type(value) is kind else ("", f"is {_shown(value)}, not {words}")

    return check


def _one_of(values: Collection[str]) -> ValueCheck:
    def check(value: Any) -> Fault | None:
        if isinstance(value, str) and value in values:
            return None
        return "", f"is {_shown(value)}, not one of {', '.join(values)}"

    return check


def _map(checks: Mapping[str, ValueCheck], required: Collection[str] | None = None) -> ValueCheck:
    """Check the parts of a map. All must exist, unless `required` names those that must."""
    needed = frozenset(checks if required is None else required)

    def check(value: Any) -> Fault | None:
        if type(value) is not dict:
            return "", f"is {_shown(value)}, not a map"
        for part, check_part in checks.items():
            if part in value:
                fault = check_part(value[part])
                if fault is not None:
                    return _below(part, fault)
            elif part in needed:
                return part, "is missing"
        return None

    return check


def _map_of(check_value: ValueCheck) -> ValueCheck:
    """Check all values of a map whose keys are names."""

    def check(value: Any) -> Fault | None:
        if type(value) is not dict:
            return "", f"is {_shown(value)}, not a map"
        for key, part in value.items():
            fault = check_value(part)
            if fault is not None:
                return _below(key, fault)
        return None

    return check


def _list(check_item: ValueCheck) -> ValueCheck:
    def check(value: Any) -> Fault | None:
        if type(value) is not list:
            return "", f"is {_shown(value)}, not a list"
        for i, item in enumerate(value):
            fault = check_item(item)
            if fault is not None:
                return _below(f"[{i}]", fault)
        return None

    return check


def _below(part: str, fault: Fault) -> Fault:
    """Return a fault of a part as one of the whole."""
    place, words = fault
    if not place:
        return part, words
    return f"{part}{place}" if place.startswith("[") else f"{part}.{place}", words


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


_SHOWN_MAX = 60
_text = _type(str, "a text")
_number = _type(int, "a whole number")
_flag = _type(bool, "true or false")

_ALWAYS = frozenset(
    {
        Attribute.NAME,
        Attribute.INCARNATION,
        Attribute.WANT,
        Attribute.GENERATION,
        Attribute.OBSERVED,
        Attribute.CREATED,
        Attribute.CHANGED,
        Attribute.EPOCH,
        Attribute.REVISION,
    }
)
"""Attributes that every row has."""
_OF_A_CLAIM = frozenset({Attribute.LEASE_UNTIL, Attribute.CLAIMED, Attribute.CLAIM_ID})
"""Attributes that a claimed row has beside its holder."""
_MADE_CHECKS: Mapping[str, ValueCheck] = MappingProxyType(
    {fact: _text if kind is str else _number for fact, kind in MADE_FACTS.items()}
)
_CHECKS: Mapping[str, ValueCheck] = MappingProxyType(
    {
        Attribute.NAME: _text,
        Attribute.INCARNATION: _text,
        Attribute.WANT: _text,
        Attribute.GENERATION: _number,
        Attribute.OBSERVED: _number,
        Attribute.REVISION: _number,
        Attribute.PROTECTED: _flag,
        Attribute.PROTECTED_BY: _text,
        Attribute.PARKED: _flag,
        Attribute.ASLEEP: _flag,
        Attribute.STARTED: _number,
        Attribute.RAN: _number,
        Attribute.CREATED: _number,
        Attribute.CHANGED: _number,
        Attribute.DUE: _number,
        Attribute.SINCE: _number,
        Attribute.ATTEMPTS: _number,
        Attribute.LAST_ERROR: _map(
            {
                "kind": _text,
                "message": _text,
                "at": _number,
                "output": _list(_map({"component": _text, "id": _text, "lines": _list(_text)})),
            },
            required={"kind", "message", "at"},
        ),
        Attribute.HOLDER: _text,
        Attribute.LEASE_UNTIL: _number,
        Attribute.CLAIMED: _number,
        Attribute.CLAIM_ID: _text,
        Attribute.TASK: _text,
        Attribute.CLAIMED_AT: _number,
        Attribute.PROGRESS: _map(
            {"text": _text, "at": _number, "done": _number, "total": _number},
            required={"text", "at"},
        ),
        Attribute.EPOCH: _number,
        Attribute.INFRA: _flag,
        Attribute.SPEC_HASH: _text,
        Attribute.HASH_EPOCH: _number,
        Attribute.LAST_DONE: _text,
        Attribute.FAILED_EPOCH: _number,
        Attribute.STATE_LINEAGE: _text,
        Attribute.STATE_SERIAL: _number,
        Attribute.HOOKS: _list(_text),
        Attribute.DELETED_AT: _number,
        Attribute.IMAGES_SINCE: _number,
        Attribute.MADE: _map(
            {
                "at": _number,
                "recipe": _text,
                "components": _map_of(_map(_MADE_CHECKS, required={"version"})),
                "checked": _number,
            },
            required={"at", "recipe", "components"},
        ),
        Attribute.REQUESTER: _text,
        Attribute.LAST_BUILD: _text,
        Attribute.ROLLBACK: _text,
        Attribute.PROBLEMS: _map({"at": _number, "components": _map_of(_text)}),
        Attribute.REPAIRS: _map({"times": _number, "at": _number}),
        Attribute.DNS: _map_of(_map({"state": _text, "reason": _text})),
        Attribute.HEALTH: _map_of(_map({"state": _text, "reason": _text})),
        Attribute.GONE_AT: _number,
        Attribute.EXPIRE_AT: _number,
        Attribute.TOUCHED: _number,
        Attribute.KEEP_UNTIL: _number,
        Attribute.WARNED: _number,
        Attribute.LIFE: _text,
        Attribute.LOOK_AT: _number,
        Attribute.EVENTS: _list(
            _map(
                {
                    "at": _number,
                    "actor": _text,
                    "kind": _text,
                    "text": _text,
                    "origin": _text,
                    "versions": _map_of(_text),
                    "took": _number,
                    "run": _number,
                },
                required={"at", "actor", "kind", "text"},
            )
        ),
    }
)
