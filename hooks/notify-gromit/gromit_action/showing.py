"""The part of a run after its report: wait, show, and conclude from the environment's outcome."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gromit_action import comments, deployments
from gromit_action.environments import (
    FAILED,
    LATE,
    READY,
    SUPERSEDED,
    UNKNOWN,
    Outcome,
    OwnBuild,
)
from gromit_action.exchange import Wrong
from gromit_action.gateway import Reader
from gromit_action.identity import JobToken
from gromit_action.inputs import is_set, patience, timeout
from gromit_action.job_log import fail, note, put_out, say, summarise, warn
from gromit_action.page import environment_page, reported_page, retired_page, run_of
from gromit_action.pull_request import Part, Screen, Subject, now_text
from gromit_action.reports import BRANCH, Build, Gone, sequence_of
from gromit_action.waiting import Seen, Watch, look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gromit_action.environments import Environment

DONE, ENVIRONMENT_FAILED, WRONG, LATER = 0, 1, 2, 75


@dataclass(frozen=True)
class Plan:
    """Inputs about what a run shows."""

    variables: Mapping[str, str]
    reports: bool
    waits: bool
    fails: bool
    """Whether the environment's failure fails the job."""
    names: bool
    """Whether a wait includes public names and healthy programs."""
    timeout_s: float
    patience_s: float
    comments: bool
    deploys: bool
    pull: int | None
    """Number of the pull request whose event this is."""

    def retire(self, report: Gone, url: str) -> None:
        """Show that a branch was deleted."""
        sequence = sequence_of(self.variables) or 0
        subject = Subject(url, report.ref, self._repository(), sequence=sequence)
        summarise(self.variables, retired_page(subject.branch, run_of(self.variables, now_text())))
        self._screen(subject).retire()

    def follow(self, build: Build, name: str, url: str, audience: str) -> int:
        """Show the environment of a reported build, wait if that is wanted, return the exit code.

        Raises `Wrong` if the job waits and may not read its environment.
        """
        if not (self.waits or self.comments or self.deploys):
            run = run_of(self.variables, now_text())
            summarise(self.variables, reported_page(name, build.sha, run))
            return DONE
        reader = Reader(url, name, self._repository(), JobToken(self.variables, audience))
        first = self._look(reader)
        if first.environment is None:
            return self._unseen(name, first)
        if not self.reports and not self._is_of_branch(first.environment, build):
            say(f"nothing to show: no build of {build.ref} was reported yet")
            return DONE
        seen = self._watch(reader, build, first)
        return self._conclude(seen)

    def _look(self, reader: Reader) -> Seen:
        try:
            return look(reader, self.patience_s)
        except Wrong as error:
            if self.waits and self.reports:
                raise
            return Seen(None, Outcome(FAILED, str(error)))

    def _unseen(self, name: str, seen: Seen) -> int:
        """Conclude without a view of the environment."""
        if not self.reports:
            say(f"nothing to show: {seen.reason() or f'there is no environment {name}'}")
            return DONE
        put_out(self.variables, result=UNKNOWN)
        why = seen.reason() or "it may be of an older release"
        text = f"the gateway does not show the environment {name}: {why}"
        if not self.waits or seen.is_without_token:
            warn(text)
            return DONE
        fail(text)
        return LATER if seen.outcome else WRONG

    def _watch(self, reader: Reader, build: Build, first: Seen) -> Seen:
        """Show the environment, and go on until the outcome if the job waits."""
        sequence = sequence_of(self.variables)
        repository = self._repository()
        own = OwnBuild(repository, build.sha if self.reports else None, sequence)
        subject = Subject(
            reader.gateway, build.ref, repository, build.sha, sequence or 0, self.pull
        )
        screen = self._screen(subject)
        if self.waits:
            watch = Watch(reader, own, self.timeout_s, self.names, screen.show)
            seen = watch.run(first.environment)
        else:
            found = first.environment
            seen = Seen(found, found.outcome(own, names=False) if found else None)
        if seen.environment is not None:
            screen.show(seen.environment, seen.outcome, is_last=True)
            self._write(seen.environment, seen.outcome)
        return seen

    def _write(self, environment: Environment, outcome: Outcome | None) -> None:
        """Write the summary and the outputs."""
        run = run_of(self.variables, now_text())
        summarise(self.variables, environment_page(environment, outcome, run))
        urls = environment.urls()
        put_out(
            self.variables,
            phase=environment.phase,
            url=environment.main_url(self._repository()),
            urls=json.dumps(urls),
        )

    def _conclude(self, seen: Seen) -> int:
        if seen.outcome is None or not self.waits:
            return DONE
        result, reason, remedy = seen.outcome.result, seen.outcome.reason, seen.outcome.remedy
        put_out(self.variables, result=result)
        text = f"{result}: {reason}" + (f"; {remedy}" if remedy else "")
        if result == READY:
            say("the environment is ready")
            return DONE
        if result == SUPERSEDED:
            note(f"this build is not desired any more: {reason}")
            return DONE
        if seen.is_without_token or not self.fails:
            warn(text)
            return DONE
        fail(text)
        return ENVIRONMENT_FAILED if result in {FAILED, LATE} else LATER

    def _is_of_branch(self, environment: Environment, build: Build) -> bool:
        ref = environment.version_of(self._repository()).get("ref")
        return bool(ref == build.ref[len(BRANCH) :])

    def _screen(self, subject: Subject) -> Screen:
        comment = Part("the comment", comments.PERMISSION, self.comments)
        deployment = Part("the deployment", deployments.PERMISSION, self.deploys)
        return Screen(self.variables, subject, comment, deployment)

    def _repository(self) -> str:
        return self.variables["GITHUB_REPOSITORY"].rpartition("/")[2]


def read_plan(variables: Mapping[str, str], payload: Mapping[str, Any]) -> Plan:
    """Return what a run shows. Raises `Wrong` for an input that is not understood."""
    waits = is_set(variables, "NOTIFY_WAIT")
    number = payload.get("number") if "pull_request" in payload else None
    return Plan(
        variables=variables,
        reports=is_set(variables, "NOTIFY_REPORT", default=True),
        waits=waits,
        fails=is_set(variables, "NOTIFY_FAIL", default=True),
        names=is_set(variables, "NOTIFY_DNS", default=True),
        timeout_s=timeout(variables),
        patience_s=patience(variables),
        comments=is_set(variables, "NOTIFY_COMMENT", default=waits),
        deploys=is_set(variables, "NOTIFY_DEPLOYMENT", default=waits),
        pull=number if isinstance(number, int) else None,
    )


def leaf_of(ref: str) -> str:
    """Return the last element of a branch, by which serve finds its environment."""
    return ref.rpartition("/")[2].replace("%", "%25")
