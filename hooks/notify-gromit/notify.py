#!/usr/bin/env python3
"""Tells gromit's gateway what a workflow of GitHub Actions was started for: a build that it has made, or a branch that is gone.

    event                               what is told
    push to a branch                    its build: `ref` and `after`
    push that deletes, push of a tag    nothing: the event `delete` follows, and a tag is no branch
    pull_request of the repository      the build of its head: `head.ref` and `head.sha`, never the merge
    pull_request of a fork, or closed   nothing
    workflow_dispatch, schedule         the build of GITHUB_REF at GITHUB_SHA, if that is a branch
    delete of a branch                  that `ref` is gone; GITHUB_REF is the default branch here
    delete of a tag, create             nothing

What an event says is read from its file and from variables; nothing of it ever comes into a command line. It is sent again when the
gateway is busy or away, within a bounded time; sending it twice is harmless.

Exit codes: 0 told, or nothing to tell - 1 refused - 2 the workflow has to be mended - 75 not told, try again later.
Needs Python 3.9 and nothing else: it runs as it lies here on GitHub's runners.
"""

from __future__ import annotations

import ipaddress
import json
import os
import random
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from urllib.request import HTTPErrorProcessor, Request, build_opener

if TYPE_CHECKING:
    from collections.abc import Mapping

TOLD, REFUSED, WRONG, LATER = 0, 1, 2, 75
"""75 is EX_TEMPFAIL of sysexits.h."""
ATTEMPT_S = 45.0
"""Longer than the gateway waits for serve (`gateway.timeout`, 30 s)."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
PATIENCE_S, PATIENCE_MAX_S = 300.0, 3600.0
ANSWER_BYTES = 1024 * 1024
SHOWN = 500
BRANCH, TAG = "refs/heads/", "refs/tags/"
NOT_REPORTED = "has no reported version in"
"""What serve says of a branch of which this repository never reported a build."""


class Wrong(Exception):
    """The workflow has to be mended."""


class Busy(Exception):
    """It may work later; `wait_s` is what the other side asked for."""

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
    """A branch that is gone."""

    ref: str


@dataclass(frozen=True)
class Nothing:
    """Nothing is to be told, and why."""

    why: str


@dataclass(frozen=True)
class Answer:
    """What was answered."""

    status: int
    body: bytes

    def json(self) -> Mapping[str, Any]:
        """The object in the body; empty if there is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def error(self) -> str:
        """Why it was refused."""
        return str(self.json().get("error") or f"status {self.status}")


# -- what is to be told ------------------------------------------------------------------------------------------------------------


def decide(event: str, payload: Mapping[str, Any], variables: Mapping[str, str]) -> Build | Gone | Nothing:
    """What an event means for gromit. Raises `Wrong` for one that says nothing of a branch."""
    if event == "push":
        return _pushed(payload)
    if event == "delete":
        return Gone(payload["ref"]) if payload["ref_type"] == "branch" else Nothing("a tag is gone, and no branch")
    if event == "create":
        return Nothing("a new branch has an environment with its first build")
    if event == "pull_request":
        return _pulled(payload)
    if event in {"workflow_dispatch", "schedule"}:
        return _build(variables["GITHUB_REF"], variables["GITHUB_SHA"])
    raise Wrong(f"the event {event} does not say which branch was built: use push, pull_request, workflow_dispatch or delete")


def _pushed(payload: Mapping[str, Any]) -> Build | Nothing:
    if payload.get("deleted"):
        return Nothing("this push has deleted its ref: the event delete tells that")
    return _build(payload["ref"], payload["after"])


def _pulled(payload: Mapping[str, Any]) -> Build | Nothing:
    head, base = payload["pull_request"]["head"], payload["pull_request"]["base"]
    if payload["action"] == "closed":
        return Nothing("a closed pull request still has its branch: the event delete tells when that is gone")
    if head["repo"] is None or head["repo"]["id"] != base["repo"]["id"]:
        return Nothing("the pull request is of a fork, whose code gets no environment")
    return Build(BRANCH + head["ref"], head["sha"])


