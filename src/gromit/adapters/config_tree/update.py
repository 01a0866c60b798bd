"""Bringing one component's config folder to what its templates say, without losing what people wrote, however it is interrupted.

Beside the files lies `.gromit.json` with the hash of each file as gromit rendered it. A file whose hash is noted there is gromit's;
any other is a person's. The note is written before the files (with the old and the new hash) and again after them (with the new one
alone), so that a run which is killed in between does not take its own half-finished work for an edit.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import structlog

from gromit.adapters.config_tree.folder import TEMPORARY, SafeFolder
from gromit.core.stack.config_files import (
    BOOKKEEPING,
    FILE_NAME,
    FileAction,
    decide_file_action,
    file_hash,
)

MANIFEST = f"{BOOKKEEPING}.json"

_log = structlog.get_logger(__name__)

Rendered = Mapping[str, frozenset[str]]
"""File to the hashes of what gromit put, or was about to put, there."""


@dataclass(slots=True)
class FolderUpdate:
    """What is to be done in one folder. Stage all folders, then finish all: what cannot be written fails before a file changes."""

    folder: SafeFolder
    rendered: Rendered
    wanted: Mapping[str, bytes]
    present: Mapping[str, str | None]
    steps: Mapping[str, FileAction]
    _staged: dict[str, str] = field(default_factory=dict)
    _note: str | None = None

    def stage(self, cleanup: ExitStack) -> None:
        """Write the new files and the first note under temporary names, which `cleanup` removes if they stay unused."""
        for file in self._of(FileAction.WRITE):
            self._staged[file] = self._stage(self.wanted[file], cleanup)
        if self._staged and (ahead := self._ahead()) != self.rendered:
            self._note = self._stage(_dump(ahead), cleanup)

    def finish(self) -> None:
        """Put everything in place. A file that a person saved since the plan was made is left to them."""
        noted = self.rendered
        if self._note is not None:
            self.folder.put(self._note, MANIFEST)
            noted = self._ahead()
        settled = {
            f: frozenset({file_hash(self.wanted[f])})
            for f in self._of(FileAction.UNCHANGED)
            if f in self.wanted
        }
        for file in self.wanted.keys() & self._of(FileAction.KEEP):
            settled[file] = self.rendered.get(file, frozenset())
            _log.info("config.kept", path=str(self.folder.path / file))
        for file, staged in self._staged.items():
            settled[file] = self._put(file, staged)
        for file in self._of(FileAction.REMOVE):
            if self.folder.hash_of(file) == self.present[file]:
                self.folder.remove(file)
                _log.info("config.removed", path=str(self.folder.path / file))
        settled = {file: hashes for file, hashes in settled.items() if hashes}
        if settled != noted:
            self.folder.put(self.folder.stage(_dump(settled)), MANIFEST)
        self.folder.sync()

    def _put(self, file: str, staged: str) -> frozenset[str]:
        if self.folder.hash_of(file) != self.present[file]:
            _log.info("config.kept", path=str(self.folder.path / file))
            return self.rendered.get(file, frozenset())
        self.folder.put(staged, file)
        _log.info("config.written", path=str(self.folder.path / file))
        return frozenset({file_hash(self.wanted[file])})

    def _ahead(self) -> Rendered:
        new = {
            file: self.rendered.get(file, frozenset()) | {file_hash(self.wanted[file])}
            for file in self._of(FileAction.WRITE)
        }
        return {**self.rendered, **new}

    def _of(self, step: FileAction) -> list[str]:
        return [file for file, chosen in self.steps.items() if chosen is step]

    def _stage(self, content: bytes, cleanup: ExitStack) -> str:
        name = self.folder.stage(content)
        cleanup.callback(self.folder.remove, name)
        return name


def plan_update(folder: SafeFolder, files: Mapping[str, str]) -> FolderUpdate:
    """What to do so that `folder` holds `files` (name to text); clears away what a killed run left half-written."""
    for name in folder.names():
        if name.startswith(TEMPORARY):
            folder.remove(name)
    rendered = read_manifest(folder) or {}
    wanted = {file: text.encode() for file, text in files.items()}
    present = {file: folder.hash_of(file) for file in sorted(wanted.keys() | rendered.keys())}
    steps = {
        file: decide_file_action(
            rendered.get(file, frozenset()),
            there,
            file_hash(wanted[file]) if file in wanted else None,
        )
        for file, there in present.items()
    }
    return FolderUpdate(folder, rendered, wanted, present, steps)


def read_manifest(folder: SafeFolder) -> Rendered | None:
    """What gromit noted in a folder; None if it never did.

    A note that cannot be understood counts as empty: every file is then taken for a person's, and kept.
    """
    content = folder.read(MANIFEST)
    if content is None:
        return None
    try:
        noted = json.loads(content)["rendered"]
        return {
            file: frozenset(map(str, hashes))
            for file, hashes in noted.items()
            if FILE_NAME.fullmatch(file)
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        _log.warning("config.note_unreadable", path=str(folder.path / MANIFEST))
        return {}


def _dump(rendered: Rendered) -> bytes:
    tree = {file: sorted(hashes) for file, hashes in sorted(rendered.items())}
    return json.dumps(
        {"by": "gromit: hashes of the files as rendered; do not edit", "rendered": tree}, indent=1
    ).encode()
