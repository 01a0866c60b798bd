"""A config tree in memory, which keeps edits like the real one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gromit.core.stack.config_files import FileAction, decide_file_action, file_hash, folder_hash

if TYPE_CHECKING:
    from gromit.errors import GromitError

_Folder = dict[str, bytes]


class FakeConfigRoot:
    """The ports `ConfigRoot` and `ConfigFolders`.

    `edit` acts as a person; each check raises `fault` while it is set.
    """

    def __init__(self) -> None:
        self.fault: GromitError | None = None
        self._folders: dict[str, dict[str, _Folder]] = {}
        self._rendered: dict[str, dict[str, dict[str, str]]] = {}
        self.aside: list[tuple[str, dict[str, _Folder]]] = []
        """Folders that were set aside."""

    def edit(self, environment: str, component: str, file: str, text: str | None) -> None:
        """Write a file as a person; None removes it."""
        folder = self._folders.setdefault(environment, {}).setdefault(component, {})
        if text is None:
            del folder[file]
        else:
            folder[file] = text.encode()

    def text(self, environment: str, component: str, file: str) -> str | None:
        """Return the content of a file."""
        content = self._folders.get(environment, {}).get(component, {}).get(file)
        return None if content is None else content.decode()

    def has(self, environment: str) -> bool:
        """Whether an environment has a folder."""
        return environment in self._folders

    def check(self) -> None:
        """Raise the fault, if one is set."""
        if self.fault is not None:
            raise self.fault

    def render(self, environment: str, files: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        """Refuse to write below an unusable root, like the real tree."""
        self.check()
        folders = self._folders.setdefault(environment, {})
        rendered = self._rendered.setdefault(environment, {})
        for component in files.keys() | rendered.keys():
            _update(
                folders.setdefault(component, {}),
                rendered.setdefault(component, {}),
                files.get(component, {}),
            )
        for component in [name for name in folders if name not in files and not folders[name]]:
            del folders[component]
            rendered.pop(component, None)
        return {
            component: folder_hash(
                (name.encode(), text) for name, text in folders[component].items()
            )
            for component in files
        }

    def remove(self, environment: str) -> None:
        """Remove the environment."""
        self._folders.pop(environment, None)
        self._rendered.pop(environment, None)

    def folders(self) -> Mapping[str, bool]:
        """Return the folders, and whether something was rendered in them."""
        return {name: bool(self._rendered.get(name)) for name in self._folders}

    def set_aside(self, environment: str) -> str:
        """Keep the folder under another name, which is no environment's."""
        number = len(self.aside)
        self.aside.append((environment, self._folders.pop(environment)))
        self._rendered.pop(environment, None)
        return f".gromit-aside-{environment}-{number}"


def _update(folder: _Folder, rendered: dict[str, str], wanted: Mapping[str, str]) -> None:
    for file in wanted.keys() | rendered.keys():
        text = wanted[file].encode() if file in wanted else None
        known = [rendered[file]] if file in rendered else []
        step = decide_file_action(
            known,
            file_hash(folder[file]) if file in folder else None,
            None if text is None else file_hash(text),
        )
        if step is FileAction.REMOVE:
            del folder[file]
        if text is None:
            rendered.pop(file, None)
        elif step is not FileAction.KEEP:
            folder[file] = text
            rendered[file] = file_hash(text)
