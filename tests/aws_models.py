"""AWS's service models, each read once per process instead of once per session of botocore.

What sessions and clients make of them is made once, too: methods, names of events, and what is
known of handlers, operations and errors. That is most of a client's making.
"""

import inspect
from collections.abc import Callable
from copy import copy
from functools import cache, lru_cache
from types import FunctionType, MethodType
from typing import Any

from botocore import hooks, useragent
from botocore import session as botocore_session
from botocore.client import ClientCreator
from botocore.errorfactory import ClientExceptionsFactory
from botocore.loaders import JSONFileLoader, Loader, create_loader
from botocore.model import OperationModel, ServiceModel

_KINDS = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")
_OF_COMMANDS = frozenset(
    {"dynamodb", "ec2", "ecr", "ecs", "efs", "logs", "route53", "s3", "servicediscovery", "ssm"}
)


_WORDS = 1000
"""Words of user agents that are remembered; each request has some twenty, mostly the same."""
_ERRORS: dict[str, object] = {}
_READ: dict[type, dict[Any, Any]] = {}
"""Files that were read, by the kind of reader: gromit's leaves parts of models out."""


class _Shared(JSONFileLoader):
    """A reader of files for the loaders of all sessions. None of them changes what it reads."""

    @staticmethod
    @cache
    def _read(file_path: str) -> Any:
        return JSONFileLoader().load_file(file_path)

    def load_file(self, file_path: str) -> Any:
        return self._read(file_path)


def share_models() -> None:
    """Let sessions that are made from now on share what they read, and make of it."""
    Loader.FILE_LOADER_CLASS = _Shared
    botocore_session.create_loader = _create_loader
    loader: Any = Loader
    loader.file_loader = property(_reader_of, _read_by)
    creator: Any = ClientCreator
    creator._create_methods = _methods_once(creator._create_methods)
    aliaser: Any = hooks.EventAliaser
    aliaser.__init__ = _names_once(aliaser.__init__)
    events: Any = hooks
    events.accepts_kwargs = _quickly(events.accepts_kwargs)
    agent: Any = useragent
    agent.sanitize_user_agent_string_component = lru_cache(_WORDS)(
        agent.sanitize_user_agent_string_component
    )
    factory: Any = ClientExceptionsFactory
    factory.__init__ = _errors_once
    operation: Any = OperationModel
    operation.__init__ = _with_own_path(operation.__init__)
    model: Any = ServiceModel
    model.endpoint_discovery_operation = _discovery_once(model.endpoint_discovery_operation._fget)


@cache
def _shared_loader(path: str | None) -> Loader:
    return create_loader(path)


def _create_loader(search_path_string: str | None = None) -> Loader:
    """Return a loader that shares what it has read with all that have the same kind of reader."""
    return copy(_shared_loader(search_path_string))


def _reader_of(loader: Any) -> Any:
    return loader._reader


def _read_by(loader: Any, reader: Any) -> None:
    loader._reader = reader
    loader._cache = _READ.setdefault(type(reader), {})


def _methods_once(create: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return a function that creates the methods of each version of a service once."""
    made: dict[tuple[str, str, int], dict[str, Any]] = {}

    def methods(creator: ClientCreator, model: ServiceModel) -> dict[str, Any]:
        # gromit's own sessions leave operations of large services out.
        key = model.service_name, model.api_version, len(model.operation_names)
        if key not in made:
            made[key] = create(creator, model)
        return dict(made[key])

    return methods


def _names_once(begin: Callable[..., None]) -> Callable[..., None]:
    """Return an initialiser with which all that use botocore's aliases find each name once."""
    names: dict[str, str] = {}

    def initialise(aliaser: Any, emitter: Any, aliases: Any = None) -> None:
        begin(aliaser, emitter, aliases)
        if aliases is None or aliases == hooks.EVENT_ALIASES:
            aliaser._alias_name_cache = names

    return initialise


def _errors_once(factory: Any) -> None:
    """Initialise a factory that shares the error classes of each service with all others."""
    factory._client_exceptions_cache = _ERRORS


def _with_own_path(begin: Callable[..., None]) -> Callable[..., None]:
    """Return an initialiser that gives an operation of a client a path of its own.

    Clients of S3 take the bucket out of it with their first request.
    """

    def initialise(operation: Any, *arguments: Any, **options: Any) -> None:
        begin(operation, *arguments, **options)
        operation.http = dict(operation.http)

    return initialise


def _quickly(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return a function that sees without a signature whether a handler takes any keyword."""

    def quickly(handler: Any) -> bool:
        function = handler.__func__ if isinstance(handler, MethodType) else handler
        if isinstance(function, FunctionType) and not hasattr(function, "__wrapped__"):
            return bool(function.__code__.co_flags & inspect.CO_VARKEYWORDS)
        return accepts(handler)

    return quickly


def _discovery_once(find: Callable[[ServiceModel], Any]) -> property:
    """Return a property that looks once for the operation of a service, which most do not have."""
    known: dict[tuple[str, str], str | None] = {}

    def operation(model: ServiceModel) -> Any:
        key = model.service_name, model.api_version
        if key not in known:
            found = find(model)
            known[key] = None if found is None else found.name
        name = known[key]
        return None if name is None else model.operation_model(name)

    return property(operation)


def read_models() -> None:
    """Read the models that commands need. Call `share_models` first."""
    loader = botocore_session.create_loader(None)
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data(name)
    for kind in _KINDS:
        for service in _OF_COMMANDS & set(loader.list_available_services(kind)):
            loader.load_service_model(service, kind)
