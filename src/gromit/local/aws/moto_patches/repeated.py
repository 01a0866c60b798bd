"""DynamoDB: the cost of an expression that was read before, and of an item that is copied.

A program sends the same few expressions again and again, each time with other values.
"""

import copy
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.parsing.ast_nodes import (
    UpdateExpressionRemoveAction,
    UpdateExpressionSetAction,
)
from moto.dynamodb.parsing.executors import UpdateExpressionExecutor
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

from gromit.local.aws.moto_patches.patches import Patches

_KEPT = 512
"""Expressions that are kept. A test of a table sends tens."""
_SMALL = 400_000
"""Size in bytes that each item may have."""
_LONGEST_NAME = 255 * "n"
_MEASURED = (UpdateExpressionSetAction, UpdateExpressionRemoveAction)
"""Actions that add no more to an item than their values."""
_PLAIN = frozenset({"S", "N", "B", "BOOL", "NULL"})
"""Types whose values nothing changes in place."""


def read_updates_once(patches: Patches) -> None:
    """AWS answers at once.

    The stock emulator reads an update expression twice for each request. What it makes of the text
    depends on nothing else, and is copied before a step changes it.
    """
    stock_parser = UpdateExpressionParser.__dict__["make"].__func__
    parse = lru_cache(_KEPT)(lambda text: stock_parser(UpdateExpressionParser, text))
    patches.replace(UpdateExpressionParser, "make", lambda _stock, _kind, text: parse(text))


class _Reader(ConditionExpressionParser):  # type: ignore[misc]  # moto is untyped
    """A parser that returns the tree of a condition, and not the operation."""

    def _make_op_condition(self, node: Any) -> Any:
        return node


def read_conditions_once(patches: Patches) -> None:
    """AWS answers at once.

    The stock emulator reads a condition twice for each request. The tree depends on the text and
    the names; values are leaves of the tree.
    """
    known: dict[Any, tuple[Any, list[str], list[str]]] = {}

    def parse(stock: Callable[..., Any], parser: Any) -> Any:
        text, names = parser.condition_expression, parser.expression_attribute_names
        if not text:
            return stock(parser)
        key = text, frozenset((names or {}).items())
        if key not in known:
            reader = _Reader(text, names, parser.expression_attribute_values)
            if len(known) >= _KEPT:
                known.clear()
            known[key] = stock(reader), reader.expr_attr_names_found, reader.expr_attr_values_found
        tree, used_names, used_values = known[key]
        parser.expr_attr_names_found.extend(used_names)
        parser.expr_attr_values_found.extend(used_values)
        return parser._make_op_condition(_with_values(parser, tree))

    patches.replace(ConditionExpressionParser, "parse", parse)


def _with_values(parser: Any, node: Any) -> Any:
    """Return a tree with the values of this request."""
    if node.kind == parser.Kind.EXPRESSION_ATTRIBUTE_VALUE:
        return node._replace(value=parser._lookup_expression_attribute_value(node.text))
    if not node.children:
        return node
    return node._replace(children=[_with_values(parser, child) for child in node.children])


def share_plain_values(patches: Patches) -> None:
    """AWS keeps an item as it was beside what an update makes of it.

    The stock emulator makes a new object for each value of a copy. A value without parts is only
    ever replaced, so that a copy can share it.
    """

    def copy_value(_stock: Callable[..., Any], value: Any, memo: dict[int, Any]) -> Any:
        return _copied(value, memo)

    def copy_item(_stock: Callable[..., Any], item: Any, memo: dict[int, Any]) -> Any:
        new = object.__new__(type(item))
        new.hash_key, new.range_key = item.hash_key, copy.deepcopy(item.range_key, memo)
        new.attrs = dict.__new__(LimitedSizeDict)
        dict.update(new.attrs, {name: _copied(v, memo) for name, v in item.attrs.items()})
        return new

    patches.replace(DynamoType, "__deepcopy__", copy_value)
    patches.replace(Item, "__deepcopy__", copy_item)


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    if type(value) is not DynamoType:
        return copy.deepcopy(value, memo)
    if value.type in _PLAIN:
        return value
    new = object.__new__(DynamoType)
    new.type = value.type
    match value.value:
        case dict() as parts:
            new.value = {name: _copied(part, memo) for name, part in parts.items()}
        case list() as parts if value.type == "L":
            new.value = [_copied(part, memo) for part in parts]
        case parts:
            new.value = list(parts)
    return new


def measure_large_items(patches: Patches) -> None:
    """AWS refuses an item that is too large.

    For each attribute that an update sets, the stock emulator measures all others. Only an item
    that is large by a rough measure has to be measured exactly.
    """
    small: set[int] = set()

    def put(stock: Callable[..., Any], attributes: Any, name: str, value: Any) -> None:
        if id(attributes) in small or _is_small(attributes, [(name, value)]):
            dict.__setitem__(attributes, name, value)
        else:
            stock(attributes, name, value)

    def execute(stock: Callable[..., Any], executor: Any, node: Any = None) -> None:
        attributes, actions = executor.item.attrs, executor.update_ast.children
        are_set = all(type(action) in _MEASURED for action in actions)
        if node is None and are_set and _is_small(attributes, _set_by(actions)):
            small.add(id(attributes))
            try:
                stock(executor)
            finally:
                small.discard(id(attributes))
        else:
            stock(executor, node)

    patches.replace(LimitedSizeDict, "__setitem__", put)
    patches.replace(UpdateExpressionExecutor, "execute", execute)


def _set_by(actions: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    """Values that an update sets; a name has no more than its 255 bytes."""
    for action in actions:
        if type(action) is UpdateExpressionSetAction:
            yield _LONGEST_NAME, action.children[1].children[0]


def _is_small(attributes: Any, added: Iterable[tuple[str, Any]]) -> bool:
    return _largest(attributes.items()) + _largest(added) <= _SMALL


def _largest(attributes: Iterable[tuple[str, Any]]) -> int:
    """A size that attributes do not exceed; a character is four bytes at most."""
    size = 0
    for name, value in attributes:
        size += 4 * len(name)
        text = value.value if type(value) is DynamoType else str(value)
        size += 4 * len(text) if type(text) is str else value.size()
    return size


def project_what_is_asked(patches: Patches) -> None:
    """AWS returns the keys of an item at once.

    For each name that a request asks for, the stock emulator converts the whole item. Only
    attributes with these names can be part of the answer.
    """

    def project(stock: Callable[..., Any], item: Any, paths: list[list[str]]) -> Any:
        asked = {name for path in paths for name in _first_names(path)}
        part = object.__new__(type(item))
        part.hash_key, part.range_key = item.hash_key, item.range_key
        part.attrs = {name: value for name, value in item.attrs.items() if name in asked}
        return stock(part, paths)

    patches.replace(Item, "project", project)


def _first_names(path: list[str]) -> Iterable[str]:
    """Names of attributes that a path may begin with: `a[0]` is an element of `a`."""
    return path[0], path[0].rpartition("[")[0]
