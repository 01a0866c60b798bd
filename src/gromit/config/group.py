"""Groups of settings: frozen objects whose values are read as the annotations of a class say.

A library that validates takes longer to import than a short command takes to run, and settings are
of few types. Their readers are in `values`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import FrozenInstanceError, dataclass
from typing import Any, ClassVar, Self, TypeVar, cast, dataclass_transform

from gromit.config.values import InvalidValue, Reader, value_reader

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a number."""

    gt: int | None
    ge: int | None
    le: int | None

    def check(self, value: Any) -> None:
        """Raise `InvalidValue` for a value outside."""
        if self.gt is not None and value <= self.gt:
            raise InvalidValue(f"input should be greater than {self.gt}")
        if self.ge is not None and value < self.ge:
            raise InvalidValue(f"input should be greater than or equal to {self.ge}")
        if self.le is not None and value > self.le:
            raise InvalidValue(f"input should be less than or equal to {self.le}")


@dataclass(frozen=True, slots=True)
class SettingField:
    """Default, description and limits of one setting."""

    default: object
    description: str
    bounds: Bounds


def setting(
    *,
    default: T,
    description: str,
    gt: int | None = None,
    ge: int | None = None,
    le: int | None = None,
) -> T:
    """Define a setting of a group; the attribute's annotation is its type.

    A number must be above `gt`, at least `ge` and at most `le`.
    """
    return cast("T", SettingField(default, description, Bounds(gt, ge, le)))


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(setting,))
class SettingsGroup:
    """A group of settings. Its attributes are settings and groups."""

    members: ClassVar[Mapping[str, "SettingField | SettingsGroup"]]
    """Settings, and groups with their defaults, in order of definition."""
    readers: ClassVar[Mapping[str, Reader]]

    def __init_subclass__(cls) -> None:
        cls.members = {name: cls.__dict__[name] for name in cls.__annotations__}
        cls.readers = {
            name: _member_reader(cls.members[name], kind)
            for name, kind in cls.__annotations__.items()
        }

    def __init__(self, /, **values: object) -> None:
        """Read `values`, by name. Raises `InvalidValue`."""
        self.__dict__.update(self._defaults())
        for name in self.members:
            if name in values:
                self.__dict__[name] = self._read(name, values[name])
        unknown = next((name for name in values if name not in self.members), None)
        if unknown is not None:
            raise InvalidValue("extra inputs are not permitted", unknown)
        self.check()

    def check(self) -> None:
        """Raise `InvalidValue` for values that do not fit together."""

    def copy_with(self, /, **values: object) -> Self:
        """Return a copy with other values, which are not read."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__ | values)
        return copy

    @classmethod
    def _defaults(cls) -> Iterator[tuple[str, object]]:
        for name, member in cls.members.items():
            yield name, member.default if isinstance(member, SettingField) else member

    def _read(self, name: str, value: object) -> object:
        try:
            return self.readers[name](value)
        except InvalidValue as error:
            raise error.below(name) from error

    def __setattr__(self, name: str, _value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to setting {name!r}")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({values})"


def _member_reader(member: SettingField | SettingsGroup, kind: object) -> Reader:
    if isinstance(member, SettingsGroup):
        return _group_reader(type(member))
    return _bounded(value_reader(kind), member.bounds)


def _bounded(read: Reader, bounds: Bounds) -> Reader:
    def read_bounded(value: object) -> object:
        found = read(value)
        if found is not None:
            bounds.check(found)
        return found

    return read_bounded


def _group_reader(group: type[SettingsGroup]) -> Reader:
    def read(value: object) -> object:
        if isinstance(value, group):
            return value
        if isinstance(value, Mapping):
            return group(**value)
        raise InvalidValue(f"input should be a valid dictionary or instance of {group.__name__}")

    return read
