"""Folders that terraform runs in: one template for each run, and a copy of it for each environment.

Each environment has its own copy because terraform leaves a state that it could not save in its
folder, and no other environment may overwrite it. A run's folder is locked while its worker or one
of its terraforms lives, so the folders of killed workers are recognised and removed.

A watching worker runs for weeks, and a cleaner of old temporary files may delete files of its
folder meanwhile. A stack with a missing file is never applied: terraform would destroy the
resources that the file describes.
"""

import fcntl
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from gromit.core.stack.terraform import BACKEND_FILE, INPUTS_FILE
from gromit.errors import ConfigError, GromitError, Temporary

_log = structlog.get_logger(__name__)

SaveErroredState = Callable[[str, bytes], str]
"""Stores an environment's unsaved state safely and returns the place. Raises a `GromitError`."""

_UNSAVED = "errored.tfstate"
_RUN = "run-"
_ENVIRONMENT = "env-"
_TEMPLATE = "template"
_LOCK = "lock"
ELSEWHERE = "set terraform.work to a folder from which nothing removes old files"
_PROVIDERS = "providers/registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws_*"
_PROVIDER_BLOCK = re.compile(r"^\s*provider\b", re.MULTILINE)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_NOT_NEEDED = shutil.ignore_patterns("*.md", "tests", ".terraform*")


@contextmanager
def work_folder_errors(folder: Path) -> Iterator[None]:
    """Turn an `OSError` below the work folder into `Temporary`: the disk is full or gone."""
    try:
        yield
    except OSError as error:
        raise Temporary(
            f"cannot work in {folder}: {error.strerror or error}",
            hint="check the disk's free space and the folder's permissions",
        ) from error


