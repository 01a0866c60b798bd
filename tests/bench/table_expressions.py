"""Expressions of DynamoDB as the adapter writes them, compiled once for each text.

Conditions: comparisons, `BETWEEN`, `attribute_exists`, `attribute_not_exists` and `size`, joined by
`AND` or `OR` in parentheses. Updates: `SET` of values, copies, sums, `if_not_exists` and
`list_append`, and `REMOVE`. Values keep the form of DynamoDB's interface.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Item = Mapping[str, Any]
"""A row in the form of DynamoDB's interface."""
Values = Mapping[str, Any]
Condition = Callable[[Item, Values], bool]
Operand = Callable[[Item, Values], Any]
"""Returns a value, or None for an attribute that does not exist."""

_TOKEN = re.compile(r"[#:]?\w+|<>|<=|>=|[=<>(),+]")
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class InvalidExpression(Exception):
    """An expression that this table does not know, or a value that is missing."""


@dataclass(frozen=True, slots=True)
class Update:
    """A compiled update."""

    sets: Sequence[tuple[str, Operand]]
    removes: Sequence[str]

    def apply(self, before: Item, values: Values) -> dict[str, Any]:
        """Return the row after the update. Every value is read from the row before it."""
        after = dict(before)
        for attribute, operand in self.sets:
            after[attribute] = _required(operand(before, values), attribute)
        for attribute in self.removes:
            after.pop(attribute, None)
        return after


def compile_condition(text: str, names: Mapping[str, str]) -> Condition:
    """Return a condition."""
    return _condition(text, tuple(sorted(names.items())))


def compile_update(text: str, names: Mapping[str, str]) -> Update:
    """Return an update."""
    return _update(text, tuple(sorted(names.items())))


@lru_cache(maxsize=4096)
def _condition(text: str, names: tuple[tuple[str, str], ...]) -> Condition:
    reader = _Reader(text, dict(names))
    found = reader.condition()
    reader.end()
    return found


@lru_cache(maxsize=4096)
def _update(text: str, names: tuple[tuple[str, str], ...]) -> Update:
    reader = _Reader(text, dict(names))
    sets = reader.sets() if reader.takes("SET") else []
    removes = reader.removes() if reader.takes("REMOVE") else []
    reader.end()
    return Update(sets, removes)


class _Reader:
    """Reads the tokens of one expression from left to right."""

    def __init__(self, text: str, names: Mapping[str, str]) -> None:
        self._text, self._names = text, names
        self._tokens = _TOKEN.findall(text)

    def end(self) -> None:
        if self._tokens:
            raise InvalidExpression(f"unexpected {self._tokens[0]!r} in {self._text!r}")

    def takes(self, token: str) -> bool:
        """Whether the next token is this one, which is then read."""
        if self._tokens[:1] != [token]:
            return False
        self._tokens.pop(0)
        return True

    def condition(self) -> Condition:
        parts = [self._simple()]
        for word, joined in (("AND", all), ("OR", any)):
            if self._tokens[:1] == [word]:
                while self.takes(word):
                    parts.append(self._simple())
                return _joined(tuple(parts), joined)
        return parts[0]

    def sets(self) -> list[tuple[str, Operand]]:
        found = []
        while True:
            attribute = self._name()
            self._expect("=")
            found.append((attribute, self._sum()))
            if not self.takes(","):
                return found

    def removes(self) -> list[str]:
        found = [self._name()]
        while self.takes(","):
            found.append(self._name())
        return found

    def _simple(self) -> Condition:
        if self.takes("("):
            inner = self.condition()
            self._expect(")")
            return inner
        for function, is_there in (("attribute_exists", True), ("attribute_not_exists", False)):
            if self.takes(function):
                return _exists(self._in_parentheses(self._name), is_there=is_there)
        left = self._operand()
        sign = self._next()
        if sign == "BETWEEN":
            low = self._operand()
            self._expect("AND")
            return _between(left, low, self._operand())
        return _compared(left, sign, self._operand())

    def _sum(self) -> Operand:
        first = self._operand()
        return _added(first, self._operand()) if self.takes("+") else first

    def _operand(self) -> Operand:
        if self.takes("size"):
            return _size(self._in_parentheses(self._name))
        for function, made in (("if_not_exists", _first), ("list_append", _appended)):
            if self.takes(function):
                self._expect("(")
                left = self._operand()
                self._expect(",")
                right = self._operand()
                self._expect(")")
                return made(left, right)
        token = self._next()
        if token.startswith(":"):
            return lambda _, values: values[token]
        attribute = self._attribute(token)
        return lambda item, _: item.get(attribute)

    def _in_parentheses(self, read: Callable[[], str]) -> str:
        self._expect("(")
        found = read()
        self._expect(")")
        return found

    def _name(self) -> str:
        return self._attribute(self._next())

    def _attribute(self, token: str) -> str:
        if not token.startswith("#"):
            raise InvalidExpression(f"no name: {token!r} in {self._text!r}")
        return self._names[token]

    def _next(self) -> str:
        if not self._tokens:
            raise InvalidExpression(f"{self._text!r} is not complete")
        return str(self._tokens.pop(0))

    def _expect(self, token: str) -> None:
        if not self.takes(token):
            raise InvalidExpression(f"no {token!r} before {self._tokens[:1]} in {self._text!r}")


