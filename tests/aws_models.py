"""AWS's service models, each read once per process instead of once per session of botocore.

The methods of a service's clients are made once, too. Both are most of a client's making.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from botocore import session as botocore_session
from botocore.client import ClientCreator
from botocore.loaders import JSONFileLoader, Loader, create_loader
from botocore.model import ServiceModel

_KINDS = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")
_OF_COMMANDS = frozenset(
    {"dynamodb", "ec2", "ecr", "ecs", "efs", "logs", "route53", "s3", "servicediscovery", "ssm"}
)


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
    botocore_session.create_loader = cache(create_loader)
    creator: Any = ClientCreator
    creator._create_methods = _methods_once(creator._create_methods)


def _methods_once(create: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return a function that creates the methods of each version of a service once."""
    made: dict[tuple[str, str], dict[str, Any]] = {}

    def methods(creator: ClientCreator, model: ServiceModel) -> dict[str, Any]:
        key = model.service_name, model.api_version
        if key not in made:
            made[key] = create(creator, model)
        return dict(made[key])

    return methods


def read_models() -> None:
    """Read the models that commands need. Call `share_models` first."""
    loader = botocore_session.create_loader(None)
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data(name)
    for kind in _KINDS:
        for service in _OF_COMMANDS & set(loader.list_available_services(kind)):
            loader.load_service_model(service, kind)
