"""DynamoDB and ECR simulated in a process of their own, which costs next to nothing itself.

The emulator spends milliseconds on each row, which hides what serve costs. This table keeps rows,
evaluates the expressions that the adapter writes, and has both indexes and pages of 1 MB, as
DynamoDB has them. The contract of the store holds it like every fake. No image exists in its ECR.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, cast
from urllib.request import urlopen

import uvloop

from gromit.adapters.aws.dynamodb_table import life_index, work_index
from tests.bench.processes import START
from tests.bench.table_contents import KEY, PAGE_BYTES, TableContents, item_bytes
from tests.bench.table_expressions import (
    InvalidExpression,
    Item,
    compile_condition,
    compile_update,
)
from tests.waiting import PATIENCE_S

__all__ = ["PAGE_BYTES", "RunningTable", "SimulatedTables", "item_bytes", "simulated_table"]

HOST = "127.0.0.1"
TABLE = "environments"
"""Name of the table that has rows from the beginning."""
_HEAD_END = b"\r\n\r\n"

_SCHEMA = [{"AttributeName": KEY, "KeyType": "HASH"}]
_INDEXES = [{**index, "IndexStatus": "ACTIVE"} for index in (work_index(), life_index())]
_DESCRIPTION = {
    "TableStatus": "ACTIVE",
    "KeySchema": _SCHEMA,
    "GlobalSecondaryIndexes": _INDEXES,
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
}
Body = Mapping[str, Any]


class Refused(Exception):
    """An error in DynamoDB's form."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.body = {
            "__type": f"com.amazonaws.dynamodb.v20120810#{code}",
            "message": message,
            **more,
        }


@dataclass(slots=True)
class _Table:
    contents: TableContents = field(default_factory=TableContents)
    expiry: Mapping[str, Any] = field(default_factory=lambda: {"TimeToLiveStatus": "DISABLED"})
    recovery: str = "DISABLED"


