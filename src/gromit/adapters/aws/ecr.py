"""Container registries of AWS: whether images exist, asked by exact tag. Nothing is ever listed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.core.names import is_tag
from gromit.core.stack.component_inputs import Image
from gromit.errors import BackendError

if TYPE_CHECKING:
    from mypy_boto3_ecr.client import ECRClient
    from mypy_boto3_ecr.type_defs import BatchGetImageResponseTypeDef, ImageFailureTypeDef

PER_CALL = 100
"""Tags that one BatchGetImage takes."""

_THREADS = 16
_ABSENT = frozenset({"ImageNotFound", "ImageTagDoesNotMatchDigest", "InvalidImageTag"})
_NAME = re.compile(r"(?=.{2,256}$)[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
"""Roughly what ECR accepts as the name of a repository; one that it would refuse has no images."""


class EcrImages:
    """The port `ImageRegistry`, on the registries of one account (unset: the caller's own)."""

    def __init__(self, client: "ECRClient", registry_id: str | None = None) -> None:
        self._client = client
        self._registry_id = registry_id

    def digests(self, images: Iterable[Image]) -> Mapping[Image, str]:
        """The digest of each (repository, tag) that exists: one call per repository and 100 tags, all at the same time."""
        calls = _calls(images)
        if len(calls) < 2:
            return {found: digest for call in calls for found, digest in self._ask(*call).items()}
        with ThreadPoolExecutor(min(_THREADS, len(calls)), thread_name_prefix="ecr") as pool:
            answers = pool.map(lambda call: self._ask(*call), calls)
            return {found: digest for answer in answers for found, digest in answer.items()}

    def _ask(self, repository: str, tags: Sequence[str]) -> dict[Image, str]:
        answer = self._get(repository, tags)
        if answer is None:
            return {}
        digests = [
            (i["imageId"].get("imageTag", ""), i["imageId"].get("imageDigest", ""))
            for i in answer.get("images", [])
        ]
        absent = {_absent(repository, f) for f in answer.get("failures", [])}
        if len(tags) == 1:
            return {(repository, tags[0]): digests[0][1]} if digests else {}
        found = {(repository, tag): digest for tag, digest in digests if tag in tags}
        # Two tags of one image may come back as one entry under one of them: the other one is asked for again, alone.
        for tag in tags:
            if tag not in absent and (repository, tag) not in found:
                found |= self._ask(repository, [tag])
        return found

    def _get(self, repository: str, tags: Sequence[str]) -> "BatchGetImageResponseTypeDef | None":
        """AWS' answer; None if there is no such repository. The media type is left open, so that an index is found as well."""
        ids = [{"imageTag": tag} for tag in tags]
        registry = {"registryId": self._registry_id} if self._registry_id else {}
        with aws_errors(f"look up images of {repository}"):
            try:
                return self._client.batch_get_image(
                    repositoryName=repository,
                    imageIds=ids,  # type: ignore[arg-type]
                    **registry,
                )
            except self._client.exceptions.RepositoryNotFoundException:
                return None


def _calls(images: Iterable[Image]) -> list[tuple[str, Sequence[str]]]:
    """Images by repository, in parts that one call can take; what no registry could hold is left out."""
    wanted: dict[str, list[str]] = {}
    for repository, tag in sorted(set(images)):
        if _NAME.fullmatch(repository) and is_tag(tag):
            wanted.setdefault(repository, []).append(tag)
    return [
        (name, tags[at : at + PER_CALL])
        for name, tags in wanted.items()
        for at in range(0, len(tags), PER_CALL)
    ]


def _absent(repository: str, failure: "ImageFailureTypeDef") -> str:
    """The tag that a failure says does not exist. Raises `BackendError` for a failure that says something else."""
    tag = failure.get("imageId", {}).get("imageTag", "")
    if (code := failure.get("failureCode", "")) not in _ABSENT:
        raise BackendError(
            f"could not look up image {repository}:{tag}: {code}: {failure.get('failureReason', '')}"
        )
    return tag
