"""ECR: images."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.ecr.models import ECRBackend, Image
from moto.ecr.responses import ECRResponse

from gromit.local.aws.moto_patches.patches import Patches


def use_manifest_digest(patches: Patches) -> None:
    """AWS's digest of an image is the SHA-256 of its manifest, so a moved tag is visible."""

    def create_digest(_stock: Callable[..., Any], image: Any) -> None:
        image._image_digest = "sha256:" + hashlib.sha256(image.image_manifest.encode()).hexdigest()

    patches.replace(Image, "_create_digest", create_digest)


def leave_moved_images(patches: Patches) -> None:
    """A tag that moves leaves its image, without a tag if it was the last one.

    The emulator removes such an image. On AWS it exists until a lifecycle policy expires it.
    """

    def put_image(
        stock: Callable[..., Any],
        backend: Any,
        repository_name: str,
        image_manifest: str,
        image_tag: str,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        repository = backend.repositories.get(repository_name)
        images = list(repository.images) if repository else []
        before = [i for i in images if image_tag in i.image_tags]
        image = stock(backend, repository_name, image_manifest, image_tag, *args, **kwargs)
        for old in before:
            old.remove_tag(image_tag)
            if not old.image_tags:
                old.image_tag = None
                repository.images.insert(0, old)
        return image

    patches.replace(ECRBackend, "put_image", put_image)


def paginate_images(patches: Patches) -> None:
    """AWS lists 100 tags of a repository on a page, or `maxResults`."""

    def list_images(stock: Callable[..., Any], response: Any) -> ActionResult:
        found = {_place(image): image for image in stock(response).result["imageIds"]}
        ordered, size = sorted(found), response._get_int_param("maxResults", 100)
        start = bisect_right(ordered, response._get_param("nextToken") or "")
        page = ordered[start : start + size]
        result: dict[str, Any] = {"imageIds": [found[place] for place in page]}
        if start + size < len(ordered):
            result["nextToken"] = page[-1]
        return ActionResult(result)

    patches.replace(ECRResponse, "list_images", list_images)


def _place(image: Mapping[str, str | None]) -> str:
    return f"{image['imageTag'] or ''}@{image['imageDigest']}"
