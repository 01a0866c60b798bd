"""Each metric of dashboard and rules is defined, and each definition is used by one of them."""

import re

import pytest

from gromit.core.metrics.definition import by_series
from gromit.core.metrics.definitions import DEFINITIONS
from tests.docs.markdown import ROOT, anchors
from tests.monitoring.expressions import Expression, Matcher, alerts, expressions, panels

SERIES = by_series(DEFINITIONS)
EXPRESSIONS = expressions()


def wrong_values(matcher: Matcher, values: tuple[str, ...]) -> list[str]:
    """Return the values of a matcher that no series can have."""
    named = matcher.value.split("|") if matcher.operator in {"=~", "!~"} else [matcher.value]
    return [value for value in named if values and value not in values]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda e: f"{e.place}: {e.text}")
def test_an_expression_names_only_series_and_labels_that_exist(expression: Expression) -> None:
    assert list(expression.selectors)
    for selector in expression.selectors:
        definition = SERIES[selector.series]
        labels = {label.name: label.values for label in definition.labels}
        for matcher in selector.matchers:
            assert wrong_values(matcher, labels[matcher.label]) == []


def test_each_grouping_is_by_labels_of_its_metrics() -> None:
    wrong = []
    for expression in EXPRESSIONS:
        known = {"le", "job", "instance"}.union(
            *(SERIES[s.series].label_names for s in expression.selectors)
        )
        named = {
            label.strip()
            for group in re.findall(r"\bby \(([^)]*)\)", expression.text)
            for label in group.split(",")
        }
        wrong += [(expression.place, label) for label in sorted(named - known)]
    assert wrong == []


def test_each_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    used = {SERIES[s.series].name for e in EXPRESSIONS for s in e.selectors}
    assert {definition.name for definition in DEFINITIONS} - used == set()


def test_counters_are_read_as_rates() -> None:
    bare = [
        (e.place, s.series)
        for e in EXPRESSIONS
        for s in e.selectors
        if s.series.endswith(("_total", "_bucket", "_count"))
        and not re.search(rf"(rate|increase)\({s.series}", e.text)
    ]
    assert bare == []


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_each_alert_has_a_runbook(rule: dict[str, dict[str, str]]) -> None:
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor in anchors((ROOT / path).read_text(encoding="utf-8"))
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["summary"].endswith(".")


def test_panels_have_a_description_and_places_of_their_own() -> None:
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels()]
    assert len(set(places)) == len(places)
    assert [p["title"] for p in panels() if not p["description"]] == []
    ids = [p["id"] for p in panels()]
    assert len(set(ids)) == len(ids)
