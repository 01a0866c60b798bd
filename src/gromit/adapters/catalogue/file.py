"""Catalogue files: strict YAML, with config templates in a folder next to the file."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gromit.adapters.catalogue.entry import (
    CatalogueEntry,
    parse_entry,
    parse_secret,
    to_component,
)
from gromit.adapters.catalogue.programs import load_program
from gromit.adapters.catalogue.shipped import SHIPPED
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.config_files import FILE_NAME
from gromit.core.stack.config_templates import check_syntax
from gromit.core.stack.secrets import NamedSecret, check_secret_names
from gromit.documents import InvalidYaml, parse_yaml
from gromit.errors import ConfigError
from gromit.log import get_logger

FILE_KEYS = ("extends", "secrets", "components")
"""Top-level keys of a file."""

TEMPLATES = "templates"
SUFFIX = ".j2"

_log = get_logger(__name__)


def load_catalogue(
    path: Path | None = None, repositories: Iterable[str] | None = None
) -> Catalogue:
    """Load the catalogue in `path` (None: the shipped one).

    `repositories` (`GROMIT_REPOS`) reduces it to these; None keeps all. Raises `ConfigError` that
    names the file, the component and the key.
    """
    catalogue = _read(path or SHIPPED)
    if repositories is None:
        return catalogue
    selected = catalogue.select(repositories)
    if selected.known_only:
        _log.warning(
            "catalogue.repositories_without_component", repositories=sorted(selected.known_only)
        )
    return selected


def _read(path: Path) -> Catalogue:
    tree = _parse(path)
    if unknown := sorted(str(key) for key in tree if key not in FILE_KEYS):
        raise ConfigError(
            f"{path}: {unknown[0]}: there is no such key",
            hint=f"use only the keys {', '.join(FILE_KEYS)}",
        )
    base = _extended(path, tree.get("extends"))
    secrets = {**base.secrets, **_secrets(path, tree.get("secrets"))}
    components = {**base.components, **_components(path, tree.get("components"))}
    _check_default_tags(path, components)
    for component in components.values():
        _check_secrets(path, component, secrets)
    named = {c.program for c in components.values() if c.program is not None}
    programs = {name: load_program(name) for name in sorted(named)}
    return Catalogue(components, secrets=secrets, programs=programs)


def _secrets(path: Path, raw: object) -> Mapping[str, NamedSecret]:
    """Return the named secrets of a file."""
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ConfigError(
            f"{path}: secrets: must be a mapping of names",
            hint="write each as `name: {made: random}` or `name: {made: bought}`",
        )
    return {str(name): parse_secret(entry, str(name), str(path)) for name, entry in raw.items()}


def _check_secrets(path: Path, component: Component, known: Mapping[str, NamedSecret]) -> None:
    try:
        check_secret_names(component.name, component.secrets, known)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", hint=error.hint) from None


def _components(path: Path, raw: object) -> Mapping[str, Component]:
    """Return the components of a file, without those that it extends."""
    if not isinstance(raw, list) or not raw:
        raise ConfigError(
            f"{path}: components: must be a list of entries",
            hint="begin each entry with `- name: …`",
        )
    components: dict[str, Component] = {}
    for entry in (parse_entry(item, str(path)) for item in raw):
        if entry.name in components:
            raise ConfigError(
                f"{path}: component {entry.name}: name: is used twice",
                hint="use each name once in a file",
            )
        components[entry.name] = _component(path, entry)
    return components


def _extended(path: Path, base: object) -> Catalogue:
    """Return the catalogue that this one extends; an empty one if it extends none."""
    if base is None:
        return Catalogue({})
    if base != SHIPPED.stem:
        raise ConfigError(
            f"{path}: extends: {base!r} is not a shipped catalogue",
            hint=f"use the shipped one, {SHIPPED.stem}",
        )
    if path.resolve() == SHIPPED.resolve():
        raise ConfigError(
            f"{path}: extends: a catalogue cannot extend itself", hint="remove the line"
        )
    return _read(SHIPPED)


def _component(path: Path, entry: CatalogueEntry) -> Component:
    templates = _templates(path, entry) if entry.templates is not None else {}
    component = to_component(entry, templates, str(path))
    for file, text in templates.items():
        try:
            check_syntax(entry.name, file, text)
        except ConfigError as error:
            raise ConfigError(
                f"{path}: component {entry.name}: templates: {error.message}", hint=error.hint
            ) from error
    return component


def _templates(path: Path, entry: CatalogueEntry) -> Mapping[str, str]:
    """Texts of an entry's templates, from `templates/<folder>` next to the file.

    Without such a folder, the shipped templates are used.
    """
    where = f"{path}: component {entry.name}: templates"
    roots = [path.parent / TEMPLATES, SHIPPED.parent / TEMPLATES]
    root = next((r for r in roots if (r / str(entry.templates)).is_dir()), None)
    if root is None:
        raise ConfigError(
            f"{where}: there is no folder {roots[0] / str(entry.templates)}",
            hint="create it, with one *.j2 for each config file",
        )
    files = [
        f for f in sorted((root / str(entry.templates)).iterdir()) if not f.name.startswith(".")
    ]
    return {file.name.removesuffix(SUFFIX): _text(root, file, where) for file in files}


def _text(root: Path, file: Path, where: str) -> str:
    if not file.name.endswith(SUFFIX) or not FILE_NAME.fullmatch(file.name.removesuffix(SUFFIX)):
        raise ConfigError(
            f"{where}: {file} is not a template",
            hint="name templates <config file>.j2, and keep other files in another folder",
        )
    if not file.is_file() or not file.resolve().is_relative_to(root.resolve()):
        raise ConfigError(
            f"{where}: {file} is not a file in {root}",
            hint="put a regular file there, not a link or a folder",
        )
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{where}: {file} cannot be read: {error}", hint="save templates as UTF-8 text"
        ) from error


def _check_default_tags(path: Path, components: Mapping[str, Component]) -> None:
    """Check that all components of a repository, which share its builds, have one default tag."""
    tags: dict[str, str] = {}
    for component in components.values():
        if component.repository is None:
            continue
        first = tags.setdefault(component.repository, component.default_tag)
        if first != component.default_tag:
            raise ConfigError(
                f"{path}: component {component.name}: default_tag:"
                f" another component of repository {component.repository} has {first}",
                hint="give all components of a repository the same default_tag",
            )


def _parse(path: Path) -> dict[Any, Any]:
    try:
        tree = parse_yaml(path.read_bytes(), unique_keys=True)
    except InvalidYaml as error:
        raise ConfigError(f"{path}: {error}", hint="write the file as YAML") from None
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}",
            hint="GROMIT_CATALOGUE names the catalogue file",
        ) from error
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{path} is not a catalogue",
            hint="begin with a list named components (docs/reference/catalogue.md)",
        )
    return tree
