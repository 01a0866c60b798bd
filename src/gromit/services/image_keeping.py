"""Keeping of images that environments use, so that their registries do not expire them.

A registry that cannot be asked stops no work: an image without a mark exists for two weeks at
least, the next change of its environment marks it, and the doctor reports it in time.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import structlog

from gromit.core.stack.image_marks import next_mark, used_mark
from gromit.core.stack.made import BuiltImage
from gromit.errors import BackendError, Denied
from gromit.ports.image_marks import ImageMarks

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ImageKeeper:
    """Marks images of environments, and removes the marks."""

    marks: ImageMarks
    installation: str = ""
    """Name of this installation; empty if it has none."""

    def keep_next(self, environment: str, images: Iterable[BuiltImage]) -> Collection[BuiltImage]:
        """Keep images that an apply is about to use; return those that are gone."""
        return self._mark(environment, images, next_mark(environment, self.installation))

    def keep_used(self, environment: str, images: Iterable[BuiltImage]) -> None:
        """Keep the images of a success. Those of the success before it are kept no longer."""
        self._mark(environment, images, used_mark(environment, self.installation))

    def release(self, environment: str, repositories: Iterable[str]) -> None:
        """Keep no image of an environment any longer, also not by marks without a name.

        Raises what the registry does, except for a missing permission: without it, images stay.
        """
        try:
            self.marks.unmark(repositories, self._marks(environment))
        except Denied as error:
            log.warning("images.not_released", env=environment, reason=error.message)

    def _marks(self, environment: str) -> Collection[str]:
        """Return all marks that this installation may have made, before and since it has a name."""
        names = dict.fromkeys((self.installation, ""))
        return [mark(environment, name) for name in names for mark in (used_mark, next_mark)]

    def _mark(
        self, environment: str, images: Iterable[BuiltImage], mark: str
    ) -> Collection[BuiltImage]:
        try:
            return self.marks.mark(images, mark)
        except BackendError as error:
            log.warning("images.not_marked", env=environment, reason=error.message)
            return ()
