"""Types of setting values, with their parsers."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)

from gromit.core.names import INSTALLATION_NAME, parse_repository
from gromit.core.stack.catalogue import check_repository
from gromit.core.time import format_duration, parse_duration
from gromit.errors import GromitError

_NONE = timedelta(0)


class SettingsGroup(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def split(value: object) -> object:
    """Split text at commas and strip blanks. Return any other value unchanged."""
    return (
        tuple(p.strip() for p in value.split(",") if p.strip()) if isinstance(value, str) else value
    )


def _own_names(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return unique repositories without their owners, as builds name them; None if empty."""
    try:
        names = tuple(
            dict.fromkeys(parse_repository(value) for value in values or () if value.strip())
        )
        for name in names:
            check_repository(name)
    except GromitError as error:
        raise ValueError(error.message) from error
    return names or None


def _are_networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            ip_network(value)
        except ValueError as error:
            raise ValueError(f"{error}: write networks like 10.0.1.0/24") from error
    return values


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json"),
    Field(ge=_NONE),
]
PositiveDuration = Annotated[Duration, Field(gt=_NONE)]
"""A duration above zero: with a pause of zero a loop would spin."""
NameList = Annotated[tuple[str, ...], BeforeValidator(split)]
Repositories = Annotated[NameList | None, AfterValidator(_own_names)]
NetworkList = Annotated[NameList, AfterValidator(_are_networks)]
InstallationName = Annotated[str, Field(pattern=rf"^({INSTALLATION_NAME})?$")]
ListenAddress = Annotated[str, Field(pattern=r"^.+:\d{1,5}$")]
