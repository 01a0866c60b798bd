"""OpenAPI document of the gateway: its own routes, and those of serve that it forwards."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gromit.web.api.app import ROUTERS
from gromit.web.api.legacy_routes import NewBuild
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import add_routes
from gromit.web.bodies import body_schema
from gromit.web.branch_list import BranchList
from gromit.web.gateway.people_api import forwarded_routes
from gromit.web.gateway.reading import READABLE
from gromit.web.gateway.token_request import TokenRequest

PATH = "/openapi.json"
_ERROR = error_responses(400)[400]["content"]
_REFUSALS: Mapping[str, Any] = {
    "400": {"description": "The request is invalid; nothing was changed.", "content": _ERROR},
    "401": {"description": "There is no valid token or session.", "content": _ERROR},
    "403": {"description": "The token or role does not allow the request.", "content": _ERROR},
    "409": {"description": "The present state forbids the request.", "content": _ERROR},
    "429": {"description": "More requests than allowed; see Retry-After.", "content": _ERROR},
    "4XX": {"description": "Refused before it reached a route.", "content": _ERROR},
    "5XX": {"description": "serve or the login provider is not available.", "content": _ERROR},
}
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
_REPOSITORY = {"name": "repo", "in": "query", "required": False, "schema": {"type": "string"}}


@cache
def gateway_document(*, has_people: bool) -> Mapping[str, Any]:
    """Return the document; `has_people`: people can log in."""
    app = FastAPI(
        title="gromit gateway",
        version="1",
        description="The gateway forwards requests to serve, with a token or a login.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    for router in ROUTERS:
        add_routes(app, router)
    document = app.openapi()
    wanted = forwarded_routes() if has_people else dict.fromkeys(READABLE, frozenset({"GET"}))
    document["paths"] = {**_own_paths(has_people=has_people), **_forwarded(document, wanted)}
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def document_route(*, has_people: bool) -> Any:
    """Return the handler that answers with the document, to everybody who asks."""

    async def answer(_request: Request) -> Response:
        return JSONResponse(gateway_document(has_people=has_people))

    return answer


def _forwarded(
    document: Mapping[str, Any], wanted: Mapping[str, frozenset[str]]
) -> Mapping[str, Any]:
    """Return the operations of serve that are forwarded, with what the gateway adds."""
    found: dict[str, Any] = {}
    for route, methods in wanted.items():
        path = route.replace(":path", "")
        operations = document["paths"].get(path, {})
        kept = {m: operation for m, operation in operations.items() if m.upper() in methods}
        for operation in kept.values():
            operation["security"] = [{"token": []}]
            operation["responses"] |= {s: _REFUSALS[s] for s in ("401", "403", "429")}
        if kept:
            found[path] = kept
    return found


def _own_paths(*, has_people: bool) -> dict[str, Any]:
    paths = {
        "/healthcheck": {"get": _operation("Answer while the gateway is alive.", 200, [])},
        "/gromit/newbuild": {
            "post": _operation("Report a build.", 200, [], body_schema(NewBuild)),
        },
        "/gromit/env/{name}": {
            "delete": _operation("Report a deleted branch.", 202, [_NAME, _REPOSITORY]),
        },
        "/gromit/branches": {
            "post": _operation("List all branches.", 200, [], body_schema(BranchList)),
        },
    }
    if has_people:
        paths |= {
            "/login/command": {"get": _operation("Say where people log in.", 200, [])},
            "/login/token": {
                "post": _operation(
                    "Exchange an ID token for a token.", 200, [], body_schema(TokenRequest)
                ),
            },
        }
    return paths


def _operation(
    summary: str, status: int, parameters: list[Any], body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    done = {
        "description": "Done.",
        "content": {"application/json": {"schema": {}}, "text/plain": {"schema": {}}},
    }
    return {
        "summary": summary,
        "parameters": parameters,
        "security": [{"token": []}],
        "responses": {str(status): done, **_REFUSALS},
        **(body or {}),
    }