def _build(ref: str, sha: str) -> Build | Nothing:
    return Build(ref, sha) if ref.startswith(BRANCH) else Nothing(f"{ref} is no branch")


# -- how it is told ----------------------------------------------------------------------------------------------------------------


def request_for(told: Build | Gone, url: str, repository: str) -> Request:
    """The request to the gateway, without a token yet."""
    ref = told.ref.replace("%", "%25")  # the wire's refs may be URL-encoded, so that a percent sign must be
    if isinstance(told, Gone):
        return Request(f"{url}/gromit/env/{quote(ref, safe='')}", method="DELETE")
    body = json.dumps({"repo": repository, "ref": ref, "sha": told.sha}).encode()
    return Request(f"{url}/gromit/newbuild", body, {"Content-Type": "application/json"}, method="POST")


class _AsItCame(HTTPErrorProcessor):
    def http_response(self, request: Request, response: Any) -> Any:
        """Every answer is one, whatever its status; and no redirect is followed: a token goes where it was meant to go."""
        del request
        return response

    https_response = http_response


_OPENER = build_opener(_AsItCame)


def send(request: Request) -> Answer:
    """One attempt. Raises `Busy` for a server that is busy, broken or away, `Wrong` for one that is somebody else."""
    try:
        with _OPENER.open(request, timeout=ATTEMPT_S) as got:
            answer, retry_after = Answer(got.status, got.read(ANSWER_BYTES)), got.headers.get("Retry-After")
    except (OSError, HTTPException) as error:
        if isinstance(getattr(error, "reason", None), SSLCertVerificationError):
            raise Wrong(f"the certificate of {request.host} is not trusted: {error}") from None
        raise Busy(f"{request.host} cannot be reached: {error}") from None
    if answer.status == 429 or answer.status >= 500:
        raise Busy(f"{answer.status}: {answer.error()}", _seconds(retry_after))
    return answer


