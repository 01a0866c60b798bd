"""Texts of the config files in a whole config tree, which need not be gromit's."""

import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from gromit.adapters.config_tree.folder import SafeFolder, config_tree_errors, open_folder

_LONGEST = 1024 * 1024
"""Bytes of a file that are read. Config files are far shorter."""


def read_config_texts(root: Path) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Return the files below a config root: environment to component to file to its text.

    Hidden folders, links and subfolders are left out. A folder that is not there is empty.
    """
    with config_tree_errors(root):
        try:
            opened = open_folder(root)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        with opened as folder:
            return {
                environment.path.name: _components(environment) for environment in _folders(folder)
            }


def read_environment_texts(root: Path, environment: str) -> Mapping[str, Mapping[str, str]] | None:
    """Return the files of one environment below a config root: component to file to its text.

    None if it has no folder. Raises `InvalidInput` for a name with a slash.
    """
    with config_tree_errors(root):
        try:
            opened = open_folder(root)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with opened as folder:
            if folder.mode(environment) is None:
                return None
            with folder.child(environment) as home:
                return _components(home)


def _components(environment: SafeFolder) -> Mapping[str, Mapping[str, str]]:
    return {component.path.name: _files(component) for component in _folders(environment)}


def _folders(parent: SafeFolder) -> Iterator[SafeFolder]:
    for name in parent.names():
        mode = parent.mode(name)
        if name.startswith(".") or mode is None or not stat.S_ISDIR(mode):
            continue
        # Another process may remove or replace it now.
        with suppress(FileNotFoundError), parent.child(name) as folder:
            yield folder


def _files(folder: SafeFolder) -> Mapping[str, str]:
    contents = {name: folder.read(name) for name in folder.names()}
    return {
        name: content[:_LONGEST].decode(errors="replace")
        for name, content in contents.items()
        if content is not None
    }
