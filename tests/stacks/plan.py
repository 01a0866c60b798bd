"""Changes that terraform plans, from `terraform show -json`.

Values that are known only after the apply are absent, but references between values are always
there. The second plan, after the apply, has all values: check rules against both.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]

_KEY = re.compile(r'\["[^"]*"\]|\[\d+\]')


@dataclass(frozen=True, slots=True)
class Resource:
    """One managed resource in its planned state."""

    address: str
    type: str
    name: str
    values: Json
    module: str = ""
    """Address of the module without keys; empty for the root."""
    references: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Argument to all references in its expression."""

    def blocks(self, name: str) -> list[Json]:
        """Return the nested blocks of one name."""
        found = self.values.get(name) or []
        return [
            block
            for block in (found if isinstance(found, list) else [found])
            if isinstance(block, Mapping)
        ]

    def refers_to(self, other: "Resource", argument: str) -> bool:
        """Whether an argument refers to another resource of the same module."""
        return self.module == other.module and f"{other.type}.{other.name}" in self.references.get(
            argument, ()
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan."""

    resources: tuple[Resource, ...]
    variables: Json
    """Inputs of the root, by name."""
    outputs: Mapping[str, frozenset[str]]
    """Address of each output, modules included, to the references in its value."""
    sensitive_outputs: frozenset[str]

    def of(self, *types: str) -> Iterator[Resource]:
        """Yield all resources of the given types."""
        return (resource for resource in self.resources if resource.type in types)


def parse(document: Json) -> Plan:
    """Return the plan in terraform's JSON document.

    Raises `ValueError` if the document is not a plan, or plans nothing.
    """
    if "planned_values" not in document or "configuration" not in document:
        raise ValueError("this is not a plan: give what `terraform show -json PLANFILE` prints")
    root = document["configuration"].get("root_module", {})
    made = dict(_configured(root, ""))
    resources = tuple(_resources(document["planned_values"].get("root_module", {}), made))
    if not resources:
        raise ValueError("the plan holds no resource, so no rule could fail")
    return Plan(
        resources=resources,
        variables={
            name: variable.get("value") for name, variable in document.get("variables", {}).items()
        },
        outputs=dict(_outputs(root, "")),
        sensitive_outputs=frozenset(
            n
            for n, o in document["planned_values"].get("outputs", {}).items()
            if o.get("sensitive")
        ),
    )


def statements(policy: object) -> list[Json]:
    """Return the statements of a policy's JSON; none if it is unknown or not an IAM policy."""
    return (
        several(json.loads(policy).get("Statement")) if isinstance(policy, str) and policy else []
    )


def several(value: object) -> list[Any]:
    """Return a value of IAM's JSON as a list: IAM writes a list of one as its only item."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _resources(module: Json, made: Mapping[str, Json]) -> Iterator[Resource]:
    where = _KEY.sub("", module.get("address", ""))
    for entry in module.get("resources", []):
        if entry["mode"] == "managed":
            expressions = made.get(f"{where}.{entry['type']}.{entry['name']}", {})
            references = {
                argument: frozenset(_references(value)) for argument, value in expressions.items()
            }
            yield Resource(
                entry["address"],
                entry["type"],
                entry["name"],
                entry.get("values", {}),
                where,
                references,
            )
    for child in module.get("child_modules", []):
        yield from _resources(child, made)


def _configured(module: Json, where: str) -> Iterator[tuple[str, Json]]:
    """Yield each resource's address without keys, and the expressions of its arguments."""
    for entry in module.get("resources", []):
        yield f"{where}.{entry['address']}", entry.get("expressions", {})
    for inner, called in _called(module, where):
        yield from _configured(called, inner)


def _outputs(module: Json, where: str) -> Iterator[tuple[str, frozenset[str]]]:
    for name, output in module.get("outputs", {}).items():
        yield (
            f"{where}.{name}".removeprefix("."),
            frozenset(_references(output.get("expression", {}))),
        )
    for inner, called in _called(module, where):
        yield from _outputs(called, inner)


def _called(module: Json, where: str) -> Iterator[tuple[str, Json]]:
    for name, call in module.get("module_calls", {}).items():
        yield f"{where}.module.{name}".removeprefix("."), call["module"]


def _references(expression: object) -> Iterator[str]:
    if isinstance(expression, Mapping):
        yield from (_KEY.sub("", reference) for reference in expression.get("references", []))
        for inner in expression.values():
            yield from _references(inner)
    elif isinstance(expression, list):
        for inner in expression:
            yield from _references(inner)
