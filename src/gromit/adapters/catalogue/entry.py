"""Entry of a catalogue file: its keys and their valid values.

Tests compare `docs/reference/catalogue.md` with this module.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gromit.adapters.catalogue.programs import load_program
from gromit.core.names import check_repository, is_tag, parse_repository
from gromit.core.stack.catalogue import Component
from gromit.core.stack.health import HealthCheck, HealthState
from gromit.core.stack.hooks import Hook, HookKind
from gromit.core.stack.secrets import NamedSecret, SecretOrigin, is_secret_arn
from gromit.documents import first_invalid_field
from gromit.errors import ConfigError, InvalidInput

FARGATE_SIZES: Mapping[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
"""CPU units to sizes of memory in MiB that Fargate offers (AWS's table of task sizes)."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]{0,254}")
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,199}")
_REASONS = {
    "extra_forbidden": "there is no such key",
    "missing": "is missing",
    "string_type": "must be text (write it in quotes)",
}


def _repository(value: str) -> str:
    try:
        known = parse_repository(value)
        check_repository(known)
    except (InvalidInput, ConfigError) as error:
        raise ValueError(error.message) from error
    if known != value:
        raise ValueError(f"must be the repository's own name, {known}")
    return value


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError("is not the name of an image, like redis:7")
    return value


def _tag(value: str) -> str:
    if not is_tag(value):
        raise ValueError("is not an image tag")
    return value


def _folder(value: str) -> str:
    if not _FOLDER.fullmatch(value):
        raise ValueError(
            "must be the plain name of a folder in templates/ beside the catalogue file"
        )
    return value


def _mount(value: str) -> str:
    path = PurePosixPath(value)
    if not path.is_absolute() or str(path) != value or ".." in path.parts or value == "/":
        raise ValueError("must be an absolute path in the container, like /conf")
    return value


