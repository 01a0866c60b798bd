"""Load settings from a config file, the environment and flags; later ones override earlier ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gromit.config.fields import fields
from gromit.config.schema import Settings
from gromit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and the origin of each value that is not a default.

    For example, `origins` maps `serve.url` to `GROMIT_SERVE_URL`.
    """

    settings: Settings
    origins: Mapping[str, str]


def load_settings(
    environ: Mapping[str, str],
    *,
    conf: Path | None = None,
    flags: Mapping[str, object] | None = None,
) -> LoadedSettings:
    """Load settings: `flags` (values by path) override `environ`, which overrides the config file.

    The config file is `conf` or the first one found. Raises `ConfigError` that names the setting
    and the origin of its value.
    """
    found = conf or _find_file(environ)
    layers: list[tuple[str, Mapping[str, object]]] = [
        *([(str(found), _read_file(found))] if found else []),
        ("environment", {d.path: environ[d.variable] for d in fields() if environ.get(d.variable)}),
        ("flag", {k: v for k, v in (flags or {}).items() if v is not None}),
    ]
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    variables = {d.path: d.variable for d in fields()}
    for name, values in layers:
        for path, value in values.items():
            _put(merged, path, value, name)
            origins[path] = variables.get(path, name) if name == "environment" else name
    try:
        return LoadedSettings(Settings.model_validate(merged), origins)
    except ValidationError as error:
        raise _explained(error, origins) from None


def _find_file(environ: Mapping[str, str]) -> Path | None:
    home = Path(environ.get("HOME", "/"))
    folders = [
        Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "gromit",
        home / ".config/gromit",
        Path("/conf/gromit"),
    ]
    return next((f / "config.yaml" for f in folders if (f / "config.yaml").is_file()), None)


def _read_file(path: Path) -> dict[str, object]:
    # Most machines of clients have no file, and PyYAML is slow to import.
    from gromit.documents import InvalidYaml, parse_yaml  # noqa: PLC0415

    try:
        tree = parse_yaml(path.read_bytes()) or {}
    except InvalidYaml as error:
        raise ConfigError(f"cannot read {path}: {error}", hint="write the file as YAML") from None
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", hint="check the path and its permissions"
        ) from None
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{path} is not a mapping of settings",
            hint="write settings as in docs/reference/settings.md",
        )
    return dict(_flatten(tree, ""))


def _flatten(tree: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def _put(tree: dict[str, Any], path: str, value: object, origin: str) -> None:
    *groups, leaf = path.split(".")
    for group in groups:
        tree = tree.setdefault(group, {})
        if not isinstance(tree, dict):
            raise ConfigError(
                f"{group} is set to a value, but is a group of settings ({path} from {origin})",
                hint="nest settings below it",
            )
    tree[leaf] = value


def _explained(error: ValidationError, origins: Mapping[str, str]) -> ConfigError:
    from gromit.documents import first_invalid_field  # noqa: PLC0415 - as in `_read_file`

    field = first_invalid_field(error)
    origin = origins.get(field.path, "the settings")
    return ConfigError(
        f"{field.path} from {origin}: {field.reason}",
        hint="`gromit config show` lists all settings",
    )
