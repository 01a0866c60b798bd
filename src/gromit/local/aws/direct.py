"""Requests to the emulator that need no search for a function: those to the path `/`.

Moto answers each request in an application of Flask. For most services, the path `/` has one
function, which finds the operation in a header or in the form. Requests to it go to that function
at once, without Flask. All others go to moto's own application.
"""

from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError
from moto.core.request import Request
from moto.core.responses import BaseResponse
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

Environ = dict[str, Any]
"""A request as WSGI has it."""
Starter = Callable[..., Any]
"""A function that begins a response of WSGI."""

_EMPTY: ImmutableMultiDict[str, Any] = ImmutableMultiDict()


_PREPARED: dict[str, Any] = {}
"""Applications of services that `prepare` made."""


def prepare(services: Iterable[str]) -> None:
    """Make moto's applications of services for all emulators of this process and its forks."""
    for service in services:
        application = create_backend_app(service)
        application.url_map.update()  # otherwise the first request does that
        _PREPARED[service] = application
        if (protocol := get_service_model(service).protocol).startswith("rest-"):
            get_service_router(service)._get_router(protocol)


class DirectApplication:
    """Moto's application, with a shorter way to the services' own functions."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._moto.app_instances.update(_PREPARED)
        self._known: dict[tuple[str, ...], type[BaseResponse] | None] = {}

    def __call__(self, environ: Environ, start_response: Starter) -> Iterable[bytes]:
        """Answer a request."""
        responder = self._responder(environ)
        if responder is None:
            return self._moto(environ, start_response)  # type: ignore[no-any-return]
        try:
            answer = _answer(responder, environ)
        except HTTPException as error:
            return error.get_response(environ)(environ, start_response)
        return _send(answer, environ, start_response)

    def _responder(self, environ: Environ) -> type[BaseResponse] | None:
        """Return the class that answers a request; None if moto has to find it."""
        if environ["REQUEST_METHOD"] != "POST" or environ["PATH_INFO"] != "/":
            return None
        scope = environ.get("HTTP_AUTHORIZATION", "").partition(",")[0].split("/")
        if len(scope) != 5 or "HTTP_CONTENT_ENCODING" in environ:  # a body may be compressed
            return None
        target = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")[0]
        key = scope[2], scope[3], target, environ.get("HTTP_HOST", "")
        if key not in self._known:
            self._known[key] = _function_of_root(self._moto.get_application(environ))
        return self._known[key]


def _function_of_root(application: Any) -> type[BaseResponse] | None:
    """Return the class whose method `dispatch` is all that a service has for `/`."""
    if not any(rule.rule == "/" for rule in application.url_map.iter_rules()):
        return None
    endpoint, _ = application.url_map.bind("localhost").match("/", "POST")
    function = application.view_functions[endpoint].callback
    if getattr(function, "__func__", None) is not BaseResponse.dispatch.__func__:
        return None
    return function.__self__  # type: ignore[no-any-return]


def _answer(responder: type[BaseResponse], environ: Environ) -> Any:
    is_form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    request = (_FormRequest if is_form else _JsonRequest)(environ)
    try:
        return responder.dispatch(request)
    except ClientError as error:
        return 400, {}, error.response["Error"]["Message"]


def _send(answer: Any, environ: Environ, start_response: Starter) -> Iterable[bytes]:
    status, headers, content = answer if len(answer) == 3 else (200, {}, answer)
    return _Response(content, status, headers)(environ, start_response)


class _Response(Response):
    """A response as Flask makes it."""

    default_mimetype = "text/html"


class _FormRequest(Request):  # type: ignore[misc]  # moto is untyped
    """A request as moto's server makes it."""

    from_wsgi_server = True


class _JsonRequest(_FormRequest):
    """A request whose body is no form, so that nothing looks for one in it."""

    form = files = values = args = _EMPTY

    @property
    def data(self) -> bytes:
        content: bytes = self.environ["wsgi.input"].getvalue()
        return content
