"""DynamoDB and ECR simulated in a process of their own, which costs next to nothing itself.

The emulator spends milliseconds on each row, which hides what serve costs. This table keeps
nothing but counters. A read returns one sample row under the name that was asked for, each write
succeeds, and a scan returns the same row under many names, in pages of 1 MB as in DynamoDB. Rows
whose names begin with `new` do not exist, and no image does. Refused writes and due work cannot be
shown with it.
"""

import asyncio
import json
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.request import urlopen

from gromit.adapters.aws.dynamodb_table import life_index, work_index
from gromit.core.environments.attributes import RESERVED, Attribute

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

HOST = "127.0.0.1"
PAGE_BYTES = 1 << 20
ABSENT = "new"
"""Prefix of the names of rows that do not exist."""
_HEAD_END = b"\r\n\r\n"

_COUNTERS = frozenset({Attribute.REVISION, Attribute.GENERATION})
"""Attributes that serve compares with what it wrote before."""
_KEY = [{"AttributeName": Attribute.NAME, "KeyType": "HASH"}]
_INDEXES = [{**index, "IndexStatus": "ACTIVE"} for index in (work_index(), life_index())]
_DESCRIPTIONS: Mapping[str, Mapping[str, Any]] = {
    "DescribeTable": {"Table": {"KeySchema": _KEY, "GlobalSecondaryIndexes": _INDEXES}},
    "DescribeTimeToLive": {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED"}},
    "DescribeContinuousBackups": {
        "ContinuousBackupsDescription": {
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}
        }
    },
}

Item = Mapping[str, Any]
"""A row in the form of DynamoDB's interface."""


def item_bytes(value: Any) -> int:
    """Return the size of a value as DynamoDB counts it, nearly: names and texts, 3 for an entry."""
    match value:
        case dict():
            return sum(len(key) + item_bytes(inner) for key, inner in value.items())
        case list():
            return sum(3 + item_bytes(inner) for inner in value)
        case _:
            return len(str(value))


@dataclass(slots=True)
class SimulatedTable:
    """Answers by operation."""

    row: Item
    rows: int
    """Number of rows that a scan returns in all."""
    calls: Counter[str] = field(default_factory=Counter)
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Writes of a row that count its revision or generation up, by name and attribute."""

    def answer(self, operation: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the parts of an answer that gromit reads."""
        self.calls[operation] += 1
        found: Mapping[str, Any] = {}
        match operation:
            case "GetItem" | "UpdateItem":
                found = self._one(operation, body["Key"]["name"]["S"])
                self._count_up(body)
            case "Query":
                found = {"Items": [], "Count": 0, "ScannedCount": 0}
            case "Scan":
                found = self._scan(body.get("ExclusiveStartKey"), body.get("Limit", self.rows))
            case "BatchGetImage":
                found = {"images": [], "failures": [_missing(one) for one in body["imageIds"]]}
            case _:
                found = _DESCRIPTIONS.get(operation, {})
        return found

    def _one(self, operation: str, name: str) -> Mapping[str, Any]:
        if name.startswith((ABSENT, RESERVED)):
            return {}
        return {"Item" if operation == "GetItem" else "Attributes": self._named(name)}

    def _count_up(self, body: Mapping[str, Any]) -> None:
        if "UpdateExpression" in body:
            for attribute in _COUNTERS & set(body["ExpressionAttributeNames"].values()):
                self.counted[body["Key"]["name"]["S"], attribute] += 1

    def _named(self, name: str) -> Item:
        counters = {
            str(attribute): {
                "N": str(int(self.row[attribute]["N"]) + self.counted[name, attribute])
            }
            for attribute in _COUNTERS
            if (name, attribute) in self.counted
        }
        return {**self.row, **counters, "name": {"S": name}}

    def _scan(self, after: Item | None, limit: int) -> Mapping[str, Any]:
        first = int(after["name"]["S"][1:]) + 1 if after else 0
        fits = max(1, PAGE_BYTES // item_bytes(self.row))
        end = min(self.rows, first + limit, first + fits)
        items = [self._named(f"e{number:05d}") for number in range(first, end)]
        page: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
        if end < self.rows:
            page["LastEvaluatedKey"] = {"name": {"S": f"e{end - 1:05d}"}}
        return page


def _missing(image: Mapping[str, str]) -> Mapping[str, Any]:
    return {"imageId": image, "failureCode": "ImageNotFound", "failureReason": "none exists"}


class _Exchange(asyncio.Protocol):
    """As much of HTTP/1.1 as the SDK speaks: one request after another on a connection."""

    def __init__(self, table: SimulatedTable) -> None:
        self._table = table
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
            self._send(self._answer(request, headers.get("x-amz-target", ""), body))

    def _answer(self, request: str, target: str, body: bytes) -> Mapping[str, Any]:
        if request.startswith("GET /calls"):
            calls = dict(self._table.calls)
            self._table.calls.clear()
            return calls
        return self._table.answer(target.rpartition(".")[2], json.loads(body or b"{}"))

    def _send(self, answer: Mapping[str, Any]) -> None:
        text = json.dumps(answer).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
        assert self._transport is not None
        self._transport.write(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)


def _listen(row: Item, rows: int, port: "Connection[int, int]") -> None:
    async def serve() -> None:
        table = SimulatedTable(row, rows)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Exchange(table), HOST, 0, backlog=1024)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


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
def simulated_table(row: Item, rows: int) -> Iterator[RunningTable]:
    """Run a simulated table with a number of rows like this one."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_listen, args=(row, rows, sender), daemon=True)
    process.start()
    try:
        yield RunningTable(f"http://{HOST}:{receiver.recv()}")
    finally:
        process.terminate()
        process.join()
