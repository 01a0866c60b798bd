"""Images that a registry's lifecycle policy lets expire, by AWS's rules.

Rules apply by priority. If an image matches the tags of a rule, no later rule can expire it,
whether or not the earlier rule does. A rule with several patterns matches only an image with tags
for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a registry."""

    tags: tuple[str, ...]
    age_days: int


def expired(policy: Mapping[str, Any], images: Sequence[Image]) -> list[Image]:
    """Return the images that the policy expires now."""
    gone: list[Image] = []
    left = list(images)
    for rule in sorted(policy["rules"], key=lambda rule: int(rule["rulePriority"])):
        met = [image for image in left if _meets(rule["selection"], image)]
        gone += _beyond(rule["selection"], met)
        left = (
            [image for image in left if image not in met]
            if rule["selection"]["tagStatus"] == "tagged"
            else left
        )
        left = [image for image in left if image not in gone]
    return gone


def _meets(selection: Mapping[str, Any], image: Image) -> bool:
    if selection["tagStatus"] == "any":
        return True
    if selection["tagStatus"] == "untagged":
        return not image.tags
    return all(
        any(fnmatchcase(tag, pattern) for tag in image.tags)
        for pattern in selection["tagPatternList"]
    )


def _beyond(selection: Mapping[str, Any], met: Sequence[Image]) -> list[Image]:
    number = selection["countNumber"]
    if selection["countType"] == "imageCountMoreThan":
        return sorted(met, key=lambda image: image.age_days)[number:]
    assert selection["countUnit"] == "days"
    return [image for image in met if image.age_days > number]
