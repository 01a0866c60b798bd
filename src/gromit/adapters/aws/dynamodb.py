"""The table of environments: each `RowWrite` compiled to one conditional UpdateItem call.

Each environment is one item with the key `name`. The sparse index `work` (key `work`, sorted by
`due`) has only the rows with work, so the cost of finding work does not depend on the number of
environments. Its projection serves three purposes: `lease_until` skips claimed rows without an
attempt to claim them, `claim_id` finds a claim whose answer was lost, and `since` shows work that
fails repeatedly. The sparse index `life` does the same for lifetimes (key `life`, sorted by
`look_at`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never

from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.adapters.aws.dynamodb_items import from_item, to_item_value
from gromit.core.environments.attributes import RESERVED, Attribute
from gromit.core.environments.row_writes import (
    AllOf,
    AnyOf,
    AtMost,
    AttributeGreater,
    AttributesEqual,
    Condition,
    Equals,
    Exists,
    LessThan,
    NotEquals,
    NotExists,
    Row,
    RowWrite,
    ShorterThan,
    WriteRefused,
    WriteResult,
    apply_write,
)
from gromit.core.environments.turns import DueRows, DueWork, by_age
from gromit.core.names import LIFE_INDEX, WORK_INDEX
from gromit.errors import Temporary
from gromit.ports import LifeEntry, RowPage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

KEY = Attribute.NAME
LOOKED_AT = 1000
"""Due rows among which a look finds those that were not put off. They fit into one page."""
PAGE = LOOKED_AT + 1
"""Entries that one query reads: one more says that there is more."""
_NO_INDEX = frozenset({"ValidationException", "ResourceNotFoundException"})
"""Codes for an index that is missing or being created: DynamoDB's own, and the emulator's."""


class DynamoStore:
    """The port `EnvironmentStore` on a DynamoDB table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, name: str) -> Row | None:
        """See the port. One call."""
        with aws_errors(f"read {name} in table {self._table}"):
            answer = self._client.get_item(
                TableName=self._table, Key={KEY: {"S": name}}, ConsistentRead=True
            )
        return _row(answer.get("Item"))

    def write(self, name: str, write: RowWrite) -> WriteResult:
        """See the port. One call, also if it is refused."""
        expression = _Expression()
        update, condition = expression.update(write), expression.condition(AllOf(write.conditions))
        with aws_errors(f"write {name} in table {self._table}"):
            try:
                answer = self._client.update_item(
                    TableName=self._table,
                    Key={KEY: {"S": name}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ReturnValues="ALL_OLD",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **expression.placeholders(),
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                old: Mapping[str, Any] = error.response.get("Item", {})  # type: ignore[assignment] # not in the stubs
                return WriteRefused(_row(old))
        # The conditions held, so the write leads from this row to exactly one other.
        return apply_write(write, _row(answer.get("Attributes")), {KEY: name})

    def move(
        self, name: str, conditions: tuple[Condition, ...], target: str, write: RowWrite
    ) -> bool:
        """See the port. One transaction."""
        removed, written = _Expression(), _Expression()
        unchanged = removed.condition(AllOf(conditions))
        update, condition = written.update(write), written.condition(AllOf(write.conditions))
        removal: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self._table,
                "Key": {KEY: {"S": name}},
                "ConditionExpression": unchanged,
                "ExpressionAttributeNames": removed.names,
                "ExpressionAttributeValues": removed.values,
            }
        }
        change: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": {KEY: {"S": target}},
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": written.names,
                "ExpressionAttributeValues": written.values,
            }
        }
        for part, placeholders in ((removal["Delete"], removed), (change["Update"], written)):
            if not placeholders.values:  # DynamoDB refuses an empty mapping
                del part["ExpressionAttributeValues"]
        with aws_errors(f"move {name} to {target} in table {self._table}"):
            try:
                self._client.transact_write_items(TransactItems=[removal, change])
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                return False
        return True

    def due(self, kind: str, now_ms: int, limit: int, claim_id: str | None = None) -> DueRows:
        """See the port. One query; more only if all that the first one read is due or held.

        It also reads what is due later, which is the next due time if nothing is due now.
        """
        return _due_rows(self._work(kind), now_ms, limit, claim_id)

    def due_behind(self, kind: str, now_ms: int, last: DueWork) -> DueRows:
        """See the port."""
        start = {
            str(KEY): {"S": last.name},
            str(Attribute.WORK): {"S": kind},
            str(Attribute.DUE): {"N": str(last.due_ms)},
        }
        return _due_rows(self._work(kind, start), now_ms, 0, None)

    def last_builds(self, names: Collection[str]) -> Mapping[str, Row]:
        """See the port. One call. What DynamoDB does not answer now is left out."""
        with aws_errors(f"read builds in table {self._table}"):
            answer = self._client.batch_get_item(
                RequestItems={
                    self._table: {
                        "Keys": [{KEY: {"S": name}} for name in names],
                        "ProjectionExpression": "#name, #since, #build",
                        "ExpressionAttributeNames": {
                            "#name": KEY,
                            "#since": Attribute.SINCE,
                            "#build": Attribute.LAST_BUILD,
                        },
                    }
                }
            )
        rows = [_row(item) for item in answer["Responses"].get(self._table, ())]
        return {str(row[KEY]): row for row in rows if row is not None}

    def unfinished(self, kind: str) -> Mapping[str, int]:
        """See the port. Reads all work of the kind.

        An index that an older version created lacks `since`. There `due` counts, which is later
        after a failure.
        """
        return {str(row[KEY]): _since(row) for row in self._work(kind)}

    def lives(self, life: str, from_ms: int, until_ms: int, limit: int) -> tuple[LifeEntry, ...]:
        """See the port. One query."""
        with aws_errors(f"find lifetimes in table {self._table}"):
            try:
                answer = self._client.query(
                    TableName=self._table,
                    IndexName=LIFE_INDEX,
                    KeyConditionExpression="#life = :life AND #look BETWEEN :from AND :until",
                    ExpressionAttributeNames={"#life": Attribute.LIFE, "#look": Attribute.LOOK_AT},
                    ExpressionAttributeValues={
                        ":life": {"S": life},
                        ":from": {"N": str(from_ms)},
                        ":until": {"N": str(until_ms)},
                    },
                    Limit=limit,
                )
            except ClientError as error:
                if error_code(error) not in _NO_INDEX:
                    raise
                raise Temporary(
                    f"table {self._table} has no usable index {LIFE_INDEX},"
                    " so no environment expires",
                    hint="apply terraform/infra, or run `gromit migrate --apply`",
                ) from error
        return tuple(_life_entry(r) for i in answer["Items"] if (r := _row(i)) is not None)

    def page(
        self, after: str | None, limit: int, attributes: Sequence[str] | None = None
    ) -> RowPage:
        """See the port. One scan."""
        more: dict[str, Any] = {"ExclusiveStartKey": {KEY: {"S": after}}} if after else {}
        if attributes is not None:
            expression = _Expression()
            more["ProjectionExpression"] = ", ".join(map(expression.name, attributes))
            more["ExpressionAttributeNames"] = expression.names
        with aws_errors(f"list the rows of table {self._table}"):
            answer = self._client.scan(
                TableName=self._table, Limit=limit, ConsistentRead=True, **more
            )
        last = answer.get("LastEvaluatedKey", {}).get(KEY, {}).get("S")
        rows = [r for i in answer["Items"] if (r := _row(i)) is not None]
        shown = tuple(r for r in rows if not str(r[KEY]).startswith(RESERVED))
        return RowPage(shown, last, is_cut=last is not None and len(rows) < limit)

    def _work(self, kind: str, start: Mapping[str, Any] | None = None) -> Iterator[Row]:
        """Yield the entries of work of a kind in order of due times, read as they are needed."""
        more: dict[str, Any] = {"ExclusiveStartKey": start} if start else {}
        while True:
            with aws_errors(f"find work in table {self._table}"):
                answer = self._client.query(
                    TableName=self._table,
                    IndexName=WORK_INDEX,
                    KeyConditionExpression="#work = :work",
                    ExpressionAttributeNames={"#work": Attribute.WORK},
                    ExpressionAttributeValues={":work": {"S": kind}},
                    Limit=PAGE,
                    **more,
                )
            yield from (row for item in answer["Items"] if (row := _row(item)) is not None)
            if not (last := answer.get("LastEvaluatedKey")):
                return
            more = {"ExclusiveStartKey": last}


