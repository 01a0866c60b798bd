"""DynamoDB: recovery of a table as it was at a moment."""

import copy
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.dynamodb.exceptions import PointInTimeRecoveryUnavailable
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from gromit.local.aws.moto_patches.patches import Patches

_HISTORIES = "gromit_histories"
_LONGEST = 20_000
"""Changes of a table that are kept; older ones cannot be undone."""
_DESCRIPTION = "PointInTimeRecoveryDescription"
_NESTED = ("[", ".", "ADD", "DELETE")
"""Parts of an update that may change a value in its place instead of replacing an attribute."""

_Key = tuple[Any, Any]


class _History:
    """Items of a table since recovery was switched on."""

    def __init__(self, table: Table) -> None:
        self.since = time.time()
        self.base: dict[_Key, Any] = {
            (item.hash_key, item.range_key): _kept(item) for item in table.all_items()
        }
        self.changes: deque[tuple[float, _Key, Any]] = deque()

    def record(self, key: _Key, item: Any) -> None:
        """Remember an item as it is now; None if it was deleted."""
        self.changes.append((time.time(), key, item))
        while len(self.changes) > _LONGEST:
            self.since, oldest, then = self.changes.popleft()
            self.base[oldest] = then

    def items(self, moment: float) -> list[Any]:
        """Return the items as they were at a moment."""
        found = dict(self.base)
        for at, key, item in self.changes:
            if at > moment:
                break
            found[key] = item
        return [copy.deepcopy(item) for item in found.values() if item is not None]


def restore_the_moment(patches: Patches) -> None:
    """AWS restores a table as it was at the given moment, if recovery was on by then.

    The copy keeps the kind of billing and the encryption. The stock emulator restores the newest
    items whatever the moment, also without recovery.
    """
    patches.replace(DynamoDBBackend, "put_item", _with_item)
    patches.replace(DynamoDBBackend, "update_item", _with_update)
    patches.replace(DynamoDBBackend, "delete_item", _with_deletion)
    patches.replace(DynamoDBBackend, "transact_write_items", _with_transaction)
    patches.replace(DynamoDBBackend, "delete_table", _with_end)
    patches.replace(DynamoDBBackend, "update_continuous_backups", _with_start)
    patches.replace(DynamoDBBackend, "describe_continuous_backups", _with_window)
    patches.replace(DynamoHandler, "restore_table_to_point_in_time", _restored)


def _histories(backend: DynamoDBBackend) -> dict[str, _History]:
    found: dict[str, _History] = backend.__dict__.setdefault(_HISTORIES, {})
    return found


def _kept(item: Any) -> Any:
    """A copy whose attributes stay, while the item's own are replaced."""
    kept = object.__new__(type(item))
    kept.hash_key, kept.range_key = item.hash_key, item.range_key
    kept.attrs = dict.__new__(type(item.attrs))
    dict.update(kept.attrs, item.attrs)
    return kept


def _with_item(
    stock: Callable[..., Any], backend: DynamoDBBackend, table: str, *args: Any, **options: Any
) -> Any:
    item = stock(backend, table, *args, **options)
    if history := _histories(backend).get(table):
        history.record((item.hash_key, item.range_key), _kept(item))
    return item


def _with_update(
    stock: Callable[..., Any],
    backend: DynamoDBBackend,
    table: str,
    key: dict[str, Any],
    **options: Any,
) -> Any:
    history = _histories(backend).get(table)
    update = options.get("update_expression") or ""
    if history and any(part in update for part in _NESTED):
        _separate(backend, backend.get_table(table), key)
    item = stock(backend, table, key, **options)
    if history:
        history.record((item.hash_key, item.range_key), _kept(item))
    return item


def _separate(backend: DynamoDBBackend, table: Table, key: dict[str, Any]) -> None:
    """Give an item new values, so that a change within one does not reach those of before."""
    item = table.get_item(*backend.get_keys_value(table, key))
    if item is not None:
        dict.update(item.attrs, copy.deepcopy(dict(item.attrs)))


def _with_deletion(
    stock: Callable[..., Any], backend: DynamoDBBackend, table: str, *args: Any, **options: Any
) -> Any:
    item = stock(backend, table, *args, **options)
    history = _histories(backend).get(table)
    if history and item is not None:
        history.record((item.hash_key, item.range_key), None)
    return item


def _with_transaction(
    stock: Callable[..., Any], backend: DynamoDBBackend, *args: Any, **options: Any
) -> Any:
    """Forget the changes of a transaction that is cancelled."""
    before = {name: history.changes.copy() for name, history in _histories(backend).items()}
    try:
        return stock(backend, *args, **options)
    except Exception:
        for name, changes in before.items():
            _histories(backend)[name].changes = changes
        raise


def _with_start(
    stock: Callable[..., Any], backend: DynamoDBBackend, name: str, wanted: Mapping[str, Any]
) -> Any:
    answer = stock(backend, name, wanted)
    if not wanted["PointInTimeRecoveryEnabled"]:
        _histories(backend).pop(name, None)
    elif name not in _histories(backend):
        _histories(backend)[name] = _History(backend.get_table(name))
    return answer


def _with_end(stock: Callable[..., Any], backend: DynamoDBBackend, name: str) -> Any:
    _histories(backend).pop(name, None)
    return stock(backend, name)


def _with_window(stock: Callable[..., Any], backend: DynamoDBBackend, name: str) -> Any:
    answer = stock(backend, name)
    if history := _histories(backend).get(name):
        answer[_DESCRIPTION]["EarliestRestorableDateTime"] = history.since
        answer[_DESCRIPTION]["LatestRestorableDateTime"] = time.time()
    return answer


def _restored(stock: Callable[..., Any], handler: DynamoHandler) -> Any:
    body, backend = handler.body, handler.dynamodb_backend
    source, target = body["SourceTableName"], body["TargetTableName"]
    history = _histories(backend).get(source)
    if history is None and source in backend.tables:
        raise PointInTimeRecoveryUnavailable(source)
    answer = stock(handler)
    table = backend.get_table(target)
    _take_over(backend.get_table(source), table)
    if history is not None:
        table.items.clear()
        for item in history.items(_moment(body)):
            table.put_item(item.to_json()["Attributes"])
    return answer


def _moment(body: Mapping[str, Any]) -> float:
    """The moment to restore; a time without a zone is one of UTC."""
    wanted: datetime | None = body.get("RestoreDateTime")
    if wanted is None:
        return time.time()
    return (wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)).timestamp()


def _take_over(source: Table, table: Table) -> None:
    table.billing_mode = source.billing_mode
    table.sse_specification = source.sse_specification
