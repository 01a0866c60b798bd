"""Setup of the table: creation, and completion of an existing one, perhaps of gromit v1."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.dynamodb import KEY
from gromit.core.environments.attributes import INDEX_PROJECTION, Attribute
from gromit.core.names import WORK_INDEX
from gromit.errors import ConfigError, Conflict, NotFound, Temporary

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeDefinitionTypeDef,
        CreateGlobalSecondaryIndexActionTypeDef,
        GlobalSecondaryIndexDescriptionTypeDef,
        GlobalSecondaryIndexTypeDef,
        ProvisionedThroughputTypeDef,
        TableDescriptionTypeDef,
    )

EXPIRY = Attribute.EXPIRE_AT
"""Attribute by which DynamoDB removes tombstones, in seconds since 1970."""
POLL_S = 5.0
TIMEOUT_S = 1800.0
"""Longest wait for an index. With a few thousand small rows it is built within minutes."""


_ATTRIBUTES: "list[AttributeDefinitionTypeDef]" = [
    {"AttributeName": KEY, "AttributeType": "S"},
    {"AttributeName": Attribute.WORK, "AttributeType": "S"},
    {"AttributeName": Attribute.DUE, "AttributeType": "N"},
]


class TableSetup:
    """Finds and adds what a table lacks."""

    def __init__(
        self, client: "DynamoDBClient", name: str, pause: Callable[[float], object]
    ) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def missing(self) -> list[str]:
        """Return what is missing of `table`, `index`, `expiry` and `recovery`.

        Raises `Conflict` for a table with another key, or with another index of this name.
        """
        with aws_errors(f"describe table {self._name}"):
            try:
                table = self._client.describe_table(TableName=self._name)["Table"]
            except self._client.exceptions.ResourceNotFoundException:
                return ["table"]
            if table["KeySchema"] != [{"AttributeName": KEY, "KeyType": "HASH"}]:
                raise Conflict(
                    f"table {self._name} has another key than `{KEY}`",
                    hint="check GROMIT_TABLENAME",
                )
            index = _index_of(table)
            if index is not None and index.get("KeySchema") != work_index()["KeySchema"]:
                raise Conflict(
                    f"table {self._name} has another index named {WORK_INDEX}",
                    hint="remove that index, then run this again",
                )
            expiry = self._client.describe_time_to_live(TableName=self._name)[
                "TimeToLiveDescription"
            ]
            backups = self._client.describe_continuous_backups(TableName=self._name)[
                "ContinuousBackupsDescription"
            ]
        recovery = backups.get("PointInTimeRecoveryDescription", {})
        complete = {
            "index": index is not None and _is_usable(index, table),
            "expiry": expiry.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"},
            "recovery": recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
        }
        return [part for part, is_there in complete.items() if not is_there]

    def ensure(self) -> bool:
        """Create the table with index, expiry and recovery if it does not exist; True if created.

        An existing table gets what is free to add. Raises `ConfigError` if its index is missing,
        because only `gromit migrate` adds that.
        """
        missing = self.missing()
        created = missing == ["table"]
        if created:
            self._create()
            missing = ["expiry", "recovery"]
        if missing:
            self._wait()  # another serve may be creating the table at this moment
        if "index" in missing:
            raise ConfigError(
                f"table {self._name} lacks the index {WORK_INDEX}",
                hint="`gromit migrate --apply` adds it",
            )
        for part in missing:
            self.add(part)
        return created

    def add(self, part: str) -> None:
        """Add one missing part and wait until it is usable.

        Raises `Temporary` for an index that takes longer than `TIMEOUT_S`.
        """
        with aws_errors(f"add {part} to table {self._name}"):
            match part:
                case "index":
                    self._add_index()
                case "expiry":
                    self._client.update_time_to_live(
                        TableName=self._name,
                        TimeToLiveSpecification={"Enabled": True, "AttributeName": EXPIRY},
                    )
                case "recovery":
                    self._client.update_continuous_backups(
                        TableName=self._name,
                        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
                    )
                case _:
                    raise NotFound(
                        f"there is no table {self._name}",
                        hint="run `gromit serve`, which creates it, or check GROMIT_TABLENAME",
                    )

    def _create(self) -> None:
        # Another serve may create the table at the same time.
        already_created = suppress(self._client.exceptions.ResourceInUseException)
        with aws_errors(f"create table {self._name}"), already_created:
            self._client.create_table(
                TableName=self._name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
                AttributeDefinitions=_ATTRIBUTES,
                GlobalSecondaryIndexes=[work_index()],
            )

    def _wait(self) -> None:
        with aws_errors(f"wait for table {self._name}"):
            self._client.get_waiter("table_exists").wait(TableName=self._name)

    def _add_index(self) -> None:
        table = self._client.describe_table(TableName=self._name)["Table"]
        if _index_of(table) is None:  # otherwise an earlier call has started it
            self._client.update_table(
                TableName=self._name,
                AttributeDefinitions=_ATTRIBUTES,
                GlobalSecondaryIndexUpdates=[{"Create": _created(_provisioned(table))}],
            )
        waited = 0.0
        while not self._has_index():
            if waited >= TIMEOUT_S:
                raise Temporary(
                    f"the index of table {self._name} is still being created",
                    hint="run `gromit migrate` again later",
                )
            self._pause(POLL_S)
            waited += POLL_S

    def _has_index(self) -> bool:
        table = self._client.describe_table(TableName=self._name)["Table"]
        index = _index_of(table)
        return index is not None and _is_usable(index, table)


def _index_of(table: "TableDescriptionTypeDef") -> "GlobalSecondaryIndexDescriptionTypeDef | None":
    return next(
        (i for i in table.get("GlobalSecondaryIndexes", []) if i.get("IndexName") == WORK_INDEX),
        None,
    )


def _is_usable(
    index: "GlobalSecondaryIndexDescriptionTypeDef", table: "TableDescriptionTypeDef"
) -> bool:
    """Whether an index is usable, or becomes so together with a table that is being created."""
    return index.get("IndexStatus", "ACTIVE") == "ACTIVE" or table.get("TableStatus") == "CREATING"


def _provisioned(table: "TableDescriptionTypeDef") -> "ProvisionedThroughputTypeDef | None":
    """Return the table's own throughput for its index; None if the table is billed per request."""
    if table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST":
        return None
    own = table.get("ProvisionedThroughput", {})
    return {
        "ReadCapacityUnits": own.get("ReadCapacityUnits", 1),
        "WriteCapacityUnits": own.get("WriteCapacityUnits", 1),
    }


def work_index() -> "GlobalSecondaryIndexTypeDef":
    """Return the definition of the sparse index."""
    return {
        "IndexName": WORK_INDEX,
        "KeySchema": [
            {"AttributeName": Attribute.WORK, "KeyType": "HASH"},
            {"AttributeName": Attribute.DUE, "KeyType": "RANGE"},
        ],
        "Projection": {
            "ProjectionType": "INCLUDE",
            "NonKeyAttributes": list(INDEX_PROJECTION),
        },
    }


def _created(
    throughput: "ProvisionedThroughputTypeDef | None",
) -> "CreateGlobalSecondaryIndexActionTypeDef":
    index = work_index()
    action: CreateGlobalSecondaryIndexActionTypeDef = {
        "IndexName": index["IndexName"],
        "KeySchema": index["KeySchema"],
        "Projection": index["Projection"],
    }
    if throughput:
        action["ProvisionedThroughput"] = throughput
    return action
