"""Images in ECR, looked up by exact tag; nothing is listed."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypedDict, TypeVar

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.manifests import Manifest, ManifestMemory
from gromit.core.names import is_tag
from gromit.core.stack.component_inputs import Image
from gromit.core.stack.made import REVISION_MAX, BuiltImage
from gromit.core.text import plain_line
from gromit.errors import BackendError

if TYPE_CHECKING:
    from mypy_boto3_ecr.client import ECRClient
    from mypy_boto3_ecr.type_defs import (
        BatchGetImageResponseTypeDef,
        ImageFailureTypeDef,
        ImageIdentifierTypeDef,
        ImageTypeDef,
    )

PER_CALL = 100
"""Largest number of tags in one BatchGetImage."""

REVISION = "org.opencontainers.image.revision"
"""Annotation with the commit that an image was built from."""

_THREADS = 16
_ABSENT = frozenset({"ImageNotFound", "ImageTagDoesNotMatchDigest", "InvalidImageTag"})
_NAME = re.compile(r"(?=.{2,256}$)[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
"""Approximation of ECR's repository names; a repository with another name has no images."""


_T = TypeVar("_T")


class RegistryArguments(TypedDict, total=False):
    """Arguments that name the account of registries; none for the caller's own account."""

    registryId: str


def registry_arguments(registry_id: str | None) -> RegistryArguments:
    """Return the arguments for an account's registries."""
    return {"registryId": registry_id} if registry_id else {}


class EcrImages:
    """The port `ImageRegistry` for one account's registries (None: the caller's own account)."""

    def __init__(
        self,
        client: "ECRClient",
        registry_id: str | None = None,
        manifests: ManifestMemory | None = None,
    ) -> None:
        """`manifests` remembers those of images that `digests` finds."""
        self._client = client
        self._manifests = manifests or ManifestMemory(0)
        self._registry = registry_arguments(registry_id)
        # For all requests: they share its threads, which the client's connections suffice for.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ecr")

    def digests(self, images: Iterable[Image]) -> Mapping[Image, str]:
        """Make one call for each repository and 100 of its tags, in parallel."""
        return self._look_up_all(self._look_up, images)

    def existing(self, images: Iterable[BuiltImage]) -> frozenset[BuiltImage]:
        """Return those of the images that exist, by repository and digest."""
        found: set[BuiltImage] = set()
        for repository, ids in _digest_calls(images):
            response = self._get(repository, ids)
            for image in response.get("images", []) if response else []:
                found.add((repository, image["imageId"].get("imageDigest", "")))
        return frozenset(found)

    def revisions(self, images: Iterable[BuiltImage]) -> Mapping[BuiltImage, str]:
        """Read the annotations of manifests: one call for each repository and 100 digests.

        There is no call for what was just looked up.
        The label of the same name is in another blob, which would cost two more calls for each.
        """
        found: dict[BuiltImage, str] = {}
        unread: set[BuiltImage] = set()
        for built in images:
            if (text := self._manifests.text(built)) is None:
                unread.add(built)
            elif revision := _revision(text):
                found[built] = revision
        for repository, ids in _digest_calls(unread):
            response = self._get(repository, ids)
            for image in response.get("images", []) if response else []:
                if revision := _revision(image.get("imageManifest", "")):
                    found[repository, image["imageId"].get("imageDigest", "")] = revision
        return found

    def pushed(self, images: Iterable[Image]) -> Mapping[Image, int]:
        """Make one call for each repository and 100 of its tags, in parallel.

        ECR refuses the whole call if one image is missing; then each tag is looked up alone.
        """
        return self._look_up_all(self._look_up_pushed, images)

    def _look_up_all(
        self, look_up: Callable[[str, Sequence[str]], dict[Image, _T]], images: Iterable[Image]
    ) -> dict[Image, _T]:
        calls = _calls(images)
        if len(calls) < 2:  # without threads
            return _merge(look_up(*call) for call in calls)
        return _merge(self._threads.map(lambda call: look_up(*call), calls))

    def _look_up_pushed(self, repository: str, tags: Sequence[str]) -> dict[Image, int]:
        exceptions = self._client.exceptions
        with aws_errors(f"look up when images of {repository} were pushed"):
            try:
                response = self._client.describe_images(
                    repositoryName=repository, imageIds=_ids(tags), **self._registry
                )
            except exceptions.RepositoryNotFoundException:
                return {}
            except exceptions.ImageNotFoundException:
                alone = [[tag] for tag in tags] if len(tags) > 1 else []
                return _merge(self._look_up_pushed(repository, one) for one in alone)
        return {
            (repository, tag): int(detail["imagePushedAt"].timestamp() * 1000)
            for detail in response["imageDetails"]
            for tag in {*tags}.intersection(detail.get("imageTags", []))
        }

    def _look_up(self, repository: str, tags: Sequence[str]) -> dict[Image, str]:
        response = self._get(repository, _ids(tags))
        if response is None:
            return {}
        digests = [
            (i["imageId"].get("imageTag", ""), i["imageId"].get("imageDigest", ""))
            for i in response.get("images", [])
        ]
        for image in response.get("images", []):
            self._remember(repository, image)
        absent = {_absent(repository, f) for f in response.get("failures", [])}
        if len(tags) == 1:
            return {(repository, tags[0]): digests[0][1]} if digests else {}
        found = {(repository, tag): digest for tag, digest in digests if tag in tags}
        # ECR may return two tags of one image as one entry with one of the tags. The other tag is
        # then neither found nor absent, and is looked up again alone.
        for tag in tags:
            if tag not in absent and (repository, tag) not in found:
                found |= self._look_up(repository, [tag])
        return found

    def _remember(self, repository: str, image: "ImageTypeDef") -> None:
        digest = image["imageId"].get("imageDigest")
        manifest, media_type = image.get("imageManifest"), image.get("imageManifestMediaType")
        if digest and manifest and media_type:
            self._manifests.add((repository, digest), Manifest(manifest, media_type))

    def _get(
        self, repository: str, ids: "Sequence[ImageIdentifierTypeDef]"
    ) -> "BatchGetImageResponseTypeDef | None":
        """Return ECR's response; None if the repository does not exist.

        The media type is not restricted, so that image indexes are found as well.
        """
        with aws_errors(f"look up images of {repository}"):
            try:
                return self._client.batch_get_image(
                    repositoryName=repository, imageIds=ids, **self._registry
                )
            except self._client.exceptions.RepositoryNotFoundException:
                return None


