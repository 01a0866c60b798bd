"""All settings with their paths, variables and fields: for `config show`, `--set` and the docs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gromit.config.schema import Settings


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """Path, environment variable and field of one setting."""

    path: str
    variable: str
    field: FieldInfo
    secret: bool


def fields() -> Iterator[FieldDoc]:
    """Yield every setting, in order of definition."""
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
