"""The vocabulary of row attributes, and the rule that rows are read and written only with it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gromit.core.environments import attributes
from gromit.core.environments.attributes import Attribute, incarnation_attributes

SOURCE = Path(__file__).parents[3] / "src" / "gromit"
VIEWS = {
    SOURCE / "core" / "environments" / name
    for name in ("pass_plan.py", "readiness.py", "known_environments.py")
}
"""Modules that read JSON of serve, whose fields have the same names, and no rows."""
MODULES = sorted(
    [
        *set((SOURCE / "core" / "environments").glob("*.py")) - VIEWS,
        *(SOURCE / "core" / "migration").glob("*.py"),
        *(SOURCE / "services").glob("*.py"),
        *(SOURCE / "adapters" / "aws").glob("dynamodb*.py"),
    ]
)
"""Modules that handle rows."""

NAMES = frozenset(str(attribute) for attribute in Attribute)
MAPPING_METHODS = frozenset({"get", "pop", "setdefault"})
CONDITIONS = frozenset(
    {
        "Exists",
        "NotExists",
        "Equals",
        "NotEquals",
        "LessThan",
        "AtMost",
        "AttributesEqual",
        "AttributeGreater",
        "ShorterThan",
    }
)


def bare_literals(source: str) -> list[str]:
    """Return the strings that name an attribute in place of its constant.

    An argument of any call but a mapping's method or a condition is something else: the kind of an
    event or of a log line may be the same word.
    """
    tree = ast.parse(source)
    others = {a for call in ast.walk(tree) for a in _foreign_arguments(call)}
    others |= {value for node in ast.walk(tree) for value in _values_of_enum(node)}
    return [
        f"{node.value} in line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in NAMES and node not in others
    ]


def _foreign_arguments(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the arguments of a call that cannot be the name of an attribute."""
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    if name in CONDITIONS:
        return
    # The first argument of `get` is a key; what follows is the default.
    for argument in node.args[1:] if name in MAPPING_METHODS else node.args:
        yield argument
        if isinstance(argument, ast.IfExp):
            yield from (argument.body, argument.orelse)


def _values_of_enum(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the values of an enumeration, which only its own code writes."""
    if isinstance(node, ast.ClassDef) and "StrEnum" in map(ast.unparse, node.bases):
        yield from (line.value for line in node.body if isinstance(line, ast.Assign))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_rows_are_read_and_written_with_the_vocabulary(module: Path) -> None:
    if module != Path(attributes.__file__):
        assert bare_literals(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        'row["want"]',
        'row.get("want", 0)',
        'row.get(other, {"want": 1})["want"]',
        '"want" in row',
        '{"want": 1}',
        'RowWrite(increments={"want": 1})',
        'frozenset(["want"])',
        'Equals("want", 1)',
        'AttributesEqual(other, "want")',
        'KEY = "want"',
    ],
)
def test_a_bare_literal_is_found(source: str) -> None:
    assert bare_literals(source) != []


@pytest.mark.parametrize(
    "source",
    [
        "row[Attribute.WANT]",
        'stamp.event("changed", "text")',
        'stamp.event("protected" if protected else "unprotected", "")',
        'log.info("claimed", holder=1)',
        'row.get(Attribute.INFRA, "want")',
    ],
)
def test_the_same_word_elsewhere_is_left_alone(source: str) -> None:
    assert bare_literals(source) == []


def test_a_new_incarnation_inherits_sequences_and_fences() -> None:
    row = [*Attribute, "v#tyk", "r#tyk", "s#tyk", "d#tyk", "n#tyk"]
    kept = set(row) - incarnation_attributes(row)
    assert {"s#tyk", "epoch", "revision", "generation", "name"} <= kept
    assert not {"v#tyk", "r#tyk", "d#tyk", "n#tyk", "holder", "gone_at", "expire_at"} & kept
