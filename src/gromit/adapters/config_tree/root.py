"""The config tree on disk, `<root>/<environment>/<component>/<file>`, below a root with a marker.

Without the marker no work is done: if the volume is not mounted, gromit does not fill the
container's own disk. While the root has a regular file `noprocess`, no work starts. If the root is
in any unclear state, no work is done either.
"""

import os
import secrets
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gromit.adapters.atomic_files import Writer
from gromit.adapters.config_tree import suspension
from gromit.adapters.config_tree.folder import SafeFolder, config_tree_errors, open_folder
from gromit.adapters.config_tree.suspension import Suspension
from gromit.adapters.config_tree.update import MANIFEST, FolderUpdate, plan_update, read_manifest
from gromit.core.names import COMPONENT_NAME, is_environment_name
from gromit.core.stack import config_files
from gromit.errors import ConfigRootUnusable, Conflict, InvalidInput, Suspended
from gromit.log import get_logger

MARKER = ".gromit-root"
"""Regular file in every config root."""

_MARKER_TEXT = b"This is a config root of gromit. Without this file nothing is processed.\n"
_SUSPENSION_MAX_BYTES = 64 * 1024

_NOT_THE_VOLUME = "run this where the config volume is mounted, and check the path"

_log = get_logger(__name__)


class ConfigTree:
    """The ports `ConfigRoot`, `ConfigHashes` and `ConfigFolders`, and the suspension.

    Several workers may use the tree at once, each for another environment.
    """

    def __init__(self, root: Path, *, write: Writer = os.write) -> None:
        self._root = root
        self._write = write

    def check(self) -> None:
        """Read the suspension each time, without a cache."""
        if (found := self.suspension()) is not None:
            raise Suspended(
                f"processing is {found}",
                hint=f"run `gromit resume {self._root}` to continue processing",
                file=(found.reason, found.by, found.at),
            )

    def suspension(self) -> Suspension | None:
        """Return the current suspension, if any. Raises `ConfigRootUnusable` if it is unclear."""
        with self._opened() as root, self._fails_closed():
            mode = root.mode(suspension.FILE)
            if mode is None:
                return None
            if not stat.S_ISREG(mode):
                raise ConfigRootUnusable(
                    f"{self._root / suspension.FILE} is not a regular file, "
                    "so the suspension is unclear",
                    hint="remove it; `gromit suspend` writes a valid one",
                )
            return suspension.parse_suspension(_read_suspension(root))

    def suspend(self, new: Suspension) -> None:
        """Stop all processing. Raises `Conflict` if it is suspended already."""
        if (found := self.suspension()) is not None:
            raise Conflict(
                f"processing is already {found}",
                hint=f"if that suspension is over, run `gromit resume {self._root}` first",
            )
        with self._opened() as root, self._fails_closed():
            # Another operator may have suspended since the check above; keep the first reason.
            try:
                root.put_new(root.stage(suspension.dump(new)), suspension.FILE)
            except FileExistsError as error:
                raise Conflict(
                    "another operator has just suspended processing",
                    hint="run `gromit suspend` again to see the reason",
                ) from error
            root.sync()

    def resume(self) -> Suspension | None:
        """Continue processing, and return the suspension that ends, if there was one."""
        found = self.suspension()
        if found is not None:
            with self._opened() as root, self._fails_closed():
                root.remove(suspension.FILE)
                root.sync()
        return found

    def render(self, environment: str, files: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        """Write all new files under temporary names first, so that a full disk changes no file.

        Folders of components that are not in `files` lose the files that nothing but gromit wrote.
        """
        _check_names(environment, files)
        with (
            self._opened() as root,
            config_tree_errors(self._root / environment),
            ExitStack() as stack,
        ):
            home = stack.enter_context(root.child(environment, make=True))
            folders = {
                name: stack.enter_context(home.child(name, make=True)) for name in sorted(files)
            }
            updates = [plan_update(folder, files[name]) for name, folder in folders.items()]
            obsolete = _obsolete_folders(home, files, stack)
            updates += obsolete.values()
            for update in updates:
                update.stage(stack)
            for update in updates:
                update.finish()
            for name, update in obsolete.items():
                _remove_if_empty(home, name, update.folder)
            return {name: folder.hash() for name, folder in folders.items()}

    def hashes(self, environment: str, components: Collection[str]) -> Mapping[str, str]:
        """Hash the folders in the tree, also while it is suspended."""
        _check_names(environment, {name: {} for name in components})
        with (
            self._opened() as root,
            config_tree_errors(self._root / environment),
            ExitStack() as stack,
        ):
            if root.mode(environment) is None:
                return {}
            home = stack.enter_context(root.child(environment))
            present = [name for name in sorted(components) if home.mode(name) is not None]
            return {name: stack.enter_context(home.child(name)).hash() for name in present}

    def remove(self, environment: str) -> None:
        """Remove the folder with all files in it, those of people included."""
        _check_names(environment, {})
        path = self._root / environment
        with self._opened() as root, config_tree_errors(path):
            mode = root.mode(environment)
            if mode is None:
                return
            if not stat.S_ISDIR(mode):
                raise Conflict(f"{path} is not a folder", hint="check what it is, and remove it")
            root.remove_folder(environment, filled=True)
            root.sync()
            _log.info("config.environment_removed", path=str(path))

    def folders(self) -> Mapping[str, bool]:
        """Look for gromit's manifest in the folders of components."""
        with self._opened() as root, config_tree_errors(self._root):
            found = {}
            for name in filter(is_environment_name, root.names()):
                mode = root.mode(name)
                if mode is not None and stat.S_ISDIR(mode):
                    with root.child(name) as home:
                        found[name] = any(_has_manifest(home, part) for part in home.names())
            return found

    def set_aside(self, environment: str) -> str:
        """Give the folder a name that is no environment's."""
        _check_names(environment, {})
        with self._opened() as root, config_tree_errors(self._root / environment):
            aside = f"{config_files.BOOKKEEPING}-aside-{environment}-{secrets.token_hex(4)}"
            root.put(environment, aside)
            root.sync()
        _log.warning("config.set_aside", env=environment, path=str(self._root / aside))
        return aside

    @contextmanager
    def _opened(self) -> Iterator[SafeFolder]:
        """Hold the root open during the block, after a check of its marker."""
        with self._fails_closed():
            root = open_folder(self._root, self._write)
        with root:
            with self._fails_closed():
                marker = root.mode(MARKER)
            if marker is None or not stat.S_ISREG(marker):
                raise ConfigRootUnusable(
                    f"{self._root} is not a config root: it has no file {MARKER}",
                    hint=_NOT_THE_VOLUME,
                )
            yield root

    @contextmanager
    def _fails_closed(self) -> Iterator[None]:
        """Turn any `OSError` about the root itself into `ConfigRootUnusable`."""
        try:
            yield
        except OSError as error:
            raise ConfigRootUnusable(
                f"cannot use config root {self._root}: {error.strerror}",
                hint=_NOT_THE_VOLUME,
            ) from error


def init_root(path: Path) -> bool:
    """Make `path` a config root, and create its folder if it is missing.

    Return False if it was a config root before. Raises `ConfigRootUnusable`.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with open_folder(path) as root:
            mode = root.mode(MARKER)
            if mode is not None and not stat.S_ISREG(mode):
                raise ConfigRootUnusable(
                    f"{path / MARKER} is not a regular file",
                    hint="check what it is, and remove it",
                )
            if mode is None:
                root.put(root.stage(_MARKER_TEXT), MARKER)
                root.sync()
            return mode is None
    except OSError as error:
        raise ConfigRootUnusable(
            f"cannot make {path} a config root: {error.strerror}",
            hint="name a folder on the config volume",
        ) from error


def mark_new_root(path: Path) -> None:
    """Make an empty folder a config root, and leave a config root as it is.

    A folder with files and no marker is not a new volume: either another volume is mounted, or the
    marker is lost. Raises `ConfigRootUnusable`.
    """
    try:
        with open_folder(path) as root:
            names = root.names()
    except OSError as error:
        raise ConfigRootUnusable(
            f"cannot use {path} as a config root: {error.strerror}", hint=_NOT_THE_VOLUME
        ) from error
    if names and MARKER not in names:
        raise ConfigRootUnusable(
            f"{path} has files, and is not a config root: it has no file {MARKER}",
            hint=f"if it is the config volume of this installation: gromit root init {path}",
        )
    if init_root(path):
        _log.info("config.root_marked", path=str(path))


def _check_names(environment: str, files: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse invalid names; `SafeFolder` also refuses names that would lead out of the tree."""
    if not is_environment_name(environment):
        raise InvalidInput(f"{environment!r} is not the name of an environment")
    for component, texts in files.items():
        if not COMPONENT_NAME.fullmatch(component):
            raise InvalidInput(f"{component!r} is not the name of a component")
        for file in texts:
            if not config_files.FILE_NAME.fullmatch(file):
                raise InvalidInput(
                    f"{file!r} of component {component} is not the name of a config file"
                )


def _obsolete_folders(
    home: SafeFolder, files: Mapping[str, object], stack: ExitStack
) -> dict[str, FolderUpdate]:
    """Plan the update of folders that gromit filled for components that no longer exist."""
    obsolete = {}
    for name in home.names():
        mode = home.mode(name)
        if name in files or mode is None or not stat.S_ISDIR(mode):
            continue
        folder = stack.enter_context(home.child(name))
        if read_manifest(folder) is not None:
            obsolete[name] = plan_update(folder, {})
    return obsolete


def _remove_if_empty(home: SafeFolder, name: str, folder: SafeFolder) -> None:
    """Remove a folder that has no file but gromit's manifest."""
    if folder.names() in ([], [MANIFEST]):
        folder.remove(MANIFEST)
        home.remove_folder(name)


def _has_manifest(home: SafeFolder, part: str) -> bool:
    mode = home.mode(part)
    if mode is None or not stat.S_ISDIR(mode):
        return False
    with home.child(part) as folder:
        return folder.mode(MANIFEST) is not None


def _read_suspension(root: SafeFolder) -> bytes:
    try:
        return (root.read(suspension.FILE) or b"")[:_SUSPENSION_MAX_BYTES]
    except PermissionError:
        return b"a reason that gromit has no permission to read"
