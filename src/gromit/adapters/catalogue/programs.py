"""Programs as YAML files of the package, one for each."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gromit.core.stack.programs import KeyNeed, PeerNeed, Program, ProgramSecret
from gromit.core.stack.secrets import SecretOrigin
from gromit.documents import InvalidYaml, first_invalid_field, parse_yaml
from gromit.errors import ConfigError

PROGRAMS = Path(str(files("gromit"))) / "catalogue" / "programs"
"""Folder with a file for each program, part of the package."""

_SUFFIX = ".yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProgramSecretEntry(_Strict):
    """One entry of `secrets` in the file of a program."""

    variable: str = Field(description="environment variable that gives the secret")
    key: str | None = Field(None, description="key of the config file for the same value")
    group: str = Field(description="secrets of one group need the same value in all programs")
    made: SecretOrigin = Field(description="`random` or `bought`")
    required: bool = Field(default=True, description="whether the program needs it")
    peer: str | None = Field(None, description="program beside which it is required")
    without: str = Field(description="effect of a missing secret")


class PeerNeedEntry(_Strict):
    """One entry of `needs` in the file of a program."""

    any_of: tuple[str, ...] = Field(description="programs, one of which must run beside it")
    when: str | None = Field(None, description="config key that must be true for the need")
    unless: tuple[str, ...] = Field((), description="config keys for a host to use instead")
    without: str = Field(description="effect of its absence")
    certain: bool = Field(default=True, description="whether its absence is a mistake for sure")


class KeyNeedEntry(_Strict):
    """One entry of `requires` in the file of a program."""

    any_of: tuple[str, ...] = Field(description="config keys, one of which must have a value")
    without: str = Field(description="effect of their absence")


class ProgramEntry(_Strict):
    """File of a program."""

    secrets: list[ProgramSecretEntry] = Field([], description="secrets that it takes")
    listens: str | None = Field(None, description="config key of the port that it listens on")
    health: dict[str, str] = Field(
        {}, description="paths of a health check, each with the config key that names it"
    )
    needs: list[PeerNeedEntry] = Field([], description="programs that must run beside it")
    requires: list[KeyNeedEntry] = Field([], description="config keys that must have a value")
    retired: dict[str, str] = Field({}, description="deprecated keys, each with its replacement")


def program_names() -> tuple[str, ...]:
    """Return the names of all programs."""
    return tuple(sorted(path.stem for path in PROGRAMS.glob(f"*{_SUFFIX}")))


@cache
def load_program(name: str) -> Program:
    """Load one program, once in a process. Raises `ConfigError` if there is none of that name."""
    if name not in program_names():
        raise ConfigError(
            f"there is no program {name}", hint=f"programs are {', '.join(program_names())}"
        )
    path = PROGRAMS / f"{name}{_SUFFIX}"
    entry = _parse(path)
    return Program(
        name=name,
        secrets=tuple(ProgramSecret(**secret.model_dump()) for secret in entry.secrets),
        listens=entry.listens,
        health=entry.health,
        needs=tuple(PeerNeed(**need.model_dump()) for need in entry.needs),
        requires=tuple(KeyNeed(**need.model_dump()) for need in entry.requires),
        retired=entry.retired,
    )


def _parse(path: Path) -> ProgramEntry:
    try:
        tree = parse_yaml(path.read_bytes(), unique_keys=True)
        return ProgramEntry.model_validate(tree)
    except InvalidYaml as error:
        raise ConfigError(f"{path}: {error}") from None
    except ValidationError as error:
        field = first_invalid_field(error)
        raise ConfigError(f"{path}: {field.path}: {field.reason}") from None
