"""Answers of the registries, remembered while one request is served."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from gromit.core.stack.made import BuiltImage
from gromit.ports import ImageRegistry

_Image = tuple[str, str]
_Fact = TypeVar("_Fact")


@dataclass(frozen=True, slots=True)
class RememberedImages:
    """The port `ImageRegistry`: asks another one for each image once."""

    images: ImageRegistry
    _digests: dict[_Image, str | None] = field(default_factory=dict)
    _pushed: dict[_Image, int | None] = field(default_factory=dict)

    def digests(self, images: Iterable[_Image]) -> Mapping[_Image, str]:
        """See the port."""
        return _known(images, self._digests, self.images.digests)

    def pushed(self, images: Iterable[_Image]) -> Mapping[_Image, int]:
        """See the port."""
        return _known(images, self._pushed, self.images.pushed)

    def revisions(self, images: Iterable[BuiltImage]) -> Mapping[BuiltImage, str]:
        """See the port."""
        return self.images.revisions(images)


def _known(
    images: Iterable[_Image],
    known: dict[_Image, _Fact | None],
    ask: Callable[[list[_Image]], Mapping[_Image, _Fact]],
) -> Mapping[_Image, _Fact]:
    wanted = list(images)
    if unknown := [image for image in wanted if image not in known]:
        found = ask(unknown)
        known.update({image: found.get(image) for image in unknown})
    return {i: answer for i in wanted if (answer := known[i]) is not None}
