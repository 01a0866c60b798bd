"""Marks on images in ECR: tags of the same image."""

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.ecr import EcrImages, registry_arguments
from gromit.adapters.aws.manifests import Manifest, ManifestMemory
from gromit.core.stack.image_marks import ImageMark, parse_mark
from gromit.core.stack.made import BuiltImage

if TYPE_CHECKING:
    from mypy_boto3_ecr.client import ECRClient
    from mypy_boto3_ecr.type_defs import ImageTypeDef

_PAGE = 1000
"""Largest page of ListImages."""


class EcrImageMarks:
    """The port `ImageMarks` for one account's registries (None: the caller's own account)."""

    def __init__(
        self,
        client: "ECRClient",
        registry_id: str | None = None,
        manifests: ManifestMemory | None = None,
    ) -> None:
        """`manifests` are those of images that were just looked up."""
        self._client = client
        self._manifests = manifests or ManifestMemory(0)
        self._images = EcrImages(client, registry_id)
        self._registry = registry_arguments(registry_id)

    def mark(self, images: Iterable[BuiltImage], tag: str) -> Collection[BuiltImage]:
        """Make one call for an image that was just looked up, or that has the tag.

        Make three for another one.
        """
        unmarked, gone, known = set(images), set[BuiltImage](), set[BuiltImage]()
        for image in sorted(unmarked):
            if manifest := self._manifests.take(image, tag):
                known.add(image)
                if not self._put(*image, manifest, tag):
                    gone.add(image)
        wanted = sorted(unmarked - known)
        found = self._images.digests((repository, tag) for repository, _ in wanted)
        others = [(r, digest) for r, digest in wanted if found.get((r, tag)) != digest]
        return gone | {image for image in others if not self._look_up_and_put(*image, tag)}

    def all(self, repositories: Iterable[str]) -> Collection[ImageMark]:
        """Make one call for 1,000 tags of a repository. A missing repository has none."""
        found: dict[ImageMark, None] = {}
        for repository in sorted(set(repositories)):
            for tag in self._tags(repository):
                if mark := parse_mark(repository, tag):
                    found[mark] = None
        return list(found)

    def _tags(self, repository: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_images").paginate(
            repositoryName=repository,
            filter={"tagStatus": "TAGGED"},
            PaginationConfig={"PageSize": _PAGE},
            **self._registry,
        )
        with aws_errors(f"list the tags of {repository}"):
            try:
                for page in pages:
                    yield from (image.get("imageTag", "") for image in page["imageIds"])
            except self._client.exceptions.RepositoryNotFoundException:
                return

    def unmark(self, repositories: Iterable[str], tags: Collection[str]) -> None:
        """Make one call for each repository. What does not exist counts as removed."""
        for repository in sorted(set(repositories)):
            with aws_errors(f"remove {', '.join(sorted(tags))} from images of {repository}"):
                try:
                    self._client.batch_delete_image(
                        repositoryName=repository,
                        imageIds=[{"imageTag": tag} for tag in sorted(tags)],
                        **self._registry,
                    )
                except self._client.exceptions.RepositoryNotFoundException:
                    continue

    def _look_up_and_put(self, repository: str, digest: str, tag: str) -> bool:
        """Tag one image; False if it does not exist."""
        image = self._get(repository, digest)
        if image is None:
            return False
        manifest = Manifest(image["imageManifest"], image["imageManifestMediaType"])
        return self._put(repository, digest, manifest, tag)

    def _put(self, repository: str, digest: str, manifest: Manifest, tag: str) -> bool:
        """Tag an image with this manifest; False if it does not exist any more."""
        exceptions = self._client.exceptions
        with aws_errors(f"tag {repository}@{digest} with {tag}"):
            try:
                self._client.put_image(
                    repositoryName=repository,
                    imageManifest=manifest.text,
                    imageManifestMediaType=manifest.media_type,
                    imageTag=tag,
                    imageDigest=digest,
                    **self._registry,
                )
            except exceptions.ImageAlreadyExistsException:  # another worker has tagged it
                return True
            except (
                exceptions.LayersNotFoundException,
                exceptions.ReferencedImagesNotFoundException,
            ):  # it was removed since it was found
                return False
        return True

    def _get(self, repository: str, digest: str) -> "ImageTypeDef | None":
        with aws_errors(f"look up {repository}@{digest}"):
            try:
                answer = self._client.batch_get_image(
                    repositoryName=repository, imageIds=[{"imageDigest": digest}], **self._registry
                )
            except self._client.exceptions.RepositoryNotFoundException:
                return None
        return next(iter(answer.get("images", [])), None)
