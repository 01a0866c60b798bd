"""Bringing a table that exists, perhaps as the earlier system left it, to what gromit needs: index, expiry, recovery."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gromit.adapters.aws import translated
from gromit.adapters.dynamodb import INDEX, work_index
from gromit.errors import Conflict, NotFound, Temporary

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import CreateGlobalSecondaryIndexActionTypeDef, ProvisionedThroughputTypeDef

EXPIRY = "expire_at"
"""The attribute by which DynamoDB removes tombstones; in seconds since 1970."""
POLL_S = 5.0
PATIENCE_S = 1800.0
"""An index on a table of some thousand small rows is made in minutes."""


class Table:
    """What a table lacks, and how it gets it."""

    def __init__(self, client: "DynamoDBClient", name: str, pause: Callable[[float], object]) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def lacks(self) -> list[str]:
        """What is missing, of `table`, `index`, `expiry` and `recovery`.

        Raises `Conflict` for a table whose key is another one, or whose index of our name is.
        """
        with translated(f"look at table {self._name}"):
            try:
                table = self._client.describe_table(TableName=self._name)["Table"]
            except self._client.exceptions.ResourceNotFoundException:
                return ["table"]
            if table["KeySchema"] != [{"AttributeName": "name", "KeyType": "HASH"}]:
                raise Conflict(f"table {self._name} has another key than `name`", hint="check GROMIT_TABLENAME")
            indexes = {str(i.get("IndexName")): i.get("KeySchema") for i in table.get("GlobalSecondaryIndexes", [])}
            if INDEX in indexes and indexes[INDEX] != work_index()["KeySchema"]:
                raise Conflict(f"table {self._name} has another index named {INDEX}", hint="remove that index, and run this again")
            expiry = self._client.describe_time_to_live(TableName=self._name)["TimeToLiveDescription"]
            backups = self._client.describe_continuous_backups(TableName=self._name)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        return [
            *([] if INDEX in indexes else ["index"]),
            *([] if expiry.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} else ["expiry"]),
            *([] if recovery == "ENABLED" else ["recovery"]),
        ]

    def give(self, part: str) -> None:
        """Add one missing part; returns when it is there. Raises `Temporary` for an index that takes too long."""
        with translated(f"give table {self._name} its {part}"):
            match part:
                case "index":
                    self._add_index()
                case "expiry":
                    self._client.update_time_to_live(
                        TableName=self._name, TimeToLiveSpecification={"Enabled": True, "AttributeName": EXPIRY}
                    )
                case "recovery":
                    self._client.update_continuous_backups(
                        TableName=self._name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
                    )
                case _:
                    raise NotFound(f"there is no table {self._name}", hint="`gromit serve` makes it; or check GROMIT_TABLENAME")

    def _add_index(self) -> None:
        self._client.update_table(
            TableName=self._name,
            AttributeDefinitions=[
                {"AttributeName": "name", "AttributeType": "S"},
                {"AttributeName": "work", "AttributeType": "S"},
                {"AttributeName": "due", "AttributeType": "N"},
            ],
            GlobalSecondaryIndexUpdates=[{"Create": _created(self._provisioned())}],
        )
        waited = 0.0
        while not self._has_index():
            if waited >= PATIENCE_S:
                raise Temporary(f"the index of table {self._name} is still being made", hint="run `gromit migrate` again later")
            self._pause(POLL_S)
            waited += POLL_S

    def _has_index(self) -> bool:
        indexes = self._client.describe_table(TableName=self._name)["Table"].get("GlobalSecondaryIndexes", [])
        return any(i.get("IndexName") == INDEX and i.get("IndexStatus", "ACTIVE") == "ACTIVE" for i in indexes)

    def _provisioned(self) -> "ProvisionedThroughputTypeDef | None":
        """The throughput that an index needs on a table that is not billed by request: the table's own."""
        table = self._client.describe_table(TableName=self._name)["Table"]
        if table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST":
            return None
        own = table.get("ProvisionedThroughput", {})
        return {"ReadCapacityUnits": own.get("ReadCapacityUnits", 1), "WriteCapacityUnits": own.get("WriteCapacityUnits", 1)}


def _created(throughput: "ProvisionedThroughputTypeDef | None") -> "CreateGlobalSecondaryIndexActionTypeDef":
    index = work_index()
    action: CreateGlobalSecondaryIndexActionTypeDef = {
        "IndexName": index["IndexName"],
        "KeySchema": index["KeySchema"],
        "Projection": index["Projection"],
    }
    if throughput:
        action["ProvisionedThroughput"] = throughput
    return action