def _joined(parts: Sequence[Condition], of: Callable[[Any], bool]) -> Condition:
    return lambda item, values: of(part(item, values) for part in parts)


def _exists(attribute: str, *, is_there: bool) -> Condition:
    return lambda item, _: (attribute in item) is is_there


def _between(operand: Operand, low: Operand, high: Operand) -> Condition:
    at_least, at_most = _compared(operand, ">=", low), _compared(operand, "<=", high)
    return lambda item, values: at_least(item, values) and at_most(item, values)


def _compared(left: Operand, sign: str, right: Operand) -> Condition:
    if sign == "=":
        return lambda item, values: _are_equal(left(item, values), right(item, values))
    if sign == "<>":
        return lambda item, values: not _are_equal(left(item, values), right(item, values))
    if sign not in _ORDERS:
        raise InvalidExpression(f"unknown comparison {sign!r}")
    order = _ORDERS[sign]

    def compare(item: Item, values: Values) -> bool:
        one, other = left(item, values), right(item, values)
        if one is None or other is None or one.keys() != other.keys():
            return False
        if "N" in one:
            return order(number(one), number(other))
        return "S" in one and order(one["S"], other["S"])

    return compare


def _are_equal(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    if "N" in one and "N" in other:
        return number(one) == number(other)
    return bool(one == other)


def number(value: Mapping[str, Any]) -> int:
    """Return a number. Rows have whole ones only."""
    return int(value["N"])


def _size(attribute: str) -> Operand:
    def size(item: Item, _values: Values) -> Any:
        value = item.get(attribute)
        sized = next(iter(value.values())) if value else None
        is_sized = isinstance(sized, str | list | dict) and "N" not in (value or {})
        return {"N": str(len(sized))} if is_sized else None  # type: ignore[arg-type] # is_sized

    return size


def _first(left: Operand, right: Operand) -> Operand:
    def first(item: Item, values: Values) -> Any:
        found = left(item, values)
        return right(item, values) if found is None else found

    return first


def _appended(left: Operand, right: Operand) -> Operand:
    return lambda item, values: {"L": [*left(item, values)["L"], *right(item, values)["L"]]}


def _added(left: Operand, right: Operand) -> Operand:
    return lambda item, values: {"N": str(number(left(item, values)) + number(right(item, values)))}


def _required(value: Any, attribute: str) -> Any:
    if value is None:
        raise InvalidExpression(f"nothing to set {attribute} to")
    return value
