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
                environment.path.name: {
                    component.path.name: _files(component) for component in _folders(environment)
                }
                for environment in _folders(folder)
            }


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
