"""Image marks: tags that the lifecycle policy of a registry keeps.

sow marks the images of an environment, and reap removes its marks. Each environment has two marks
in a registry. `next_mark` is on the image of the last apply that began, `used_mark` on that of the
last one that succeeded: after a rollout that failed, tasks of both may run.

Git allows no two dots in the name of a branch, so no build pushes an image with such a tag. A name
of an installation or of an environment has no dot, so no two pairs of names share a mark.
"""

from collections.abc import Collection
from dataclasses import dataclass

MARK_BEGINNING = "gromit.."
"""Beginning of all marks. The policy of `terraform/base` keeps tags with it."""
_NEXT = "..next"


def used_mark(environment: str, installation: str = "") -> str:
    """Return the mark of the image that the last success of an environment runs.

    `installation` is the name of the one that has the environment; empty if it has none.
    """
    owner = f"{installation}." if installation else ""
    return f"{MARK_BEGINNING}{owner}{environment}"


def next_mark(environment: str, installation: str = "") -> str:
    """Return the mark of the image that the last apply of an environment began with."""
    return f"{used_mark(environment, installation)}{_NEXT}"


def marks_of(environment: str, *installations: str) -> Collection[str]:
    """Return all marks of an environment that installations with these names may have made."""
    names = dict.fromkeys(installations)
    return [mark(environment, name) for name in names for mark in (used_mark, next_mark)]


@dataclass(frozen=True, slots=True)
class ImageMark:
    """Mark of an image in a registry."""

    repository: str
    environment: str
    installation: str
    """Name of the installation that made it; empty if that one had none."""


def parse_mark(repository: str, tag: str) -> ImageMark | None:
    """Return what a tag says about the image; None if it is no mark."""
    if not tag.startswith(MARK_BEGINNING):
        return None
    owner = tag.removeprefix(MARK_BEGINNING).removesuffix(_NEXT)
    installation, dot, environment = owner.rpartition(".")
    if not environment or bool(dot) != bool(installation) or "." in installation:
        return None
    return ImageMark(repository, environment, installation)
