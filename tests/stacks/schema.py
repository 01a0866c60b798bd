"""Resources held against the argument schema of AWS provider 6, which cannot be run here.

The schema beside this file holds the types in use and no more: names, nesting and what is required.
When another type comes into use:

    python -m tests.stacks.schema FULL

FULL is the schema of the whole provider in the same form, plain or as `.gz`; it is too big to be kept here.
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
    """What the file holds. One that two branches have changed differently holds nothing, so that it can be made anew."""
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
    """All resource and data blocks of the provider, examples included."""
    blocks = (block for directory in everything() for block in directory.blocks("resource", "data"))
    return [block for block in blocks if block.labels[0].startswith("aws_")]


def types_in_use(kind: str) -> set[str]:
    """Types of the resource or of the data blocks."""
    return {block.labels[0] for block in in_use() if block.kind == kind}


def findings(block: Block) -> Iterator[str]:
    """What provider 6 would not accept in a resource or data block."""
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
    """Nested blocks made by `dynamic`: name to their contents."""
    return {
        name: inner["content"] if isinstance(inner["content"], list) else [inner["content"]]
        for entry in body.get("dynamic", [])
        for name, inner in entry.items()
    }


def trimmed(full: Mapping[str, Any]) -> str:
    """The part of a whole provider's schema that is kept, as text. Raises `KeyError` for a type that the provider has not."""
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
    """Each on a line of its own, so that a change of one is one."""
    return f"{{{_lines(arguments, json.dumps)}\n}}"


def _lines(items: Mapping[str, Any], text: Callable[[Any], str]) -> str:
    return ",".join(f"\n{json.dumps(name)}: {text(item)}" for name, item in items.items())


def main(full: Path) -> None:
    """Write the schema beside this file anew."""
    content = full.read_bytes()
    _PATH.write_text(
        trimmed(json.loads(gzip.decompress(content) if full.suffix == ".gz" else content))
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
