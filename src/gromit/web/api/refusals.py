"""OpenAPI descriptions of errors: always `{"error": …}`, under /v1 mostly with code and hint."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

_MEANING: dict[int | str, str] = {
    400: "The request is invalid; nothing was changed.",
    403: "The certificate's role does not allow the request, or the certificate was revoked.",
    404: "There is no such environment.",
    409: "The present state forbids the request; nothing was changed.",
    423: "An operator has suspended processing; nothing was changed.",
    429: "The client uses more than its share; the message says which.",
    "4XX": "Refused before it reached a route: "
    "no such route (404, 405), too large (413, 431) or too slow (408).",
    "5XX": "A bug (500), or AWS denied it (502) or is not available now (503, with Retry-After).",
}


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """Reason why a request failed."""

    error: str
    """For people."""
    code: str | None = None
    """For programs; only under /v1."""
    hint: str | None = None
    """Remedy, for people; only under /v1."""


_CONTENT = {"application/json": {"schema": TypeAdapter(ErrorBody).json_schema()}}


def error_responses(*statuses: int | str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route or router that fails with these statuses.

    Errors are JSON even if the route answers in text.
    """
    return {status: {"description": _MEANING[status], "content": _CONTENT} for status in statuses}


EVERYWHERE = error_responses(400, 403, "4XX", "5XX")
"""Errors that every route may answer with."""
