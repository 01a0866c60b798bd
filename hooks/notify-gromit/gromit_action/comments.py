"""One comment for each pull request: found by a hidden marker, and updated in place.

GitHub has no conditional update, so two rules keep the newest run's text. A comment names the run
that wrote it, and an older run leaves it alone. And the last text of a run is read back: if an
older run has just replaced it, it is written again.

Two jobs may create a comment at the same moment. Each then lists the comments again; the one with
the least number stays, and a job deletes its own other one.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gromit_action.reports import BRANCH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gromit_action.github import Github

PERMISSION = "pull-requests: write"
PULLS_MAX = 5
"""Pull requests of one branch that get a comment."""
_REWRITES = 3
_RUN = re.compile(r" run:(\d{1,16}) -->")


def marker_of(gateway: str, sequence: int | None = None) -> str:
    """Return the hidden first line of a comment; its start without the run finds the comment."""
    digest = hashlib.sha256(gateway.encode()).hexdigest()[:12]
    start = f"<!-- gromit-environment:{digest}"
    return start if sequence is None else f"{start} run:{sequence} -->"


def open_pulls(github: Github, ref: str) -> list[int]:
    """Return numbers of the open pull requests of a branch of the repository itself."""
    return _pulls(github, ref, "&state=open")


def newest_pulls(github: Github, ref: str) -> list[int]:
    """Return numbers of the last pull requests of a branch that may be closed or deleted."""
    return _pulls(github, ref, "&state=all&sort=updated&direction=desc")


def _pulls(github: Github, ref: str, query: str) -> list[int]:
    branch = ref[len(BRANCH) :]
    owner = github.repository.partition("/")[0]
    head = quote(f"{owner}:{branch}", safe="")
    # The first page suffices, because each of them has this head.
    page = next(github.pages("/pulls", f"{query}&head={head}"))
    # GitHub ignores a filter that it cannot read, and then lists all pull requests.
    return [int(p["number"]) for p in page if _is_own(p, branch)][:PULLS_MAX]


def _is_own(pull: Mapping[str, Any], branch: str) -> bool:
    head, base = pull["head"], pull["base"]
    repository = head["repo"]
    return bool(head["ref"] == branch and repository and repository["id"] == base["repo"]["id"])


class Comment:
    """The comment of one pull request."""

    def __init__(self, pull: int, gateway: str, sequence: int) -> None:
        self._pull = pull
        self._gateway = gateway
        self._sequence = sequence

    def write(self, github: Github, page: str, *, creates: bool = True) -> bool:
        """Create or update the comment; False if a newer run has written it.

        `creates`: make the comment if there is none. Raises `Busy` and `Denied`.
        """
        found = self._find(github)
        if not found:
            return not creates or self._create(github, page)
        return self._update(github, found[0], page)

    def settle(self, github: Github, page: str) -> None:
        """Write the last page of this run, and make sure that it stays."""
        for _ in range(_REWRITES):
            if not self.write(github, page):
                return
            found = self._find(github)
            if found and found[0]["body"] == self._body(page):
                return

    def _body(self, page: str) -> str:
        return f"{marker_of(self._gateway, self._sequence)}\n{page}"

    def _find(self, github: Github) -> list[Mapping[str, Any]]:
        """Return the comments with the marker, oldest first."""
        start = marker_of(self._gateway)
        path = f"/issues/{self._pull}/comments"
        every = (comment for page in github.pages(path, "") for comment in page)
        return sorted((c for c in every if _is_ours(c, start)), key=lambda c: int(c["id"]))

    def _create(self, github: Github, page: str) -> bool:
        path = f"/issues/{self._pull}/comments"
        made = github.call("POST", path, {"body": self._body(page)}).json()
        found = self._find(github)
        if not found or found[0]["id"] == made.get("id"):
            return True
        # Another job was faster: its comment stays.
        github.call("DELETE", f"/issues/comments/{int(made['id'])}")
        return self._update(github, found[0], page)

    def _update(self, github: Github, found: Mapping[str, Any], page: str) -> bool:
        body = self._body(page)
        if _run(found) > self._sequence:
            return False
        if found["body"] != body:
            github.call("PATCH", f"/issues/comments/{int(found['id'])}", {"body": body})
        return True


def _is_ours(comment: Mapping[str, Any], start: str) -> bool:
    """Whether a comment is by a job or an app. People may write the marker too."""
    user = comment.get("user") or {}
    return user.get("type") == "Bot" and str(comment.get("body", "")).startswith(start)


def _run(comment: Mapping[str, Any]) -> int:
    found = _RUN.search(str(comment["body"]).partition("\n")[0])
    return int(found[1]) if found else 0
