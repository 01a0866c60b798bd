"""The config tree on disk: `<root>/<environment>/<component>/<file>`, below a root that says that it is the right one.

The root carries a marker, so that a volume which is not mounted stops the work instead of filling the container's own disk, and
while a regular file `noprocess` lies in it nothing new is started. Whatever is not clearly in order stops the work too.
"""

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from gromit.adapters.atomic_files import Writer
from gromit.adapters.config_tree import suspension
from gromit.adapters.config_tree.folder import SafeFolder, config_tree_errors, open_folder
from gromit.adapters.config_tree.suspension import Suspension
from gromit.adapters.config_tree.update import MANIFEST, FolderUpdate, plan_update, read_manifest
from gromit.core.names import is_environment_name
from gromit.core.stack.catalogue import COMPONENT_NAME
from gromit.core.stack.config_files import FILE_NAME
from gromit.errors import ConfigRootUnusable, Conflict, InvalidInput, Suspended

MARKER = ".gromit-root"
"""Regular file in every config root."""

_MARKER_TEXT = b"This is a config root of gromit. Without this file nothing is processed.\n"
_LONGEST_NOTE = 64 * 1024

_log = structlog.get_logger(__name__)


class ConfigTree:
    """The ports `ConfigRoot` and `ConfigHashes`, and the suspension of it.

    Several environments may be worked on at once, each by one worker.
    """

    def __init__(self, root: Path, *, write: Writer = os.write) -> None:
        self._root = root
        self._write = write

    def check(self) -> None:
        """Raise `Suspended` or `ConfigRootUnusable` unless work may go on."""
        if (found := self.suspension()) is not None:
            raise Suspended(
                f"processing is {found}", hint=f"`gromit resume {self._root}` lets it go on"
            )

    def suspension(self) -> Suspension | None:
        """The suspension in force, if any. Raises `ConfigRootUnusable` if that cannot be told."""
        with self._opened() as root, self._fails_closed():
            mode = root.mode(suspension.FILE)
            if mode is None:
                return None
            if not stat.S_ISREG(mode):
                raise ConfigRootUnusable(
                    f"{self._root / suspension.FILE} is not a regular file, so it is unclear whether work may go on",
                    hint="remove it; `gromit suspend` writes a proper one",
                )
            return suspension.parse_suspension(_read_note(root))

    def suspend(self, wanted: Suspension) -> None:
        """Stop all processing. Raises `Conflict` if somebody has already done so: their reason stands."""
        if (found := self.suspension()) is not None:
            raise Conflict(
                f"processing is already {found}",
                hint=f"`gromit resume {self._root}` first, if that is over",
            )
        with self._opened() as root, self._fails_closed():
            try:
                root.put_new(root.stage(suspension.dump(wanted)), suspension.FILE)
            except FileExistsError as error:
                raise Conflict(
                    "processing was suspended by somebody else just now",
                    hint="see what they say, then decide",
                ) from error
            root.sync()

    def resume(self) -> Suspension | None:
        """Let processing go on; gives the suspension that is over, if there was one."""
        found = self.suspension()
        if found is not None:
            with self._opened() as root, self._fails_closed():
                root.remove(suspension.FILE)
                root.sync()
        return found

    def render(self, environment: str, files: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        """Bring component -> file -> text onto disk, keeping what people edited; gives each component's folder hash.

        New content is written beside the old first, so that a full disk is noticed before a file has changed. Folders of components
        that `files` does not know lose what nobody touched.
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
            left = _left_behind(home, files, stack)
            updates += left.values()
            for update in updates:
                update.stage(stack)
            for update in updates:
                update.finish()
            for name, update in left.items():
                _drop_if_empty(home, name, update.folder)
            return {name: folder.hash() for name, folder in folders.items()}

    def hashes(self, environment: str, components: Collection[str]) -> Mapping[str, str]:
        """The hash of each component's folder as it lies; those without a folder are not in it. Writes nothing."""
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
        """Remove the environment's folder with all that lies in it, if it is there."""
        _check_names(environment, {})
        path = self._root / environment
        with self._opened() as root, config_tree_errors(path):
            mode = root.mode(environment)
            if mode is None:
                return
            if not stat.S_ISDIR(mode):
                raise Conflict(
                    f"{path} is not a folder", hint="look what it is, and remove it by hand"
                )
            root.remove_folder(environment, filled=True)
            root.sync()
            _log.info("config.environment_removed", path=str(path))

    @contextmanager
    def _opened(self) -> Iterator[SafeFolder]:
        """The root, held open, after a look at its marker."""
        with self._fails_closed():
            root = open_folder(self._root, self._write)
        with root:
            with self._fails_closed():
                marker = root.mode(MARKER)
            if marker is None or not stat.S_ISREG(marker):
                raise ConfigRootUnusable(
                    f"{self._root} is no config root: it has no file {MARKER}",
                    hint=f"is the volume mounted? A new one is made one by `gromit root init {self._root}`",
                )
            yield root

    @contextmanager
    def _fails_closed(self) -> Iterator[None]:
        """Whatever is wrong with the root itself makes it unusable."""
        try:
            yield
        except OSError as error:
            raise ConfigRootUnusable(
                f"config root {self._root} cannot be used: {error.strerror}",
                hint=f"check the mount; `gromit root init {self._root}` makes a new one",
            ) from error


def init_root(path: Path) -> bool:
    """Make `path` a config root, with its folder if need be; False if it was one before. Raises `ConfigRootUnusable`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with open_folder(path) as root:
            mode = root.mode(MARKER)
            if mode is not None and not stat.S_ISREG(mode):
                raise ConfigRootUnusable(
                    f"{path / MARKER} is not a regular file",
                    hint="look what it is, and remove it by hand",
                )
            if mode is None:
                root.put(root.stage(_MARKER_TEXT), MARKER)
                root.sync()
            return mode is None
    except OSError as error:
        raise ConfigRootUnusable(
            f"{path} cannot be made a config root: {error.strerror}",
            hint="give a folder on the config volume",
        ) from error


def _check_names(environment: str, files: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse whatever is not a name of ours; `SafeFolder` refuses once more what would lead out of the tree."""
    if not is_environment_name(environment):
        raise InvalidInput(f"{environment!r} is not the name of an environment")
    for component, texts in files.items():
        if not COMPONENT_NAME.fullmatch(component):
            raise InvalidInput(f"{component!r} is not the name of a component")
        for file in texts:
            if not FILE_NAME.fullmatch(file):
                raise InvalidInput(
                    f"{file!r} of component {component} is not the name of a config file"
                )


def _left_behind(
    home: SafeFolder, files: Mapping[str, object], stack: ExitStack
) -> dict[str, FolderUpdate]:
    """Folders that gromit once filled for components which are no more."""
    left = {}
    for name in home.names():
        mode = home.mode(name)
        if name in files or mode is None or not stat.S_ISDIR(mode):
            continue
        folder = stack.enter_context(home.child(name))
        if read_manifest(folder) is not None:
            left[name] = plan_update(folder, {})
    return left


def _drop_if_empty(home: SafeFolder, name: str, folder: SafeFolder) -> None:
    """Remove a folder in which nothing is left but gromit's own note."""
    if folder.names() in ([], [MANIFEST]):
        folder.remove(MANIFEST)
        home.remove_folder(name)


def _read_note(root: SafeFolder) -> bytes:
    try:
        return (root.read(suspension.FILE) or b"")[:_LONGEST_NOTE]
    except PermissionError:
        return b"a reason that may not be read"
