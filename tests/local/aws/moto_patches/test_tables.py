"""Patches of DynamoDB."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import boto3
from moto.core.serialize import ResponseSerializer

from tests.local.aws.moto_patches.conftest import REGION, Both, Cloud

EVENTS = 40
VALUES = 5 * EVENTS
EVERY_TYPE = {
    "k": {"S": "every type"},
    "text": {"S": ""},
    "number": {"N": "-1.50"},
    "flag": {"BOOL": False},
    "nothing": {"NULL": True},
    "bytes": {"B": b"\x00\xff"},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "many bytes": {"BS": [b"\x00", b"\xff"]},
    "list": {"L": [{"S": "a"}, {"L": []}, {"M": {}}, {"B": b"\x01"}, {"NS": ["1"]}]},
    "map": {"M": {"a": {"N": "1"}, "b": {"M": {"c": {"L": [{"BOOL": True}]}}}, "S": {"S": "s"}}},
}
EVENT = {"M": {"at": {"N": "1"}, "actor": {"S": "ci"}, "text": {"S": "a build"}, "n": {"N": "2"}}}


class Calls:
    """Number of calls that the emulator makes to serialize its responses."""

    def __init__(self) -> None:
        self.number = 0
        self._depth = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count during the block."""
        sys.setprofile(self._observe)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _observe(self, frame: FrameType, event: str, _argument: object) -> None:
        entry = frame.f_code is ResponseSerializer.serialize.__code__
        if event == "call":
            self._depth += entry
            self.number += self._depth > 0
        elif event == "return":
            self._depth -= entry


def table(*items: Mapping[str, Any]) -> Any:
    """Return a client of an emulator that has the table `t` with these items."""
    dynamodb: Any = boto3.client("dynamodb", REGION)
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for item in items:
        dynamodb.put_item(TableName="t", Item=item)
    return dynamodb


def test_a_scan_takes_few_calls_for_each_value(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> float:
        dynamodb, calls = table(), Calls()
        item = {"k": {"S": "app-test"}, "events": {"L": [EVENT] * EVENTS}}
        dynamodb.put_item(TableName="t", Item=item)
        with calls.counting():
            dynamodb.scan(TableName="t")
        return calls.number / VALUES

    stock, patched = both(look)
    assert stock > 20
    assert patched < 3


def test_values_of_every_type_come_back_as_they_were(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table(EVERY_TYPE)
        return dynamodb.scan(TableName="t")["Items"]

    stock, patched = both(look)
    assert patched == stock
    assert [name for name in EVERY_TYPE if name not in patched[0]] == []
