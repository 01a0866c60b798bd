"""Update of one component's config folder from its templates; people's edits survive, also a crash.

The manifest `.gromit.json` beside the files has the hash of each file as gromit rendered it. A file
with such a hash is gromit's, and any other is a person's. The manifest is written before the files,
with the old and the new hashes, and again after them, with the new hashes only. So the next run
does not take the half-finished work of a killed run for an edit.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from gromit.adapters.config_tree.folder import TEMPORARY, SafeFolder
from gromit.core.stack.config_files import (
    BOOKKEEPING,
    FILE_NAME,
    FileAction,
    decide_file_action,
    file_hash,
)
from gromit.log import get_logger

MANIFEST = f"{BOOKKEEPING}.json"

_log = get_logger(__name__)

Rendered = Mapping[str, frozenset[str]]
"""File to the hashes of the content that gromit wrote, or was about to write."""


@dataclass(slots=True)
class FolderUpdate:
    """Planned actions for the files of one folder.

    Stage all folders before you finish the first one: then a write error changes no file.
    """

    folder: SafeFolder
    rendered: Rendered
    desired: Mapping[str, bytes]
    present: Mapping[str, str | None]
    actions: Mapping[str, FileAction]
    _staged: dict[str, str] = field(default_factory=dict)
    _manifest: str | None = None

    def stage(self, cleanup: ExitStack) -> None:
        """Write the new files and the first manifest under temporary names.

        `cleanup` removes those that are not used.
        """
        for file in self._files(FileAction.WRITE):
            self._staged[file] = self._stage(self.desired[file], cleanup)
        if self._staged and (ahead := self._rendered_ahead()) != self.rendered:
            self._manifest = self._stage(_dump(ahead), cleanup)

    def finish(self) -> None:
        """Rename the staged files, remove others, and write the final manifest.

        A file that a person saved after the plan was made is kept.
        """
        on_disk = self.rendered
        # The manifest must name the new hashes before the first file has one.
        if self._manifest is not None:
            self.folder.put(self._manifest, MANIFEST)
            on_disk = self._rendered_ahead()
        final: dict[str, frozenset[str]] = {}
        for file in self.desired.keys() & self._files(FileAction.UNCHANGED):
            final[file] = frozenset({file_hash(self.desired[file])})
        for file in self.desired.keys() & self._files(FileAction.KEEP):
            final[file] = self.rendered.get(file, frozenset())
            _log.info("config.kept", path=str(self.folder.path / file))
        for file, staged in self._staged.items():
            final[file] = self._put(file, staged)
        for file in self._files(FileAction.REMOVE):
            if self._is_as_planned(file):
                self.folder.remove(file)
                _log.info("config.removed", path=str(self.folder.path / file))
        final = {file: hashes for file, hashes in final.items() if hashes}
        if final != on_disk:
            self.folder.put(self.folder.stage(_dump(final)), MANIFEST)
        self.folder.sync()

    def _put(self, file: str, staged: str) -> frozenset[str]:
        if not self._is_as_planned(file):
            _log.info("config.kept", path=str(self.folder.path / file))
            return self.rendered.get(file, frozenset())
        self.folder.put(staged, file)
        _log.info("config.written", path=str(self.folder.path / file))
        return frozenset({file_hash(self.desired[file])})

    def _is_as_planned(self, file: str) -> bool:
        """Whether nothing has changed the file since the plan was made."""
        return self.folder.hash_of(file) == self.present[file]

    def _rendered_ahead(self) -> Rendered:
        """Return the hashes of the manifest that is written before the files."""
        new = {
            file: self.rendered.get(file, frozenset()) | {file_hash(self.desired[file])}
            for file in self._files(FileAction.WRITE)
        }
        return {**self.rendered, **new}

    def _files(self, action: FileAction) -> list[str]:
        return [file for file, chosen in self.actions.items() if chosen is action]

    def _stage(self, content: bytes, cleanup: ExitStack) -> str:
        name = self.folder.stage(content)
        cleanup.callback(self.folder.remove, name)
        return name


def plan_update(folder: SafeFolder, files: Mapping[str, str]) -> FolderUpdate:
    """Plan the update of `folder` to `files` (name to text).

    Temporary files of a killed run are removed.
    """
    for name in folder.names():
        if name.startswith(TEMPORARY):
            folder.remove(name)
    rendered = read_manifest(folder) or {}
    desired = {file: text.encode() for file, text in files.items()}
    present = {file: folder.hash_of(file) for file in sorted(desired.keys() | rendered.keys())}
    actions: dict[str, FileAction] = {}
    for file, present_hash in present.items():
        desired_hash = file_hash(desired[file]) if file in desired else None
        actions[file] = decide_file_action(
            rendered.get(file, frozenset()), present_hash, desired_hash
        )
    return FolderUpdate(folder, rendered, desired, present, actions)


def read_manifest(folder: SafeFolder) -> Rendered | None:
    """Return the hashes of a folder's manifest; None if there is no manifest.

    An unreadable manifest counts as empty, so every file is taken for a person's, and kept.
    """
    content = folder.read(MANIFEST)
    if content is None:
        return None
    try:
        rendered = json.loads(content)["rendered"]
        return {
            file: frozenset(map(str, hashes))
            for file, hashes in rendered.items()
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
