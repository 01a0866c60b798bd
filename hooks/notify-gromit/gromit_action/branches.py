"""All branches of the repository, for a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gromit_action.exchange import Busy, Wrong
from gromit_action.github import Denied, github_of
from gromit_action.inputs import is_set
from gromit_action.reports import BRANCH, Branches

if TYPE_CHECKING:
    from collections.abc import Mapping

BRANCHES_MAX = 5000
"""Branches in the longest list that gromit accepts."""


def read_branches(variables: Mapping[str, str], deadline: float) -> Branches:
    """Return all branches of the repository, from GitHub's API.

    Raises `Wrong` if the job may not read them, and `Busy` if the list is not complete.
    """
    names: dict[str, None] = {}
    try:
        for page in github_of(variables, deadline).pages("/branches", ""):
            names.update(dict.fromkeys(_names(page)))
            if len(names) > BRANCHES_MAX:
                raise Wrong(f"a repository with more than {BRANCHES_MAX} branches cannot be swept")
    except Denied as denied:
        raise Wrong(
            f"GitHub refused the list of branches ({denied}):"
            " give the job `permissions: {contents: read}`"
        ) from None
    own = variables["GITHUB_REF"]
    if own.startswith(BRANCH) and own[len(BRANCH) :] not in names:
        raise Busy(f"GitHub's list of branches lacks {own}, so it is not complete")
    return Branches(tuple(names))


def _names(page: list[Any]) -> list[str]:
    try:
        return [str(branch["name"]) for branch in page]
    except (TypeError, KeyError):
        raise Busy("GitHub's list of branches cannot be read") from None


def sweeps(event: str, variables: Mapping[str, str]) -> bool:
    """Whether this run lists branches. Raises `Wrong` for another event than a schedule."""
    is_sweep = is_set(variables, "NOTIFY_SWEEP")
    # GitHub runs only the default branch's workflow on a schedule, so no branch can retire others.
    if is_sweep and event != "schedule":
        raise Wrong(f"the input sweep needs the event schedule, and this is {event}")
    return is_sweep
