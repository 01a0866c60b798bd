"""Reading request bodies: JSON whatever the Content-Type says, and never more lenient than that.

The release workflows send JSON with curl's default `application/x-www-form-urlencoded`. Keys that stand twice, NaN, and anything
but an object are refused, because two readers of such a body may see two different things.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from gromit.errors import InvalidInput

Model = TypeVar("Model", bound=BaseModel)


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises `InvalidInput` saying what is wrong with it."""
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except InvalidInput:
        raise
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidInput(f"the body is not JSON: {reason}", hint="send a JSON object") from None
    if not isinstance(value, dict):
        raise InvalidInput("the body is not a JSON object", hint='send an object, like {"repo": "…", "ref": "…", "sha": "…"}')
    return value


def body_of(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that reads the body as `model`."""

    async def read(request: Request) -> Model:
        return validated(model, parse_object(await request.body()))

    return read


def validated(model: type[Model], value: dict[str, Any]) -> Model:
    """`value` as a model. Raises `InvalidInput` naming the key."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(str(p) for p in first["loc"])
        text = "is missing" if first["type"] == "missing" else f"is not usable: {first['msg'].lower()}"
        raise InvalidInput(f"{key} {text}", hint=f"keys are {', '.join(model.model_fields)}") from None


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI description of a body that `body_of` reads."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InvalidInput("a key stands twice in the body", hint="send every key once")
    return value


def _no_constant(text: str) -> NoReturn:
    raise InvalidInput(f"the body holds {text}, which is not JSON", hint="send plain JSON")