def _seconds(retry_after: str | None) -> float:
    """Retry-After, as seconds or a date, in seconds from now; 0 if there is none."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_PAUSE_S)
    try:
        return (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds()
    except (TypeError, ValueError):
        return 0.0


def token_of(variables: Mapping[str, str], audience: str) -> str:
    """The token of the input, else a new OIDC token of this job. Raises `Wrong` if neither can be had, `Busy` if GitHub is."""
    given = variables.get("NOTIFY_TOKEN", "").strip()
    if given:
        return _sendable(given)
    url, secret = variables.get("ACTIONS_ID_TOKEN_REQUEST_URL"), variables.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not url or not secret:
        raise Wrong("there is no token: give the job `permissions: {id-token: write}`, or this action the input token")
    joint = "&" if "?" in url else "?"
    answer = send(Request(f"{url}{joint}audience={quote(audience, safe='')}", headers={"Authorization": f"bearer {secret}"}))
    value = answer.json().get("value")
    if answer.status != 200 or not isinstance(value, str):
        raise Wrong(f"GitHub gives this job no OIDC token (status {answer.status})")
    return _sendable(value)


def _sendable(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Wrong("the token holds blanks or characters that no token has")
    return token


def deliver(request: Request, variables: Mapping[str, str], audience: str, patience_s: float) -> Answer:
    """Send until it is answered, with a fresh token each time: OIDC tokens live for minutes. Raises `Busy` when time is over."""
    deadline, pause_s = time.monotonic() + patience_s, FIRST_PAUSE_S
    while True:
        try:
            request.add_header("Authorization", f"Bearer {token_of(variables, audience)}")
            return send(request)
        except Busy as busy:  # noqa: PERF203 - an attempt takes longer than that
            wait_s = min(max(busy.wait_s, pause_s * random.uniform(0.5, 1.0)), LONGEST_PAUSE_S)
            if time.monotonic() + wait_s > deadline:
                raise
            say(f"{busy}; again in {wait_s:.0f} s")
            time.sleep(wait_s)
            pause_s *= 2


# -- what comes of it --------------------------------------------------------------------------------------------------------------


def conclude(told: Build | Gone, answer: Answer, variables: Mapping[str, str]) -> int:
    """Say what came of it, and give the exit code."""
    if isinstance(told, Build) and answer.status == 200:
        environment = str(answer.json().get("name", ""))
        say(f"the build {told.sha} of {told.ref} belongs to environment {environment}")
        put_out(variables, outcome="reported", environment=environment)
        return TOLD
    if isinstance(told, Gone) and answer.status == 202:
        say(f"what this repository has reported of {told.ref} is taken back")
        put_out(variables, outcome="retired")
        return TOLD
    if isinstance(told, Gone) and (answer.status == 404 or (answer.status == 403 and NOT_REPORTED in answer.error())):
        say(f"there is nothing to take back: {answer.error()}")
        put_out(variables, outcome="nothing")
        return TOLD
    fail(f"refused ({answer.status}): {answer.error()}")
    return REFUSED


def say(text: str) -> None:
    """One line for the log. What others have written never begins a line, where it would be a command to the runner."""
    print(f"notify-gromit: {_line(text)}", flush=True)


def fail(text: str) -> None:
    """One line that GitHub shows as an error."""
    print(f"::error title=notify-gromit::{_line(text).replace('%', '%25')}", flush=True)


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text).replace("##[", "# [")[:SHOWN]  # ##[ is a command anywhere


def put_out(variables: Mapping[str, str], **outputs: str) -> None:
    """Outputs of the step, as far as they are plain words."""
    path = variables.get("GITHUB_OUTPUT")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(f"{k}={v}\n" for k, v in outputs.items() if v.replace("-", "").isalnum() and v.isascii())


# -- settings ----------------------------------------------------------------------------------------------------------------------


def gateway_url(variables: Mapping[str, str]) -> str:
    """The gateway's address without a slash at its end. Raises `Wrong` unless a token may be sent there."""
    url = variables.get("NOTIFY_URL", "").strip().rstrip("/")
    try:
        parts = urlsplit(url)
        odd = parts.username or parts.query or parts.fragment or parts.port == 0 or not url.isprintable() or " " in url
    except ValueError:
        parts, odd = urlsplit(""), True
    if odd or not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))):
        raise Wrong("the input url is not the address of a gateway: write it like https://gateway.example.com")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def patience(variables: Mapping[str, str]) -> float:
    """For how many seconds it is tried. Raises `Wrong`."""
    text = variables.get("NOTIFY_PATIENCE", "").strip()
    if not text:
        return PATIENCE_S
    if not (text.isascii() and text.isdigit()) or float(text) > PATIENCE_MAX_S:
        raise Wrong(f"the input patience is not a number of seconds up to {PATIENCE_MAX_S:.0f}")
    return float(text)


def read_event(variables: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
    """Name and payload of the event. Raises `Wrong` outside of a workflow."""
    try:
        event, path = variables["GITHUB_EVENT_NAME"], variables["GITHUB_EVENT_PATH"]
        payload = json.loads(Path(path).read_text(encoding="utf-8"))
    except (KeyError, OSError, ValueError) as error:
        raise Wrong(f"there is no event of GitHub Actions: {error!r}") from None
    return event, payload if isinstance(payload, dict) else {}


def notify(variables: Mapping[str, str]) -> int:
    """Tell the gateway; gives the exit code. Raises `Wrong` and `Busy`."""
    event, payload = read_event(variables)
    try:
        told = decide(event, payload, variables)
        repository = variables["GITHUB_REPOSITORY"]
    except (KeyError, TypeError, AttributeError) as error:
        raise Wrong(f"the event {event} is not understood: {error!r}") from None
    if isinstance(told, Nothing):
        say(f"nothing to tell: {told.why}")
        put_out(variables, outcome="nothing")
        return TOLD
    url = gateway_url(variables)
    audience = variables.get("NOTIFY_AUDIENCE", "").strip() or url
    answer = deliver(request_for(told, url, repository), variables, audience, patience(variables))
    return conclude(told, answer, variables)


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
