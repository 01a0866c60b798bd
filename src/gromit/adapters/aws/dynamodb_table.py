"""The table itself: making it, and bringing one that exists, perhaps as the earlier system left it, to what gromit needs."""

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
"""The attribute by which DynamoDB removes tombstones; in seconds since 1970."""
POLL_S = 5.0
TIMEOUT_S = 1800.0
"""An index on a table of some thousand small rows is made in minutes."""


_ATTRIBUTES: "list[AttributeDefinitionTypeDef]" = [
    {"AttributeName": KEY, "AttributeType": "S"},
    {"AttributeName": Attribute.WORK, "AttributeType": "S"},
    {"AttributeName": Attribute.DUE, "AttributeType": "N"},
]


class TableSetup:
    """What a table lacks, and how it gets it."""

    def __init__(
        self, client: "DynamoDBClient", name: str, pause: Callable[[float], object]
    ) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def lacks(self) -> list[str]:
        """What is missing, of `table`, `index`, `expiry` and `recovery`.

        Raises `Conflict` for a table whose key is another one, or whose index of our name is.
        """
        with aws_errors(f"look at table {self._name}"):
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
                    hint="remove that index, and run this again",
                )
            expiry = self._client.describe_time_to_live(TableName=self._name)[
                "TimeToLiveDescription"
            ]
            backups = self._client.describe_continuous_backups(TableName=self._name)[
                "ContinuousBackupsDescription"
            ]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get(
            "PointInTimeRecoveryStatus"
        )
        return [
            *([] if index is not None and _is_usable(index, table) else ["index"]),
            *([] if expiry.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} else ["expiry"]),
            *([] if recovery == "ENABLED" else ["recovery"]),
        ]

    def ensure(self) -> bool:
        """Make the table if there is none, with index, expiry and recovery; True if it was made.

        An existing one gets what costs nothing to add. Raises `ConfigError` if its index is missing: making that is `migrate`'s.
        """
        missing = self.lacks()
        made = missing == ["table"]
        if made:
            self._create()
            missing = ["expiry", "recovery"]
        if missing:
            self._wait()  # another serve may be making it at this moment
        if "index" in missing:
            raise ConfigError(
                f"table {self._name} lacks the index {WORK_INDEX}",
                hint="`gromit migrate --apply` adds it",
            )
        for part in missing:
            self.give(part)
        return made

    def give(self, part: str) -> None:
        """Add one missing part; returns when it is there. Raises `Temporary` for an index that takes too long."""
        with aws_errors(f"give table {self._name} its {part}"):
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
                        hint="`gromit serve` makes it; or check GROMIT_TABLENAME",
                    )

    def _create(self) -> None:
        made_by_another = suppress(self._client.exceptions.ResourceInUseException)
        with aws_errors(f"make table {self._name}"), made_by_another:
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
        if _index_of(table) is None:  # else an earlier call has begun it
            self._client.update_table(
                TableName=self._name,
                AttributeDefinitions=_ATTRIBUTES,
                GlobalSecondaryIndexUpdates=[{"Create": _created(_provisioned(table))}],
            )
        waited = 0.0
        while not self._has_index():
            if waited >= TIMEOUT_S:
                raise Temporary(
                    f"the index of table {self._name} is still being made",
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
    """Whether an index is, or will be as soon as its table is: those that are made together are there together."""
    return index.get("IndexStatus", "ACTIVE") == "ACTIVE" or table.get("TableStatus") == "CREATING"


def _provisioned(table: "TableDescriptionTypeDef") -> "ProvisionedThroughputTypeDef | None":
    """The throughput that an index needs on a table that is not billed by request: the table's own."""
    if table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST":
        return None
    own = table.get("ProvisionedThroughput", {})
    return {
        "ReadCapacityUnits": own.get("ReadCapacityUnits", 1),
        "WriteCapacityUnits": own.get("WriteCapacityUnits", 1),
    }


def work_index() -> "GlobalSecondaryIndexTypeDef":
    """The definition of the sparse index."""
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