def _calls(images: Iterable[Image]) -> list[tuple[str, Sequence[str]]]:
    """Return repository and tags of each call, without names that ECR would refuse."""
    by_repository: dict[str, list[str]] = {}
    for repository, tag in sorted(set(images)):
        if _NAME.fullmatch(repository) and is_tag(tag):
            by_repository.setdefault(repository, []).append(tag)
    calls: list[tuple[str, Sequence[str]]] = []
    for repository, tags in by_repository.items():
        calls += [(repository, tags[at : at + PER_CALL]) for at in range(0, len(tags), PER_CALL)]
    return calls


def _digest_calls(
    images: Iterable[BuiltImage],
) -> "Iterator[tuple[str, list[ImageIdentifierTypeDef]]]":
    """Yield repository and digests of each call."""
    by_repository: dict[str, list[str]] = {}
    for repository, digest in sorted(set(images)):
        by_repository.setdefault(repository, []).append(digest)
    for repository, digests in by_repository.items():
        for at in range(0, len(digests), PER_CALL):
            yield repository, [{"imageDigest": digest} for digest in digests[at : at + PER_CALL]]


def _revision(manifest: str) -> str | None:
    """Return the commit in a manifest, if it is a plain text: any build can write it."""
    try:
        revision = json.loads(manifest).get("annotations", {}).get(REVISION)
    except (ValueError, AttributeError):
        return None
    is_usable = isinstance(revision, str) and 0 < len(revision) <= REVISION_MAX
    return plain_line(revision) if is_usable else None


def _ids(tags: Sequence[str]) -> "list[ImageIdentifierTypeDef]":
    return [{"imageTag": tag} for tag in tags]


def _merge(parts: Iterable[Mapping[Image, _T]]) -> dict[Image, _T]:
    merged: dict[Image, _T] = {}
    for part in parts:
        merged |= part
    return merged


def _absent(repository: str, failure: "ImageFailureTypeDef") -> str:
    """Return the tag that does not exist. Raises `BackendError` for a failure of another kind."""
    tag = failure.get("imageId", {}).get("imageTag", "")
    if (code := failure.get("failureCode", "")) not in _ABSENT:
        reason = failure.get("failureReason", "")
        raise BackendError(f"could not look up image {repository}:{tag}: {code}: {reason}")
    return tag
