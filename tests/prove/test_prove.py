"""The quick part of every suite, and the report of `make prove`."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.docs.markdown import DOCS
from tests.prove import report
from tests.prove.__main__ import main
from tests.prove.suite import (
    Effort,
    Proof,
    Suite,
    Violation,
    load_suite,
    run_suite,
    suite_names,
)

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

SEED = 1


def _marked(name: str) -> "ParameterSet":
    suite = load_suite(name)
    marks = [getattr(pytest.mark, mark) for mark in suite.marks]
    return pytest.param(name, suite, marks=marks, id=name)


def _fail(_effort: Effort) -> Proof:
    raise ValueError("no AWS")


@pytest.fixture
def effort(tmp_path: Path) -> Effort:
    return Effort(is_quick=True, seed=SEED, folder=tmp_path, say=lambda _line: None)


@pytest.mark.parametrize(("name", "suite"), [_marked(name) for name in suite_names()])
def test_the_quick_part_of_a_suite_finds_no_violation(
    name: str, suite: Suite, effort: Effort
) -> None:
    finding = run_suite(name, suite, replace(effort, say=print))
    assert finding.proof.violations == ()
    assert finding.proof.cases > 0


def test_a_violation_is_in_both_reports_and_makes_the_command_fail(effort: Effort) -> None:
    proof = Proof(3, (Violation("case 2", "one is left\nand two"),), ("no tofu here",))
    findings = [
        run_suite("good", Suite("All is well.", lambda _effort: Proof(7)), effort),
        run_suite("bad", Suite("None is left.", lambda _effort: proof), effort),
    ]
    assert not report.is_clean(findings)
    assert report.is_clean(findings[:1])
    head, good, bad, *rest = report.table(findings).splitlines()
    assert head.split() == ["suite", "cases", "violations", "time", "claim"]
    assert (good.split()[:3], bad.split()[:3]) == (["good", "7", "0"], ["bad", "3", "1"])
    assert rest == [
        "",
        "bad VIOLATED: case 2",
        "    one is left",
        "    and two",
        "bad: no tofu here",
    ]
    of_bad = json.loads(report.as_json(findings, 5))["suites"][1]
    assert of_bad["violations"] == [{"case": "case 2", "problem": "one is left\nand two"}]


@pytest.mark.parametrize("search", [lambda _effort: Proof(0), _fail])
def test_a_search_that_fails_or_has_no_cases_is_a_violation(
    search: Callable[[Effort], Proof], effort: Effort
) -> None:
    finding = run_suite("odd", Suite("It works.", search), effort)
    assert [v.case for v in finding.proof.violations] == ["the search itself"]


def test_a_suite_that_does_not_exist_is_named() -> None:
    result = CliRunner().invoke(main, ["dance"])
    assert result.exit_code == 2
    assert "there is no suite dance" in result.output
    assert CliRunner().invoke(main, ["--list", "suite"]).exit_code == 2, "a module without one"


def test_each_suite_has_a_row_in_the_documentation() -> None:
    page = (DOCS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(suite_names())
