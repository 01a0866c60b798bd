"""Terraform files as values: enough of python-hcl2's answer to ask questions of.

A root is what somebody applies: the stack of one environment, which is shipped with gromit, and the folders of `terraform/`.
Everything else is a module of a root, or an example of how a module is used.
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
"""Roots beside each other, and below `modules` what they share."""


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level block: `resource "aws_ecs_cluster" "this" { … }`."""

    kind: str
    labels: tuple[str, ...]
    body: Mapping[str, Any]
    file: str

    @property
    def name(self) -> str:
        """Its last label."""
        return self.labels[-1] if self.labels else ""

    def __str__(self) -> str:
        return ".".join((self.kind, *self.labels))


@dataclass(frozen=True)
class Directory:
    """One directory of `*.tf` files: a root, a module or an example."""

    name: str
    texts: Mapping[str, str]
    """File name to content, of everything in it that is text."""
    is_root: bool
    is_example: bool = False
    path: Path = REPOSITORY

    def blocks(self, *kinds: str) -> list[Block]:
        """All blocks of the given kinds."""
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
        """Whether roots or other modules are made of it."""
        return not (self.is_root or self.is_example)

    def code(self) -> str:
        """All of it without comments, for looking whether a name is used."""
        files = (text for file, text in self.texts.items() if file.endswith(".tf"))
        return "\n".join(re.sub(r"(^|\s)#.*", "", text) for text in files)


def directories() -> list[Directory]:
    """All roots and modules: what has inputs, outputs and a README."""
    return [found for found in everything() if not found.is_example]


@cache
def everything() -> tuple[Directory, ...]:
    """All directories with Terraform files, examples too."""
    folders = {
        path.parent
        for top in (STACK, PLATFORM)
        for path in top.rglob("*.tf")
        if ".terraform" not in path.parts
    }
    return tuple(_directory(folder) for folder in sorted(folders))


def directory(name: str) -> Directory:
    """The one of a name. Raises `LookupError` if there is none."""
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
    """All strings in a value, however deep."""
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
    """The parser nests a block's labels as the only keys of mappings; the innermost one is marked."""
    if entry.get("__is_block__"):
        yield Block(kind, labels, _plain(entry), file)
        return
    for label, inner in entry.items():
        yield from _labelled(kind, (*labels, _unquoted(label)), inner, file)


def _plain(value: Any) -> Any:
    """Without the parser's marks and quotes."""
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
