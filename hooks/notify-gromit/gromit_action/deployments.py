"""A GitHub Deployment for each build, in an environment for each branch.

GitHub makes no transient deployment inactive by itself, so a job does that for the older ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gromit_action.environments import FAILED, LATE, READY, SUPERSEDED
from gromit_action.markdown import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gromit_action.environments import Environment, Outcome
    from gromit_action.github import Github
    from gromit_action.page import Run

PERMISSION = "deployments: write"
_DESCRIPTION = 140
"""Characters of a description that GitHub accepts."""
_INACTIVE = "inactive"
_OF_RESULT = {READY: "success", FAILED: "failure", LATE: "error", SUPERSEDED: _INACTIVE}
_OF_PHASE = {"pending": "queued"}


def github_name(branch: str) -> str:
    """Return the name of GitHub's environment of a branch.

    The prefix keeps a branch `production` apart from an environment that people made.
    """
    return f"gromit/{branch}"


class Deployment:
    """The deployment of one build."""

    def __init__(self, branch: str, sha: str, run: Run) -> None:
        self._name = github_name(branch)
        self._sha = sha
        self._run = run
        self._id: int | None = None
        self._older: list[int] = []
        self._shown = ""

    def show(
        self, github: Github, environment: Environment, outcome: Outcome | None, url: str
    ) -> None:
        """Give the deployment the state of the environment. Raises `Busy` and `Denied`."""
        if self._id is None:
            self._id = self._find(github) or self._create(github)
        state = _state(environment, outcome)
        text = plain(outcome.reason if outcome else environment.progress(), _DESCRIPTION)
        is_ready = state == "success"
        if state != self._shown:
            _set(github, self._id, _Status(state, text, url if is_ready else ""), self._run)
            self._shown = state
        if is_ready:
            self._retire_older(github)

    def _find(self, github: Github) -> int | None:
        """Return this build's deployment, if an earlier attempt made one."""
        found = _listed(github, self._name)
        own = [d["id"] for d in found if d["sha"] == self._sha]
        self._older = [int(d["id"]) for d in found if d["id"] not in own[:1]]
        return int(own[0]) if own else None

    def _create(self, github: Github) -> int:
        body = {
            "ref": self._sha,
            "environment": self._name,
            "description": "Environment of gromit",
            "auto_merge": False,
            "required_contexts": [],
            "transient_environment": True,
            "production_environment": False,
        }
        return int(github.call("POST", "/deployments", body).json()["id"])

    def _retire_older(self, github: Github) -> None:
        while self._older:
            if not _retire(github, self._older[0], self._run):
                self._older.clear()  # those before it were retired with it
                return
            self._older.pop(0)


def retire_all(github: Github, branch: str, run: Run) -> int:
    """Make all deployments of a deleted branch inactive, and return how many were not."""
    listed = _listed(github, github_name(branch))
    return sum(_retire(github, int(deployment["id"]), run) for deployment in listed)


def _listed(github: Github, name: str) -> list[Mapping[str, Any]]:
    """Return the newest deployments of an environment, newest first."""
    return next(github.pages("/deployments", f"&environment={quote(name, safe='')}"))


def _retire(github: Github, number: int, run: Run) -> bool:
    """Make a deployment inactive; False if it is."""
    last = next(github.pages(f"/deployments/{number}/statuses", ""))
    if last and last[0]["state"] == _INACTIVE:
        return False
    _set(github, number, _Status(_INACTIVE), run)
    return True


@dataclass(frozen=True)
class _Status:
    state: str
    description: str = ""
    url: str = ""


def _set(github: Github, number: int, status: _Status, run: Run) -> None:
    body = {
        "state": status.state,
        "description": status.description,
        "log_url": run.address,
        "environment_url": status.url,
        "auto_inactive": False,
    }
    given = {key: value for key, value in body.items() if value != ""}
    github.call("POST", f"/deployments/{number}/statuses", given)


def _state(environment: Environment, outcome: Outcome | None) -> str:
    if outcome is not None:
        return _OF_RESULT.get(outcome.result, "in_progress")
    return _OF_PHASE.get(environment.phase, "in_progress")
