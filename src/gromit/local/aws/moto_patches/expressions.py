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
    Expression,
    LeafNode,
    Node,
    UpdateExpressionAddAction,
    UpdateExpressionAddClause,
    UpdateExpressionDeleteAction,
    UpdateExpressionFunction,
    UpdateExpressionRemoveAction,
    UpdateExpressionRemoveClause,
    UpdateExpressionSetAction,
    UpdateExpressionSetClause,
)
from moto.dynamodb.parsing.validators import (
    ActionCountValidator,
    ExpressionAttributeResolvingProcessor,
    OverlappingPathsValidator,
)

from gromit.local.aws.moto_patches.patches import Patches

_ACTIONS = (
    UpdateExpressionAddAction,
    UpdateExpressionDeleteAction,
    UpdateExpressionRemoveAction,
    UpdateExpressionSetAction,
)
_NODES = (Node,)
_CONTAINERS = (Expression, UpdateExpressionFunction)
"""Nodes that clauses and actions may be in."""
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
            _copy(child, memo, new) if _is_a(type(child), _NODES) else copy.deepcopy(child, memo)
            for child in node.children
        ]
    return new


def choose_by_type(patches: Patches) -> None:
    """AWS validates an expression of thousands of characters at once.

    Whether a step has something to do with a node depends on the types of both, so that each pair
    of types is examined once. The stock emulator examines each node in each step.
    """
    steps: dict[type, _Step] = {}

    def traverse(_stock: Callable[..., Any], traverser: Any, node: Any, place: int = -1) -> Any:
        kind = type(traverser)
        if kind not in steps:
            steps[kind] = _Step(traverser)
        return steps[kind].walk(traverser, node, place)

    patches.replace(DepthFirstTraverser, "traverse_node_recursively", traverse)
    patches.replace(ExpressionAttributeResolvingProcessor, "pre_processing_of_child", _resolving)
    patches.replace(Node, "find_clauses", lambda _stock, node, kinds: _clauses(node, tuple(kinds)))


def _resolving(_stock: Callable[..., Any], traverser: Any, parent: Any, place: int) -> None:
    """Resolve paths in values, but not the path that an action changes."""
    if _is_a(type(parent), _ACTIONS):
        traverser.resolving = place != 0


def _clauses(node: Any, kinds: tuple[type, ...]) -> list[Any]:
    found = []
    for child in node.children or ():
        if type(child) in kinds:
            found.append(child)
        elif _is_a(type(child), _CONTAINERS):
            found += _clauses(child, kinds)
    return found


def _is_a(kind: type, kinds: tuple[type, ...]) -> bool:
    # Asking an abstract class takes as long as all the rest of a visit.
    pair = kind, kinds
    if pair not in _KNOWN:
        _KNOWN[pair] = issubclass(kind, kinds)
    return _KNOWN[pair]


_KNOWN: dict[tuple[type, tuple[type, ...]], bool] = {}


class _Step:
    """One step through a tree, and the types of nodes that it processes."""

    def __init__(self, traverser: Any) -> None:
        self._known = tuple(traverser._processing_map())
        hook = type(traverser).pre_processing_of_child
        self._prepares = hook is not DepthFirstTraverser.pre_processing_of_child
        self._kinds: dict[type, type | None] = {}
        self._ways: dict[type, bool] = {}

    def walk(self, traverser: Any, node: Any, place: int) -> Any:
        """Process the nodes below a node, then the node itself; return what takes its place."""
        ways = self._ways
        for child_place, child in enumerate(node.children or ()):
            if self._prepares:
                traverser.pre_processing_of_child(node, child_place)
            kind = type(child)
            if ways[kind] if kind in ways else self._leads_on(kind):
                self.walk(traverser, child, child_place)
        found = self._kind(type(node))
        return node if found is None else _process(traverser, found, node, place)

    def _leads_on(self, child: type) -> bool:
        """Whether the step may have something to do with a child, or below it."""
        is_inner = issubclass(child, Node) and not issubclass(child, LeafNode)
        self._ways[child] = is_inner or self._kind(child) is not None
        return self._ways[child]

    def _kind(self, node: type) -> type | None:
        """Return the type by which the step processes a node; None if it leaves the node."""
        if node not in self._kinds:
            fitting = (kind for kind in self._known if issubclass(node, kind))
            self._kinds[node] = next(fitting, None)
        return self._kinds[node]


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
