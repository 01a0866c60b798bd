"""Routes of serve: their answers are written where they are made, and nothing checks them again.

An answer is an object of ours, whose type describes it in the OpenAPI document. FastAPI would pass
it to another thread for a validation that finds nothing, and a third of the cost of a request was
that. It would also keep each route twice if the application included routers.
"""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.routing import APIRoute

from gromit.web.api.refusals import EVERYWHERE


class DirectRoute(APIRoute):
    """A route whose function also writes its answer, in its own thread."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        super().__init__(path, self._with_answer(endpoint), **settings)

    def answer_of(self, found: object) -> object:
        """Return the answer with an object, as FastAPI would write it; an answer as it is."""
        field = self.response_field
        if field is None or isinstance(found, Response):
            return found
        body = field.serialize_json(found)
        return Response(body, self.status_code or 200, media_type="application/json")

    def _with_answer(self, endpoint: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(endpoint):
            return endpoint

        @wraps(endpoint)
        def answer(**arguments: Any) -> object:
            return self.answer_of(endpoint(**arguments))

        return answer


def new_router(prefix: str = "") -> APIRouter:
    """Return a router of serve's API."""
    return APIRouter(prefix=prefix, responses=EVERYWHERE, route_class=DirectRoute)


def add_routes(app: FastAPI, router: APIRouter) -> None:
    """Add the routes of a router to an application."""
    app.router.routes.extend(router.routes)
