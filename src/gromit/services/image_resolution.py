"""Resolution of the images of one environment: by tag, by what was made, or by a fallback."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from gromit.core.environments.claims import Claim
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.component_inputs import Image, required_images
from gromit.core.stack.made import BuiltImage, has_existed, kept_images
from gromit.ports import ImageRegistry
from gromit.services.image_keeping import ImageKeeper
from gromit.services.stack_images import StackImages

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ResolvedImages:
    """Images that an apply uses."""

    versions: Mapping[str, str]
    """Repository to tag: the desired one, or its fallback."""
    digests: Mapping[Image, str]
    """Digests of the images that exist."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Repository to the desired tag whose image is gone, so that a fallback takes its place."""


@dataclass(frozen=True, slots=True)
class ImageResolver:
    """Finds the images of an environment, and keeps them from expiring."""

    catalogue: Catalogue
    registry: ImageRegistry
    keeper: ImageKeeper

    def __call__(self, claim: Claim, *, trusts_kept: bool = False) -> ResolvedImages:
        """Return the images that exist, with fallbacks for those that existed once.

        If it `trusts_kept`, those that did not change exist, and have their marks.
        An image that the registry never had has no fallback: its build is at fault. A parked
        environment runs nothing, so it gets no fallback either.
        """
        digests = self._digests(claim, claim.versions, trusts_kept=trusts_kept)
        if claim.parked:
            return ResolvedImages(claim.versions, digests)
        fallbacks = self._fallbacks(claim, digests)
        if not fallbacks:
            return ResolvedImages(claim.versions, digests)
        for (repository, tag), instead in sorted(fallbacks.items()):
            image = f"{repository}:{tag}"
            log.warning("image.gone", env=claim.name, image=image, instead=instead)
        versions = {**claim.versions, **{r: instead for (r, _), instead in fallbacks.items()}}
        return ResolvedImages(versions, self._digests(claim, versions), dict(fallbacks.keys()))

    def images(self, claim: Claim, versions: Mapping[str, str]) -> StackImages:
        """Return the images that versions need, and those of them that were made."""
        required = required_images(self.catalogue, versions)
        return StackImages(
            self.registry, required, kept_images(claim.made, required, claim.redeploys)
        )

    def _digests(
        self, claim: Claim, versions: Mapping[str, str], *, trusts_kept: bool = False
    ) -> Mapping[Image, str]:
        """Return the digest of each image that exists, and keep these images."""
        images = self.images(claim, versions)
        digests = images.digests()
        trusted = images.kept if trusts_kept else {}
        gone = set(self._keep(claim, {i: d for i, d in digests.items() if i not in trusted}))
        if not gone:
            return digests
        present = {i: d for i, d in digests.items() if (i[0], d) not in gone}
        # Only the image that was made is gone. Its tag may be on another one by now.
        again = self.registry.digests(images.kept.keys() - present.keys())
        self._keep(claim, again)
        return {**present, **again}

    def _keep(self, claim: Claim, digests: Mapping[Image, str]) -> Iterable[BuiltImage]:
        built = {(repository, digest) for (repository, _), digest in digests.items()}
        return self.keeper.keep_next(claim.name, built)

    def _fallbacks(self, claim: Claim, digests: Mapping[Image, str]) -> Mapping[Image, str]:
        """Return the tag that takes the place of each image that existed once, where one does."""
        missing = required_images(self.catalogue, claim.versions) - digests.keys()
        tags = {
            (repository, tag): (*claim.branch_tags, self.catalogue.default_tag(repository))
            for repository, tag in sorted(missing)
            if has_existed(claim.made, repository, tag)
        }
        if not tags:
            return {}
        asked = {(repository, tag) for (repository, _), some in tags.items() for tag in some}
        found = self.registry.digests(asked - missing)
        chosen = {
            image: next((tag for tag in some if (image[0], tag) in found), None)
            for image, some in tags.items()
        }
        return {image: tag for image, tag in chosen.items() if tag is not None}
