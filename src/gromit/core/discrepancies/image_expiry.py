"""Expiry of images by the lifecycle policy of their registry in ECR.

The rule with the lowest priority that an image matches by its tags decides, and no other one.
"""

import json
from collections.abc import Collection, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

_DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)


def expiry_ms(policy: str | None, tags: Collection[str], pushed_ms: int) -> int | None:
    """Return the instant at which a registry removes an image; None if no rule sets one.

    A rule by number is not considered: it would need all images of the registry.
    """
    for rule in sorted(_rules(policy), key=_priority):
        selection = rule.get("selection", {})
        if not _matches(selection, tags):
            continue
        days = selection.get("countNumber")
        if selection.get("countType") == "sinceImagePushed" and isinstance(days, int):
            return pushed_ms + days * _DAY_MS
        return None
    return None


def _rules(policy: str | None) -> Collection[Mapping[str, Any]]:
    rules: Collection[Mapping[str, Any]] = json.loads(policy).get("rules", []) if policy else ()
    return rules


def _priority(rule: Mapping[str, Any]) -> int:
    priority: int = rule["rulePriority"]
    return priority


def _matches(selection: Mapping[str, Any], tags: Collection[str]) -> bool:
    status = selection.get("tagStatus")
    if status != "tagged":
        return status == "any" or not tags
    prefixes = [f"{prefix}*" for prefix in selection.get("tagPrefixList", ())]
    patterns = [*selection.get("tagPatternList", ()), *prefixes]
    # ECR wants a tag for each of the patterns.
    return bool(tags) and all(any(fnmatchcase(tag, p) for tag in tags) for p in patterns)
