"""The file of settings: where it lies, and what stands in it. What a setting may be is decided in `config`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from gromit.errors import ConfigError


def find(environ: Mapping[str, str]) -> Path | None:
    """The first `config.yaml` in the folders where it is looked for; None if there is none."""
    home = Path(environ.get("HOME", "/"))
    folders = [
        Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "gromit",
        home / ".config/gromit",
        Path("/conf/gromit"),
    ]
    return next((f / "config.yaml" for f in folders if (f / "config.yaml").is_file()), None)


def read(path: Path) -> dict[str, object]:
    """Its settings by path (`serve.url`). Raises `ConfigError` that never quotes the file."""
    try:
        tree = yaml.safe_load(path.read_text()) or {}
    except yaml.MarkedYAMLError as error:  # its own text quotes the file, which may hold a key
        mark = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"cannot read {path}{mark}: {error.problem or 'it is not YAML'}", hint="the file is YAML") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not YAML in UTF-8"
        raise ConfigError(f"cannot read {path}: {reason}", hint="check the path, its rights, and that it is text") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} is not a mapping of settings", hint="see docs/reference/settings.md")
    return dict(_flatten(tree, ""))


def _flatten(tree: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value
