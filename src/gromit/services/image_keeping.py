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

    def keep_next(self, environment: str, images: Iterable[BuiltImage]) -> Collection[BuiltImage]:
        """Keep images that an apply is about to use; return those that are gone."""
        return self._mark(environment, images, next_mark(environment))

    def keep_used(self, environment: str, images: Iterable[BuiltImage]) -> None:
        """Keep the images of a success. Those of the success before it are kept no longer."""
        self._mark(environment, images, used_mark(environment))

    def release(self, environment: str, repositories: Iterable[str]) -> None:
        """Keep no image of an environment any longer.

        Raises what the registry does, except for a missing permission: without it, images stay.
        """
        try:
            self.marks.unmark(repositories, (used_mark(environment), next_mark(environment)))
        except Denied as error:
            log.warning("images.not_released", env=environment, reason=error.message)

    def _mark(
        self, environment: str, images: Iterable[BuiltImage], mark: str
    ) -> Collection[BuiltImage]:
        try:
            return self.marks.mark(images, mark)
        except BackendError as error:
            log.warning("images.not_marked", env=environment, reason=error.message)
            return ()
