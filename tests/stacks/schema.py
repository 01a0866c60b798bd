"""Resources held against the argument schema of AWS provider 6, which cannot be run here.

The schema beside this file holds the resource types that the stack uses: names, nesting and what is required.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.stacks.hcl import Block

SCHEMA = json.loads(Path(__file__).with_name("aws-provider-6.62.0-schema.json").read_text())
_META = frozenset({"count", "for_each", "depends_on", "lifecycle", "provider", "provisioner", "connection", "dynamic"})


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
