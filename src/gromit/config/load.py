"""Load settings from a config file, the environment and flags; later ones override earlier ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gromit.config.fields import fields
from gromit.config.schema import Settings
from gromit.config.values import InvalidValue
from gromit.errors import ConfigError

V1_KEYS = frozenset({"authtoken", "env", "licenser", "policy"})
"""Keys of a config file that only gromit v1 knew. They are passed over."""

Layer = tuple[str, Mapping[str, object]]
"""Values by path, and where they come from: a file, `environment` or `flag`."""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and the origin of each value that is not a default.

    For example, `origins` maps `serve.url` to `GROMIT_SERVE_URL`.
    """

    settings: Settings
    origins: Mapping[str, str]
    v1_keys: tuple[str, ...] = ()
    """Keys of the config file that only gromit v1 knew."""
    file: str | None = None
    """The config file."""


class WrongSetting(ConfigError):
    """The value of one setting is wrong."""

    def __init__(self, path: str, origin: str, message: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.origin = origin


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
    read = _read_file(found) if found else {}
    return _loaded([*_file_layer(found, read), *_other_layers(environ, flags)], found, read)


def load_usable_settings(
    environ: Mapping[str, str],
    *,
    conf: Path | None = None,
    flags: Mapping[str, object] | None = None,
) -> tuple[LoadedSettings, list[ConfigError]]:
    """Load the settings that are right, and return what is wrong with the others.

    Raises `ConfigError` only for a wrong flag.
    """
    found = conf or _find_file(environ)
    faults: list[ConfigError] = []
    read: dict[str, object] = {}
    try:
        read = _read_file(found) if found else {}
    except ConfigError as error:
        faults.append(error)
    layers = [*_file_layer(found, read), *_other_layers(environ, flags)]
    while True:
        try:
            return _loaded(layers, found, read), faults
        except WrongSetting as error:
            fewer = _without(layers, error.path)
            if fewer == layers:
                raise
            faults.append(error)
            layers = fewer


def _without(layers: list[Layer], path: str) -> list[Layer]:
    """Return the layers without a setting, or a group, that is no flag."""
    return [(name, values if name == "flag" else _others(values, path)) for name, values in layers]


def _others(values: Mapping[str, object], path: str) -> dict[str, object]:
    return {key: value for key, value in values.items() if not _overlap(key, path)}


def _overlap(one: str, other: str) -> bool:
    """Whether two paths are equal, or one contains the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _file_layer(found: Path | None, read: Mapping[str, object]) -> list[Layer]:
    return [(str(found), {p: v for p, v in read.items() if not _is_v1(p)})] if found else []


def _other_layers(environ: Mapping[str, str], flags: Mapping[str, object] | None) -> list[Layer]:
    return [
        ("environment", {d.path: environ[d.variable] for d in fields() if environ.get(d.variable)}),
        ("flag", {k: v for k, v in (flags or {}).items() if v is not None}),
    ]


def _is_v1(path: str) -> bool:
    return path.partition(".")[0] in V1_KEYS


def _loaded(layers: list[Layer], found: Path | None, read: Mapping[str, object]) -> LoadedSettings:
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    variables = {d.path: d.variable for d in fields()}
    for name, values in layers:
        for path, value in values.items():
            _put(merged, path, value, name)
            origins[path] = variables.get(path, name) if name == "environment" else name
    v1_keys = sorted({path.partition(".")[0] for path in read if _is_v1(path)})
    try:
        settings = Settings(**merged)
    except InvalidValue as error:
        raise _explained(error, origins) from None
    return LoadedSettings(settings, origins, tuple(v1_keys), str(found) if found else None)


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
        # gromit v1 takes keys in any case.
        path = f"{prefix}{str(key).lower()}"
        if isinstance(value, dict):
            yield from _flatten(value, f"{path}.")
        elif value is not None:
            yield path, value


def _put(tree: dict[str, Any], path: str, value: object, origin: str) -> None:
    *groups, leaf = path.split(".")
    for group in groups:
        tree = tree.setdefault(group, {})
        if not isinstance(tree, dict):
            raise WrongSetting(
                group,
                origin,
                f"{group} is set to a value, but is a group of settings ({path} from {origin})",
                "nest settings below it",
            )
    tree[leaf] = value


def _explained(error: InvalidValue, origins: Mapping[str, str]) -> WrongSetting:
    meant = (origin for path, origin in origins.items() if _overlap(path, error.path))
    origin = next(meant, "the settings")
    message = f"{error.path} from {origin}: {error.reason}"
    return WrongSetting(error.path, origin, message, "`gromit config show` lists all settings")
