"""A record of checked requests, in files that several processes write together."""

import os
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Self

from gromit.local.aws.api_models.requests import CheckedRequest

FOLDER_VARIABLE = "EMULATOR_REQUESTS"
"""Environment variable with the folder of the record. Without it, there is none."""

CHECKED, REFUSED = "checked", "refused"
"""Files in the folder: the operation of each request, and the operation and fault of each refused
one. A request to a service without a model is in both.
"""


class RequestRecord:
    """The record in one folder, which must exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self | None:
        """Return the record that the environment names; None if it names none."""
        folder = environ.get(FOLDER_VARIABLE)
        return cls(Path(folder)) if folder else None

    def add(self, checked: CheckedRequest) -> None:
        """Add a request."""
        faults = checked.faults if checked.is_known else ("no model is known",)
        self._append(CHECKED, checked.operation)
        for fault in faults:
            self._append(REFUSED, f"{checked.operation}: {fault}")

    def requests(self) -> Counter[str]:
        """Return the number of requests of each operation."""
        return Counter(self._lines(CHECKED))

    def refusals(self) -> list[str]:
        """Return the faults so far."""
        return self._lines(REFUSED)

    def _append(self, name: str, line: str) -> None:
        # Another process may write at the same time: one call of the system writes one line.
        os.write(_descriptor(self._folder / name), f"{' '.join(line.split())}\n".encode())

    def _lines(self, name: str) -> list[str]:
        path = self._folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@cache
def _descriptor(path: Path) -> int:
    """Return a descriptor that appends to a file. It stays open: each request needs one."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
