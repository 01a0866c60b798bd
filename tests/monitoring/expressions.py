"""Expressions of the dashboard and the rules, and the series that they name."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.docs.markdown import ROOT

FOLDER = ROOT / "monitoring"
DASHBOARD, RULES, CONFIG = (
    FOLDER / name for name in ("dashboard.json", "rules.yaml", "prometheus.yaml")
)
_SELECTOR = re.compile(r"\b(gromit_[a-z_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Matcher:
    """Condition on a label."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'


@dataclass(frozen=True, slots=True)
class Selector:
    """Name of series, with conditions on their labels."""

    series: str
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """Query of a panel, or condition of an alert."""

    place: str
    text: str

    @property
    def selectors(self) -> Iterator[Selector]:
        """The series in it."""
        for name, matchers in _SELECTOR.findall(self.text):
            yield Selector(name, tuple(Matcher(*found) for found in _MATCHER.findall(matchers)))


def alerts() -> list[dict[str, Any]]:
    """Return all alert rules."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Return all panels with queries."""
    found = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def expressions() -> list[Expression]:
    """Return the expressions of all panels and alerts."""
    queries = [
        Expression(f"panel {panel['title']}", target["expr"])
        for panel in panels()
        for target in panel["targets"]
    ]
    return queries + [Expression(f"alert {rule['alert']}", rule["expr"]) for rule in alerts()]
