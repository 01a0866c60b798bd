"""Items of DynamoDB: rows to its form and back, and answers that are read without their model.

The SDK walks its model of an answer for each value of each row, and that was two thirds of what a
listing cost. The JSON of these answers has the form that callers get already. Retries, timeouts,
signatures and errors stay the SDK's.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.parsers import JSONParser, ResponseParserFactory

_READ_AS_IS = frozenset({"GetItemOutput", "UpdateItemOutput", "QueryOutput", "ScanOutput"})
"""Answers of DynamoDB that have only items, texts and numbers in them."""

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class _ItemParser(JSONParser):
    """Parser of the JSON protocol that takes answers with items as they are."""

    def _do_parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        if shape is None or shape.name not in _READ_AS_IS:
            return self._by_model(response, shape)
        try:
            parsed = json.loads(response["body"])
        except ValueError:
            return self._by_model(response, shape)  # which raises the SDK's own error
        self._inject_response_metadata(parsed, response["headers"])  # type: ignore[attr-defined] # not in the stubs
        return parsed

    def _by_model(self, response: Mapping[str, Any], shape: Any) -> Any:
        return super()._do_parse(response, shape)  # type: ignore[misc] # not in the stubs


class ItemParserFactory(ResponseParserFactory):
    """Component of an SDK's session: makes the parsers of its clients."""

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[str, Any] = {}

    def set_parser_defaults(self, **settings: Any) -> None:
        """Keep the settings of the parsers, which the session has."""
        super().set_parser_defaults(**settings)
        self._settings.update(settings)

    def create_parser(self, protocol_name: str) -> Any:
        """Return the parser of a protocol."""
        if protocol_name != "json":
            return super().create_parser(protocol_name)
        return _ItemParser(**self._settings)


def to_item_value(value: Any) -> dict[str, Any]:
    """Return a value in DynamoDB's form."""
    kind = type(value)
    if kind is bool:
        return {"BOOL": value}
    if kind is int:
        return {"N": str(value)}
    if isinstance(value, str):  # also an enumeration of texts
        return {"S": str(value)}
    if kind is dict:
        return {"M": {key: to_item_value(inner) for key, inner in value.items()}}
    if kind is list:
        return {"L": [to_item_value(inner) for inner in value]}
    return dict(_serialize(value))


def from_item_value(value: Mapping[str, Any]) -> Any:
    """Return a value of an item. Numbers are whole, as rows have no others."""
    if "S" in value:  # as most values: a listing reads some fifty for each row
        return value["S"]
    for kind, inner in value.items():
        read = _READERS.get(kind)
        if read is not None:
            return read(inner)
    return _plain(_deserialize(dict(value)))  # type: ignore[arg-type] # any kind


def from_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of an item, or of a map in one."""
    return {
        name: value["S"] if "S" in value else from_item_value(value) for name, value in item.items()
    }


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return int(Decimal(text))


def _same(value: Any) -> Any:
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "S": _same,
    "N": _number,
    "BOOL": _same,
    "NULL": lambda _: None,
    "M": from_item,
    "L": lambda inner: [from_item_value(value) for value in inner],
}


def _plain(value: Any) -> Any:
    """Return a value of another kind, which only a person's edit can have written."""
    match value:
        case Decimal():
            return int(value)
        case dict():
            return {k: _plain(v) for k, v in value.items()}
        case list():
            return [_plain(v) for v in value]
        case _:
            return value
