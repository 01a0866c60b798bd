"""Journal of the requests that the emulator has answered since its state was last saved.

A request is in the journal before its client has the answer. So a killed emulator replays what its
saved state lacks, and has lost nothing that it acknowledged. Identifiers that the emulator draws
are the same again, because each request has a seed. The journal survives the end of the process; a
crash of the machine may cost its last part.

The journal consists of segments. Each save of the state begins a new one and removes those before.
"""

import os
import pickle
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gromit.adapters.private_files import PRIVATE

_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One request that changed something."""

    seed: int
    """Seed of all identifiers that it draws."""
    environ: Mapping[str, str]
    """Method, path and headers as WSGI names them."""
    body: bytes


class Journal:
    """Segments of a journal beside the file of a state. The caller holds the emulator's lock."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._number = max(self._numbers(), default=0) + 1
        self._file: int | None = None

    def append(self, record: JournalRecord) -> None:
        """Write a record. Raises `OSError` if the disk is full."""
        if self._file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(self._segment(self._number), flags, PRIVATE)
        # A pickle of our own, like the state: see `state.py`.
        data = pickle.dumps((record.seed, dict(record.environ), record.body))
        rest = memoryview(_LENGTH.pack(len(data)) + data)
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def begin_segment(self) -> int:
        """Begin a segment and return its number: those before it belong to the present state."""
        self.close()
        self._number += 1
        return self._number

    def drop_before(self, number: int) -> None:
        """Remove the segments before a number."""
        for old in self._numbers():
            if old < number:
                self._segment(old).unlink(missing_ok=True)

    def records(self, first: int) -> Iterator[JournalRecord]:
        """Yield what was written to the segments from a number on, by earlier processes."""
        numbers = sorted(number for number in self._numbers() if number >= first)
        # Without its first segment it belongs to a state that is gone.
        if not numbers or numbers[0] != first:
            return
        for number in numbers:
            yield from _parse(self._segment(number).read_bytes())

    def close(self) -> None:
        """Close the present segment."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _segment(self, number: int) -> Path:
        return self._state.with_name(f"{self._state.name}.journal.{number}")

    def _numbers(self) -> list[int]:
        found = self._state.parent.glob(f"{self._state.name}.journal.*")
        ends = [path.name.rpartition(".")[2] for path in found]
        return [int(end) for end in ends if end.isdecimal()]


def _parse(data: bytes) -> Iterator[JournalRecord]:
    """Yield the records of a segment. The last one may be cut: its client has no answer."""
    at = 0
    while at + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if at + length > len(data):
            return
        seed, environ, body = pickle.loads(data[at : at + length])  # noqa: S301 - our own file
        yield JournalRecord(seed, environ, body)
        at += length
