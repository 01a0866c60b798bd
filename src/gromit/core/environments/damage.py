"""Damage of rows: what a person's edit, or a release that was rolled back, can leave in the table.

Conditions of writes and the code behind them rely on the types of attributes. So a row is checked
before anything is derived from it, and the first fault is named in words.
"""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from gromit.core.environments.attributes import (
    FALLBACK,
    MISSING,
    PIN,
    PIN_NOTE,
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
ValueCheck = Callable[[str, Any], str | None]
"""Returns what is wrong with the value of that name; None if nothing is."""


def find_damage(row: Row, choices: Mapping[str, Collection[str]]) -> str | None:
    """Return the first fault of a row; None if it can be parsed.

    `choices` has the values that `want`, `work` and the source of a fallback may have.
    """
    return _map(_attribute_checks(row, choices), _required(row))("", dict(row))


def _required(row: Row) -> frozenset[str]:
    # A claim without its lease would never end.
    return _ALWAYS | (_OF_A_CLAIM if Attribute.HOLDER in row else frozenset())


def _attribute_checks(row: Row, choices: Mapping[str, Collection[str]]) -> dict[str, ValueCheck]:
    """Return the check of each attribute of a row, also of missing ones."""
    fallback = _map({"tag": _text, SOURCE: _one_of(choices[SOURCE])})
    prefixed: dict[str, ValueCheck] = {
        VERSION: _text,
        REF: _text,
        REDEPLOY: _text,
        SEQUENCE: _number,
        MISSING: _number,
        PIN: _text,
        PIN_NOTE: _map({"to": _text, "by": _text, "at": _number}),
        FALLBACK: fallback,
    }
    checks: dict[str, ValueCheck] = {
        attribute: check
        for attribute in sorted(row)
        for prefix, check in prefixed.items()
        if attribute.startswith(prefix)
    }
    named: dict[str, ValueCheck] = {
        Attribute.WANT: _one_of(choices[Attribute.WANT]),
        Attribute.WORK: _one_of(choices[Attribute.WORK]),
    }
    return {**_CHECKS, **named, **checks}


def _type(kind: type, words: str) -> ValueCheck:
    def check(name: str, value: Any) -> str | None:
        # `True` is an int for isinstance, but no number of a row.
        return None if type(value) is kind else f"`{name}` is {_shown(value)}, not {words}"

    return check


def _one_of(values: Collection[str]) -> ValueCheck:
    def check(name: str, value: Any) -> str | None:
        if isinstance(value, str) and value in values:
            return None
        return f"`{name}` is {_shown(value)}, not one of {', '.join(values)}"

    return check


def _map(checks: Mapping[str, ValueCheck], required: Collection[str] | None = None) -> ValueCheck:
    """Check the parts of a map. All must exist, unless `required` names those that must."""

    def check(name: str, value: Any) -> str | None:
        if type(value) is not dict:
            return f"`{name}` is {_shown(value)}, not a map"
        for part, check_part in checks.items():
            full = f"{name}.{part}" if name else str(part)
            if part in value:
                fault = check_part(full, value[part])
            else:
                is_required = required is None or part in required
                fault = f"`{full}` is missing" if is_required else None
            if fault:
                return fault
        return None

    return check


def _map_of(check_value: ValueCheck) -> ValueCheck:
    """Check all values of a map whose keys are names."""

    def check(name: str, value: Any) -> str | None:
        if type(value) is not dict:
            return f"`{name}` is {_shown(value)}, not a map"
        faults = (check_value(f"{name}.{key}", part) for key, part in value.items())
        return next((fault for fault in faults if fault), None)

    return check


def _list(check_item: ValueCheck) -> ValueCheck:
    def check(name: str, value: Any) -> str | None:
        if type(value) is not list:
            return f"`{name}` is {_shown(value)}, not a list"
        faults = (check_item(f"{name}[{i}]", item) for i, item in enumerate(value))
        return next((fault for fault in faults if fault), None)

    return check


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
