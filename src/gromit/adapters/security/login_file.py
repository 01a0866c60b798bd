"""File of a login of the command line. Only its owner may read it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gromit.adapters.private_files import FOLDER, file_lock, private_file_errors, write_atomically
from gromit.core.security.kept_login import KeptLogin
from gromit.errors import ConfigError


class LoginFile:
    """The login in one file, or none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self._path

    def read(self) -> KeptLogin | None:
        """Return the login; None without a file. Raises `ConfigError` for an unusable one."""
        with private_file_errors(f"read {self._path}"):
            try:
                text = self._path.read_bytes()
            except FileNotFoundError:
                return None
        try:
            return KeptLogin.from_row(json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{self._path} is not the file of a login", hint="run `gromit logout`"
            ) from error

    def write(self, login: KeptLogin) -> None:
        """Replace the login."""
        self._create_folder()
        write_atomically(self._path, json.dumps(login.to_row(), indent=1).encode())

    def remove(self) -> None:
        """Remove the login."""
        with private_file_errors(f"remove {self._path}"):
            self._path.unlink(missing_ok=True)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Lock the file during the block: a refresh token may be good for one use only."""
        self._create_folder()
        with file_lock(self._path.with_name(f".{self._path.name}.lock")):
            yield

    def _create_folder(self) -> None:
        with private_file_errors(f"create {self._path.parent}"):
            self._path.parent.mkdir(mode=FOLDER, parents=True, exist_ok=True)
