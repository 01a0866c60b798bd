"""Terraform files as values: enough of python-hcl2's answer to ask questions of."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

from gromit.adapters.terraform_session import DEVENV

STACK = DEVENV


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


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory of `*.tf` files: a root or a module."""

    name: str
    texts: Mapping[str, str]
    """File name to content, of everything in it that is text."""
    is_root: bool

    def blocks(self, *kinds: str) -> list[Block]:
        """All blocks of the given kinds."""
        return [b for file, text in self.texts.items() if file.endswith(".tf") for b in _blocks(file, text) if b.kind in kinds]

    def code(self) -> str:
        """All of it without comments, for looking whether a name is used."""
        files = (text for file, text in self.texts.items() if file.endswith(".tf"))
        return "\n".join(re.sub(r"(^|\s)#.*", "", text) for text in files)


def directories(stack: Path = STACK) -> list[Directory]:
    """The stack's root and modules."""
    found = sorted({path.parent for path in stack.rglob("*.tf")})
    return [
        Directory(
            name=str(folder.relative_to(stack.parent)),
            texts={path.name: path.read_text() for path in sorted(folder.iterdir()) if path.is_file()},
            is_root=folder == stack,
        )
        for folder in found
    ]


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


def _labelled(kind: str, labels: tuple[str, ...], entry: Mapping[str, Any], file: str) -> Iterator[Block]:
    """The parser nests a block's labels as the only keys of mappings; the innermost one is marked."""
    if entry.get("__is_block__"):
        yield Block(kind, labels, _plain(entry), file)
        return
    for label, inner in entry.items():
        yield from _labelled(kind, (*labels, _unquoted(label)), inner, file)


def _plain(value: Any) -> Any:
    """Without the parser's marks and quotes."""
    if isinstance(value, dict):
        return {_unquoted(key): _plain(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _unquoted(value) if isinstance(value, str) else value


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('\\"', '"')
    return text
