"""Checks of resources against the argument schema of AWS provider 6, which cannot run here.

The schema beside this file holds only the types in use: names, nesting and required arguments. When
another type comes into use, run:

    python -m tests.stacks.schema FULL

FULL is the schema of the whole provider in the same form, plain or as `.gz`. It is too big to be
kept here.
"""

import gzip
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.stacks.hcl import Block, everything

_PATH = Path(__file__).with_name("aws-provider-6.62.0-schema.json")
_NOTHING = {"version": "?", "resources": {}, "data": {}}


def _kept(path: Path) -> Mapping[str, Any]:
    """Return the schema in the file.

    A file with a merge conflict counts as empty, so that it can be generated again.
    """
    try:
        found: Mapping[str, Any] = json.loads(path.read_text())
    except ValueError:
        return _NOTHING
    return found


SCHEMA = _kept(_PATH)
_META = frozenset(
    {
        "count",
        "for_each",
        "depends_on",
        "lifecycle",
        "provider",
        "provisioner",
        "connection",
        "dynamic",
    }
)


def in_use() -> list[Block]:
    """Return all resource and data blocks of the provider, examples included."""
    blocks = (block for directory in everything() for block in directory.blocks("resource", "data"))
    return [block for block in blocks if block.labels[0].startswith("aws_")]


def types_in_use(kind: str) -> set[str]:
    """Return the types of the resource or data blocks."""
    return {block.labels[0] for block in in_use() if block.kind == kind}


def findings(block: Block) -> Iterator[str]:
    """Yield the faults that provider 6 would find in a resource or data block."""
    type_ = block.labels[0]
    known = SCHEMA["resources" if block.kind == "resource" else "data"]
    if type_ not in known:
        yield f"{block}: {type_} is not in the schema of provider {SCHEMA['version']}"
    else:
        yield from _body(block.body, known[type_], str(block))


def _body(body: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    given = {**body, **_dynamic(body)}
    for name, value in given.items():
        if name in _META:
            continue
        if name not in schema:
            yield f"{where}: unknown argument {name}"
        elif inner := schema[name].get("block"):
            for nested in value if isinstance(value, list) else [value]:
                yield from _body(nested, inner, f"{where}.{name}")
    for name, spec in schema.items():
        if spec.get("required") and name not in given:
            yield f"{where}: required argument {name} is missing"


def _dynamic(body: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the nested blocks that `dynamic` creates: name to contents."""
    return {
        name: inner["content"] if isinstance(inner["content"], list) else [inner["content"]]
        for entry in body.get("dynamic", [])
        for name, inner in entry.items()
    }


def trimmed(full: Mapping[str, Any]) -> str:
    """Return the part of a whole provider's schema that is kept, as text.

    Raises `KeyError` for a type that the provider does not have.
    """
    kept = {
        kind: {name: full[kind][name] for name in sorted(types_in_use(block))}
        for kind, block in _KINDS.items()
    }
    groups = "".join(
        f',\n"{kind}": {{{_lines(types, _arguments)}\n}}' for kind, types in kept.items()
    )
    return f'{{\n"version": {json.dumps(full["version"])}{groups}\n}}\n'


_KINDS = {"data": "data", "resources": "resource"}


def _arguments(arguments: Mapping[str, Any]) -> str:
    """Write each argument on a line of its own, so that a diff shows one change as one line."""
    return f"{{{_lines(arguments, json.dumps)}\n}}"


def _lines(items: Mapping[str, Any], text: Callable[[Any], str]) -> str:
    return ",".join(f"\n{json.dumps(name)}: {text(item)}" for name, item in items.items())


def main(full: Path) -> None:
    """Write the schema beside this file again."""
    content = full.read_bytes()
    _PATH.write_text(
        trimmed(json.loads(gzip.decompress(content) if full.suffix == ".gz" else content))
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
