"""Expiry of images in ECR: the instant of their push, and the policy of their registry."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.ecr import PER_CALL, EcrImages
from gromit.core.discrepancies.image_expiry import expiry_ms
from gromit.core.stack.component_inputs import Image
from gromit.core.stack.made import is_digest

if TYPE_CHECKING:
    from mypy_boto3_ecr.client import ECRClient
    from mypy_boto3_ecr.type_defs import DescribeImagesRequestTypeDef, ImageDetailTypeDef


class EcrExpiries:
    """The port `ImageExpiries` for one account's registries (None: the caller's own account)."""

    def __init__(self, client: "ECRClient", registry_id: str | None = None) -> None:
        self._client = client
        self._registry_id = registry_id

    def expiries(self, images: Iterable[Image]) -> Mapping[Image, int | None]:
        """Make two calls for 100 tags or digests of a repository, and one for its policy."""
        existing: defaultdict[str, list[str]] = defaultdict(list)
        for repository, name in sorted(self._existing(set(images))):
            existing[repository].append(name)
        found: dict[Image, int | None] = {}
        for repository, names in existing.items():
            policy = self._policy(repository)
            for at in range(0, len(names), PER_CALL):
                part = names[at : at + PER_CALL]
                for detail in self._details(repository, part):
                    pushed_ms = int(detail["imagePushedAt"].timestamp() * 1000)
                    tags = detail.get("imageTags", [])
                    expires_ms = expiry_ms(policy, tags, pushed_ms)
                    known = {*part}.intersection((*tags, detail["imageDigest"]))
                    found |= dict.fromkeys(((repository, name) for name in known), expires_ms)
        return found

    def _existing(self, images: Collection[Image]) -> Collection[Image]:
        """Return those that exist: ECR refuses a description of images of which one is missing."""
        registry = EcrImages(self._client, self._registry_id)
        built = {image for image in images if is_digest(image[1])}
        return {*registry.digests(set(images) - built), *registry.existing(built)}

    def _policy(self, repository: str) -> str | None:
        with aws_errors(f"read the lifecycle policy of {repository}"):
            try:
                if self._registry_id is None:
                    answer = self._client.get_lifecycle_policy(repositoryName=repository)
                else:
                    answer = self._client.get_lifecycle_policy(
                        repositoryName=repository, registryId=self._registry_id
                    )
            except self._client.exceptions.LifecyclePolicyNotFoundException:
                return None
        return answer["lifecyclePolicyText"]

    def _details(self, repository: str, names: Sequence[str]) -> Sequence["ImageDetailTypeDef"]:
        request: DescribeImagesRequestTypeDef = {
            "repositoryName": repository,
            "imageIds": [
                {"imageDigest": name} if is_digest(name) else {"imageTag": name} for name in names
            ],
        }
        if self._registry_id is not None:
            request["registryId"] = self._registry_id
        with aws_errors(f"describe images of {repository}"):
            return self._client.describe_images(**request)["imageDetails"]
