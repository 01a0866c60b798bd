"""CloudWatch's filter patterns for JSON logs: comparisons of one field each, joined by `&&`.

    matches('{ $.event = "work.age" && $.kind = "sow" }', line)

If a line lacks a field, no comparison matches, not even `!=`. Only the syntax of our alarms is
supported: any other raises `ValueError`, so nothing is ignored.
"""

import re
from collections.abc import Mapping
from typing import Any

_COMPARISON = re.compile(r'\$\.(\w+) (=|!=) "([^"*]*)"')


def matches(pattern: str, line: Mapping[str, Any]) -> bool:
    """Whether a line is counted. Raises `ValueError` for a pattern that this cannot evaluate."""
    if not (pattern.startswith("{ ") and pattern.endswith(" }")):
        raise ValueError(pattern)
    parts = [_holds(part, line) for part in pattern[2:-2].split(" && ")]
    return all(parts)


def value(selector: str, line: Mapping[str, Any]) -> float:
    """Return the number that a line adds to the metric: a constant, or a field (`$.seconds`)."""
    found = line[selector[2:]] if selector.startswith("$.") else selector
    return float(found)


def _holds(comparison: str, line: Mapping[str, Any]) -> bool:
    match = _COMPARISON.fullmatch(comparison)
    if match is None:
        raise ValueError(comparison)
    field, operator, wanted = match.groups()
    return field in line and (line[field] == wanted) is (operator == "=")
