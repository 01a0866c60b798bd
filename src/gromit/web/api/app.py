"""The HTTP API of `gromit serve`: its routes, and the form of its errors."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gromit.errors import (
    Conflict,
    Denied,
    GromitError,
    InvalidInput,
    NotFound,
    Suspended,
    Temporary,
    TooMany,
    TrustError,
)
from gromit.web.api import (
    actions,
    audit_search,
    change_stream,
    claims,
    diffs,
    doctor_reports,
    exec_access,
    explanations,
    legacy_routes,
    observations,
    overview,
    passes,
    suspensions,
    task_output,
    v1,
    wanted,
)
from gromit.web.api.admission import ApiDeps
from gromit.web.api.paths import SingleLeadingSlash
from gromit.web.api.routes import add_routes
from gromit.web.bodies import validation_error
from gromit.web.errors import http_error, unexpected_error

STATUS: Mapping[type[GromitError], int] = {
    InvalidInput: 400,
    TrustError: 403,
    NotFound: 404,
    Conflict: 409,
    Suspended: 423,
    TooMany: 429,
    Denied: 502,
    Temporary: 503,
}
"""HTTP status of each error; any other one is 500."""
RETRY_AFTER_S = "5"
_ROUTES = (
    legacy_routes,
    v1,
    actions,
    diffs,
    explanations,
    overview,
    wanted,
    change_stream,
    suspensions,
    claims,
    observations,
    passes,
    task_output,
    exec_access,
    audit_search,
    doctor_reports,
)
ROUTERS = tuple(module.router for module in _ROUTES)
"""All routes. The gateway forwards those that people may use."""


def build_app(deps: ApiDeps) -> FastAPI:
    """Build the application with all its routes."""
    app = FastAPI(
        title="gromit",
        version="1",
        description=(
            "The API of gromit serve. It uses mutual TLS; "
            "the role in the client certificate decides what a caller may do."
        ),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # a route of our own serves it, with authorisation like all others
        redirect_slashes=False,  # a redirect would go to any host that the request names
    )
    app.state.deps = deps
    app.add_middleware(SingleLeadingSlash)
    app.add_exception_handler(GromitError, _gromit_error)
    app.add_exception_handler(RequestValidationError, _wrong_parameters)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, unexpected_error)
    for module in _ROUTES:
        add_routes(app, module.router)
    return app


def error_response(error: GromitError, *, old_wire: bool) -> JSONResponse:
    """Return an error as the client gets it: `{"error": …}`, under /v1 with `code` and `hint`."""
    status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 500)
    headers = {"Retry-After": RETRY_AFTER_S} if status in {429, 503} else None
    body = _old_error(error, status) if old_wire else _v1_error(error)
    return JSONResponse(body, status, headers)


def _old_error(error: GromitError, status: int) -> dict[str, str]:
    # Existing clients expect exactly the message with 404; elsewhere the hint has room in the text.
    if status == 404 or not error.hint:
        return {"error": _encodable(error.message)}
    return {"error": _encodable(f"{error.message}: {error.hint}")}


def _v1_error(error: GromitError) -> dict[str, str | None]:
    return {"error": _encodable(error.message), "code": error.code, "hint": error.hint}


def _gromit_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, GromitError):
        raise TypeError(type(error))
    return error_response(error, old_wire=not request.url.path.startswith("/v1/"))


def _wrong_parameters(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise TypeError(type(error))
    return _gromit_error(request, validation_error(error))


def _encodable(text: str) -> str:
    """Return `text` without lone surrogates: JSON input may contain them, UTF-8 output cannot."""
    return text.encode(errors="backslashreplace").decode()