def _path(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError("must be the path of a request, like /hello")
    return value


def _variables(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a variable")
    return value


def _arn(value: str) -> str:
    """Accept only an ARN. Never repeat a wrong value, which may be the secret itself."""
    if not is_secret_arn(value):
        raise ValueError(
            "must be the ARN of a Secrets Manager secret or SSM parameter, not a value"
        )
    return value


def _program(value: str) -> str:
    try:
        load_program(value)
    except ConfigError as error:
        raise ValueError(f"{error.message}; {error.hint}") from error
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ComponentSize(_Strict):
    """Key `size` of an entry."""

    cpu: int = Field(256, description="CPU units, 1024 to a core")
    memory: int = Field(512, description="MiB")


class HealthEntry(_Strict):
    """Key `health` of an entry."""

    path: Annotated[str, AfterValidator(_path)] = Field(
        description="path that is asked; any answer but 2xx is a failure"
    )
    key: str | None = Field(
        None, min_length=1, max_length=100, description="key of the JSON answer with its status"
    )
    ready: Annotated[str, AfterValidator(_path)] | None = Field(
        None, description="second path that is asked; 404 means that there is none"
    )
    degraded_by: Literal["warn", "fail"] = Field(
        "warn", description="mildest status that makes the environment degraded"
    )
    grace: int = Field(
        120, ge=0, le=3600, description="seconds after an apply in which only a good answer counts"
    )


class HookEntry(_Strict):
    """Keys `on_create` and `on_reap` of an entry."""

    command: list[str] = Field(min_length=1, description="program and its arguments")
    image: Annotated[str, AfterValidator(_image)] | None = Field(
        None, description="fixed image, instead of the component's own"
    )
    timeout: int = Field(
        300, gt=0, le=3600, description="seconds after which it is stopped, and has failed"
    )
    required: bool = Field(
        default=True, description="whether its failure is a failure of the environment"
    )


class SecretEntry(_Strict):
    """One secret under the key `secrets` of a catalogue file."""

    made: Literal["random", "bought"] = Field(description="where its value comes from")
    arn: Annotated[str, AfterValidator(_arn)] | None = Field(
        None, description="ARN of an existing secret, instead of one with gromit's own name"
    )


class CatalogueEntry(_Strict):
    """One component in a catalogue file."""

    name: str = Field(description="name of the component, a DNS label")
    repository: Annotated[str, AfterValidator(_repository)] | None = Field(
        None, description="repository that reports its builds"
    )
    image: Annotated[str, AfterValidator(_image)] | None = Field(
        None, description="fixed image, instead of a repository"
    )
    program: Annotated[str, AfterValidator(_program)] | None = Field(
        None, description="program that it runs, whose requirements gromit knows"
    )
    default_tag: Annotated[str, AfterValidator(_tag)] = Field(
        "master", description="tag of the default branch"
    )
    port: int | None = Field(
        None, gt=0, lt=65536, description="TCP port that it listens on; without one it has no URL"
    )
    public: bool = Field(default=False, description="reachable from the internet on its port")
    command: list[str] = Field(
        [], description="arguments of the container, instead of the command of its image"
    )
    config_path: Annotated[str, AfterValidator(_mount)] | None = Field(
        None, description="path of its config in the container"
    )
    templates: Annotated[str, AfterValidator(_folder)] | None = Field(
        None, description="folder of its config templates"
    )
    environment: Annotated[dict[str, str], AfterValidator(_variables)] = Field(
        {}, description="plain environment variables"
    )
    secrets: Annotated[dict[str, str], AfterValidator(_variables)] = Field(
        {}, description="environment variables to named secrets, or to the ARNs of their values"
    )
    size: ComponentSize = Field(ComponentSize(), description="CPU and memory of its Fargate task")
    exec: bool = Field(
        default=False, description="people may run programs in its container (`gromit env exec`)"
    )
    health: HealthEntry | None = Field(None, description="how its program says that it works")
    on_create: HookEntry | None = Field(
        None, description="task that runs once after the environment was created"
    )
    on_reap: HookEntry | None = Field(
        None, description="task that runs before the environment is destroyed"
    )


def parse_entry(raw: object, where: str) -> CatalogueEntry:
    """Return the entry that parsed YAML describes.

    Raises `ConfigError` that begins with `where` and names the component and the key.
    """
    if not isinstance(raw, dict):
        raise ConfigError(
            f"{where}: an entry is not a mapping", hint="begin each entry with `- name: …`"
        )
    try:
        entry = CatalogueEntry.model_validate(raw)
    except ValidationError as error:
        raise _first_error(error, f"{where}: component {raw.get('name', '(unnamed)')}") from None
    _check_together(entry, f"{where}: component {entry.name}")
    return entry


def parse_secret(raw: object, name: str, where: str) -> NamedSecret:
    """Return the named secret that parsed YAML describes.

    Raises `ConfigError` that names it and the key, and repeats no value.
    """
    if not isinstance(raw, dict):
        raise ConfigError(
            f"{where}: secret {name}: is not a mapping",
            hint="write `{made: random}` or `{made: bought}`; a value does not belong here",
        )
    try:
        entry = SecretEntry.model_validate(raw)
    except ValidationError as error:
        raise _first_error(error, f"{where}: secret {name}") from None
    try:
        return NamedSecret(name=name, made=SecretOrigin(entry.made), arn=entry.arn)
    except ConfigError as error:
        raise ConfigError(f"{where}: secrets: {error.message}", hint=error.hint) from error


def to_component(entry: CatalogueEntry, templates: Mapping[str, str], where: str) -> Component:
    """Return the component of an entry, with the texts of its templates."""
    hooks = {HookKind.ON_CREATE: entry.on_create, HookKind.ON_REAP: entry.on_reap}
    values = entry.model_dump(exclude={"size", "templates", *hooks}) | entry.size.model_dump()
    values |= {
        "command": tuple(entry.command),
        "templates": templates,
        "health": _health(entry.health) if entry.health is not None else None,
        "hooks": {kind: _hook(hook) for kind, hook in hooks.items() if hook is not None},
    }
    try:
        return Component(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from error


def _health(entry: HealthEntry) -> HealthCheck:
    return HealthCheck(
        path=entry.path,
        key=entry.key,
        ready=entry.ready,
        degraded_by=HealthState(entry.degraded_by),
        grace_s=entry.grace,
    )


def _hook(entry: HookEntry) -> Hook:
    return Hook(
        command=tuple(entry.command),
        image=entry.image,
        timeout_s=entry.timeout,
        required=entry.required,
    )


def _check_together(entry: CatalogueEntry, where: str) -> None:
    """Check the rules that concern several keys."""
    if both := sorted(entry.environment.keys() & entry.secrets.keys()):
        raise ConfigError(
            f"{where}: {both[0]} is in environment and in secrets",
            hint="keep it in one of them",
        )
    if entry.image is not None and "default_tag" in entry.model_fields_set:
        raise ConfigError(
            f"{where}: default_tag has no meaning for a fixed image",
            hint="the image already contains its tag",
        )
    _check_size(entry.size, where)


def _check_size(size: ComponentSize, where: str) -> None:
    """Raise `ConfigError` for a size that Fargate does not offer."""
    memory = FARGATE_SIZES.get(size.cpu, ())
    if size.memory in memory:
        return
    if memory:
        hint = f"with cpu {size.cpu}, memory goes from {memory[0]} to {memory[-1]}"
    else:
        hint = f"cpu is one of {', '.join(map(str, FARGATE_SIZES))}"
    raise ConfigError(
        f"{where}: size: Fargate has no {size.cpu} CPU units with {size.memory} MiB", hint=hint
    )


def _first_error(error: ValidationError, where: str) -> ConfigError:
    field = first_invalid_field(error)
    reason = _REASONS.get(field.kind, field.reason)
    near = get_close_matches(field.path, CatalogueEntry.model_fields, n=1)
    hint = "docs/reference/catalogue.md has all keys"
    if field.kind == "extra_forbidden" and near:
        hint = f"did you mean {near[0]}?"
    return ConfigError(f"{where}: {field.path}: {reason}", hint=hint)
