"""What terraform is about to make, from `terraform show -json` of a plan.

Values that are known only after the apply are absent; what a value refers to is always there. The second plan, after the apply,
has all values: rules are best asked about both.
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
    """One managed resource as it is to be."""

    address: str
    type: str
    name: str
    values: Json
    module: str = ""
    """Address of its module without keys; empty for the root."""
    references: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Argument to all that it is made from."""

    def blocks(self, name: str) -> list[Json]:
        """Its nested blocks of one name."""
        found = self.values.get(name) or []
        return [
            block
            for block in (found if isinstance(found, list) else [found])
            if isinstance(block, Mapping)
        ]

    def refers_to(self, other: "Resource", argument: str) -> bool:
        """Whether an argument is made from another resource of the same module."""
        return self.module == other.module and f"{other.type}.{other.name}" in self.references.get(
            argument, ()
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan."""

    resources: tuple[Resource, ...]
    variables: Json
    """The root's inputs, by name."""
    outputs: Mapping[str, frozenset[str]]
    """Address of each output, of modules too, to what it is made from."""
    sensitive_outputs: frozenset[str]

    def of(self, *types: str) -> Iterator[Resource]:
        """All resources of the given types."""
        return (resource for resource in self.resources if resource.type in types)


def parse(document: Json) -> Plan:
    """The plan in terraform's JSON document. Raises `ValueError` if it is none, or one of nothing."""
    if "planned_values" not in document or "configuration" not in document:
        raise ValueError("this is no plan: give what `terraform show -json PLANFILE` prints")
    root = document["configuration"].get("root_module", {})
    made = dict(_configured(root, ""))
    resources = tuple(_resources(document["planned_values"].get("root_module", {}), made))
    if not resources:
        raise ValueError("the plan holds no resource: every rule would be kept")
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
    """The statements of a policy's JSON; none if it is not known yet, or is not IAM's."""
    return (
        several(json.loads(policy).get("Statement")) if isinstance(policy, str) and policy else []
    )


def several(value: object) -> list[Any]:
    """IAM's JSON writes a list of one as that one."""
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
    """Address without keys of each resource, to the expressions of its arguments."""
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
