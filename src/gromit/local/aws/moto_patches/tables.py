"""DynamoDB: the cost of one value of an item.

The row of an environment holds some 300 values, and one page holds hundreds of rows.
"""

from collections.abc import Callable
from typing import Any

from moto.core.serialize import BaseJSONSerializer

from gromit.local.aws.moto_patches.patches import Patches

_SHAPE = "AttributeValue"


def serialize_by_type(patches: Patches) -> None:
    """AWS returns a page of 1 MB at once.

    A value has one of ten types. The stock emulator looks for each of them in each value, which
    takes five sixths of a scan.
    """

    def serialize(
        stock: Callable[..., Any], serializer: Any, serialized: dict[str, Any], *node: Any
    ) -> None:
        value, shape, key = node
        if key and _is_value(shape, value):
            serialized[key] = _serialized(serializer, value, shape)
        else:
            stock(serializer, serialized, *node)

    patches.replace(BaseJSONSerializer, "_serialize_type_structure", serialize)


def _is_value(shape: Any, value: Any) -> bool:
    """Whether `value` is an item's value in the usual form: one known type, which is not None."""
    return (
        shape.name == _SHAPE
        and type(value) is dict
        and len(value) == 1
        and shape.members.keys() >= value.keys()
        and None not in value.values()
    )


def _serialized(serializer: Any, value: dict[str, Any], shape: Any) -> dict[str, Any]:
    ((kind, inner),) = value.items()
    match kind:
        case "S" | "N":
            return {kind: str(inner)}
        case "BOOL" | "NULL":
            return value
        case "M":
            return {kind: {name: _serialized(serializer, v, shape) for name, v in inner.items()}}
        case "L":
            return {kind: [_serialized(serializer, v, shape) for v in inner]}
        case _:  # sets and bytes, which gromit's rows do not hold
            answer: dict[str, Any] = {}
            serializer._serialize(answer, inner, shape.members[kind], kind)
            return answer
