"""Patches of DynamoDB's recovery."""

import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.local.aws.moto_patches.conftest import REGION, Both, Cloud, outcome


def table(*, recovered: bool = True) -> Any:
    """Return a client of an emulator that has the empty table `rows`."""
    dynamodb: Any = boto3.client("dynamodb", REGION)
    dynamodb.create_table(
        TableName="rows",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    if recovered:
        recover(dynamodb)
    return dynamodb


def recover(dynamodb: Any, *, wanted: bool = True) -> None:
    """Switch recovery of the table on or off."""
    dynamodb.update_continuous_backups(
        TableName="rows", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": wanted}
    )


def put(dynamodb: Any, key: str, value: str) -> None:
    """Write an item."""
    dynamodb.put_item(TableName="rows", Item={"k": {"S": key}, "v": {"S": value}})


def change(dynamodb: Any, key: str, value: str) -> None:
    """Replace an attribute of an item."""
    dynamodb.update_item(
        TableName="rows",
        Key={"k": {"S": key}},
        UpdateExpression="SET v = :v",
        ExpressionAttributeValues={":v": {"S": value}},
    )


def items(dynamodb: Any, name: str) -> dict[str, Any]:
    """Return key to value of all items."""
    return {item["k"]["S"]: item["v"] for item in dynamodb.scan(TableName=name)["Items"]}


def restored(dynamodb: Any, moment: float) -> dict[str, Any]:
    """Return key to value of all items of a copy as of a moment."""
    dynamodb.restore_table_to_point_in_time(
        SourceTableName="rows", TargetTableName="copy", RestoreDateTime=moment
    )
    return items(dynamodb, "copy")


BEFORE = {"changed": {"S": "old"}, "deleted": {"S": "old"}}


def test_a_table_is_restored_as_it_was_at_the_moment(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table()
        put(dynamodb, "changed", "older")
        put(dynamodb, "deleted", "old")
        change(dynamodb, "changed", "old")
        moment = time.time()
        change(dynamodb, "changed", "new")
        dynamodb.delete_item(TableName="rows", Key={"k": {"S": "deleted"}})
        put(dynamodb, "later", "new")
        return restored(dynamodb, moment), items(dynamodb, "rows")

    stock, patched = both(look)
    newest = {"changed": {"S": "new"}, "later": {"S": "new"}}
    assert stock == [newest, newest]
    assert patched == [BEFORE, newest]


def test_a_change_within_a_value_is_undone_too(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table()
        item = {"k": {"S": "a"}, "v": {"M": {"in": {"S": "old"}}}}
        dynamodb.put_item(TableName="rows", Item=item)
        moment = time.time()
        dynamodb.update_item(
            TableName="rows",
            Key={"k": {"S": "a"}},
            UpdateExpression="SET v.#in = :v",
            ExpressionAttributeNames={"#in": "in"},
            ExpressionAttributeValues={":v": {"S": "new"}},
        )
        return restored(dynamodb, moment)

    stock, patched = both(look)
    assert stock == {"a": {"M": {"in": {"S": "new"}}}}
    assert patched == {"a": {"M": {"in": {"S": "old"}}}}


def test_a_cancelled_transaction_is_in_no_copy(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table()
        put(dynamodb, "a", "old")
        missing = {"TableName": "rows", "Key": {"k": {"S": "no"}}}
        with pytest.raises(ClientError):
            dynamodb.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": "rows", "Item": {"k": {"S": "a"}, "v": {"S": "new"}}}},
                    {"Delete": {**missing, "ConditionExpression": "attribute_exists(k)"}},
                ]
            )
        return restored(dynamodb, time.time())

    assert both(look) == ({"a": {"S": "old"}}, {"a": {"S": "old"}})


def test_items_from_before_recovery_was_switched_on_are_restored(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table(recovered=False)
        put(dynamodb, "a", "old")
        recover(dynamodb)
        moment = time.time()
        change(dynamodb, "a", "new")
        return restored(dynamodb, moment)

    stock, patched = both(look)
    assert (stock, patched) == ({"a": {"S": "new"}}, {"a": {"S": "old"}})


def test_a_table_without_recovery_is_not_restored(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> str:
        dynamodb = table()
        recover(dynamodb, wanted=False)
        return outcome(
            dynamodb.restore_table_to_point_in_time,
            SourceTableName="rows",
            TargetTableName="copy",
            UseLatestRestorableTime=True,
        )

    assert both(look) == ("done", "PointInTimeRecoveryUnavailableException")


def test_a_table_of_the_same_name_begins_without_a_past(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table()
        put(dynamodb, "a", "old")
        dynamodb.delete_table(TableName="rows")
        return restored(table(), time.time())

    assert both(look) == ({}, {})


def test_a_copy_is_billed_as_its_source(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> Any:
        dynamodb = table()
        restored(dynamodb, time.time())
        found = dynamodb.describe_table(TableName="copy")["Table"]
        return found.get("BillingModeSummary", {}).get("BillingMode")

    assert both(look) == (None, "PAY_PER_REQUEST")


def test_the_newest_moment_moves(both: Both[Any]) -> None:
    def look(_cloud: Cloud) -> bool:
        dynamodb = table()
        began = time.time()
        found = dynamodb.describe_continuous_backups(TableName="rows")[
            "ContinuousBackupsDescription"
        ]
        newest = found["PointInTimeRecoveryDescription"]["LatestRestorableDateTime"]
        return bool(newest.timestamp() >= began)

    assert both(look) == (False, True)
