"""DynamoDB: the cost of an update expression.

The stock emulator copies an expression and walks through it ten times. It examines each part of
the expression together with all that follows, so the cost grows with the square of the length.
"""

import copy
from collections.abc import Callable
from typing import Any

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.parsing.ast_nodes import (
    DepthFirstTraverser,
    Node,
    UpdateExpressionAddClause,
    UpdateExpressionRemoveClause,
    UpdateExpressionSetClause,
)
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator

from gromit.local.aws.moto_patches.patches import Patches

_SINGLE = (UpdateExpressionAddClause, UpdateExpressionRemoveClause, UpdateExpressionSetClause)


def copy_node_by_node(patches: Patches) -> None:
    """AWS keeps the expression of a request apart from what it makes of it.

    A copy of a tree needs no memory of what is copied already: each node is there once.
    """
    patches.add(Node, "__deepcopy__", lambda node, memo: _copy(node, memo, None))


def _copy(node: Any, memo: dict[int, Any], parent: Any) -> Any:
    new = object.__new__(type(node))
    new.__dict__.update(node.__dict__)
    new.parent = parent
    if node.children is not None:
        new.children = [
            _copy(child, memo, new) if isinstance(child, Node) else copy.deepcopy(child, memo)
            for child in node.children
        ]
    return new


def choose_by_type(patches: Patches) -> None:
    """AWS validates an expression of thousands of characters at once.

    Whether a step has something to do with a node depends on the types of both, so that each pair
    of types is examined once. The stock emulator examines each node in each step.
    """
    chosen = _Choices()

    def traverse(_stock: Callable[..., Any], traverser: Any, node: Any, place: int = -1) -> Any:
        for child_place, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, child_place)
            if isinstance(child, Node):
                traverser.traverse_node_recursively(child, child_place)
        kind = chosen.kind(traverser, node)
        return node if kind is None else _process(traverser, kind, node, place)

    patches.replace(DepthFirstTraverser, "traverse_node_recursively", traverse)


class _Choices:
    """The types of nodes that steps process."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[type, type], type | None] = {}

    def kind(self, traverser: Any, node: Any) -> type | None:
        """Return the type by which a step processes a node; None if it leaves the node."""
        pair = type(traverser), type(node)
        if pair not in self._kinds:
            known = traverser._processing_map()
            self._kinds[pair] = next((kind for kind in known if isinstance(node, kind)), None)
        return self._kinds[pair]


def _process(traverser: Any, kind: type, node: Any, place: int) -> Any:
    """Put what a step makes of a node into its place, and return it."""
    parent = node.parent
    new = traverser._processing_map()[kind](node)
    new.parent = parent
    if parent:
        parent.children[place] = new
    return new


def examine_once(patches: Patches) -> None:
    """AWS refuses two clauses of one kind, and two actions on one path, wherever they are.

    An expression without a fault has none in a part of it. Only if there is a fault, the stock
    emulator's way through all parts finds the one that it names.
    """

    def count(stock: Callable[..., Any], validator: Any, node: Any) -> Any:
        if all(len(node.find_clauses([kind])) < 2 for kind in _SINGLE):
            return node
        return stock(validator, node)

    def compare(stock: Callable[..., Any], validator: Any, node: Any) -> Any:
        try:
            return validator.check_for_overlapping_paths(node)
        except MockValidationException:
            return stock(validator, node)

    patches.replace(ActionCountValidator, "traverse", count)
    patches.replace(OverlappingPathsValidator, "traverse", compare)
