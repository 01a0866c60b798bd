"""The port of marks on images."""

from collections.abc import Collection, Iterable
from typing import Protocol

from gromit.core.stack.image_marks import ImageMark
from gromit.core.stack.made import BuiltImage


class ImageMarks(Protocol):
    """Tags with which registries keep images that environments use."""

    def mark(self, images: Iterable[BuiltImage], tag: str) -> Collection[BuiltImage]:
        """Give images a tag, and return those that do not exist.

        `images` has at most one image of each repository, because the tag moves to it.
        Raises `Temporary`, `Denied` or `BackendError`.
        """

    def all(self, repositories: Iterable[str]) -> Collection[ImageMark]:
        """Return every mark in registries, once for an environment. Raises like `mark`."""

    def unmark(self, repositories: Iterable[str], tags: Collection[str]) -> None:
        """Remove tags. An image without another tag is removed as well. Raises like `mark`."""
