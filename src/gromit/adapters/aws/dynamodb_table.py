"""Setup of the table: creation, and completion of an existing one, perhaps of gromit v1."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import structlog

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.dynamodb import KEY
from gromit.core.environments.attributes import (
    INDEX_PROJECTION,
    LIFE_PROJECTION,
    Attribute,
)
from gromit.core.names import LIFE_INDEX, WORK_INDEX
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

log = structlog.get_logger(__name__)

EXPIRY = Attribute.EXPIRE_AT
"""Attribute by which DynamoDB removes tombstones, in seconds since 1970."""
POLL_S = 5.0
TIMEOUT_S = 1800.0
"""Longest wait for an index. With a few thousand small rows it is built within minutes."""


_TYPES: "Mapping[str, Literal['S', 'N']]" = MappingProxyType(
    {
        KEY: "S",
        Attribute.WORK: "S",
        Attribute.DUE: "N",
        Attribute.LIFE: "S",
        Attribute.LOOK_AT: "N",
    }
)
"""Types of the attributes in keys."""
LIFE_PART = "index of lifetimes"
_INDEXES: Mapping[str, str] = MappingProxyType({"index": WORK_INDEX, LIFE_PART: LIFE_INDEX})
"""Part of the table to the index that it is."""


class TableSetup:
    """Finds and adds what a table lacks."""

    def __init__(
        self, client: "DynamoDBClient", name: str, pause: Callable[[float], object]
    ) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def missing(self) -> list[str]:
        """Return what is missing: `table`, `index`, `index of lifetimes`, `expiry`, `recovery`.

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
            for index in _INDEXES.values():
                self._require_own(index, table)
            expiry = self._client.describe_time_to_live(TableName=self._name)[
                "TimeToLiveDescription"
            ]
            backups = self._client.describe_continuous_backups(TableName=self._name)[
                "ContinuousBackupsDescription"
            ]
        recovery = backups.get("PointInTimeRecoveryDescription", {})
        complete = {
            **{part: _has_index(index, table) for part, index in _INDEXES.items()},
            "expiry": expiry.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"},
            "recovery": recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
        }
        return [part for part, is_there in complete.items() if not is_there]

    def _require_own(self, name: str, table: "TableDescriptionTypeDef") -> None:
        index = _index_of(name, table)
        if index is not None and index.get("KeySchema") != _definition(name)["KeySchema"]:
            raise Conflict(
                f"table {self._name} has another index named {name}",
                hint="remove that index, then run this again",
            )

    def ensure(self) -> bool:
        """Create the table with indexes, expiry, recovery if it does not exist; True if created.

        An existing table gets what is free to add. Raises `ConfigError` if its index of work is
        missing, because only `gromit migrate` adds that. Without the index of lifetimes all but
        lifetimes works, so that is only logged.
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
        if LIFE_PART in missing:
            log.warning(
                "table.lacks_lifetimes",
                table=self._name,
                reason=f"table {self._name} lacks the index {LIFE_INDEX}: no environment expires",
                hint="apply terraform/infra, or run `gromit migrate --apply`",
            )
        for part in missing:
            if part != LIFE_PART:
                self.add(part)
        return created

    def add(self, part: str) -> None:
        """Add one missing part and wait until it is usable.

        Raises `Temporary` for an index that takes longer than `TIMEOUT_S`.
        """
        with aws_errors(f"add {part} to table {self._name}"):
            match part:
                case "index" | "index of lifetimes":
                    self._add_index(_INDEXES[part])
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
                AttributeDefinitions=_attributes(KEY, *_keys(WORK_INDEX), *_keys(LIFE_INDEX)),
                GlobalSecondaryIndexes=[_definition(index) for index in _INDEXES.values()],
            )

    def _wait(self) -> None:
        with aws_errors(f"wait for table {self._name}"):
            self._client.get_waiter("table_exists").wait(TableName=self._name)

    def _add_index(self, name: str) -> None:
        table = self._client.describe_table(TableName=self._name)["Table"]
        if _index_of(name, table) is None:  # otherwise an earlier call has started it
            self._client.update_table(
                TableName=self._name,
                AttributeDefinitions=_attributes(KEY, *_keys(name)),
                GlobalSecondaryIndexUpdates=[{"Create": _created(name, _provisioned(table))}],
            )
        waited = 0.0
        while not self._is_built(name):
            if waited >= TIMEOUT_S:
                raise Temporary(
                    f"the index of table {self._name} is still being created",
                    hint="run `gromit migrate` again later",
                )
            self._pause(POLL_S)
            waited += POLL_S

    def _is_built(self, name: str) -> bool:
        return _has_index(name, self._client.describe_table(TableName=self._name)["Table"])


def _index_of(
    name: str, table: "TableDescriptionTypeDef"
) -> "GlobalSecondaryIndexDescriptionTypeDef | None":
    indexes = table.get("GlobalSecondaryIndexes", [])
    return next((i for i in indexes if i.get("IndexName") == name), None)


def _has_index(name: str, table: "TableDescriptionTypeDef") -> bool:
    """Whether an index is usable, or becomes so together with a table that is being created."""
    index = _index_of(name, table)
    if index is None:
        return False
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
    """Return the definition of the sparse index of work."""
    return _index(WORK_INDEX, Attribute.WORK, Attribute.DUE, INDEX_PROJECTION)


def life_index() -> "GlobalSecondaryIndexTypeDef":
    """Return the definition of the sparse index of lifetimes."""
    return _index(LIFE_INDEX, Attribute.LIFE, Attribute.LOOK_AT, LIFE_PROJECTION)


def _definition(name: str) -> "GlobalSecondaryIndexTypeDef":
    return work_index() if name == WORK_INDEX else life_index()


def _index(
    name: str, key: str, sorted_by: str, projection: Sequence[str]
) -> "GlobalSecondaryIndexTypeDef":
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": key, "KeyType": "HASH"},
            {"AttributeName": sorted_by, "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(projection)},
    }


def _keys(name: str) -> list[str]:
    return [key["AttributeName"] for key in _definition(name)["KeySchema"]]


def _attributes(*names: str) -> "list[AttributeDefinitionTypeDef]":
    return [{"AttributeName": name, "AttributeType": _TYPES[name]} for name in names]


def _created(
    name: str, throughput: "ProvisionedThroughputTypeDef | None"
) -> "CreateGlobalSecondaryIndexActionTypeDef":
    index = _definition(name)
    action: CreateGlobalSecondaryIndexActionTypeDef = {
        "IndexName": index["IndexName"],
        "KeySchema": index["KeySchema"],
        "Projection": index["Projection"],
    }
    if throughput:
        action["ProvisionedThroughput"] = throughput
    return action
