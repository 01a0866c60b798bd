#!/usr/bin/env python3
"""Report to gromit's gateway what started a GitHub Actions workflow: a build, or a deleted branch.

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

Exit codes: 0 reported, or nothing to report; 1 refused; 2 fix the workflow; 75 not reported, try
again.

A sweep reads all pages of the branches through GitHub's API. Only a complete list is sent, because
gromit retires what two lists lack.
The script needs Python 3.9 and nothing else, so it runs unchanged on GitHub's runners.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import os
import random
import re
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPException
from pathlib import Path
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from urllib.request import HTTPErrorProcessor, Request, build_opener

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REPORTED, REFUSED, WRONG, LATER = 0, 1, 2, 75
"""75 is EX_TEMPFAIL of sysexits.h."""
ATTEMPT_S = 45.0
"""Longer than the gateway waits for serve (`gateway.timeout`, 30 s)."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
PATIENCE_S, PATIENCE_MAX_S = 300.0, 3600.0
ANSWER_BYTES = 1024 * 1024
SHOWN = 500
BRANCH, TAG = "refs/heads/", "refs/tags/"
RUN_STEP, SEQUENCE_MAX = 1000, 2**53 - 1
"""Distance between the sequences of two runs, and the greatest sequence that gromit accepts."""
PAGE, BRANCHES_MAX = 100, 5000
"""Branches on a page of GitHub's API, and in the longest list that gromit accepts."""
NOT_REPORTED = "has no reported version"
"""Part of serve's error for a branch that has no reported build, or whose name another one has."""


class Wrong(Exception):
    """The workflow is wrong and needs a fix."""


class Busy(Exception):
    """A later attempt may succeed; `wait_s` is the pause that the server asked for."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Build:
    """A build of a branch."""

    ref: str
    sha: str


@dataclass(frozen=True)
class Gone:
    """A deleted branch."""

    ref: str


@dataclass(frozen=True)
class Branches:
    """All branches of the repository."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Nothing:
    """There is nothing to report, and why."""

    why: str


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the response, with names in lower case."""

    def json(self) -> Mapping[str, Any]:
        """Return the object in the body; empty if there is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def error(self) -> str:
        """Return the reason of a refusal."""
        return str(self.json().get("error") or f"status {self.status}")


# -- the report ------------------------------------------------------------------------------------


def decide(
    event: str, payload: Mapping[str, Any], variables: Mapping[str, str]
) -> Build | Gone | Nothing:
    """Return the report of an event. Raises `Wrong` for an event that names no branch."""
    if event == "push":
        return _pushed(payload)
    if event == "delete":
        if payload["ref_type"] != "branch":
            return Nothing("a tag was deleted, not a branch")
        # In full: a short name could mean the environment, whichever branch has it.
        return Gone(BRANCH + payload["ref"])
    if event == "create":
        return Nothing("a new branch gets its environment with its first build")
    if event == "pull_request":
        return _pulled(payload)
    if event in {"workflow_dispatch", "schedule"}:
        return _build(variables["GITHUB_REF"], variables["GITHUB_SHA"])
    raise Wrong(
        f"the event {event} does not say which branch was built:"
        " use push, pull_request, workflow_dispatch or delete"
    )


def _pushed(payload: Mapping[str, Any]) -> Build | Nothing:
    if payload.get("deleted"):
        return Nothing("this push deleted its ref: the event delete reports that")
    return _build(payload["ref"], payload["after"])


def _pulled(payload: Mapping[str, Any]) -> Build | Nothing:
    head, base = payload["pull_request"]["head"], payload["pull_request"]["base"]
    if payload["action"] == "closed":
        return Nothing(
            "a closed pull request still has its branch: the event delete reports its deletion"
        )
    if head["repo"] is None or head["repo"]["id"] != base["repo"]["id"]:
        return Nothing("the pull request comes from a fork, and forks get no environment")
    return Build(BRANCH + head["ref"], head["sha"])


def _build(ref: str, sha: str) -> Build | Nothing:
    return Build(ref, sha) if ref.startswith(BRANCH) else Nothing(f"{ref} is not a branch")


# -- the request -----------------------------------------------------------------------------------


