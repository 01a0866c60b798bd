"""The platform's ids from one SSM parameter: a JSON object that terraform/infra writes."""

import re
from dataclasses import MISSING, fields
from functools import cache
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.core.stack.contract import Platform
from gromit.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_ssm.client import SSMClient
    from pydantic import TypeAdapter

_HINT = "terraform/infra writes it; cluster.platform names it"
_REQUIRED = [f.name for f in fields(Platform) if f.default is MISSING]
_SERVER = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?:[1-9][0-9]{0,4}")


class PlatformParameter:
    """The port `PlatformSource`."""

    def __init__(self, client: "SSMClient", name: str, installation: str = "") -> None:
        """`installation` is the name of this one; empty if it has none."""
        self._client = client
        self._name = name
        self._installation = installation

    def read(self) -> Platform:
        """Read the parameter on each call, without a cache.

        Raises `ConfigError` if there is none, or if it is another installation's.
        """
        with aws_errors(f"read the parameter {self._name}"):
            try:
                text = self._client.get_parameter(Name=self._name)["Parameter"].get("Value", "")
            except self._client.exceptions.ParameterNotFound:
                raise ConfigError(f"there is no SSM parameter {self._name}", hint=_HINT) from None
        platform = parse_platform(text, self._name)
        if platform.installation != self._installation and platform.installation:
            raise ConfigError(
                f"parameter {self._name} is of the installation {platform.installation},"
                f" not of {self._installation or 'one without a name'}",
                hint=f"set GROMIT_INSTALLATION={platform.installation}, or let cluster.platform"
                " name the parameter of your own installation",
            )
        return platform


def parse_platform(text: str, name: str) -> Platform:
    """Return the platform in a JSON text; unknown fields are ignored.

    Raises `ConfigError` that names the invalid or empty fields.
    """
    # A pass without work reads no platform, and pydantic takes a fifth of such a pass.
    from pydantic import ValidationError  # noqa: PLC0415

    from gromit.documents import invalid_fields  # noqa: PLC0415

    try:
        platform = _parser().validate_json(text)
    except ValidationError as error:
        faults = "; ".join(f"{f.path or 'the text'}: {f.reason}" for f in invalid_fields(error))
        raise ConfigError(f"parameter {name} is not a platform: {faults}", hint=_HINT) from None
    if empty := [field for field in _REQUIRED if not getattr(platform, field)]:
        raise ConfigError(
            f"parameter {name} is not a platform: {', '.join(empty)} empty", hint=_HINT
        )
    if platform.mongo and not _SERVER.fullmatch(platform.mongo):
        raise ConfigError(
            f"parameter {name} is not a platform: mongo: must be a host and a port,"
            " like mongo.dev.example.com:27017",
            hint=_HINT,
        )
    return platform


@cache
def _parser() -> "TypeAdapter[Platform]":
    from pydantic import TypeAdapter  # noqa: PLC0415 - see `parse_platform`

    return TypeAdapter(Platform)
