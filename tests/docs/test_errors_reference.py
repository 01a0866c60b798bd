"""The reference of errors matches the code: codes, statuses, exit codes, kinds of failures."""

import ast
from pathlib import Path

from gromit import cli, errors
from gromit.cli import EXIT_CODES, FAILED
from gromit.core.environments.failures import FailureClass
from gromit.core.environments.quota_failures import KNOWN_QUOTAS
from gromit.core.environments.worker_protocol import LOCKED
from gromit.errors import GromitError
from gromit.web.api.app import STATUS
from tests.docs.markdown import read, table

TEXT = read("reference/errors.md")
SOURCE = Path(errors.__file__).parent


def _tree(root: type[GromitError] = GromitError) -> list[type[GromitError]]:
    return [root, *(below for child in root.__subclasses__() for below in _tree(child))]


def _ours() -> dict[str, type[GromitError]]:
    """Errors of the product, without subclasses in tests."""
    return {kind.__name__: kind for kind in _tree() if kind.__module__ == errors.__name__}


def test_every_class_of_failures_is_there() -> None:
    assert set(table(TEXT, "## Classes of failures")) == set(FailureClass)


def test_every_quota_that_a_failure_may_name_is_there_with_its_default() -> None:
    documented = table(TEXT, "## Quotas")
    assert documented == {
        quota.name: [quota.title, f"{quota.default:,}" if quota.default else "-"]
        for quota in KNOWN_QUOTAS
    }
    assert list(documented) == [quota.name for quota in KNOWN_QUOTAS], "the first that fits counts"


def test_every_error_is_there_with_its_code_status_and_exit_code() -> None:
    documented = {name: row[:3] for name, row in table(TEXT, "## The tree").items()}
    assert documented == {
        name: [
            f"`{kind.code}`",
            str(next((status for base, status in STATUS.items() if issubclass(kind, base)), 500)),
            str(
                next((code for base, code in EXIT_CODES.items() if issubclass(kind, base)), FAILED)
            ),
        ]
        for name, kind in _ours().items()
    }


def test_every_error_says_what_to_do() -> None:
    assert [name for name, row in table(TEXT, "## The tree").items() if not row[3]] == []


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in _ours().values()]
    assert sorted(set(codes)) == sorted(codes)


def test_every_exit_code_is_there() -> None:
    known = {0, 2, *EXIT_CODES.values(), cli.FAILED, cli.BUG, cli.PARTLY, cli.INTERRUPTED}
    assert {int(code) for code in table(TEXT, "## Exit codes")} == known


def test_every_kind_of_failure_that_is_no_code_is_there() -> None:
    """`Problem(kind, …)` takes an error's code, LOCKED, or a text. The page lists the last two."""
    given = [
        node.args[0]
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Problem"
    ]
    unknown = [
        ast.unparse(kind)
        for kind in given
        if not isinstance(kind, ast.Constant | ast.Name | ast.Attribute)
    ]
    assert unknown == []
    assert {ast.unparse(kind) for kind in given if not isinstance(kind, ast.Constant)} == {
        "LOCKED",
        "error.code",
    }
    kinds = {str(kind.value) for kind in given if isinstance(kind, ast.Constant)} | {LOCKED}
    assert set(table(TEXT, "## Failures of an environment")) == kinds
    assert kinds.isdisjoint(kind.code for kind in _ours().values())
