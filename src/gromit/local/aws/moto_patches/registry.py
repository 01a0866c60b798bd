"""ECR: images."""

import hashlib
from collections.abc import Callable
from typing import Any

from moto.ecr.models import Image

from gromit.local.aws.moto_patches.patches import Patches


def use_manifest_digest(patches: Patches) -> None:
    """AWS's digest of an image is the SHA-256 of its manifest, so a moved tag is visible."""

    def create_digest(_stock: Callable[..., Any], image: Any) -> None:
        image._image_digest = "sha256:" + hashlib.sha256(image.image_manifest.encode()).hexdigest()

    patches.replace(Image, "_create_digest", create_digest)
