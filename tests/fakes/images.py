"""A registry in memory."""

import hashlib
from collections.abc import Collection, Iterable, Mapping

from gromit.core.stack.component_inputs import Image
from gromit.core.stack.image_marks import ImageMark, parse_mark
from gromit.core.stack.made import BuiltImage
from gromit.errors import Denied


class FakeImages:
    """The ports `ImageRegistry` and `ImageMarks`: contains the images that tests push."""

    def __init__(self, *images: Image) -> None:
        self._digests: dict[Image, str] = {}
        self._pushed: dict[tuple[str, str], int] = {}
        """Repository and digest to the instant of the first push."""
        self.commits: dict[BuiltImage, str] = {}
        self.now_ms = 0
        self.forbidden: set[str] = set()
        """Repositories of which no tag may be removed."""
        self.problem: Exception | None = None
        self.mark_faults: list[Exception] = []
        """Raised by the next calls of `mark`, one each."""
        self.marked: list[BuiltImage] = []
        """Images of all calls of `mark`."""
        for repository, tag in images:
            self.push(repository, tag)

    def push(self, repository: str, tag: str, content: str | None = None) -> str:
        """Push an image under a tag, moving an existing tag, and return its digest."""
        digest = "sha256:" + hashlib.sha256((content or f"{repository}:{tag}").encode()).hexdigest()
        self._digests[repository, tag] = digest
        self._pushed.setdefault((repository, digest), self.now_ms)
        return digest

    def remove(self, repository: str, tag: str) -> None:
        """Remove a tag, as if it had expired."""
        del self._digests[repository, tag]

    def expire(self, repository: str, digest: str) -> None:
        """Remove an image with all its tags."""
        kept = {i: d for i, d in self._digests.items() if (i[0], d) != (repository, digest)}
        self._digests = kept

    def mark(self, images: Iterable[BuiltImage], tag: str) -> Collection[BuiltImage]:
        """Tag the images that exist; raise `problem` if it is set."""
        if self.problem:
            raise self.problem
        if self.mark_faults:
            raise self.mark_faults.pop(0)
        gone = set()
        for repository, digest in images:
            self.marked.append((repository, digest))
            if (repository, digest) in {(r, d) for (r, _), d in self._digests.items()}:
                self._digests[repository, tag] = digest
            else:
                gone.add((repository, digest))
        return gone

    def all(self, repositories: Iterable[str]) -> Collection[ImageMark]:
        """Return every mark; raise `problem` if it is set."""
        if self.problem:
            raise self.problem
        asked = set(repositories)
        marks = (parse_mark(*image) for image in self._digests if image[0] in asked)
        return {mark for mark in marks if mark}

    def unmark(self, repositories: Iterable[str], tags: Collection[str]) -> None:
        """Remove tags; raise `problem` if it is set."""
        if self.problem:
            raise self.problem
        for repository in repositories:
            if repository in self.forbidden:
                raise Denied(f"{repository} is another team's")
            for tag in tags:
                self._digests.pop((repository, tag), None)

    def tags(self, repository: str, digest: str | None = None) -> set[str]:
        """Return all tags of a repository, or of one of its images."""
        return {
            tag
            for (name, tag), found in self._digests.items()
            if name == repository and digest in {None, found}
        }

    def existing(self, images: Iterable[BuiltImage]) -> frozenset[BuiltImage]:
        """Return those of the images that exist."""
        return frozenset(images) & {(r, digest) for (r, _), digest in self._digests.items()}

    def digests(self, images: Iterable[Image]) -> Mapping[Image, str]:
        """Return the digest of each pushed image; raise `problem` if it is set."""
        if self.problem:
            raise self.problem
        return {image: self._digests[image] for image in images if image in self._digests}

    def revisions(self, images: Iterable[BuiltImage]) -> Mapping[BuiltImage, str]:
        """Return the commits that tests have set; raise `problem` if it is set."""
        if self.problem:
            raise self.problem
        return {image: self.commits[image] for image in images if image in self.commits}

    def pushed(self, images: Iterable[Image]) -> Mapping[Image, int]:
        """Return when each pushed image was pushed first; raise `problem` if it is set."""
        found = FakeImages.digests(self, images)
        return {(r, t): self._pushed[r, digest] for (r, t), digest in found.items()}