def _life_entry(row: Row) -> LifeEntry:
    warned = row.get(Attribute.WARNED)  # only the keys have a type that DynamoDB enforces
    return LifeEntry(
        str(row[KEY]), int(row[Attribute.LOOK_AT]), warned if type(warned) is int else 0
    )


def _since(row: Row) -> int:
    """Return the instant of the request for work; `due` if the index has none, or nonsense.

    Only the keys of an index have a type that DynamoDB enforces.
    """
    since, due = row.get(Attribute.SINCE), int(row[Attribute.DUE])
    return since if isinstance(since, int) else due


def _due_rows(entries: Iterator[Row], now_ms: int, limit: int, claim_id: str | None) -> DueRows:
    """Return what is due now of the entries of work, which are in the order of due times."""
    due: list[DueWork] = []
    held: list[DueWork] = []
    next_ms, is_cut = None, False
    for row in entries:
        if (due_ms := int(row[Attribute.DUE])) > now_ms:
            next_ms = due_ms
            break
        is_cut = len(due) == max(limit, LOOKED_AT)
        if is_cut:
            break
        (due if _is_free(row, now_ms, claim_id) else held).append(_due_work(row))
    names = tuple(one.name for one in by_age(due, claim_id)[:limit])
    return DueRows(
        names,
        due[0].due_ms if due else None,
        None if due else next_ms,
        tuple(due),
        tuple(held),
        is_cut=is_cut,
    )


def _due_work(row: Row) -> DueWork:
    claim_id = row.get(Attribute.CLAIM_ID)
    return DueWork(
        str(row[KEY]),
        int(row[Attribute.DUE]),
        _since(row),
        claim_id if isinstance(claim_id, str) else None,
    )


def _has_claim(row: Row, claim_id: str | None) -> bool:
    return claim_id is not None and row.get(Attribute.CLAIM_ID) == claim_id


def _is_free(row: Row, now_ms: int, claim_id: str | None) -> bool:
    """Whether a row has no valid lease, or this claim."""
    lease_ms = row.get(Attribute.LEASE_UNTIL, 0)  # an index of an older version lacks it
    return (type(lease_ms) is int and lease_ms < now_ms) or _has_claim(row, claim_id)


@dataclass(slots=True)
class _Expression:
    """Expression under construction: placeholders of names and values."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)

    def name(self, attribute: str) -> str:
        if attribute not in self._known:
            self._known[attribute] = f"#a{len(self._known)}"
            self.names[self._known[attribute]] = attribute
        return self._known[attribute]

    def value(self, value: Any) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = to_item_value(value)
        return placeholder

    def placeholders(self) -> dict[str, Any]:
        """Return the arguments of a call that has these placeholders."""
        values: dict[str, Any] = {}
        if self.values:  # DynamoDB refuses an empty mapping
            values = {"ExpressionAttributeValues": self.values}
        return {"ExpressionAttributeNames": self.names, **values}

    def update(self, write: RowWrite) -> str:
        n, v = self.name, self.value
        sets = [f"{n(a)} = {v(x)}" for a, x in write.sets.items()]
        sets += [f"{n(a)} = {n(b)}" for a, b in write.copies.items()]
        sets += [
            f"{n(a)} = if_not_exists({n(a)}, {v(0)}) + {v(x)}" for a, x in write.increments.items()
        ]
        sets += [
            f"{n(a)} = list_append(if_not_exists({n(a)}, {v(write.defaults.get(a, []))}),"
            f" {v(list(x))})"
            for a, x in write.appends.items()
        ]
        sets += [
            f"{n(a)} = if_not_exists({n(a)}, {v(x)})"
            for a, x in write.defaults.items()
            if a not in write.appends
        ]
        clauses = ["SET " + ", ".join(sets)] if sets else []
        if write.removes:
            clauses.append("REMOVE " + ", ".join(n(a) for a in sorted(write.removes)))
        return " ".join(clauses)

    def condition(self, condition: Condition) -> str:  # noqa: PLR0911, C901 - one case for each kind of condition
        n, v = self.name, self.value
        match condition:
            case Exists(a):
                return f"attribute_exists({n(a)})"
            case NotExists(a):
                return f"attribute_not_exists({n(a)})"
            case Equals(a, value):
                return f"{n(a)} = {v(value)}"
            case NotEquals(a, value):
                return f"(attribute_exists({n(a)}) AND {n(a)} <> {v(value)})"
            case LessThan(a, value):
                return f"{n(a)} < {v(value)}"
            case AtMost(a, value):
                return f"{n(a)} <= {v(value)}"
            case AttributesEqual(a, b):
                return f"(attribute_exists({n(a)}) AND {n(a)} = {n(b)})"
            case AttributeGreater(a, b):
                return f"{n(a)} > {n(b)}"
            case ShorterThan(a, length):
                return f"(attribute_exists({n(a)}) AND size({n(a)}) < {v(length)})"
            case AnyOf(conditions):
                return self._joined(" OR ", conditions)
            case AllOf(conditions):
                return self._joined(" AND ", conditions)
            case _:
                assert_never(condition)

    def _joined(self, word: str, conditions: tuple[Condition, ...]) -> str:
        """Join conditions. DynamoDB refuses redundant parentheses, so a single one gets none."""
        parts = [self.condition(c) for c in conditions]
        return parts[0] if len(parts) == 1 else "(" + word.join(parts) + ")"


def _row(item: Mapping[str, Any] | None) -> Row | None:
    return from_item(item) if item else None
