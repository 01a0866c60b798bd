"""Config files of an environment: rules for existing files, and hashes of them.

Nothing here reads or writes a file.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from enum import StrEnum

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""Name of a config file: without a folder, not hidden, safe on every file system."""

BOOKKEEPING = ".gromit"
"""Prefix of gromit's own files, which are no config files and not part of a folder's hash."""

NO_FILE = "not a file"
"""Replaces the hash of a link, folder or device in the place of a file; equal to no hash."""


class FileAction(StrEnum):
    """Action on one config file."""

    WRITE = "write"
    KEEP = "keep"
    UNCHANGED = "unchanged"
    REMOVE = "remove"


def decide_file_action(
    rendered: Collection[str], present: str | None, wanted: str | None
) -> FileAction:
    """Decide on a file: keep the work of a person, else follow the template.

    `rendered`: hashes of the content that gromit may have written. There are two if gromit was
    stopped between recording a hash and writing the file.
    `present`: hash of the existing file, `NO_FILE` for anything but a file, None for nothing.
    `wanted`: hash of the new text, None if no template renders this file any longer.

    | rendered | present | wanted | action    | reason                                         |
    |----------|---------|--------|-----------|------------------------------------------------|
    | -        | -       | A      | write     | new                                            |
    | A        | A       | A      | unchanged |                                                |
    | A        | A       | B      | write     | not edited: it follows its template            |
    | A        | X       | A or B | keep      | a person edited it                             |
    | A        | B       | B      | unchanged | a person's edit equals the new text            |
    | A B      | A or B  | C      | write     | gromit was stopped half-way; both are gromit's |
    | A        | -       | A or B | write     | a person removed it to get the template's text |
    | -        | A       | A      | unchanged | existed before gromit, and is right            |
    | -        | X       | A      | keep      | existed before gromit                          |
    | A        | A       | -      | remove    | its template is gone, and it was not edited    |
    | A or -   | X       | -      | keep      | a person's own file                            |
    | A        | -       | -      | unchanged | already gone                                   |
    """
    if present == wanted:
        return FileAction.UNCHANGED
    # A person's own file is never touched.
    if present is not None and present not in rendered:
        return FileAction.KEEP
    if wanted is None:
        return FileAction.REMOVE
    return FileAction.WRITE


def file_hash(content: bytes) -> str:
    """SHA-256 of one file's content, in hex."""
    return hashlib.sha256(content).hexdigest()


def folder_hash(files: Iterable[tuple[bytes, bytes]]) -> str:
    """Hash of a config folder in hex, from the path and the content of each regular file.

    Paths are relative, with `/`, in UTF-8. The hash is SHA-256 over these bytes of each file, in
    byte order of the paths: the path, a NUL byte, the length of the content as 8 bytes (big
    endian), the content. The caller leaves out links, and all names that begin with `.gromit`.
    """
    total = hashlib.sha256()
    for path, content in sorted(files):
        total.update(path + b"\0" + len(content).to_bytes(8, "big"))
        total.update(content)
    return total.hexdigest()