@dataclass(frozen=True, slots=True)
class EnvironmentFolder:
    """Folder that terraform runs in for one environment."""

    path: Path

    def write(self, name: str, text: str) -> None:
        """Add a file to the stack's own."""
        with work_folder_errors(self.path):
            (self.path / name).write_text(text)

    def save_errored_state(self, save: SaveErroredState) -> str | None:
        """Store the state that terraform could not save, and return its place.

        Return None without such a state. If `save` fails, the state stays in the folder.
        """
        unsaved = self.path / _UNSAVED
        if not unsaved.exists():
            return None
        try:
            name = json.loads((self.path / INPUTS_FILE).read_text())["name"]
            kept = save(name, unsaved.read_bytes())
        except (GromitError, OSError, ValueError, KeyError) as error:
            _log.exception("state.stranded", path=str(unsaved), why=str(error))
            return str(unsaved)
        unsaved.unlink()
        return kept

    def remove(self) -> None:
        """Remove the folder, unless it still has an unsaved state."""
        if not (self.path / _UNSAVED).exists():
            shutil.rmtree(self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Folder of one worker's run."""

    path: Path
    lock: int
    """File descriptor of its lock; a process that holds it open keeps the folder."""
    stack: frozenset[Path] = frozenset()
    """Files and folders of a complete template, relative to it."""

    @property
    def template(self) -> Path:
        """The stack's files."""
        return self.path / _TEMPLATE

    @property
    def data(self) -> Path:
        """`TF_DATA_DIR`, which `init` fills for all environments."""
        return self.path / "data"

    @property
    def cli_config(self) -> Path:
        """The CLI configuration file."""
        return self.path / "terraform.rc"

    def provider(self) -> Path | None:
        """Return the AWS provider's program, if it can serve a whole run as one process.

        Such a process has one configuration at a time. So the stack may configure the provider
        once only, and all code that could do it again is read here.
        """
        programs = list(self.data.glob(_PROVIDERS))
        try:
            modules = json.loads((self.data / "modules" / "modules.json").read_text())["Modules"]
            folders = {self.template / module["Dir"] for module in modules}
            blocks = sum(_provider_blocks(folder) for folder in folders)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return programs[0] if len(programs) == 1 and blocks == 1 else None

    def write_backend(self, settings: str) -> None:
        """Write the backend's settings, which may hold secrets, to a file with mode 0600."""
        with (
            work_folder_errors(self.path),
            os.fdopen(os.open(self.path / BACKEND_FILE, _NEW, 0o600), "w") as file,
        ):
            file.write(settings)

    def free_bytes(self) -> int:
        """Return the free space of its disk."""
        return shutil.disk_usage(self.path).free

    def parts(self) -> frozenset[Path]:
        """Return its files and folders except those of environments, relative to it."""
        with work_folder_errors(self.path):
            found: set[Path] = set()
            for top in self.path.iterdir():
                if not top.name.startswith(_ENVIRONMENT):
                    found |= {top, *top.rglob("*")}
            return frozenset(part.relative_to(self.path) for part in found)

    def has(self, parts: frozenset[Path]) -> bool:
        """Whether all these parts exist, and the lock file is still the locked one.

        Without its lock file, another worker may remove the folder.
        """
        try:
            is_locked = os.path.samestat(os.fstat(self.lock), (self.path / _LOCK).stat())
        except OSError:
            return False
        return is_locked and all((self.path / part).exists() for part in parts)

    @contextmanager
    def environment(self, inputs: str) -> Iterator[EnvironmentFolder]:
        """Create a copy of the template with the given inputs for the block.

        Raises `Temporary` if files of the template are gone, or the disk is full.
        """
        with work_folder_errors(self.path):
            folder = EnvironmentFolder(Path(tempfile.mkdtemp(prefix=_ENVIRONMENT, dir=self.path)))
            try:
                shutil.copytree(self.template, folder.path, dirs_exist_ok=True)
                # Check the copy, not the template: files may disappear while they are copied.
                _check_complete(folder.path, self.stack)
                (folder.path / INPUTS_FILE).write_text(inputs)
            except BaseException:
                folder.remove()
                raise
        try:
            yield folder
        finally:
            folder.remove()

    def close(self) -> None:
        """Remove the folder, unless it has an unsaved state, which a later run tries to store."""
        with suppress(OSError):
            if not any(self.path.glob(f"{_ENVIRONMENT}*/{_UNSAVED}")):
                shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def _provider_blocks(folder: Path) -> int:
    """Count blocks in a folder that configure a provider, or may do it.

    Code in JSON is not read: each file of it counts. Override files change a block of another one.
    """
    files = [path for path in folder.iterdir() if path.suffix in {".tf", ".tofu"}]
    texts = (path.read_text() for path in files if not path.stem.endswith("_override"))
    unread = [path for path in folder.iterdir() if path.name.endswith((".tf.json", ".tofu.json"))]
    return sum(len(_PROVIDER_BLOCK.findall(text)) for text in texts) + len(unread)


def new_run_folder(work: Path, stack: Path, overlay: Path | None, cli_config: str) -> RunFolder:
    """Create a folder for a run below `work`.

    Its template is the stack with the overlay's `*.tf` files.
    """
    if overlay is not None and not overlay.is_dir():
        raise ConfigError(f"terraform.overlay is {overlay}, which is not a folder")
    with work_folder_errors(work):
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_owner(work)
        with _exclusive(work):
            path = Path(tempfile.mkdtemp(prefix=_RUN, dir=work))
            lock = _try_lock(path)
        if lock is None:
            raise Temporary(f"cannot lock {path}", hint="use a work folder on a local disk")
        run = RunFolder(path, lock)
        try:
            _fill(run, stack, overlay, cli_config)
            run = replace(run, stack=_listing(run.template))
        except BaseException:
            run.close()
            raise
    return run


def _listing(folder: Path) -> frozenset[Path]:
    return frozenset(path.relative_to(folder) for path in folder.rglob("*"))


def _check_complete(copy: Path, stack: frozenset[Path]) -> None:
    if missing := sorted(stack - _listing(copy)):
        raise Temporary(f"{missing[0]} of the stack is gone from {copy.parent}", hint=ELSEWHERE)


def _check_owner(work: Path) -> None:
    """Refuse a work folder that other users can write to: terraform runs the files in it."""
    found = work.stat()
    if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"other users can write to {work}",
            hint="set terraform.work to a folder that only you can write to",
        )


def _fill(run: RunFolder, stack: Path, overlay: Path | None, cli_config: str) -> None:
    shutil.copytree(stack, run.template, ignore=_NOT_NEEDED)
    run.template.chmod(0o700)  # the packaged stack may be read-only
    for file in sorted(overlay.glob("*.tf")) if overlay else []:
        shutil.copy(file, run.template)
    run.cli_config.write_text(cli_config)


def remove_stale_runs(work: Path, save: SaveErroredState, but: Container[Path] = ()) -> None:
    """Store the unsaved states of ended runs, and remove their folders, except those in `but`."""
    if not work.is_dir():
        return
    with work_folder_errors(work):
        with _exclusive(work):
            found = [path for path in work.glob(f"{_RUN}*") if path not in but]
            stale = [(path, lock) for path in found if (lock := _try_lock(path)) is not None]
        for path, lock in stale:
            for environment in path.glob(f"{_ENVIRONMENT}*"):
                EnvironmentFolder(environment).save_errored_state(save)
            RunFolder(path, lock).close()
            _log.info("run.swept", path=str(path))


@contextmanager
def _exclusive(work: Path) -> Iterator[None]:
    """Keep other processes from creating runs and searching for stale ones during the block.

    A new run's folder exists for a moment before it is locked, and would look stale.
    """
    folder = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _try_lock(path: Path) -> int | None:
    """Take the lock of a run's folder; None if another process has it, or the folder is gone."""
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock
