"""Tests in several processes: each runs once, its group in one process, and its end is reported."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.waiting import PATIENCE_S

_REPOSITORY = Path(__file__).parents[1]
_CONFTEST = """
from tests.distribution import Groups, receive_bundles, send_bundles

def pytest_xdist_make_scheduler(config, log):
    return Groups(config, log)

def pytest_sessionstart(session):
    send_bundles(session.config) if hasattr(session.config, "workerinput") else receive_bundles()
"""
_TESTS = """
import os, pytest, warnings

@pytest.mark.parametrize("n", range(60))
def test_alone(n, record_property):
    record_property("process", os.getpid())

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("n", range(20))
def test_together(n, record_property):
    record_property("process", os.getpid())

def test_fails():
    warnings.warn("a warning")
    assert 1 == 2

def test_is_skipped():
    pytest.skip("a reason")

def test_ends_its_process():
    os._exit(3)

@pytest.fixture
def broken():
    yield
    raise ValueError("at the end")

def test_fails_at_its_end(broken):
    pass
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ET.Element:
    """The report of a run in two processes."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "conftest.py").write_text(_CONFTEST, encoding="utf-8")
    (folder / "test_them.py").write_text(_TESTS, encoding="utf-8")
    command = (
        *(sys.executable, "-m", "pytest", "--numprocesses", "2", "--dist", "loadgroup"),
        *("-p", "xdist", "--junit-xml", "report.xml", "-o"),
        *("junit_family=xunit1", "--rootdir", ".", "-c", os.devnull),
    )
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(_REPOSITORY),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    return ET.parse(folder / "report.xml").getroot()


def _outcomes(report: ET.Element, name: str) -> list[list[str]]:
    cases = [c for c in report.iter("testcase") if c.attrib["name"].startswith(name)]
    return [[what.tag for what in case if what.tag != "properties"] for case in cases]


def _processes(report: ET.Element, name: str) -> list[str]:
    cases = [c for c in report.iter("testcase") if c.attrib["name"].startswith(name)]
    return [p.attrib["value"] for case in cases for p in case.iter("property")]


def test_each_test_runs_once(report: ET.Element) -> None:
    assert _outcomes(report, "test_alone") == [[]] * 60
    assert _outcomes(report, "test_together") == [[]] * 20


def test_a_group_runs_in_one_process_and_other_tests_in_both(report: ET.Element) -> None:
    assert len(set(_processes(report, "test_together"))) == 1
    assert len(set(_processes(report, "test_alone"))) >= 2


def test_each_end_is_reported(report: ET.Element) -> None:
    assert _outcomes(report, "test_fails_at") == [["error"]]
    assert ["failure"] in _outcomes(report, "test_fails")
    assert _outcomes(report, "test_is_skipped") == [["skipped"]]


def test_a_process_that_ends_fails_its_test(report: ET.Element) -> None:
    (case,) = [c for c in report.iter("testcase") if "test_ends_its_process" in c.attrib["name"]]
    (failure,) = [what for what in case if what.tag in {"failure", "error"}]
    assert "crashed" in str(failure.attrib["message"])