def sequence_of(variables: Mapping[str, str]) -> int | None:
    """Return the place of this run in the order of builds; None if its numbers are unknown.

    Later runs have greater ids. A run that is started again keeps its id, so it stays older than
    the runs after it; only its attempt grows.
    """
    run, attempt = variables.get("GITHUB_RUN_ID", ""), variables.get("GITHUB_RUN_ATTEMPT", "")
    if not (_is_number(run) and _is_number(attempt)):
        return None
    sequence = int(run) * RUN_STEP + min(int(attempt), RUN_STEP - 1)
    return sequence if sequence <= SEQUENCE_MAX else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def request_for(
    report: Build | Gone | Branches, url: str, repository: str, sequence: int | None = None
) -> Request:
    """Build the request to the gateway, still without a token."""
    if isinstance(report, Branches):
        digests = [digest_of(name) for name in report.names]
        listing = {"repo": repository, "branches": digests, "count": len(digests)}
        return _posted(f"{url}/gromit/branches", listing)
    ref = report.ref.replace(
        "%", "%25"
    )  # refs on the wire may be URL-encoded, so a percent sign must be
    if isinstance(report, Gone):
        # Some gateways answer 411 to a request without a length, and urllib sends none by itself.
        no_body = {"Content-Length": "0"}
        return Request(f"{url}/gromit/env/{quote(ref, safe='')}", headers=no_body, method="DELETE")
    build: dict[str, str | int] = {"repo": repository, "ref": ref, "sha": report.sha}
    if sequence is not None:
        build["sequence"] = sequence
    return _posted(f"{url}/gromit/newbuild", build)


def _posted(url: str, body: Mapping[str, object]) -> Request:
    json_type = {"Content-Type": "application/json"}
    return Request(url, json.dumps(body).encode(), json_type, method="POST")


def digest_of(branch: str) -> str:
    """Return what gromit compares: a short digest, so that thousands fit into one request."""
    digest = hashlib.sha256(branch.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest[:6]).decode()


class _AsItCame(HTTPErrorProcessor):
    def http_response(self, request: Request, response: Any) -> Any:
        """Accept every status, and follow no redirect: the token must not go anywhere else."""
        del request
        return response

    https_response = http_response


_OPENER = build_opener(_AsItCame)


def send(request: Request) -> Answer:
    """Make one attempt.

    Raises `Busy` for a server that is busy, broken or unreachable, and `Wrong` for one that is not
    trusted.
    """
    try:
        with _OPENER.open(request, timeout=ATTEMPT_S) as got:
            headers = {name.lower(): value for name, value in got.headers.items()}
            answer = Answer(got.status, got.read(ANSWER_BYTES), headers)
    except (OSError, HTTPException) as error:
        if isinstance(getattr(error, "reason", None), SSLCertVerificationError):
            raise Wrong(f"the certificate of {request.host} is not trusted: {error}") from None
        raise Busy(f"{request.host} cannot be reached: {error}") from None
    if answer.status == 429 or answer.status >= 500:
        raise Busy(f"{answer.status}: {answer.error()}", _seconds(headers.get("retry-after")))
    return answer


