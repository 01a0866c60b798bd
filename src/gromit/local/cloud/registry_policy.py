"""The lifecycle policy of registries, as `terraform/modules/registry` writes it."""

from collections.abc import Iterable, Mapping
from typing import Any

from gromit.core.stack.image_marks import MARK_BEGINNING


def registry_policy(default_tags: Iterable[str]) -> Mapping[str, Any]:
    """Return the policy of a registry, by the tags of its components' default branches."""
    kept = [*default_tags, "v*", "release-*", f"{MARK_BEGINNING}*"]
    keeping = [_keep(number, tag) for number, tag in enumerate(kept, start=1)]
    expiring = [
        _expire(len(kept) + number, status, days)
        for number, (status, days) in enumerate((("untagged", 7), ("any", 14)), start=1)
    ]
    return {"rules": [*keeping, *expiring]}


def _keep(priority: int, tag: str) -> Mapping[str, Any]:
    return {
        "rulePriority": priority,
        "description": f"keep {tag}",
        "action": {"type": "expire"},
        "selection": {
            "tagStatus": "tagged",
            "tagPatternList": [tag],
            "countType": "imageCountMoreThan",
            "countNumber": 9999,
        },
    }


def _expire(priority: int, status: str, days: int) -> Mapping[str, Any]:
    return {
        "rulePriority": priority,
        "description": f"expire {status} after {days} days",
        "action": {"type": "expire"},
        "selection": {
            "tagStatus": status,
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": days,
        },
    }
