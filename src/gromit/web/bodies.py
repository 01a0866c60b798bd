"""Request bodies: parsed as strict JSON, whatever the Content-Type says.

The release workflows send JSON with curl's default `application/x-www-form-urlencoded`. Duplicate
keys, NaN and anything but an object are refused, because two parsers could read them differently.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from gromit.documents import InvalidField, first_invalid_field, invalid_field
from gromit.errors import InvalidInput

Model = TypeVar("Model", bound=BaseModel)

DEPTH_MAX = 64
"""Nesting levels of a body; far more than any request needs."""
KEYS_MAX = 64
"""Keys of one object in a body."""
DIGITS_MAX = 40
"""Digits of one integer in a body."""
_SHOWN = 100
"""Characters of a key that a message shows."""


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in a body. Raises `InvalidInput` with what is wrong."""
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded
        )
    except InvalidInput:
        raise
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise InvalidInput(f"the body is not JSON: {error}", hint="send a JSON object") from None
    if not isinstance(value, dict):
        raise InvalidInput(
            "the body is not a JSON object",
            hint='send an object, like {"repo": "…", "ref": "…", "sha": "…"}',
        )
    _check_depth(value)
    return value


def json_body(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """Return a dependency that parses the body as `model`."""

    async def read(request: Request) -> Model:
        return validate_model(model, parse_object(await request.body()))

    return read


def validate_model(model: type[Model], value: dict[str, Any]) -> Model:
    """Return `value` as a model. Raises `InvalidInput` that names the key."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(
            _fault(first_invalid_field(error), "the body"),
            hint=f"keys are {', '.join(model.model_fields)}",
        ) from None


def validation_error(error: RequestValidationError) -> InvalidInput:
    """Return the first wrong parameter of a request as `InvalidInput`."""
    first = error.errors()[0]
    return InvalidInput(
        _fault(invalid_field({**first, "loc": first["loc"][1:]}), "the request"),
        hint="/v1/openapi.json describes all parameters",
    )


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a body that `json_body` parses."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inlined(schema, parts)}},
        }
    }


def _fault(field: InvalidField, whole: str) -> str:
    key = (field.path or whole)[:_SHOWN]
    if field.kind == "missing":
        return f"{key} is missing"
    return f"{key} is not usable: {field.reason}"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise InvalidInput(
            f"key {twice[:_SHOWN]!r} appears twice in the body", hint="send every key once"
        )
    if len(value) > KEYS_MAX:
        raise InvalidInput(
            f"the body has an object with {len(value)} keys",
            hint=f"at most {KEYS_MAX} are accepted",
        )
    return value


def _no_constant(text: str) -> NoReturn:
    raise InvalidInput(f"the body contains {text}, which is not JSON", hint="send plain JSON")


def _bounded(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise InvalidInput(
            f"the body contains a number of {len(digits)} digits",
            hint=f"at most {DIGITS_MAX} are accepted",
        )
    return int(digits)


def _check_depth(value: object, left: int = DEPTH_MAX) -> None:
    if not isinstance(value, dict | list):
        return
    if left == 0:
        raise _too_deep()
    parts: Sequence[object] = value if isinstance(value, list) else list(value.values())
    for part in parts:
        _check_depth(part, left - 1)


def _too_deep() -> InvalidInput:
    return InvalidInput(
        "the body is nested too deeply", hint=f"at most {DEPTH_MAX} levels are accepted"
    )


def _inlined(value: Any, parts: Mapping[str, Any]) -> Any:
    """Return a schema with each `$ref` replaced: a body's description has no place for parts."""
    match value:
        case {"$ref": str(ref)}:
            return _inlined(parts[ref.rsplit("/", 1)[-1]], parts)
        case dict():
            return {k: _inlined(v, parts) for k, v in value.items()}
        case list():
            return [_inlined(v, parts) for v in value]
        case _:
            return value
