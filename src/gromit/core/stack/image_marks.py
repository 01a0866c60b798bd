"""Image marks: tags that the lifecycle policy of a registry keeps.

sow marks the images of an environment, and reap removes its marks. Each environment has two marks
in a registry. `next_mark` is on the image of the last apply that began, `used_mark` on that of the
last one that succeeded: after a rollout that failed, tasks of both may run.

Git allows no two dots in the name of a branch, so no build pushes an image with such a tag. A name
of an installation or of an environment has no dot, so no two pairs of names share a mark.
"""

MARK_BEGINNING = "gromit.."
"""Beginning of all marks. The policy of `terraform/base` keeps tags with it."""


def used_mark(environment: str, installation: str = "") -> str:
    """Return the mark of the image that the last success of an environment runs.

    `installation` is the name of the one that has the environment; empty if it has none.
    """
    owner = f"{installation}." if installation else ""
    return f"{MARK_BEGINNING}{owner}{environment}"


def next_mark(environment: str, installation: str = "") -> str:
    """Return the mark of the image that the last apply of an environment began with."""
    return f"{used_mark(environment, installation)}..next"
