"""Expiry of images, by the policy that `terraform/modules/registry` writes, and by others."""

import json

import pytest

from gromit.core.discrepancies.image_expiry import expiry_ms

DAY_MS = 86_400_000


def _rule(priority: int, **selection: object) -> dict[str, object]:
    return {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}


def _kept(priority: int, *patterns: str) -> dict[str, object]:
    return _rule(
        priority,
        tagStatus="tagged",
        tagPatternList=list(patterns),
        countType="imageCountMoreThan",
        countNumber=9999,
    )


def _days(priority: int, status: str, days: int, **more: object) -> dict[str, object]:
    return _rule(
        priority,
        tagStatus=status,
        countType="sinceImagePushed",
        countUnit="days",
        countNumber=days,
        **more,
    )


OURS = [_kept(1, "master"), _kept(2, "v*"), _days(3, "untagged", 7), _days(4, "any", 14)]


@pytest.mark.parametrize(
    ("rules", "tags", "days"),
    [
        (OURS, ["sha-1"], 14),
        (OURS, [], 7),
        (OURS, ["master"], None),
        (OURS, ["sha-1", "v1.2"], None),
        (list(reversed(OURS)), ["master"], None),
        ([_kept(1, "v*", "*-lts"), _days(2, "any", 3)], ["v1"], 3),
        ([_kept(1, "v*", "*-lts"), _days(2, "any", 3)], ["v1", "1-lts"], None),
        ([_days(1, "tagged", 5, tagPrefixList=["sha-"])], ["sha-1"], 5),
        ([_days(1, "tagged", 5, tagPrefixList=["sha-"])], ["other"], None),
        ([], ["sha-1"], None),
    ],
)
def test_the_first_rule_that_matches_decides(
    rules: list[dict[str, object]], tags: list[str], days: int | None
) -> None:
    """Also if it removes nothing, and whatever the order in the document."""
    wanted = None if days is None else 1000 + days * DAY_MS
    assert expiry_ms(json.dumps({"rules": rules}), tags, 1000) == wanted


def test_without_a_policy_nothing_expires() -> None:
    """A registry need not have one."""
    assert expiry_ms(None, ["sha-1"], 1000) is None
