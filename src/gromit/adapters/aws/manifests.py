"""Manifests of images that were just looked up, so that a mark needs no further look."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from gromit.core.stack.made import BuiltImage

KEPT, LONGEST = 256, 64 * 1024
"""Largest number of manifests that are remembered, and largest length of one."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Manifest of an image, which its digest is the hash of."""

    text: str
    media_type: str


@dataclass(slots=True)
class _Known:
    manifest: Manifest
    tags: set[str] = field(default_factory=set)
    """Tags that were given out with the manifest."""


class ManifestMemory:
    """The newest manifests of this process. Thread-safe."""

    def __init__(self, kept: int = KEPT) -> None:
        """Remember at most `kept` manifests; none with 0, where no one marks images."""
        self._kept = kept
        self._known: OrderedDict[BuiltImage, _Known] = OrderedDict()
        self._changing = threading.Lock()

    def add(self, image: BuiltImage, manifest: Manifest) -> None:
        """Remember the manifest of an image that exists now, unless it is long."""
        if len(manifest.text) > LONGEST:
            return
        with self._changing:
            self._known.pop(image, None)
            self._known[image] = _Known(manifest)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)

    def text(self, image: BuiltImage) -> str | None:
        """Return the text of a manifest; None if it is not known."""
        with self._changing:
            known = self._known.get(image)
            return None if known is None else known.manifest.text

    def take(self, image: BuiltImage, tag: str) -> Manifest | None:
        """Return the manifest for a tag on the image, once for each tag; else None.

        An image that got the tag before may have it still, or be gone meanwhile.
        """
        with self._changing:
            known = self._known.get(image)
            if known is None or tag in known.tags:
                return None
            known.tags.add(tag)
            return known.manifest
