"""Images of an environment's stack: those it keeps, and those that the registry is asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import structlog

from gromit.core.stack.component_inputs import Image
from gromit.core.stack.made import BuiltImage, MadeComponent
from gromit.errors import BackendError
from gromit.ports import ImageRegistry

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StackImages:
    """Images that the components of one environment require."""

    registry: ImageRegistry
    required: Collection[Image]
    kept: Mapping[Image, MadeComponent]
    """Those that did not change, so that it does not matter whether the registry has them still."""

    def digests(self) -> Mapping[Image, str]:
        """Return the digest of each image that is kept or exists."""
        kept = {image: made.digest for image, made in self.kept.items() if made.digest}
        changed = [image for image in self.required if image not in kept]
        return {**self.registry.digests(changed), **kept} if changed else kept

    def revisions(self, digests: Mapping[Image, str]) -> Mapping[BuiltImage, str]:
        """Return the commit of each image, where it is known. The environment can do without."""
        kept = {
            (made.repository, made.digest): made.revision
            for made in self.kept.values()
            if made.repository and made.digest and made.revision
        }
        changed = [(repo, d) for (repo, tag), d in digests.items() if (repo, tag) not in self.kept]
        try:
            return {**self.registry.revisions(changed), **kept} if changed else kept
        except BackendError as error:
            log.warning("revisions.unknown", reason=error.message)
            return kept
