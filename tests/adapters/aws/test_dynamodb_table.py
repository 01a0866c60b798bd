"""Setup of the table in the emulator: creation, check and completion."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest
from botocore.stub import ANY, Stubber
from structlog.testing import capture_logs

from gromit.adapters.aws.dynamodb import DynamoStore
from gromit.adapters.aws.dynamodb_table import (
    LIFE_PART,
    POLL_S,
    TIMEOUT_S,
    TableSetup,
    life_index,
    work_index,
)
from gromit.core.environments.row_writes import NotExists, RowWrite
from gromit.core.names import LIFE_INDEX, WORK_INDEX
from gromit.errors import BackendError, ConfigError, Conflict, NotFound, Temporary
from tests.logs import lines_about

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NEEDED = ["index", LIFE_PART, "expiry", "recovery"]


def no_pause(_seconds: float) -> None:
    """Do not wait: the emulator does everything at once."""


def new_client() -> "DynamoDBClient":
    return boto3.client(
        "dynamodb",
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def client() -> "Iterator[DynamoDBClient]":
    with moto.mock_aws():
        yield new_client()


@pytest.fixture(params=["by request", "provisioned"])
def earlier(request: pytest.FixtureRequest, client: "DynamoDBClient") -> str:
    """Return a table of gromit v1, which has nothing but its key."""
    name = f"environments-{uuid.uuid4().hex}"
    billing: Any = {"BillingMode": "PAY_PER_REQUEST"}
    if request.param == "provisioned":
        billing = {"ProvisionedThroughput": {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3}}
    make(client, name, **billing)
    return name


def make(client: "DynamoDBClient", name: str, key: str = "name", **more: Any) -> None:
    attributes = {
        a["AttributeName"] for i in more.get("GlobalSecondaryIndexes", []) for a in i["KeySchema"]
    } | {key}
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": a, "AttributeType": "S"} for a in sorted(attributes)
        ],
        **{"BillingMode": "PAY_PER_REQUEST"} | more
        if "ProvisionedThroughput" not in more
        else more,
    )


def test_a_table_of_gromit_v1_lacks_everything_and_gets_it(
    client: "DynamoDBClient", earlier: str
) -> None:
    client.put_item(
        TableName=earlier, Item={"name": {"S": "app"}, "state": {"S": "new"}, "tyk": {"S": "sha"}}
    )
    table = TableSetup(client, earlier, no_pause)
    assert table.missing() == NEEDED
    for part in NEEDED:
        assert part in table.missing()
        table.add(part)
        assert part not in table.missing()
    assert client.get_item(TableName=earlier, Key={"name": {"S": "app"}})["Item"]["tyk"] == {
        "S": "sha"
    }


@pytest.mark.parametrize("index", [work_index(), life_index()], ids=[WORK_INDEX, LIFE_INDEX])
def test_terraform_declares_the_same_index(index: Any) -> None:
    infra = Path(__file__).parents[3] / "terraform" / "infra" / "table.tf"
    blocks = re.findall(
        r"global_secondary_index \{(.*?)\n  \}", infra.read_text(encoding="utf-8"), re.DOTALL
    )
    (declared,) = (
        found
        for block in blocks
        if (found := dict(re.findall(r"(\w+) += (.+)", block)))["name"] == f'"{index["IndexName"]}"'
    )
    hash_key, range_key = (key["AttributeName"] for key in index["KeySchema"])
    assert declared == {
        "name": f'"{index["IndexName"]}"',
        "hash_key": f'"{hash_key}"',
        "range_key": f'"{range_key}"',
        "projection_type": f'"{index["Projection"]["ProjectionType"]}"',
        "non_key_attributes": json.dumps(index["Projection"]["NonKeyAttributes"]),
    }


def test_the_index_that_was_added_serves_looking_for_work(
    client: "DynamoDBClient", earlier: str
) -> None:
    TableSetup(client, earlier, no_pause).add("index")
    store = DynamoStore(client, earlier)
    store.write("app", RowWrite(conditions=(NotExists("gone_at"),), sets={"work": "sow", "due": 5}))
    store.write("other", RowWrite(conditions=(NotExists("gone_at"),), sets={"want": "up"}))
    assert store.due("sow", 10, 16).names == ("app",)
    assert store.due("sow", 4, 16).next_ms == 5


def test_an_index_of_a_provisioned_table_has_the_tables_own_throughput(
    client: "DynamoDBClient",
) -> None:
    make(
        client,
        "provisioned",
        ProvisionedThroughput={"ReadCapacityUnits": 7, "WriteCapacityUnits": 3},
    )
    TableSetup(client, "provisioned", no_pause).add("index")
    (index,) = client.describe_table(TableName="provisioned")["Table"]["GlobalSecondaryIndexes"]
    assert (
        index["ProvisionedThroughput"]["ReadCapacityUnits"],
        index["ProvisionedThroughput"]["WriteCapacityUnits"],
    ) == (7, 3)


def test_a_table_that_was_made_lacks_nothing_and_is_made_once(client: "DynamoDBClient") -> None:
    table = TableSetup(client, "environments", no_pause)
    assert table.missing() == ["table"]
    assert table.ensure()
    assert table.missing() == []
    assert not table.ensure()
    described = client.describe_table(TableName="environments")["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    expiry = client.describe_time_to_live(TableName="environments")["TimeToLiveDescription"]
    assert (expiry["AttributeName"], expiry["TimeToLiveStatus"]) == ("expire_at", "ENABLED")


def test_serve_does_not_make_the_index_of_an_existing_table(
    client: "DynamoDBClient", earlier: str
) -> None:
    with pytest.raises(
        ConfigError, match=f"table {earlier} lacks the index {WORK_INDEX}"
    ) as caught:
        TableSetup(client, earlier, no_pause).ensure()
    assert "gromit migrate --apply" in (caught.value.hint or "")
    assert TableSetup(client, earlier, no_pause).missing() == NEEDED


def test_serve_gives_an_existing_table_what_costs_nothing(
    client: "DynamoDBClient", earlier: str
) -> None:
    table = TableSetup(client, earlier, no_pause)
    table.add("index")
    table.add(LIFE_PART)
    assert not table.ensure()
    assert table.missing() == []


def test_serve_starts_without_the_index_of_lifetimes(
    client: "DynamoDBClient", earlier: str
) -> None:
    table = TableSetup(client, earlier, no_pause)
    table.add("index")
    with capture_logs() as logs:
        assert not table.ensure()
    assert table.missing() == [LIFE_PART]
    (line,) = lines_about("table", logs)
    assert (line["event"], line["log_level"]) == ("table.lacks_lifetimes", "warning")
    assert "gromit migrate --apply" in line["hint"]
    with pytest.raises(Temporary, match=f"no usable index {LIFE_INDEX}"):
        DynamoStore(client, earlier).lives("live", 0, 1, 1)
    table.add(LIFE_PART)
    assert DynamoStore(client, earlier).lives("live", 0, 1, 1) == ()


def test_another_programs_table_is_refused(client: "DynamoDBClient") -> None:
    make(client, "other", key="id")
    with pytest.raises(Conflict, match="table other has another key than `name`"):
        TableSetup(client, "other", no_pause).missing()


def test_another_index_of_our_name_is_refused(client: "DynamoDBClient") -> None:
    index = {
        "IndexName": WORK_INDEX,
        "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    make(client, "other", GlobalSecondaryIndexes=[index])
    with pytest.raises(Conflict, match=f"another index named {WORK_INDEX}"):
        TableSetup(client, "other", no_pause).missing()


def test_a_missing_table_is_given_nothing(client: "DynamoDBClient") -> None:
    with pytest.raises(BackendError, match="could not add index to table nowhere"):
        TableSetup(client, "nowhere", no_pause).add("index")
    with pytest.raises(NotFound, match="there is no table nowhere"):
        TableSetup(client, "nowhere", no_pause).add("table")


# ── an index takes its time, which the emulator does not ──────────────────────────────────────────


@pytest.fixture
def stubbed() -> Iterator[tuple["DynamoDBClient", Stubber]]:
    client = new_client()
    with Stubber(client) as stubber:
        yield client, stubber


def _life_keys() -> dict[str, Any]:
    return {"KeySchema": life_index()["KeySchema"]}


def described(status: str | None, table: str = "ACTIVE") -> dict[str, Any]:
    index = (
        [
            {
                "IndexName": WORK_INDEX,
                "IndexStatus": status,
                "KeySchema": work_index()["KeySchema"],
            },
            {"IndexName": LIFE_INDEX, "IndexStatus": "ACTIVE", **_life_keys()},
        ]
        if status
        else []
    )
    keys = [{"AttributeName": "name", "KeyType": "HASH"}]
    billing = {"BillingMode": "PAY_PER_REQUEST"}
    return {
        "Table": {
            "TableStatus": table,
            "KeySchema": keys,
            "BillingModeSummary": billing,
            "GlobalSecondaryIndexes": index,
        }
    }


def say(stubber: Stubber, *answers: dict[str, Any]) -> None:
    """Return the answers to consecutive descriptions of the table."""
    for answer in answers:
        stubber.add_response("describe_table", answer, {"TableName": "environments"})


def expect_index(stubber: Stubber) -> None:
    expected = {
        "TableName": "environments",
        "AttributeDefinitions": ANY,
        "GlobalSecondaryIndexUpdates": ANY,
    }
    stubber.add_response("update_table", {}, expected)


def say_rest(stubber: Stubber, recovery_status: str = "ENABLED") -> None:
    expiry = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED"}}
    recovery = {
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": recovery_status},
        "ContinuousBackupsStatus": "ENABLED",
    }
    stubber.add_response("describe_time_to_live", expiry)
    stubber.add_response("describe_continuous_backups", {"ContinuousBackupsDescription": recovery})


def test_an_index_is_waited_for_until_it_can_be_used(
    stubbed: tuple["DynamoDBClient", Stubber],
) -> None:
    client, stubber = stubbed
    waited: list[float] = []
    say(stubber, described(None))
    expect_index(stubber)
    say(stubber, described("CREATING"), described("CREATING"), described("ACTIVE"))
    TableSetup(client, "environments", waited.append).add("index")
    assert waited == [POLL_S, POLL_S]
    stubber.assert_no_pending_responses()


def test_an_index_that_takes_too_long_is_to_be_waited_for_again(
    stubbed: tuple["DynamoDBClient", Stubber],
) -> None:
    client, stubber = stubbed
    waited: list[float] = []
    say(stubber, described(None))
    expect_index(stubber)
    say(stubber, *[described("CREATING")] * (int(TIMEOUT_S / POLL_S) + 1))
    table = TableSetup(client, "environments", waited.append)
    with pytest.raises(Temporary, match="still being created"):
        table.add("index")
    assert sum(waited) == TIMEOUT_S

    say(stubber, described("CREATING"))
    say_rest(stubber)
    assert table.missing() == ["index"], "it cannot be used yet"
    say(stubber, described("CREATING"), described("CREATING"), described("ACTIVE"))
    table.add("index")
    stubber.assert_no_pending_responses()


def test_a_table_that_another_process_creates_is_waited_for(
    stubbed: tuple["DynamoDBClient", Stubber],
) -> None:
    client, stubber = stubbed
    say(stubber, described("CREATING", table="CREATING"))
    say_rest(stubber, "DISABLED")
    say(stubber, described("ACTIVE"))
    stubber.add_response("update_continuous_backups", {})
    assert not TableSetup(client, "environments", no_pause).ensure()
    stubber.assert_no_pending_responses()
