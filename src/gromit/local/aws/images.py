"""Images in the emulated registry: whether they exist, and the failures that some rehearse."""

import json
import re
from typing import Any

from moto.ecr.models import ecr_backends

from gromit.local.aws.failures import FAILURE, ImageFailure, read_failure

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>[^:@]+)(?P<rest>[:@].*)?"
)


class ImageNotFound(Exception):
    """The emulated registry does not have an image; the message is AWS's reason."""


def pinned_reference(reference: str) -> str:
    """Return an image by its digest, which stays the same when its tag moves.

    Images of other registries stay as they are. Raises `ImageNotFound`.
    """
    match = _ECR.fullmatch(reference)
    if match is None:
        return reference
    repository = reference.removesuffix(match["rest"] or "")
    return f"{repository}@{_find(match, reference).get_image_digest()}"


def image_failure(reference: str) -> ImageFailure | None:
    """Return the failure that an image rehearses; None for a good one.

    Images of other registries count as existing and good. Raises `ImageNotFound`.
    """
    match = _ECR.fullmatch(reference)
    return None if match is None else _failure(_find(match, reference).image_manifest)


def _find(match: re.Match[str], reference: str) -> Any:
    repository = ecr_backends[match["account"]][match["region"]].repositories.get(match["name"])
    images = repository.images if repository else []
    found = next((i for i in images if _is_named(i, match["rest"] or ":latest")), None)
    if found is None:
        retried = "pull image manifest has been retried 1 time(s)"
        problem = f"failed to resolve ref {reference}: {reference}: not found"
        raise ImageNotFound(f"CannotPullContainerError: {retried}: {problem}")
    return found


def _is_named(image: Any, rest: str) -> bool:
    """Whether an image has the digest after `@`, or the tag after `:`."""
    if rest.startswith("@"):
        return bool(image.get_image_digest() == rest[1:])
    return rest[1:] in image.image_tags


def _failure(manifest: str) -> ImageFailure | None:
    try:
        text = str(json.loads(manifest)["annotations"][FAILURE])
    except (ValueError, LookupError, TypeError):
        return None
    return read_failure(text)
