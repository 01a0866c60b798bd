"""Lifecycle policies of the emulated registry, by ECR's rules.

Rules apply by priority. If an image matches the tags of a rule, no later rule can expire it,
whether or not the earlier rule does. A rule with several patterns matches only an image with tags
for all of them. AWS runs policies once a day. The emulator runs them when a test or a person lets
images grow older: `age_images` stands for the days that pass.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from moto.ecr.models import ecr_backends

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class RegistryImage:
    """One image of a registry."""

    tags: tuple[str, ...]
    age_s: float
    """Time since its push."""
    digest: str = ""


def expired_images(
    policy: Mapping[str, Any], images: Sequence[RegistryImage]
) -> list[RegistryImage]:
    """Return the images that a policy expires now."""
    gone: list[RegistryImage] = []
    left = list(images)
    for rule in sorted(policy["rules"], key=lambda rule: int(rule["rulePriority"])):
        selection = rule["selection"]
        met = [image for image in left if _meets(selection, image)]
        gone += _beyond(selection, met)
        if selection["tagStatus"] == "tagged":
            left = [image for image in left if image not in met]
        left = [image for image in left if image not in gone]
    return gone


def age_images(account: str, days: int) -> list[str]:
    """Let all images grow older by some days, and remove those that expire; return their names.

    The caller holds the emulator's lock.
    """
    removed: list[str] = []
    for backend in ecr_backends[account].values():
        for repository in backend.repositories.values():
            for image in repository.images:
                image.image_pushed_at -= days * DAY_S
            removed += _expire(repository)
    return sorted(removed)


def _expire(repository: Any) -> list[str]:
    if not repository.lifecycle_policy:
        return []
    now_s = time.time()
    images = [
        RegistryImage(tuple(i.image_tags), now_s - i.image_pushed_at, i.get_image_digest())
        for i in repository.images
    ]
    gone = expired_images(json.loads(repository.lifecycle_policy), images)
    digests = {image.digest for image in gone}
    repository.images[:] = [i for i in repository.images if i.get_image_digest() not in digests]
    return [f"{repository.name}@{digest}" for digest in digests]


def _meets(selection: Mapping[str, Any], image: RegistryImage) -> bool:
    if selection["tagStatus"] == "any":
        return True
    if selection["tagStatus"] == "untagged":
        return not image.tags
    prefixes = [f"{prefix}*" for prefix in selection.get("tagPrefixList", ())]
    return all(
        any(fnmatchcase(tag, pattern) for tag in image.tags)
        for pattern in (*selection.get("tagPatternList", ()), *prefixes)
    )


def _beyond(selection: Mapping[str, Any], met: Sequence[RegistryImage]) -> list[RegistryImage]:
    number = selection["countNumber"]
    if selection["countType"] == "imageCountMoreThan":
        return sorted(met, key=lambda image: image.age_s)[number:]
    return [image for image in met if image.age_s > number * DAY_S]