def _seconds(retry_after: str | None) -> float:
    """Convert Retry-After, seconds or a date, to seconds from now; 0 if there is none."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_PAUSE_S)
    try:
        return (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds()
    except (TypeError, ValueError):
        return 0.0


def token_of(variables: Mapping[str, str], audience: str) -> str:
    """Return the token of the input, or else a new OIDC token of this job.

    Raises `Wrong` if there is neither, and `Busy` if GitHub is.
    """
    given = variables.get("NOTIFY_TOKEN", "").strip()
    if given:
        return _sendable(given)
    url, secret = (
        variables.get("ACTIONS_ID_TOKEN_REQUEST_URL"),
        variables.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
    )
    if not url or not secret:
        raise Wrong(
            "there is no token: give the job `permissions: {id-token: write}`,"
            " or set the input token"
        )
    joint = "&" if "?" in url else "?"
    answer = send(
        Request(
            f"{url}{joint}audience={quote(audience, safe='')}",
            headers={"Authorization": f"bearer {secret}"},
        )
    )
    value = answer.json().get("value")
    if answer.status != 200 or not isinstance(value, str):
        raise Wrong(f"GitHub issued no OIDC token for this job (status {answer.status})")
    return _sendable(value)


def _sendable(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Wrong("the token contains blanks or characters that no token has")
    return token


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


def patiently(attempt: Callable[[], Answer], deadline: float) -> Answer:
    """Repeat an attempt until it has an answer. Raises `Busy` when time is over."""
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return attempt()
        except Busy as busy:  # noqa: PERF203 - an attempt takes much longer
            wait_s = min(max(busy.wait_s, pause_s * random.uniform(0.5, 1.0)), LONGEST_PAUSE_S)
            if time.monotonic() + wait_s > deadline:
                raise
            say(f"{busy}; next attempt in {wait_s:.0f} s")
            time.sleep(wait_s)
            pause_s *= 2


# -- the branches ----------------------------------------------------------------------------------


def read_branches(variables: Mapping[str, str], deadline: float) -> Branches:
    """Return all branches of the repository, from GitHub's API.

    Raises `Wrong` if the job may not read them, and `Busy` if the list is not complete.
    """
    api = variables.get("GITHUB_API_URL", "").rstrip("/")
    host = urlsplit(api).hostname or ""
    if not (api.startswith("https://") or _is_loopback(host)):
        raise Wrong(f"GITHUB_API_URL {api!r} is not an address with https")
    first = f"{api}/repos/{variables['GITHUB_REPOSITORY']}/branches"
    names: dict[str, None] = {}
    url: str | None = f"{first}?per_page={PAGE}"
    while url:
        if not url.startswith(f"{first}?"):
            raise Wrong("GitHub's next page of branches has another address")
        answer = patiently(partial(_page, url, variables), deadline)
        listed, url = _names(answer), _next(answer)
        names.update(dict.fromkeys(listed))
        if len(listed) < PAGE and url:
            raise Busy("GitHub's list of branches is cut")
        if len(names) > BRANCHES_MAX:
            raise Wrong(f"a repository with more than {BRANCHES_MAX} branches cannot be swept")
    own = variables["GITHUB_REF"]
    if own.startswith(BRANCH) and own[len(BRANCH) :] not in names:
        raise Busy(f"GitHub's list of branches lacks {own}, so it is not complete")
    return Branches(tuple(names))


def _page(url: str, variables: Mapping[str, str]) -> Answer:
    token = _sendable(variables.get("NOTIFY_APITOKEN", "").strip())
    headers = {"Accept": "application/vnd.github+json", "Authorization": f"Bearer {token}"}
    answer = send(Request(url, headers=headers))
    if answer.status == 200:
        return answer
    reason = str(answer.json().get("message") or f"status {answer.status}")
    if answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers:
        raise Busy(f"GitHub limits the rate: {reason}", _rate_limit_s(answer.headers))
    raise Wrong(
        f"GitHub refused the list of branches ({answer.status}: {reason}):"
        " give the job `permissions: {contents: read}`"
    )


def _rate_limit_s(headers: Mapping[str, str]) -> float:
    reset = headers.get("x-ratelimit-reset", "")
    if "retry-after" in headers or not _is_number(reset):
        return _seconds(headers.get("retry-after"))
    return max(0.0, float(reset) - time.time())


def _names(answer: Answer) -> list[str]:
    try:
        return [str(branch["name"]) for branch in json.loads(answer.body)]
    except (ValueError, TypeError, KeyError):
        raise Busy("GitHub's list of branches cannot be read") from None


def _next(answer: Answer) -> str | None:
    found = re.search(r'<([^<>]+)>; *rel="next"', answer.headers.get("link", ""))
    return found[1] if found else None


def sweeps(event: str, variables: Mapping[str, str]) -> bool:
    """Whether this run lists branches. Raises `Wrong` for another event than a schedule."""
    text = variables.get("NOTIFY_SWEEP", "").strip().lower()
    if text not in {"", "true", "false"}:
        raise Wrong("the input sweep is neither true nor false")
    # GitHub runs only the default branch's workflow on a schedule, so no branch can retire others.
    if text == "true" and event != "schedule":
        raise Wrong(f"the input sweep needs the event schedule, and this is {event}")
    return text == "true"


# -- the result ------------------------------------------------------------------------------------


def conclude(report: Build | Gone | Branches, answer: Answer, variables: Mapping[str, str]) -> int:
    """Print the result and return the exit code."""
    if isinstance(report, Branches) and answer.status == 200:
        for what in ("missing", "retired", "waiting"):
            say(f"{what}: {', '.join(map(str, answer.json().get(what, []))) or 'none'}")
        put_out(variables, outcome="swept")
        return REPORTED
    if isinstance(report, Build) and answer.status == 200:
        environment = str(answer.json().get("name", ""))
        if answer.headers.get("x-gromit-outcome") == "stale":
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


def say(text: str) -> None:
    """Print one line for the log.

    Foreign text never starts a line, because there the runner would read it as a command.
    """
    print(f"notify-gromit: {_line(text)}", flush=True)


def note(text: str) -> None:
    """Print one line that GitHub shows as a notice."""
    _annotate("notice", text)


def fail(text: str) -> None:
    """Print one line that GitHub shows as an error."""
    _annotate("error", text)


def _annotate(level: str, text: str) -> None:
    print(f"::{level} title=notify-gromit::{_line(text).replace('%', '%25')}", flush=True)


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text).replace("##[", "# [")[
        :SHOWN
    ]  # ##[ starts a command anywhere


def put_out(variables: Mapping[str, str], **outputs: str) -> None:
    """Write outputs of the step, if they are plain words."""
    path = variables.get("GITHUB_OUTPUT")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(
                f"{k}={v}\n"
                for k, v in outputs.items()
                if v.replace("-", "").isalnum() and v.isascii()
            )


# -- settings --------------------------------------------------------------------------------------


def gateway_url(variables: Mapping[str, str]) -> str:
    """Return the gateway's address without a slash at its end.

    Raises `Wrong` unless a token may be sent there.
    """
    url = variables.get("NOTIFY_URL", "").strip().rstrip("/")
    try:
        parts = urlsplit(url)
        odd = (
            parts.username
            or parts.query
            or parts.fragment
            or parts.port == 0
            or not url.isprintable()
            or " " in url
        )
    except ValueError:
        parts, odd = urlsplit(""), True
    if (
        odd
        or not parts.hostname
        or not (
            parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
        )
    ):
        raise Wrong(
            "the input url is not the address of a gateway: write it like https://gateway.example.com"
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def patience(variables: Mapping[str, str]) -> float:
    """Return the time limit for all attempts, in seconds. Raises `Wrong`."""
    text = variables.get("NOTIFY_PATIENCE", "").strip()
    if not text:
        return PATIENCE_S
    if not (text.isascii() and text.isdigit()) or float(text) > PATIENCE_MAX_S:
        raise Wrong(f"the input patience is not a number of seconds up to {PATIENCE_MAX_S:.0f}")
    return float(text)


def read_event(variables: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
    """Return name and payload of the event. Raises `Wrong` outside of a workflow."""
    try:
        event, path = variables["GITHUB_EVENT_NAME"], variables["GITHUB_EVENT_PATH"]
        payload = json.loads(Path(path).read_text(encoding="utf-8"))
    except (KeyError, OSError, ValueError) as error:
        raise Wrong(f"there is no event of GitHub Actions: {error!r}") from None
    return event, payload if isinstance(payload, dict) else {}


def notify(variables: Mapping[str, str]) -> int:
    """Send the report and return the exit code. Raises `Wrong` and `Busy`."""
    event, payload = read_event(variables)
    deadline = time.monotonic() + patience(variables)
    report: Build | Gone | Branches | Nothing
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
    request = request_for(report, url, repository, sequence_of(variables))
    answer = deliver(request, variables, audience, deadline)
    return conclude(report, answer, variables)


def main() -> int:
    """Run as the step of a workflow."""
    try:
        return notify(os.environ)
    except Wrong as error:
        fail(str(error))
        return WRONG
    except Busy as error:
        fail(f"gave up: {error}")
        return LATER


if __name__ == "__main__":
    sys.exit(main())
