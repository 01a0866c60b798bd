"""Keeping of images that environments use, so that their registries do not expire them.

A registry that cannot be asked stops no work: an image without a mark exists for two weeks at
least, the next change of its environment marks it, and the doctor reports it in time.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import structlog

from gromit.core.stack.image_marks import marks_of, next_mark, used_mark
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
        return self._mark(environment, images, next_mark(environment, self.installation)) or ()

    def keep_used(self, environment: str, images: Iterable[BuiltImage]) -> bool:
        """Keep the images of a success; whether it worked for each of them.

        Those of the success before it are kept no longer.
        """
        missed = self._mark(environment, images, used_mark(environment, self.installation))
        return missed is not None and not missed

    def release(self, environment: str, repositories: Iterable[str]) -> None:
        """Keep no image of an environment any longer, also not by marks without a name.

        Raises what the registry does, except for a missing permission: without it, images stay.
        """
        # Before the installation had a name, its marks had none.
        marks = marks_of(environment, self.installation, "")
        # One by one: a registry of another team, or one that is gone, hides none of the others.
        reasons = [self._unmark(repository, marks) for repository in sorted(set(repositories))]
        if reason := "; ".join(filter(None, reasons)):
            log.warning("images.not_released", env=environment, reason=reason)

    def _unmark(self, repository: str, marks: Collection[str]) -> str:
        """Remove marks; return why it is not allowed, or ""."""
        try:
            self.marks.unmark([repository], marks)
        except Denied as error:
            return error.message
        return ""

    def _mark(
        self, environment: str, images: Iterable[BuiltImage], mark: str
    ) -> Collection[BuiltImage] | None:
        """Return the images that are gone; None if the registry cannot be asked."""
        try:
            return self.marks.mark(images, mark)
        except BackendError as error:
            log.warning("images.not_marked", env=environment, reason=error.message)
            return None
