"""Patches of repeated expressions and of copies of DynamoDB's items."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.parsing.tokens import ExpressionTokenizer

from gromit.local.aws.moto_patches import repeated
from gromit.local.aws.moto_patches.patches import Patches
from tests.local.aws.moto_patches.conftest import Both, Cloud
from tests.local.aws.moto_patches.test_expressions import ITEM, NAMES, VALUES, update
from tests.local.aws.moto_patches.test_tables import EVERY_TYPE, table

CONDITIONS = (
    "attribute_exists(b) AND (b = :one OR b < :two)",
    "NOT (#c = :one) AND size(l) > :one",
    "b BETWEEN :one AND :two OR b IN (:one, :two)",
    "contains(s, :text) AND begins_with(k, :text)",
    "attribute_type(m, :text) OR m.x <> :one",
    "attribute_exists(l[1])",
    "b = :unknown",
    "#unknown = :one",
    "((b = :one))",
    "b = ",
    "size = :one",
    "attribute_exists(:one)",
)
NUMBERS = ({":one": {"N": "1"}, ":two": {"N": "2"}}, {":one": {"N": "2"}, ":two": {"N": "5"}})


def _written(dynamodb: Any, condition: str, values: dict[str, Any]) -> str:
    """Return how DynamoDB answers a write with a condition."""
    known = {**values, ":text": {"S": "a"}}
    used = {name: value for name, value in known.items() if name in condition}
    try:
        dynamodb.put_item(
            TableName="t",
            Item=ITEM,
            ConditionExpression=condition,
            **({"ExpressionAttributeNames": NAMES} if "#c" in condition else {}),
            **({"ExpressionAttributeValues": used} if used else {}),
        )
    except (ClientError, ValueError, KeyError) as error:  # the stock emulator's faults
        return f"{type(error).__name__}: {error}"
    return "done"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_means_the_same_each_time_with_other_values(
    both: Both[Any], condition: str
) -> None:
    def look(_cloud: Cloud) -> list[str]:
        dynamodb = table(ITEM)
        return [_written(dynamodb, condition, values) for values in NUMBERS * 2]

    stock, patched = both(look)
    assert stock == patched


def test_conditions_of_one_text_with_other_names_are_two(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> list[int]:
        dynamodb = table(ITEM)
        return [
            dynamodb.scan(
                TableName="t",
                FilterExpression="attribute_exists(#n)",
                ExpressionAttributeNames={"#n": name},
            )["Count"]
            for name in ("b", "missing", "b")
        ]

    stock, patched = both(look)
    assert stock == patched == [1, 0, 1]


def test_an_update_and_its_condition_are_read_once(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> tuple[int, int]:
        dynamodb = table(ITEM)
        counts = _Counts()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(
                ExpressionTokenizer, "make_list", counts.counting(ExpressionTokenizer.make_list)
            )
            name = "_lex_condition_expression"
            patched.setattr(
                ConditionExpressionParser,
                name,
                counts.counting(ConditionExpressionParser.__dict__[name]),
            )
            for number in range(3):
                dynamodb.update_item(
                    TableName="t",
                    Key={"k": {"S": "row"}},
                    UpdateExpression="SET only_of_this_test = :fresh",
                    ConditionExpression="only_of_this_test <> :fresh",
                    ExpressionAttributeValues={":fresh": {"N": str(number)}},
                )
        return counts.number, int(_row(dynamodb)["only_of_this_test"]["N"])

    stock, patched = both(look)
    assert stock == [12, 2]
    assert patched == [2, 2]


class _Counts:
    def __init__(self) -> None:
        self.number = 0

    def counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            self.number += 1
            return function(*args)

        return counted


def _row(dynamodb: Any) -> dict[str, Any]:
    row: dict[str, Any] = dynamodb.get_item(TableName="t", Key={"k": {"S": "row"}})["Item"]
    return row


def test_a_copy_keeps_its_values_when_the_item_changes() -> None:
    patches = Patches()
    repeated.share_plain_values(patches)
    try:
        item = Item(DynamoType({"S": "row"}), None, ITEM)
        before, shown = copy.deepcopy(item), item.to_json()
        item.attrs["m"]["x"] = DynamoType({"N": "9"})
        item.attrs["l"].value.append(DynamoType({"S": "3"}))
        item.attrs["s"].value.append("c")
        item.attrs["b"] = DynamoType({"N": "3"})
        assert before.to_json() == shown
        assert before != item
        assert copy.deepcopy(item) == item
        every = Item(DynamoType({"S": "row"}), None, EVERY_TYPE)
        assert copy.deepcopy(every).to_json() == every.to_json()
    finally:
        patches.undo()


@pytest.mark.parametrize("returned", ["ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
def test_an_update_returns_the_item_before_and_after(both: Both[Any], returned: str) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table(ITEM)
        return dynamodb.update_item(
            TableName="t",
            Key={"k": {"S": "row"}},
            UpdateExpression="SET m.x = :one, l[0] = :one, o = m ADD s :set, b :one REMOVE l[1]",
            ExpressionAttributeValues={":one": VALUES[":one"], ":set": {"SS": ["new"]}},
            ReturnValues=returned,
        ).get("Attributes")

    stock, patched = both(look)
    assert stock == patched


@pytest.mark.parametrize("character", ["a", "ä", "€"])
def test_an_item_may_be_as_large_as_before(both: Both[Any], character: str) -> None:
    def look(_cloud: Cloud) -> list[str]:
        dynamodb = table()
        size = len(character.encode())
        return [_enlarged(dynamodb, character * (bytes_ // size)) for bytes_ in SIZES]

    stock, patched = both(look)
    assert stock == patched
    assert {answer.partition(":")[0] for answer in patched} == {"done", "ValidationException"}


SIZES = (90_000, 399_000, 404_990, 405_100, 500_000)


def _enlarged(dynamodb: Any, text: str) -> str:
    dynamodb.put_item(TableName="t", Item={"k": {"S": "row"}, "a": {"N": "1"}})
    try:
        dynamodb.update_item(
            TableName="t",
            Key={"k": {"S": "row"}},
            UpdateExpression="SET payload = :text",
            ExpressionAttributeValues={":text": {"S": text}},
        )
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return "done"


@pytest.mark.parametrize(
    "wanted", ["k", "k, b", "m.x, m.y", "l[1]", "absent, k", "m.x, b, l[2]", "#c, k"]
)
def test_a_projection_returns_the_same(both: Both[Any], wanted: str) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table(ITEM, EVERY_TYPE)
        names = {"ExpressionAttributeNames": NAMES} if "#c" in wanted else {}
        found = dynamodb.scan(TableName="t", ProjectionExpression=wanted, **names)["Items"]
        return str(found)

    stock, patched = both(look)
    assert stock == patched


def test_a_fault_is_refused_each_time(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> list[str]:
        dynamodb = table(ITEM)
        texts = ("SET", "SET a = :one REMOVE", "SET b = b + :one")
        return [update(dynamodb, text) for text in texts * 2]

    stock, patched = both(look)
    assert stock == patched
    assert patched[2] == "done" != patched[0]
