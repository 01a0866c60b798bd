"""The reference of metrics matches the definitions, and nothing is registered without one."""

import ast
import re
from pathlib import Path

import pytest

from gromit.core.metrics.definition import MetricDefinition, MetricKind
from gromit.core.metrics.definitions import DEFINITIONS
from tests.docs.markdown import read
from tests.docs.metrics_reference import page

SOURCE = Path(__file__).parents[2] / "src" / "gromit"
REGISTRATION = "web/server/metrics.py"


def test_the_page_is_what_the_definitions_say() -> None:
    assert read("reference/metrics.md") == page(), "run: make docs"


def test_each_metric_has_one_definition() -> None:
    names = [definition.name for definition in DEFINITIONS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.name)
def test_names_follow_the_conventions_of_prometheus(definition: MetricDefinition) -> None:
    is_counter = definition.kind is MetricKind.COUNTER
    assert definition.name.endswith("_total") is is_counter
    assert re.fullmatch(r"gromit(_[a-z]+)+", definition.name)
    if definition.unit.startswith("seconds"):
        assert definition.name.endswith("_seconds")
    assert (definition.kind is MetricKind.HISTOGRAM) is bool(definition.buckets)
    assert not definition.help.endswith(".")


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.name)
def test_each_label_is_bounded(definition: MetricDefinition) -> None:
    assert [
        label.name for label in definition.labels if not label.values and not label.meaning
    ] == []
    assert not {"environment", "env", "branch", "person", "name"} & set(definition.label_names)


def test_only_definitions_are_registered() -> None:
    importers = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("prometheus_client")
        and {a.name for a in node.names} & {"Counter", "Gauge", "Histogram", "Summary", "Info"}
    }
    assert importers == {REGISTRATION}
