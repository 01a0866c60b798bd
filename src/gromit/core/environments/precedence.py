"""Rules for branches that map to the same environment: which of them gets its name.

| branch, in one repository | environment | rule                                                  |
|---------------------------|-------------|-------------------------------------------------------|
| `login`                   | `login`     | its whole name: takes the place of a nested branch    |
| `feature/login`           | `login`     | nested: gets the name if no other branch has it       |
| `feature/main`            | `main`      | nested: never gets a protected name, in no repository |

Branches of equal worth keep the order in which they came.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from gromit.core.environments.desired_state import Build
from gromit.errors import Conflict


def is_protected_name(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name matches a pattern of names that are protected from their creation on."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def check_name(build: Build, patterns: Iterable[str]) -> None:
    """Raise `Conflict` if a nested branch would get a protected name."""
    ref = build.ref
    if ref.is_nested and is_protected_name(ref.environment, patterns):
        raise Conflict(
            f"{ref.full!r} of {build.repository} cannot join environment {ref.environment},"
            " because that name is protected",
            hint=f"rename the branch: only one without '/' in its name can be {ref.environment}"
            " (setting environments.protected)",
        )


def check_place(build: Build, held: str) -> None:
    """Raise `Conflict` unless a build takes the place of `held`, the branch that has the name."""
    ref = build.ref
    is_held_nested = "/" in held
    if is_held_nested and not ref.is_nested:
        return
    hint = (
        f"delete or rename one of the branches {held!r} and {ref.full!r}:"
        f" both map to environment {ref.environment}"
    )
    if ref.is_nested and not is_held_nested:
        hint = f"rename the branch {ref.full!r}: {held!r} comes first, being the whole name"
    raise Conflict(
        f"{build.repository} already has {held!r} in environment {ref.environment}", hint=hint
    )
