"""All settings with their paths and variables: for `config show`, `--set` and the docs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from gromit.config.group import SettingField, SettingsGroup
from gromit.config.schema import Settings
from gromit.config.values import SecretText


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """Path, environment variable and field of one setting."""

    path: str
    variable: str
    field: SettingField
    secret: bool


def fields() -> Iterator[FieldDoc]:
    """Yield every setting, in order of definition."""
    return _fields(Settings, "")


def _fields(group: type[SettingsGroup], prefix: str) -> Iterator[FieldDoc]:
    for name, kind in group.__annotations__.items():
        member, path = group.members[name], f"{prefix}{name}"
        if isinstance(member, SettingsGroup):
            yield from _fields(type(member), f"{path}.")
        else:
            is_secret = SecretText in (kind, *get_args(kind))
            yield FieldDoc(path, f"GROMIT_{path.replace('.', '_').upper()}", member, is_secret)
