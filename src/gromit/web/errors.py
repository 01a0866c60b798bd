"""Responses to errors that no route handles, for the API and for the gateway alike."""

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

log = structlog.get_logger(__name__)


def http_error(_request: Request, error: Exception) -> Response:
    """Answer an error of the framework (no such route, wrong method) with `{"error": …}`."""
    if not isinstance(error, HTTPException):
        raise TypeError(type(error))
    return JSONResponse({"error": str(error.detail).lower()}, error.status_code, error.headers)


def unexpected_error(request: Request, error: Exception) -> Response:
    """Log a bug with its traceback and answer 500 without any detail."""
    log.error("request.bug", method=request.method, path=request.url.path, exc_info=error)
    return JSONResponse({"error": "this is a bug in gromit; its log has the details"}, 500)
