"""House rules that no linter holds: length of modules and functions, and public docstrings."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "gromit"
MODULES = sorted(SOURCE.rglob("*.py"))
MODULE_LINES = 400
FUNCTION_LINES = 60

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@pytest.fixture(params=MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def module(request: pytest.FixtureRequest) -> Path:
    """Each module of the product."""
    path: Path = request.param
    return path


def test_a_module_is_not_too_long(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES


def test_a_function_is_not_too_long(module: Path) -> None:
    functions = (
        n for n in ast.walk(_tree(module)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    lengths = {
        f"{n.name} in line {n.lineno}": (n.end_lineno or n.lineno) - n.lineno + 1 for n in functions
    }
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_everything_public_has_a_docstring(module: Path) -> None:
    tree = _tree(module)
    assert ast.get_docstring(tree), "the module itself has none"
    assert [
        f"{name} in line {node.lineno}"
        for name, node in _public(tree, "")
        if not ast.get_docstring(node)
    ] == []


@pytest.mark.xdist_group("house")
def test_tests_of_a_group_stay_together(request: pytest.FixtureRequest) -> None:
    """pytest-xdist knows a group by this suffix. Without it each makes a group's fixtures."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        assert request.node.nodeid.endswith("@house")


def test_what_is_public_is_found_whatever_it_is() -> None:
    source = """
def a(): ...
async def b(): ...
class C:
    def d(self): ...
    def _e(self): ...
class _F:
    def g(self): ...
"""
    assert [name for name, _ in _public(ast.parse(source), "")] == ["a", "b", "C", "C.d"]


def _tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"), str(module))


def _public(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, Definition]]:
    """Functions and classes whose name, and whose class's name, has no underscore before it."""
    for node in parent.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _public(node, f"{prefix}{node.name}.")
