"""CloudWatch's filter patterns for JSON logs, as far as our alarms use them: comparisons of one field each, joined by `&&`.

    matches('{ $.event = "work.age" && $.kind = "sow" }', line)

A field that a line lacks matches nothing, not even `!=`. What is not known here raises `ValueError`: nothing is left out.
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
    """What a line adds to the metric: a number, or that of a field (`$.seconds`)."""
    found = line[selector[2:]] if selector.startswith("$.") else selector
    return float(found)


def _holds(comparison: str, line: Mapping[str, Any]) -> bool:
    match = _COMPARISON.fullmatch(comparison)
    if match is None:
        raise ValueError(comparison)
    field, operator, wanted = match.groups()
    return field in line and (line[field] == wanted) is (operator == "=")
