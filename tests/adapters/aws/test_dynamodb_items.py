"""Values of items are the SDK's own, and answers are what its model would make of them."""

import json
from typing import Any

import botocore.session
import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.parsers import ResponseParserFactory
from hypothesis import given
from hypothesis import strategies as st

from gromit.adapters.aws.dynamodb_items import (
    ItemParserFactory,
    from_item_value,
    to_item_value,
)
from gromit.core.environments.phases import Want

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_values_have_the_form_of_the_sdk_and_come_back(value: Any) -> None:
    item = to_item_value(value)
    assert item == TypeSerializer().serialize(value)
    assert from_item_value(item) == value


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ({"N": "1.5"}, 1),
        ({"N": "1E3"}, 1000),
        ({"SS": ["a"]}, {"a"}),
        ({"M": {"a": {"SS": ["b"]}}}, {"a": {"b"}}),
        ({"L": [{"N": "2.0"}]}, [2]),
    ],
)
def test_what_only_a_person_writes_is_read_as_well(item: dict[str, Any], value: Any) -> None:
    assert from_item_value(item) == value


def test_an_enumeration_is_its_text() -> None:
    assert to_item_value(Want.UP) == {"S": "up"}
    assert type(to_item_value(Want.UP)["S"]) is str


def _shape(operation: str) -> Any:
    model = botocore.session.get_session().get_service_model("dynamodb")
    return model.operation_model(operation).output_shape


ITEM = {"name": {"S": "a"}, "n": {"N": "1"}, "l": {"L": [{"M": {"x": {"BOOL": True}}}]}}
ANSWERS: list[tuple[str, dict[str, Any]]] = [
    ("GetItem", {"Item": ITEM}),
    ("GetItem", {}),
    ("UpdateItem", {"Attributes": ITEM}),
    ("Scan", {"Items": [ITEM], "Count": 1, "LastEvaluatedKey": {"name": {"S": "a"}}}),
    ("Query", {"Items": [], "Count": 0, "ScannedCount": 0}),
    ("DescribeTable", {"Table": {"TableName": "t", "CreationDateTime": 1.5}}),
    ("BatchGetItem", {"Responses": {"t": [ITEM]}}),
]


@pytest.mark.parametrize(("operation", "body"), ANSWERS)
def test_an_answer_is_what_its_model_makes_of_it(operation: str, body: dict[str, Any]) -> None:
    shape = _shape(operation)
    response = {
        "status_code": 200,
        "headers": {"x-amzn-requestid": "r-1"},
        "body": json.dumps(body).encode(),
    }
    read = [
        factory.create_parser("json").parse(response, shape)
        for factory in (ItemParserFactory(), ResponseParserFactory())
    ]
    assert read[0] == read[1]
    assert read[0]["ResponseMetadata"]["RequestId"] == "r-1"


def test_an_answer_that_is_no_json_is_the_sdks_own_error() -> None:
    shape = _shape("GetItem")
    response = {"status_code": 200, "headers": {}, "body": b"<html>"}
    errors = []
    for factory in (ItemParserFactory(), ResponseParserFactory()):
        try:
            errors.append(factory.create_parser("json").parse(response, shape))
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises
            errors.append(type(error))
    assert errors[0] == errors[1]
