"""A registry in memory whose lifecycle policies run on a virtual clock.

The policies are those of `terraform/modules/registry`, and the rules of ECR by which they expire
images are those of the emulator.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gromit.core.stack.made import BuiltImage
from gromit.local.aws.lifecycle import RegistryImage, expired_images
from tests.fakes.images import FakeImages

if TYPE_CHECKING:
    from gromit.core.stack.component_inputs import Image


class SimulatedRegistry(FakeImages):
    """Images that exist until they expire, with tags or without any."""

    def __init__(self, policies: Mapping[str, Mapping[str, Any]], now_ms: int) -> None:
        super().__init__()
        self._policies = policies
        self.now_ms = now_ms
        self.pushes: dict[Image, set[str]] = {}
        """Tag to the digests of all images that were pushed with it."""
        self.expired = 0
        """Images that have expired so far."""

    def push(self, repository: str, tag: str, content: str | None = None) -> str:
        """Push an image under a tag, moving an existing tag, and return its digest."""
        digest = super().push(repository, tag, content)
        self.pushes.setdefault((repository, tag), set()).add(digest)
        return digest

    def run_policies(self) -> None:
        """Remove the images that expire now, as AWS does once a day."""
        for repository, policy in self._policies.items():
            images = [
                RegistryImage(
                    tuple(sorted(self.tags(repository, digest))),
                    (self.now_ms - pushed_ms) / 1000,
                    digest,
                )
                for (name, digest), pushed_ms in self._pushed.items()
                if name == repository
            ]
            for image in expired_images(policy, images):
                self.expire(repository, image.digest)
                self.expired += 1

    def expire(self, repository: str, digest: str) -> None:
        """Remove an image with all its tags."""
        super().expire(repository, digest)
        self._pushed.pop((repository, digest), None)

    def existing(self, images: Iterable[BuiltImage]) -> frozenset[BuiltImage]:
        """Return those of the images that exist, without tags too."""
        return frozenset(images) & self._pushed.keys()

    def mark(self, images: Iterable[BuiltImage], tag: str) -> Collection[BuiltImage]:
        """Tag the images that exist, and return the others."""
        asked = set(images)
        for repository, digest in self.existing(asked):
            self._digests[repository, tag] = digest
        return asked - self._pushed.keys()

    def unmark(self, repositories: Iterable[str], tags: Collection[str]) -> None:
        """Remove tags, and images whose last tag they were, as ECR does."""
        for repository in repositories:
            for tag in tags:
                digest = self._digests.pop((repository, tag), None)
                if digest and not self.tags(repository, digest):
                    self.expire(repository, digest)
