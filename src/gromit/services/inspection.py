"""Read-only view of the inputs of an environment's stack, for people.

Images and config files may be missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.component_inputs import (
    Image,
    ResolvedInputs,
    component_inputs,
    required_images,
)
from gromit.core.stack.contract import StackInput
from gromit.core.stack.made import MadeComponent, kept_images, made_versions
from gromit.errors import ConfigRootUnusable
from gromit.ports import ConfigHashes, ImageRegistry, PlatformSource, Progress
from gromit.ports.secrets import SecretDirectory
from gromit.services.stack_images import StackImages
from gromit.services.stack_secrets import StackSecrets


@dataclass(frozen=True, slots=True, kw_only=True)
class StackInspector:
    """Collects the inputs of stacks. It writes nothing and needs no lock."""

    catalogue: Catalogue
    platform: PlatformSource
    images: ImageRegistry
    secrets: SecretDirectory
    root: ConfigHashes
    warn: Progress
    """Called with each missing input, and what that means for the plan."""

    def stack(
        self,
        name: str,
        versions: Mapping[str, str],
        redeploys: Mapping[str, str],
        made: Sequence[MadeComponent] = (),
    ) -> StackInput:
        """Return the inputs of a stack; `made` has its components as the last apply made them.

        The labels of a missing image lack its digest; those of a missing config folder its hash.
        """
        platform = self.platform.read()
        versions = made_versions(versions, made)
        required = required_images(self.catalogue, versions)
        kept = kept_images(made, required, redeploys)
        sources = ResolvedInputs(
            environment=name,
            catalogue=self.catalogue,
            versions=versions,
            digests=self._digests(StackImages(self.images, required, kept)),
            platform=platform,
            config_hashes=self._hashes(name),
            redeploys=redeploys,
            secrets=StackSecrets(self.secrets, self.catalogue).known(self.warn),
        )
        return StackInput(name=name, platform=platform, components=component_inputs(sources))

    def _digests(self, images: StackImages) -> Mapping[Image, str]:
        found = images.digests()
        missing = sorted(set(images.required) - found.keys())
        for repository, tag in missing:
            self.warn(
                f"warning: there is no image {repository}:{tag} in the registry;"
                " its digest is left out of this plan"
            )
        return {**dict.fromkeys(missing, ""), **found}

    def _hashes(self, name: str) -> Mapping[str, str]:
        configured = [
            c.name for c in self.catalogue.components.values() if c.config_path is not None
        ]
        try:
            hashes = self.root.hashes(name, configured)
        except ConfigRootUnusable as error:
            self.warn(f"warning: {error.message}; config hashes are left out of this plan")
            return {}
        if absent := sorted(set(configured) - hashes.keys()):
            self.warn(
                f"warning: {name} has no rendered config yet for {', '.join(absent)};"
                " their config hashes are left out of this plan"
            )
        return hashes
