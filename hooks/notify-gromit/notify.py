#!/usr/bin/env python3
"""Report to gromit's gateway what started a GitHub Actions workflow, and show what comes of it.

    event                               report
    push to a branch                    its build: `ref` and `after`
    push that deletes, push of a tag    nothing: the event `delete` follows, and a tag is no branch
    pull_request of the repository      the build of its head, not of the merge
    pull_request of a fork, or closed   nothing
    workflow_dispatch, schedule         the build of GITHUB_REF at GITHUB_SHA, if that is a branch
    delete of a branch                  the deletion of `ref`; GITHUB_REF is the default branch here
    delete of a tag, create             nothing
    schedule, with the input `sweep`    all branches that the repository has

The script reads an event from its file and from variables, and puts nothing of it into a command
line. It repeats the request while the gateway is busy or unreachable, within a limited time.
Repeating it is harmless.

A build carries its place in the order of runs, so a run that ends late never replaces a newer
build. gromit answers then that nothing was changed, and the script prints a notice.

With the input `wait`, the job prints the progress of the environment and ends with its outcome.
The comment, the deployment and the summary are for people: whatever GitHub answers to them, the
job goes on.

Exit codes: 0 reported, or nothing to report; 1 refused, or the environment failed; 2 fix the
workflow; 75 not reported, try again.

A sweep reads all pages of the branches through GitHub's API. Only a complete list is sent, because
gromit retires what two lists lack.
The script needs Python 3.9 and nothing else, so it runs unchanged on GitHub's runners.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

# Python's isolated mode leaves out the folder of the script.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from gromit_action.branches import read_branches, sweeps
from gromit_action.exchange import Answer, Busy, Wrong, patiently, send
from gromit_action.identity import token_of
from gromit_action.inputs import gateway_url, patience, read_event
from gromit_action.job_log import fail, note, put_out, say
from gromit_action.reports import (
    Branches,
    Build,
    Gone,
    Nothing,
    Report,
    decide,
    request_for,
    sequence_of,
)
from gromit_action.showing import leaf_of, read_plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.request import Request

REPORTED, REFUSED, WRONG, LATER = 0, 1, 2, 75
"""75 is EX_TEMPFAIL of sysexits.h."""
INTERRUPTED = 130
NOT_REPORTED = "has no reported version"
"""Part of serve's error for a branch that has no reported build, or whose name another one has."""


def deliver(
    request: Request, variables: Mapping[str, str], audience: str, deadline: float
) -> Answer:
    """Repeat a request until the gateway answers. Raises `Busy` when time is over.

    Each attempt gets a new token, because OIDC tokens are valid for minutes only.
    """

    def attempt() -> Answer:
        request.add_header("Authorization", f"Bearer {token_of(variables, audience)}")
        return send(request)

    return patiently(attempt, deadline)


def conclude(report: Report, answer: Answer, variables: Mapping[str, str]) -> int:
    """Print the result and return the exit code."""
    if isinstance(report, Branches) and answer.status == 200:
        for what in ("missing", "retired", "waiting"):
            say(f"{what}: {', '.join(map(str, answer.json().get(what, []))) or 'none'}")
        put_out(variables, outcome="swept")
        return REPORTED
    if isinstance(report, Build) and answer.status == 200:
        environment = str(answer.json().get("name", ""))
        if is_stale(answer):
            note(
                f"nothing was changed: a newer build than {report.sha} of {report.ref}"
                f" was reported to environment {environment} before"
            )
            put_out(variables, outcome="stale", environment=environment)
            return REPORTED
        say(f"the build {report.sha} of {report.ref} belongs to environment {environment}")
        put_out(variables, outcome="reported", environment=environment)
        return REPORTED
    if isinstance(report, Gone) and answer.status == 202:
        say(f"this repository's builds of {report.ref} are retired")
        put_out(variables, outcome="retired")
        return REPORTED
    if isinstance(report, Gone) and (
        answer.status == 404 or (answer.status == 403 and NOT_REPORTED in answer.error())
    ):
        say(f"there is nothing to retire: {answer.error()}")
        put_out(variables, outcome="nothing")
        return REPORTED
    fail(f"refused ({answer.status}): {answer.error()}")
    return REFUSED


def is_stale(answer: Answer) -> bool:
    """Whether a newer build was reported before."""
    return answer.headers.get("x-gromit-outcome") == "stale"


def notify(variables: Mapping[str, str]) -> int:
    """Send the report and return the exit code. Raises `Wrong` and `Busy`."""
    event, payload = read_event(variables)
    deadline = time.monotonic() + patience(variables)
    plan = read_plan(variables, payload)
    report: Report | Nothing
    try:
        repository = variables["GITHUB_REPOSITORY"]
        if sweeps(event, variables):
            report = read_branches(variables, deadline)
            say(f"the repository has {len(report.names)} branches")
        else:
            report = decide(event, payload, variables)
    except (KeyError, TypeError, AttributeError) as error:
        raise Wrong(f"the event {event} is not understood: {error!r}") from None
    if isinstance(report, Nothing):
        say(f"nothing to report: {report.why}")
        put_out(variables, outcome="nothing")
        return REPORTED
    url = gateway_url(variables)
    audience = variables.get("NOTIFY_AUDIENCE", "").strip() or url
    if isinstance(report, Build) and not plan.reports:
        return plan.follow(report, leaf_of(report.ref), url, audience)
    request = request_for(report, url, repository, sequence_of(variables))
    answer = deliver(request, variables, audience, deadline)
    code = conclude(report, answer, variables)
    if code != REPORTED or isinstance(report, Branches) or is_stale(answer):
        return code
    if isinstance(report, Gone):
        plan.retire(report, url)
        return code
    return plan.follow(report, str(answer.json().get("name", "")), url, audience)


def main(variables: Mapping[str, str]) -> int:
    """Run as the step of a workflow."""
    try:
        return notify(variables)
    except Wrong as error:
        fail(str(error))
        return WRONG
    except Busy as error:
        fail(f"gave up: {error}")
        return LATER
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(os.environ))
