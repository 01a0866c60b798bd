"""AWS's service models, each read once per process instead of once per session of botocore."""

from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader, Loader

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
    """Let sessions that are made from now on share what they read."""
    Loader.FILE_LOADER_CLASS = _Shared


def read_models() -> None:
    """Read the models that commands need. Call `share_models` first."""
    loader = Loader()
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data(name)
    for kind in _KINDS:
        for service in _OF_COMMANDS & set(loader.list_available_services(kind)):
            loader.load_service_model(service, kind)
