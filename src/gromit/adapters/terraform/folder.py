"""Folders that terraform runs in: a template made once a run, and for each environment a copy of its own.

A copy of its own, because terraform leaves a state that it could not save in its folder: no neighbour may write over it. A run's
folder is locked while its worker or any terraform of it lives, so that what a killed worker left behind is known and swept.

A watching worker runs for weeks, and what removes old temporary files may take its folder apart meanwhile, file by file. A stack of
which a file is missing is never applied: terraform would destroy what that file describes.
"""

import fcntl
import json
import os
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
"""Puts an environment's unsaved state somewhere safe, and says where. Raises a `GromitError`."""

_UNSAVED = "errored.tfstate"
_RUN = "run-"
_ENVIRONMENT = "env-"
_TEMPLATE = "template"
_LOCK = "lock"
ELSEWHERE = "set terraform.work to a folder from which nothing removes old files"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_NOT_NEEDED = shutil.ignore_patterns("*.md", "tests", ".terraform*")


@contextmanager
def work_folder_errors(folder: Path) -> Iterator[None]:
    """Run a block of file operations below the work folder; their failures come out as `Temporary`: the disk is full, or gone."""
    try:
        yield
    except OSError as error:
        raise Temporary(
            f"cannot work in {folder}: {error.strerror or error}",
            hint="check the disk's free space and the folder's rights",
        ) from error


@dataclass(frozen=True, slots=True)
class EnvironmentFolder:
    """Where terraform runs for one environment."""

    path: Path

    def rescue(self, rescue: SaveErroredState) -> str | None:
        """Bring the state that terraform could not save, if there is one, to safety; says where it is then."""
        unsaved = self.path / _UNSAVED
        if not unsaved.exists():
            return None
        try:
            name = json.loads((self.path / INPUTS_FILE).read_text())["name"]
            kept = rescue(name, unsaved.read_bytes())
        except (GromitError, OSError, ValueError, KeyError) as error:
            _log.exception("state.stranded", path=str(unsaved), why=str(error))
            return str(unsaved)
        unsaved.unlink()
        return kept

    def remove(self) -> None:
        """Remove it, unless an unsaved state still lies in it."""
        if not (self.path / _UNSAVED).exists():
            shutil.rmtree(self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run of a worker."""

    path: Path
    lock: int
    """File descriptor of its lock; whoever holds it open keeps the folder."""
    stack: frozenset[Path] = frozenset()
    """What a whole template has, relative to it."""

    @property
    def template(self) -> Path:
        """The stack's files."""
        return self.path / _TEMPLATE

    @property
    def data(self) -> Path:
        """`TF_DATA_DIR`: what `init` made, for all environments."""
        return self.path / "data"

    @property
    def cli_config(self) -> Path:
        """The CLI configuration file."""
        return self.path / "terraform.rc"

    def keep_backend(self, settings: str) -> None:
        """Write the backend's settings, which may hold secrets, where its owner alone can read them."""
        with (
            work_folder_errors(self.path),
            os.fdopen(os.open(self.path / BACKEND_FILE, _NEW, 0o600), "w") as file,
        ):
            file.write(settings)

    def free_bytes(self) -> int:
        """What is left of its disk."""
        return shutil.disk_usage(self.path).free

    def parts(self) -> frozenset[Path]:
        """All that lies in it but the folders of environments, relative to it."""
        with work_folder_errors(self.path):
            tops = [top for top in self.path.iterdir() if not top.name.startswith(_ENVIRONMENT)]
            return frozenset(
                part.relative_to(self.path) for top in tops for part in (top, *top.rglob("*"))
            )

    def has(self, parts: frozenset[Path]) -> bool:
        """Whether all these parts are there, and the lock is the one that was taken: without it anybody may sweep the folder."""
        try:
            is_locked = os.path.samestat(os.fstat(self.lock), (self.path / _LOCK).stat())
        except OSError:
            return False
        return is_locked and all((self.path / part).exists() for part in parts)

    @contextmanager
    def environment(self, inputs: str) -> Iterator[EnvironmentFolder]:
        """A folder like the template with the given inputs, for the time of the block.

        Raises `Temporary` if the template is not whole any more, or there is no room.
        """
        with work_folder_errors(self.path):
            folder = EnvironmentFolder(Path(tempfile.mkdtemp(prefix=_ENVIRONMENT, dir=self.path)))
            try:
                shutil.copytree(self.template, folder.path, dirs_exist_ok=True)
                _check_whole(folder.path, self.stack)
                (folder.path / INPUTS_FILE).write_text(inputs)
            except BaseException:
                folder.remove()
                raise
        try:
            yield folder
        finally:
            folder.remove()

    def close(self) -> None:
        """Remove it, unless an unsaved state still lies in it: then a later run tries again to bring that to safety."""
        with suppress(OSError):
            if not any(self.path.glob(f"{_ENVIRONMENT}*/{_UNSAVED}")):
                shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def new_run_folder(work: Path, stack: Path, overlay: Path | None, cli_config: str) -> RunFolder:
    """A folder for a run below `work`, with the stack (and the overlay's `*.tf` files) as its template."""
    if overlay is not None and not overlay.is_dir():
        raise ConfigError(f"terraform.overlay is {overlay}, which is no folder")
    with work_folder_errors(work):
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_owner(work)
        with _turn(work):
            path = Path(tempfile.mkdtemp(prefix=_RUN, dir=work))
            lock = _locked(path)
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


def _check_whole(copy: Path, stack: frozenset[Path]) -> None:
    if missing := sorted(stack - _listing(copy)):
        raise Temporary(f"{missing[0]} of the stack is gone from {copy.parent}", hint=ELSEWHERE)


def _check_owner(work: Path) -> None:
    """What lies here is run: so nobody else may be able to put it here, as one could in a shared folder for temporary files."""
    found = work.stat()
    if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"others may write to {work}", hint="set terraform.work to a folder that is yours alone"
        )


def _fill(run: RunFolder, stack: Path, overlay: Path | None, cli_config: str) -> None:
    shutil.copytree(stack, run.template, ignore=_NOT_NEEDED)
    run.template.chmod(0o700)  # the packaged stack may be read-only
    for file in sorted(overlay.glob("*.tf")) if overlay else []:
        shutil.copy(file, run.template)
    run.cli_config.write_text(cli_config)


def remove_stale_runs(work: Path, rescue: SaveErroredState, but: Container[Path] = ()) -> None:
    """Remove folders of runs that are over, but for those named; an unsaved state in one is brought to safety first."""
    if not work.is_dir():
        return
    with work_folder_errors(work):
        with _turn(work):
            found = [path for path in work.glob(f"{_RUN}*") if path not in but]
            left = [(path, lock) for path in found if (lock := _locked(path)) is not None]
        for path, lock in left:
            for environment in path.glob(f"{_ENVIRONMENT}*"):
                EnvironmentFolder(environment).rescue(rescue)
            RunFolder(path, lock).close()
            _log.info("run.swept", path=str(path))


@contextmanager
def _turn(work: Path) -> Iterator[None]:
    """Let nobody else make or look for runs during the block: what is not locked then is no run that is just being made."""
    folder = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _locked(path: Path) -> int | None:
    """The lock of a run's folder, taken; None if somebody has it, or there is no such folder."""
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