@dataclass(slots=True)
class SimulatedTables:
    """Answers by operation, as JSON."""

    calls: Counter[str] = field(default_factory=Counter)
    _tables: dict[str, _Table] = field(default_factory=dict)

    def create(self, row: Item, rows: int) -> None:
        """Create the table with a number of rows like this one."""
        table = _Table(expiry={"TimeToLiveStatus": "ENABLED"}, recovery="ENABLED")
        table.contents.fill(row, (f"e{number:05d}" for number in range(rows)))
        self._tables[TABLE] = table

    def answer(self, operation: str, body: Body) -> str:
        """Return an answer. Raises `Refused`."""
        self.calls[operation] += 1
        known: Mapping[str, Callable[[Body], str | Body]] = {
            "GetItem": self._get,
            "BatchGetItem": self._get_many,
            "PutItem": self._put,
            "UpdateItem": self._update,
            "DeleteItem": self._delete,
            "TransactWriteItems": self._transact,
            "Query": self._query,
            "Scan": self._scan,
            "CreateTable": self._create_table,
            "DescribeTable": self._describe_table,
            "DescribeTimeToLive": self._describe_expiry,
            "UpdateTimeToLive": self._update_expiry,
            "DescribeContinuousBackups": self._describe_recovery,
            "UpdateContinuousBackups": self._update_recovery,
            "BatchGetImage": _no_images,
        }
        if operation not in known:
            raise Refused("UnknownOperationException", f"{operation} is not simulated")
        try:
            found = known[operation](body)
        except InvalidExpression as error:
            raise Refused("ValidationException", str(error)) from error
        return found if isinstance(found, str) else json.dumps(found)

    def _table(self, body: Body) -> _Table:
        try:
            return self._tables[body["TableName"]]
        except KeyError:
            raise Refused("ResourceNotFoundException", "Requested resource not found") from None

    def _rows(self, body: Body) -> TableContents:
        return self._table(body).contents

    def _get_many(self, body: Body) -> Body:
        """Return whole rows, whatever parts are asked for."""
        found: dict[str, list[Item]] = {}
        for table, part in body["RequestItems"].items():
            rows = self._rows({"TableName": table})
            read = (rows.read(key[KEY]["S"]) for key in part["Keys"])
            found[table] = [item for item in read if item is not None]
        return {"Responses": found, "UnprocessedKeys": {}}

    def _get(self, body: Body) -> str:
        text = self._rows(body).read_text(_name(body))
        return f'{{"Item": {text}}}' if text else "{}"

    def _put(self, body: Body) -> Body:
        self._rows(body).put(body["Item"][KEY]["S"], body["Item"])
        return {}

    def _update(self, body: Body) -> Body:
        rows, name = self._rows(body), _name(body)
        before = rows.read(name)
        if not _holds(body, before):
            shown = body.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            more = {"Item": before} if shown and before is not None else {}
            raise Refused(
                "ConditionalCheckFailedException", "The conditional request failed", **more
            )
        after = _after(body, before)
        rows.put(name, after)
        match body.get("ReturnValues", "NONE"):
            case "ALL_OLD" if before is not None:
                return {"Attributes": before}
            case "ALL_NEW":
                return {"Attributes": after}
            case _:
                return {}

    def _delete(self, body: Body) -> Body:
        self._rows(body).delete(_name(body))
        return {}

    def _transact(self, body: Body) -> Body:
        """Do all writes, or none."""
        writes = [next(iter(write.items())) for write in body["TransactItems"]]
        reasons = [
            {"Code": "None" if _holds(one, self._rows(one).read(_name(one))) else _FAILED}
            for _, one in writes
        ]
        if any(reason["Code"] == _FAILED for reason in reasons):
            raise Refused("TransactionCanceledException", "cancelled", CancellationReasons=reasons)
        for kind, one in writes:
            rows, name = self._rows(one), _name(one)
            if kind == "Delete":
                rows.delete(name)
            else:
                rows.put(name, _after(one, rows.read(name)))
        return {}

    def _query(self, body: Body) -> Body:
        condition = compile_condition(
            body["KeyConditionExpression"], body.get("ExpressionAttributeNames", {})
        )
        items, last = self._rows(body).query(
            body["IndexName"],
            condition,
            body["ExpressionAttributeValues"],
            body.get("ExclusiveStartKey"),
            body.get("Limit"),
        )
        found = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
        return {**found, "LastEvaluatedKey": last} if last else found

    def _scan(self, body: Body) -> str:
        after = body.get("ExclusiveStartKey", {}).get(KEY, {}).get("S")
        texts, last = self._rows(body).scan(after, body.get("Limit"))
        more = f', "LastEvaluatedKey": {json.dumps({KEY: {"S": last}})}' if last else ""
        if "ProjectionExpression" in body:
            shown = {
                body["ExpressionAttributeNames"][placeholder]
                for placeholder in body["ProjectionExpression"].split(", ")
            }
            texts = [_projected(text, shown) for text in texts]
        counts = f'"Count": {len(texts)}, "ScannedCount": {len(texts)}'
        return f'{{"Items": [{", ".join(texts)}], {counts}{more}}}'

    def _create_table(self, body: Body) -> Body:
        if body["TableName"] in self._tables:
            raise Refused("ResourceInUseException", "Table already exists")
        self._tables[body["TableName"]] = _Table()
        return {"TableDescription": {**_DESCRIPTION, "TableName": body["TableName"]}}

    def _describe_table(self, body: Body) -> Body:
        self._table(body)
        return {"Table": {**_DESCRIPTION, "TableName": body["TableName"]}}

    def _describe_expiry(self, body: Body) -> Body:
        return {"TimeToLiveDescription": self._table(body).expiry}

    def _update_expiry(self, body: Body) -> Body:
        asked = body["TimeToLiveSpecification"]
        name = {"AttributeName": asked["AttributeName"]}
        self._table(body).expiry = {"TimeToLiveStatus": "ENABLED", **name}
        return {"TimeToLiveSpecification": asked}

    def _describe_recovery(self, body: Body) -> Body:
        status = {"PointInTimeRecoveryStatus": self._table(body).recovery}
        return {
            "ContinuousBackupsDescription": {
                "ContinuousBackupsStatus": "ENABLED",
                "PointInTimeRecoveryDescription": status,
            }
        }

    def _update_recovery(self, body: Body) -> Body:
        self._table(body).recovery = "ENABLED"
        return self._describe_recovery(body)


_FAILED = "ConditionalCheckFailed"


def _projected(text: str, shown: Collection[str]) -> str:
    return json.dumps({name: value for name, value in json.loads(text).items() if name in shown})


def _name(body: Body) -> str:
    return str(body["Key"][KEY]["S"])


def _holds(body: Body, row: Item | None) -> bool:
    text = body.get("ConditionExpression")
    if text is None:
        return True
    condition = compile_condition(text, body.get("ExpressionAttributeNames", {}))
    return condition(row or {}, body.get("ExpressionAttributeValues", {}))


def _after(body: Body, before: Item | None) -> dict[str, Any]:
    update = compile_update(body["UpdateExpression"], body.get("ExpressionAttributeNames", {}))
    row = body["Key"] if before is None else before
    return update.apply(row, body.get("ExpressionAttributeValues", {}))


def _no_images(body: Body) -> Body:
    why = {"failureCode": "ImageNotFound", "failureReason": "none exists"}
    return {"images": [], "failures": [{"imageId": one, **why} for one in body["imageIds"]]}


class _Exchange(asyncio.Protocol):
    """As much of HTTP/1.1 as the SDK speaks: one request after another on a connection."""

    def __init__(self, tables: SimulatedTables) -> None:
        self._tables = tables
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that has arrived whole."""
        self._received += data
        while (end := self._received.find(_HEAD_END)) >= 0:
            request, *lines = self._received[:end].decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines)
            headers = {key.lower(): value.strip() for key, _, value in pairs}
            begin = end + len(_HEAD_END)
            whole = begin + int(headers.get("content-length", 0))
            if len(self._received) < whole:
                return
            body, self._received = self._received[begin:whole], self._received[whole:]
            self._send(*self._answer(request, headers.get("x-amz-target", ""), body))

    def _answer(self, request: str, target: str, body: bytes) -> tuple[str, str]:
        if request.startswith("GET /calls"):
            calls = json.dumps(self._tables.calls)
            self._tables.calls.clear()
            return "200 OK", calls
        try:
            asked = json.loads(body or b"{}")
            return "200 OK", self._tables.answer(target.rpartition(".")[2], asked)
        except Refused as refused:
            return "400 Bad Request", json.dumps(refused.body)

    def _send(self, status: str, answer: str) -> None:
        text = answer.encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\n"
        assert self._transport is not None
        self._transport.write(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)


async def _listen(tables: SimulatedTables) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Exchange(tables), HOST, 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Listen until the process is ended; the arguments are a file with a row, and their number."""
    tables = SimulatedTables()
    if rows := int(sys.argv[2]):
        tables.create(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), rows)
    uvloop.run(_listen(tables))


@dataclass(frozen=True, slots=True)
class RunningTable:
    """A simulated table that listens."""

    url: str

    def take_calls(self) -> Mapping[str, int]:
        """Return the calls of each operation since the last time."""
        with urlopen(f"{self.url}/calls") as answer:
            calls: Mapping[str, int] = json.load(answer)
        return calls


@contextmanager
def simulated_table(row: Item | None, rows: int) -> Iterator[RunningTable]:
    """Run a simulated table with a number of rows like this one; without any table for none."""
    read, write = os.pipe()
    with NamedTemporaryFile("w", encoding="utf-8") as file, os.fdopen(read) as output:
        json.dump(row, file)
        file.flush()
        arguments = [file.name, str(rows)]
        process = START.get()("tests.bench.simulated_table", arguments, os.environ, write)
        os.close(write)
        try:
            port = output.readline().strip()
            if not port.isdecimal():
                raise RuntimeError(f"no table: {port} {output.read()}")
            yield RunningTable(f"http://{HOST}:{port}")
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


if __name__ == "__main__":
    main()
