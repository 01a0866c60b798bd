"""Patches of DynamoDB's update expressions."""

import copy
import sys
from types import FrameType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.parsing.ast_nodes import Node
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

from gromit.local.aws.moto_patches.expressions import copy_node_by_node
from gromit.local.aws.moto_patches.patches import Patches
from tests.local.aws.moto_patches.conftest import Both, Cloud
from tests.local.aws.moto_patches.test_tables import table

UPDATES = (
    "SET a = :one, b = b + :one, #c = list_append(if_not_exists(#c, :list), :list) REMOVE m.x",
    "SET d = :one ADD n :one DELETE s :set",
    "SET a = if_not_exists(a, :one), e = m.y - :one, l[7] = :one REMOVE l[0], l[2]",
)
FAULTS = (
    "SET a = :one SET b = :one",
    "ADD n :one ADD n :one",
    "REMOVE a REMOVE b SET a = :one SET a = :one",
    "SET a = :one, a = :one",
    "SET b = :one, m.x = :one, m.x.y = :one",
    "SET m = :one REMOVE m.x",
    "SET #c = :one, #c = :one",
    "SET a = :unknown",
    "SET a = missing",
    "SET a = missing + :one",
    "SET k = :one",
    "SET a = m + :one",
    "SET missing.x = :one",
    "SET missing.x = :one, a = :one, missing.x = :one",
    "SET a = list_append(missing, :list)",
)
NAMES = {"#c": "c"}
VALUES = {":one": {"N": "1"}, ":list": {"L": [{"S": "z"}]}, ":set": {"SS": ["a"]}}
ITEM = {
    "k": {"S": "row"},
    "b": {"N": "2"},
    "l": {"L": [{"S": "0"}, {"S": "1"}, {"S": "2"}]},
    "m": {"M": {"x": {"N": "1"}, "y": {"N": "5"}}},
    "s": {"SS": ["a", "b"]},
}


def update(dynamodb: Any, expression: str, key: str = "row") -> str:
    """Return `done`, or the type and the text of the refusal."""
    try:
        dynamodb.update_item(
            TableName="t",
            Key={"k": {"S": key}},
            UpdateExpression=expression,
            **({"ExpressionAttributeNames": NAMES} if "#c" in expression else {}),
            ExpressionAttributeValues={k: v for k, v in VALUES.items() if k in expression}
            or VALUES,
        )
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return "done"


def test_updates_change_the_same(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table(ITEM)
        answers = [update(dynamodb, expression) for expression in UPDATES]
        return answers, dynamodb.get_item(TableName="t", Key={"k": {"S": "row"}})["Item"]

    stock, patched = both(look)
    assert stock == patched
    assert patched[0] == ["done"] * len(UPDATES)


@pytest.mark.parametrize("key", ["row", "new"])
def test_faults_are_refused_in_the_same_words(both: Both[Any], key: str) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table(ITEM)
        return [update(dynamodb, expression, key) for expression in FAULTS]

    stock, patched = both(look)
    assert stock == patched
    assert "done" not in patched


def test_a_long_update_takes_calls_in_proportion_to_its_length(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> float:
        dynamodb = table(ITEM)
        counts = []
        for length in (5, 50):
            expression = "SET " + ", ".join(f"a{n} = :one" for n in range(length))
            counts.append(_calls(lambda text=expression: update(dynamodb, text)))
        return counts[1] / counts[0]

    stock, patched = both(look)
    assert stock > 10
    assert patched < 10


def _calls(action: Any) -> int:
    """Return the number of calls of functions of the syntax tree that `action` makes."""
    calls = 0

    def observe(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call" and "moto/dynamodb/parsing" in frame.f_code.co_filename

    sys.setprofile(observe)
    try:
        assert action() == "done"
    finally:
        sys.setprofile(None)
    return calls


def test_a_copy_of_a_tree_shares_no_node() -> None:
    patches = Patches()
    copy_node_by_node(patches)
    try:
        tree = UpdateExpressionParser.make(UPDATES[0])
        other = copy.deepcopy(tree)
    finally:
        patches.undo()
    assert _texts(tree) == _texts(other)
    assert not {id(node) for node in _nodes(tree)} & {id(node) for node in _nodes(other)}
    for node in _nodes(other):
        assert all(child.parent is node for child in node.children or () if _is_node(child))
    assert other.parent is None


def _is_node(value: Any) -> bool:
    return isinstance(value, Node)


def _nodes(tree: Any) -> list[Any]:
    below = [n for child in tree.children or () if _is_node(child) for n in _nodes(child)]
    return [tree, *below]


def _texts(tree: Any) -> list[Any]:
    leaves = [[c for c in node.children or () if not _is_node(c)] for node in _nodes(tree)]
    return [(type(node).__name__, leaf) for node, leaf in zip(_nodes(tree), leaves, strict=True)]
