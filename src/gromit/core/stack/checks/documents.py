"""Rendered config files as documents: the file that a program reads, and what is in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gromit.core.stack.catalogue import Component
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind

_SUFFIXES = (".conf", ".ini", ".json", ".toml", ".yaml", ".yml")
"""Ends of the names of config files."""


class _DuplicateKey(ValueError):
    """A JSON object has a key twice."""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A rendered config file."""

    document: object = None
    """None if it is no JSON."""
    fault: str | None = None
    """Why it is no JSON, or no unambiguous one."""


def parse_file(text: str) -> ParsedFile:
    """Parse a rendered config file as JSON. Never repeat its content in the fault."""
    try:
        return ParsedFile(json.loads(text, object_pairs_hook=_unique))
    except json.JSONDecodeError as error:
        return ParsedFile(fault=f"is no JSON: {error.msg} in line {error.lineno}")
    except _DuplicateKey as error:
        return ParsedFile(json.loads(text), str(error))
    except (ValueError, RecursionError):
        return ParsedFile(fault="is no JSON that a program can read")


def named_files(component: Component) -> tuple[str, ...]:
    """Return the files of the config folder that the command of a component names."""
    if component.config_path is None:
        return ()
    folder = f"{component.config_path}/"
    paths = (word.rsplit("=", 1)[-1] for word in component.command)
    files = (path.removeprefix(folder) for path in paths if path.startswith(folder))
    return tuple(file for file in files if "/" not in file and file.endswith(_SUFFIXES))


def main_file(component: Component) -> str | None:
    """Return the config file that a component's program reads: the first that its command names.

    Without one in the command, it is the only file of the folder.
    """
    named = [file for file in named_files(component) if file in component.templates]
    return next(iter(named or (component.templates if len(component.templates) == 1 else ())), None)


def check_named_files(component: Component) -> tuple[CatalogueFault, ...]:
    """Return the files that a command names although no template renders them."""
    if not component.templates:
        return ()
    missing = (file for file in named_files(component) if file not in component.templates)
    return tuple(
        CatalogueFault(
            component=component.name,
            kind=FaultKind.FILE,
            subject="command",
            reason=f"names {component.config_path}/{file}, which no template renders",
            remedy=f"rename the template to {file}.j2, or correct the command",
        )
        for file in missing
    )


def value_at(document: object, path: str) -> object:
    """Return the value of a key; None without one. Programs ignore the case of names."""
    for name in path.lower().split("."):
        if not isinstance(document, Mapping):
            return None
        lowered = {str(key).lower(): value for key, value in document.items()}
        document = lowered.get(name)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: set[str] = set()
    for name, _ in pairs:
        if name.lower() in seen:
            raise _DuplicateKey(f"has the key {name} twice, and only the last one counts")
        seen.add(name.lower())
    return dict(pairs)
