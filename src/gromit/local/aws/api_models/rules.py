"""Rules of a model about one value: type, required members, enum, length, range and pattern.

The rules of a shape are compiled when a request needs them first, and kept.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from gromit.local.aws.api_models.patterns import compile_pattern

Faults = list[str]
"""Faults of a request, each with its member and the rule that the member breaks."""

ShapeRule = Callable[[Any, str, Faults], None]
"""Adds the faults of a value at a path to a list."""

_LONGEST_SHOWN = 60


class ModelRules:
    """Compiled rules of one service."""

    def __init__(self) -> None:
        self._rules: dict[str, ShapeRule] = {}

    def faults(self, shape: Shape, value: Any, path: str) -> Faults:
        """Return the faults of a value, whose members have the names of the model."""
        found: Faults = []
        self.apply(shape, value, path, found)
        return found

    def apply(self, shape: Shape, value: Any, path: str, found: Faults) -> None:
        """Add the faults of a value to a list."""
        rule = self._rules.get(shape.name)
        if rule is None:
            rule = self._rules[shape.name] = self._compile(shape)
        rule(value, path, found)

    def _later(self, shape: Shape) -> ShapeRule:
        """Return the rule of a shape inside another, compiled when a value is there.

        Hundreds of shapes can be reached from one operation, and a shape may contain itself.
        """
        return partial(self.apply, shape)

    def _compile(self, shape: Shape) -> ShapeRule:
        match shape:
            case StructureShape():
                return _StructureRule(shape, self._later)
            case ListShape():
                return _ListRule(shape, self._later(shape.member))
            case MapShape():
                return _MapRule(shape, self._later(shape.key), self._later(shape.value))
            case StringShape():
                return _StringRule(shape)
            case _:
                return _scalar_rule(shape)


class _Limits:
    """Smallest and largest number of something."""

    def __init__(self, shape: Shape) -> None:
        self._lowest: float = shape.metadata.get("min", -math.inf)
        self._highest: float = shape.metadata.get("max", math.inf)

    def check(self, number: float, what: str, path: str, found: Faults) -> None:
        if not self._lowest <= number <= self._highest:
            found.append(f"{path}: {what} {number}, allowed {self._lowest} to {self._highest}")


class _StructureRule:
    def __init__(self, shape: StructureShape, later: Callable[[Shape], ShapeRule]) -> None:
        self._members = {name: later(member) for name, member in shape.members.items()}
        self._required = tuple(shape.required_members)
        self._is_union, self._is_document = shape.is_tagged_union, shape.is_document_type

    def __call__(self, value: Any, path: str, found: Faults) -> None:
        if self._is_document:
            return
        if not isinstance(value, dict):
            found.append(f"{path}: {_shown(value)} is not a structure")
            return
        for name in self._required:
            if value.get(name) is None:
                found.append(f"{path}.{name}: is required, but missing")
        given = [name for name, inner in value.items() if inner is not None]
        for name in given:
            self._check_member(name, value[name], path, found)
        if self._is_union and len(given) != 1:
            found.append(f"{path}: has {len(given)} members, but must have exactly one")

    def _check_member(self, name: str, value: Any, path: str, found: Faults) -> None:
        rule = self._members.get(name)
        if rule is None:
            found.append(f"{path}.{name}: is not a member in the model")
        else:
            rule(value, f"{path}.{name}", found)


class _ListRule:
    def __init__(self, shape: ListShape, member: ShapeRule) -> None:
        self._limits, self._member = _Limits(shape), member

    def __call__(self, value: Any, path: str, found: Faults) -> None:
        if not isinstance(value, list):
            found.append(f"{path}: {_shown(value)} is not a list")
            return
        self._limits.check(len(value), "number of items", path, found)
        for number, inner in enumerate(value):
            self._member(inner, f"{path}[{number}]", found)


class _MapRule:
    def __init__(self, shape: MapShape, key: ShapeRule, value: ShapeRule) -> None:
        self._limits, self._key, self._value = _Limits(shape), key, value

    def __call__(self, value: Any, path: str, found: Faults) -> None:
        if not isinstance(value, dict):
            found.append(f"{path}: {_shown(value)} is not a map")
            return
        self._limits.check(len(value), "number of entries", path, found)
        for name, inner in value.items():
            self._key(name, f"{path} (key)", found)
            self._value(inner, f"{path}.{name}", found)


class _StringRule:
    def __init__(self, shape: StringShape) -> None:
        self._limits, self._enum = _Limits(shape), frozenset(shape.enum)
        self._text = shape.metadata.get("pattern")
        self._pattern = None if self._text is None else compile_pattern(self._text)
        self._is_secret = bool(shape.metadata.get("sensitive"))

    def __call__(self, value: Any, path: str, found: Faults) -> None:
        if not isinstance(value, str):
            found.append(f"{path}: {self._shown(value)} is not a string")
            return
        self._limits.check(len(value), "length", path, found)
        if self._enum and value not in self._enum:
            found.append(f"{path}: {self._shown(value)} is not in the enum")
        if self._pattern is not None and not self._pattern.fullmatch(value):
            found.append(f"{path}: {self._shown(value)} does not match {self._text}")

    def _shown(self, value: Any) -> str:
        return "the secret value" if self._is_secret else _shown(value)


class _NumberRule:
    def __init__(self, shape: Shape, types: tuple[type[float], ...]) -> None:
        self._limits, self._types, self._kind = _Limits(shape), types, shape.type_name

    def __call__(self, value: Any, path: str, found: Faults) -> None:
        # Python's booleans are integers.
        if isinstance(value, bool) or not isinstance(value, self._types):
            found.append(f"{path}: {_shown(value)} is not of type {self._kind}")
            return
        self._limits.check(value, "value", path, found)


def _scalar_rule(shape: Shape) -> ShapeRule:
    match shape.type_name:
        case "integer" | "long":
            return _NumberRule(shape, (int,))
        case "float" | "double":
            return _NumberRule(shape, (int, float))
        case "boolean":
            return _check_boolean
        case _:
            return _accept


def _check_boolean(value: Any, path: str, found: Faults) -> None:
    if not isinstance(value, bool):
        found.append(f"{path}: {_shown(value)} is neither true nor false")


def _accept(_value: Any, _path: str, _found: Faults) -> None:
    """Accept blobs and timestamps, about which the models say nothing."""


def _shown(value: Any) -> str:
    """Return a value for a message, or the beginning of a long one."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
