"""Pages at GitHub for people: comments and a deployment.

Nothing of it can fail a job. GitHub gets a limited time for each step, and a permission that is
missing, or an API that is slow, becomes one warning.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Callable

from gromit_action import comments, deployments
from gromit_action.deployments import Deployment
from gromit_action.environments import SUPERSEDED
from gromit_action.exchange import Busy, Wrong
from gromit_action.github import Denied, Github, github_of
from gromit_action.job_log import say, warn
from gromit_action.page import environment_page, retired_page, run_of
from gromit_action.reports import BRANCH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gromit_action.environments import Environment, Outcome
    from gromit_action.page import Run

STEP_S, LAST_S = 20.0, 60.0
"""Time for each step, and for the last one of a run."""
SLACK_S = 20.0
"""Additional time of one last request."""
REST_S = 30.0
"""Pause after a step that failed, unless GitHub asks for a longer one."""


def now_text() -> str:
    """Return the present instant for people."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


@dataclass(frozen=True)
class Subject:
    """Build or branch that the pages are about."""

    gateway: str
    ref: str
    repository: str
    sha: str = ""
    sequence: int = 0
    pull: int | None = None
    """Number of the pull request whose event this is."""

    @property
    def branch(self) -> str:
        """Name of the branch."""
        return self.ref[len(BRANCH) :]


@dataclass
class Part:
    """One kind of page at GitHub."""

    what: str
    permission: str
    wanted: bool
    """Whether this run writes it. False after it could not be written at all."""
    not_before: float = 0.0


class Screen:
    """Comments and the deployment of one build."""

    def __init__(
        self, variables: Mapping[str, str], subject: Subject, comment: Part, deployment: Part
    ) -> None:
        self._variables = variables
        self._subject = subject
        self._comment = comment
        self._deployment = deployment
        self._deployed: Deployment | None = None
        self._pulls: list[int] = [] if subject.pull is None else [subject.pull]
        self._shown = ""

    def show(
        self, environment: Environment, outcome: Outcome | None = None, *, is_last: bool = False
    ) -> None:
        """Write the state of the environment, unless the pages have it."""
        state = f"{environment.phase} {environment.reason()}"
        if state == self._shown and not is_last:
            return
        self._shown = state
        self._step(
            self._deployment, lambda g: self._deploy(g, environment, outcome), is_last=is_last
        )
        # A newer build's run writes the comment from now on.
        if outcome is None or outcome.result != SUPERSEDED:
            self._step(self._comment, lambda g: self._say(g, environment, outcome), is_last=is_last)

    def retire(self) -> None:
        """Write that the branch was deleted."""
        run = self._run()

        def deployment(github: Github) -> None:
            found = deployments.retire_all(github, self._subject.branch, run)
            say(f"deployments made inactive: {found}")

        def comment(github: Github) -> None:
            page = retired_page(self._subject.branch, run)
            for pull in comments.newest_pulls(github, self._subject.ref):
                comments.Comment(pull, self._subject.gateway, self._subject.sequence).write(
                    github, page, creates=False
                )

        self._step(self._deployment, deployment, is_last=True)
        self._step(self._comment, comment, is_last=True)

    def _deploy(self, github: Github, environment: Environment, outcome: Outcome | None) -> None:
        if self._deployed is None:
            self._deployed = Deployment(self._subject.branch, self._subject.sha, self._run())
        url = environment.main_url(self._subject.repository)
        self._deployed.show(github, environment, outcome, url)

    def _say(self, github: Github, environment: Environment, outcome: Outcome | None) -> None:
        subject = self._subject
        if not self._pulls:
            self._pulls = comments.open_pulls(github, subject.ref)
        page = environment_page(environment, outcome, self._run())
        sequence = environment.sequence_of(subject.repository) or subject.sequence
        for pull in self._pulls:
            comment = comments.Comment(pull, subject.gateway, sequence)
            if outcome is None:
                comment.write(github, page)
            else:
                comment.settle(github, page)

    def _run(self) -> Run:
        return run_of(self._variables, now_text())

    def _step(self, part: Part, act: Callable[[Github], None], *, is_last: bool) -> None:
        """Do one step within its time. Nothing that GitHub answers ends the run."""
        if not part.wanted or (time.monotonic() < part.not_before and not is_last):
            return
        limit_s = LAST_S if is_last else STEP_S
        try:
            _rest(part, limit_s)
            github = github_of(self._variables, time.monotonic() + limit_s)
            _bounded(part, lambda: act(github), limit_s + SLACK_S)
        except Busy as busy:
            part.not_before = time.monotonic() + max(busy.wait_s, REST_S)
            report = warn if is_last or not part.wanted else say
            report(f"{part.what} could not be written: {busy}")
        except Denied as denied:
            part.wanted = False
            warn(f"GitHub refused {part.what} ({denied}){_remedy(part, denied)}")
        except (Wrong, KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
            part.wanted = False
            warn(f"{part.what} could not be written: {error}")


def _rest(part: Part, limit_s: float) -> None:
    """Wait until GitHub may be asked again. Raises `Busy` if that takes too long."""
    pause_s = max(0.0, part.not_before - time.monotonic())
    if pause_s > limit_s:
        raise Busy("GitHub asked for a longer pause", pause_s)
    time.sleep(pause_s)


def _remedy(part: Part, denied: Denied) -> str:
    if not str(denied).startswith(("401", "403", "404")):
        return ""
    return f": give the job `permissions: {{{part.permission}}}`"


def _bounded(part: Part, act: Callable[[], None], limit_s: float) -> None:
    """Run `act` within a time. Raises what it raises, and `Busy` if it does not end.

    A server that sends a byte now and then never meets the time limit of a socket.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        # Its request may still arrive, so no later one may be overtaken by it.
        part.wanted = False
        raise Busy(f"GitHub did not answer within {limit_s:.0f} s")
    if raised:
        raise raised[0]
