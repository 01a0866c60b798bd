"""Kinds of values that settings have, and how they are read from text."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from gromit.core.names import parse_repository
from gromit.core.stack.catalogue import check_repository
from gromit.core.time import format_duration, parse_duration
from gromit.errors import GromitError

_NONE = timedelta(0)


def split(value: object) -> object:
    """The parts of text that commas separate, without blanks; what is no text stays as it is."""
    return (
        tuple(p.strip() for p in value.split(",") if p.strip()) if isinstance(value, str) else value
    )


def _own_names(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Repositories as builds name them: without their owner, each once; None if there is none."""
    try:
        names = tuple(
            dict.fromkeys(parse_repository(value) for value in values or () if value.strip())
        )
        for name in names:
            check_repository(name)
    except GromitError as error:
        raise ValueError(error.message) from error
    return names or None


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json"),
    Field(ge=_NONE),
]
PositiveDuration = Annotated[Duration, Field(gt=_NONE)]
"""A length of time that must not be nothing: with such a pause a loop would turn as fast as it can."""
NameList = Annotated[tuple[str, ...], BeforeValidator(split)]
Repositories = Annotated[NameList | None, AfterValidator(_own_names)]
ListenAddress = Annotated[str, Field(pattern=r"^.+:\d{1,5}$")]
