"""What OpenAPI says of refusals: every one of them is `{"error": …}`, under /v1 mostly with `code` and `hint`."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

_MEANING: dict[int | str, str] = {
    400: "What was sent cannot be meant; nothing was changed.",
    403: "The certificate's role does not allow it, or the certificate was revoked.",
    404: "There is no such environment.",
    409: "Its present state forbids it; nothing was changed.",
    "4XX": "Refused before a route was reached: no such route (404, 405), too large (413, 431) or too slow (408).",
    "5XX": "A bug (500), or AWS denies (502) or cannot do it now (503, with Retry-After).",
}


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """Why a request was not carried out."""

    error: str
    """For people."""
    code: str | None = None
    """For programs; only under /v1."""
    hint: str | None = None
    """What to do about it; only under /v1."""


_CONTENT = {"application/json": {"schema": TypeAdapter(ErrorBody).json_schema()}}


def error_responses(*statuses: int | str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route or router that refuses with these statuses: in JSON even where a route answers in text."""
    return {status: {"description": _MEANING[status], "content": _CONTENT} for status in statuses}


EVERYWHERE = error_responses(400, 403, "4XX", "5XX")
"""What any request may be answered."""
