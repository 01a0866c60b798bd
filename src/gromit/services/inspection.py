"""All inputs of an environment's stack as they are now, for a person who looks: nothing is written, and little can be missing."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.component_inputs import (
    Image,
    ResolvedInputs,
    component_inputs,
    required_images,
)
from gromit.core.stack.contract import StackInput
from gromit.errors import ConfigRootUnusable
from gromit.ports import ConfigHashes, ImageRegistry, PlatformSource, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class StackInspector:
    """Gives the inputs of stacks without touching anything; no lock is needed."""

    catalogue: Catalogue
    platform: PlatformSource
    images: ImageRegistry
    root: ConfigHashes
    tell: Progress
    """Called with each thing that is missing, and what that means for the inputs."""

    def stack(
        self, name: str, versions: Mapping[str, str], redeploys: Mapping[str, str]
    ) -> StackInput:
        """The inputs. A missing image has no digest in its labels, and a config folder that is not there no hash."""
        platform = self.platform.read()
        sources = ResolvedInputs(
            environment=name,
            catalogue=self.catalogue,
            versions=versions,
            digests=self._digests(versions),
            platform=platform,
            config_hashes=self._hashes(name),
            redeploys=redeploys,
        )
        return StackInput(name=name, platform=platform, components=component_inputs(sources))

    def _digests(self, versions: Mapping[str, str]) -> Mapping[Image, str]:
        wanted = required_images(self.catalogue, versions)
        found = self.images.digests(wanted)
        missing = sorted(wanted - found.keys())
        for repository, tag in missing:
            self.tell(
                f"there is no image {repository}:{tag} in the registry: its component is labelled without a digest"
            )
        return {**dict.fromkeys(missing, ""), **found}

    def _hashes(self, name: str) -> Mapping[str, str]:
        configured = [
            c.name for c in self.catalogue.components.values() if c.config_path is not None
        ]
        try:
            hashes = self.root.hashes(name, configured)
        except ConfigRootUnusable as error:
            self.tell(
                f"{error.message}: components are labelled without the hashes of their config files"
            )
            return {}
        if absent := sorted(set(configured) - hashes.keys()):
            self.tell(
                f"no config files of {name} yet, so labelled without their hash: {', '.join(absent)}"
            )
        return hashes
