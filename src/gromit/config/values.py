"""Types of setting values, each with its reader.

A reader gets text of a variable or flag, or a value of the config file. It returns the value of a
setting, or raises `InvalidValue`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from gromit.core.names import INSTALLATION_NAME, check_repository, parse_repository
from gromit.core.time import parse_duration
from gromit.errors import GromitError

Reader = Callable[[object], object]

_WORDS = {
    **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
    **dict.fromkeys(("0", "off", "f", "false", "n", "no"), False),
}
"""Words for true and false."""
_INTEGER = re.compile(r"([+-]?[0-9]+(?:_[0-9]+)*)(?:\.0+)?")
_DIGITS_MAX = 4000
"""Digits of a number. Python converts few more."""
_NO_TIME = timedelta(0)


class InvalidValue(ValueError):
    """A value is not one that its setting can have."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        """Path of the value below the one that is read; empty for that one."""

    def below(self, name: str) -> "InvalidValue":
        """Return this error as one of a value that contains the present one."""
        return InvalidValue(self.reason, f"{name}.{self.path}" if self.path else name)


class SecretText:
    """A text that is never shown."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """Return the text."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "SecretText('**********')"


# ── readers ───────────────────────────────────────────────────────────────────────────────────────


def read_text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise InvalidValue("input should be a valid string")
    return value


def read_secret(value: object) -> SecretText:
    """Return a text as a secret."""
    return value if isinstance(value, SecretText) else SecretText(read_text(value))


def read_path(value: object) -> Path:
    """Return a path."""
    if not isinstance(value, str | Path):
        raise InvalidValue("input is not a valid path")
    return Path(value)


def read_integer(value: object) -> int:
    """Return an integer."""
    if isinstance(value, str):
        return _parse_integer(value)
    if isinstance(value, float) and not value.is_integer():
        raise InvalidValue("input should be a valid integer, got a number with a fractional part")
    if not isinstance(value, int | float):
        raise InvalidValue("input should be a valid integer")
    return int(value)


def _parse_integer(text: str) -> int:
    digits = _INTEGER.fullmatch(text.strip())
    if not digits or len(digits[1]) > _DIGITS_MAX:
        raise InvalidValue("input should be a valid integer, unable to parse string as an integer")
    return int(digits[1])


def read_flag(value: object) -> bool:
    """Return a boolean."""
    if isinstance(value, str):
        found = _WORDS.get(value.lower())
    else:
        found = bool(value) if value in (0, 1) else None
    if found is None:
        raise InvalidValue("input should be a valid boolean, unable to interpret input")
    return found


def read_duration(value: object) -> timedelta:
    """Return a duration that is not negative. A number counts seconds."""
    duration = parse_duration(str(value) if isinstance(value, int | float) else value)
    if not isinstance(duration, timedelta) or duration < _NO_TIME:
        raise InvalidValue("input should be a duration like 90s, 37m, 1h30m or 2d")
    return duration


def read_positive_duration(value: object) -> timedelta:
    """Return a duration above zero: with a pause of zero a loop would spin."""
    duration = read_duration(value)
    if duration == _NO_TIME:
        raise InvalidValue("input should be greater than 0s")
    return duration


def read_names(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or the parts of a text between its commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if not isinstance(value, list | tuple):
        raise InvalidValue("input should be a valid tuple")
    return tuple(_item(read_text, item, at) for at, item in enumerate(value))


def _item(read: Callable[[object], str], value: object, at: int) -> str:
    try:
        return read(value)
    except InvalidValue as error:
        raise error.below(str(at)) from None


def read_repositories(value: object) -> tuple[str, ...] | None:
    """Return unique repositories without their owners, as builds name them; None if empty."""
    if value is None:
        return None
    try:
        names = dict.fromkeys(parse_repository(v) for v in read_names(value) if v.strip())
        for name in names:
            check_repository(name)
    except GromitError as error:
        raise InvalidValue(error.message) from error
    return tuple(names) or None


def read_networks(value: object) -> tuple[str, ...]:
    """Return IP networks."""
    # Only servers have networks, and the module takes time to import.
    from ipaddress import ip_network  # noqa: PLC0415

    networks = read_names(value)
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise InvalidValue(f"{error}: write networks like 10.0.1.0/24") from error
    return networks


_PORT_MAX = 65_535


def read_peers(value: object) -> tuple[str, ...]:
    """Return names with their ports."""
    names = read_names(value)
    for name in names:
        found = re.fullmatch(r"[^\s:,/]+:(\d{1,5})", name)
        if found is None or not 1 <= int(found[1]) <= _PORT_MAX:
            raise InvalidValue(f"{name!r} is no HOST:PORT: write serve.internal:443")
    return names


def matching(pattern: str) -> Callable[[object], str]:
    """Return the reader of texts that match a pattern."""

    def read(value: object) -> str:
        text = read_text(value)
        if not re.fullmatch(pattern, text):
            raise InvalidValue(f"string should match pattern '{pattern}'")
        return text

    return read


def items_matching(pattern: str) -> Callable[[object], tuple[str, ...]]:
    """Return the reader of lists whose items match a pattern."""
    read_item = matching(pattern)

    def read(value: object) -> tuple[str, ...]:
        return tuple(_item(read_item, item, at) for at, item in enumerate(read_names(value)))

    return read


def one_of(*words: str) -> Reader:
    """Return the reader of a text that is one of several words."""
    *most, last = map(repr, words)
    expected = f"{', '.join(most)} or {last}"

    def read(value: object) -> object:
        if value not in words:
            raise InvalidValue(f"input should be {expected}")
        return value

    return read


# ── types ─────────────────────────────────────────────────────────────────────────────────────────

Duration = Annotated[timedelta, read_duration]
PositiveDuration = Annotated[timedelta, read_positive_duration]
NameList = Annotated[tuple[str, ...], read_names]
Repositories = Annotated[tuple[str, ...] | None, read_repositories]
NetworkList = Annotated[tuple[str, ...], read_networks]
PeerNames = Annotated[tuple[str, ...], read_peers]
InstallationName = Annotated[str, matching(rf"^({INSTALLATION_NAME})?$")]
ListenAddress = Annotated[str, matching(r"^.+:\d{1,5}$")]

_READERS: Mapping[object, Reader] = {
    str: read_text,
    int: read_integer,
    bool: read_flag,
    Path: read_path,
    SecretText: read_secret,
}


def value_reader(kind: Any) -> Reader:
    """Return the reader of a type: one of this module, a literal, or one of them or None."""
    arguments = get_args(kind)
    if get_origin(kind) is Annotated:
        reader: Reader = arguments[1]
        return reader
    if get_origin(kind) is Literal:
        return one_of(*arguments)
    if NoneType in arguments:
        return _optional(next(value_reader(a) for a in arguments if a is not NoneType))
    return _READERS[kind]


def _optional(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)
