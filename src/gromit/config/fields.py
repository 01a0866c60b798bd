"""Every setting as a path, a variable and a field: for `config show`, `--set` and the reference."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gromit.config.schema import Settings


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """One setting, for `config show` and the reference."""

    path: str
    variable: str
    field: FieldInfo
    secret: bool


def fields() -> Iterator[FieldDoc]:
    """Every setting, in order of definition."""
    for path, field in _fields(Settings, ""):
        secret = SecretStr in (field.annotation, *get_args(field.annotation))
        yield FieldDoc(path, "GROMIT_" + path.replace(".", "_").upper(), field, secret)


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field
