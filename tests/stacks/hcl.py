"""Terraform files as values: enough of python-hcl2's answer for the tests.

A root is a folder that is applied: the stack of one environment, which is shipped with gromit, and
the folders of `terraform/`. Every other folder is a module of a root, or an example of using one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import hcl2

from gromit.adapters.terraform.session import DEVENV

REPOSITORY = Path(__file__).parents[2]
STACK = DEVENV
PLATFORM = REPOSITORY / "terraform"
"""Roots side by side, with their shared modules in `modules`."""


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level block: `resource "aws_ecs_cluster" "this" { … }`."""

    kind: str
    labels: tuple[str, ...]
    body: Mapping[str, Any]
    file: str

    @property
    def name(self) -> str:
        """The block's last label."""
        return self.labels[-1] if self.labels else ""

    def __str__(self) -> str:
        return ".".join((self.kind, *self.labels))


@dataclass(frozen=True)
class Directory:
    """One directory of `*.tf` files: a root, a module or an example."""

    name: str
    texts: Mapping[str, str]
    """File name to content, for every text file of the directory."""
    is_root: bool
    is_example: bool = False
    path: Path = REPOSITORY

    def blocks(self, *kinds: str) -> list[Block]:
        """Return all blocks of the given kinds."""
        return [block for block in self._all if block.kind in kinds]

    @cached_property
    def _all(self) -> list[Block]:
        return [
            block
            for file, text in self.texts.items()
            if file.endswith(".tf")
            for block in _blocks(file, text)
        ]

    @property
    def is_module(self) -> bool:
        """Whether roots or other modules call it."""
        return not (self.is_root or self.is_example)

    def code(self) -> str:
        """Return the whole code without comments, to search it for a name."""
        files = (text for file, text in self.texts.items() if file.endswith(".tf"))
        return "\n".join(re.sub(r"(^|\s)#.*", "", text) for text in files)


def directories() -> list[Directory]:
    """Return all roots and modules, which have inputs, outputs and a README."""
    return [found for found in everything() if not found.is_example]


@cache
def everything() -> tuple[Directory, ...]:
    """Return all directories with Terraform files, examples included."""
    folders = {
        path.parent
        for top in (STACK, PLATFORM)
        for path in top.rglob("*.tf")
        if ".terraform" not in path.parts
    }
    return tuple(_directory(folder) for folder in sorted(folders))


def directory(name: str) -> Directory:
    """Return the directory of a name. Raises `LookupError` if there is none."""
    for found in everything():
        if found.name == name:
            return found
    raise LookupError(f"there are no Terraform files in {name}")


def _directory(path: Path) -> Directory:
    return Directory(
        name=str(path.relative_to(REPOSITORY)),
        texts={file.name: file.read_text() for file in sorted(path.iterdir()) if file.is_file()},
        is_root=path == STACK or path.parent == PLATFORM,
        is_example=path.parent.name == "examples",
        path=path,
    )


def texts_in(value: object) -> Iterator[str]:
    """Yield all strings in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


def _blocks(file: str, text: str) -> Iterator[Block]:
    for kind, entries in hcl2.loads(text).items():
        if not kind.startswith("__"):
            for entry in entries:
                yield from _labelled(kind, (), entry, file)


def _labelled(
    kind: str, labels: tuple[str, ...], entry: Mapping[str, Any], file: str
) -> Iterator[Block]:
    """Yield the blocks of a parser entry with their labels.

    The parser nests labels as the only keys of mappings, and marks the innermost one.
    """
    if entry.get("__is_block__"):
        yield Block(kind, labels, _plain(entry), file)
        return
    for label, inner in entry.items():
        yield from _labelled(kind, (*labels, _unquoted(label)), inner, file)


def _plain(value: Any) -> Any:
    """Return a value without the parser's marks and quotes."""
    if isinstance(value, dict):
        return {
            _unquoted(key): _plain(item) for key, item in value.items() if not key.startswith("__")
        }
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _unquoted(value) if isinstance(value, str) else value


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"')
    return text
