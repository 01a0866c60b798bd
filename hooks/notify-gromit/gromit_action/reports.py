"""The report of an event to the gateway, and the request for it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import quote
from urllib.request import Request

from gromit_action.exchange import Wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

BRANCH, TAG = "refs/heads/", "refs/tags/"
RUN_STEP, SEQUENCE_MAX = 1000, 2**53 - 1
"""Distance between the sequences of two runs, and the greatest sequence that gromit accepts."""


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


Report = Union[Build, Gone, Branches]


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


def sequence_of(variables: Mapping[str, str]) -> int | None:
    """Return the place of this run in the order of builds; None if its numbers are unknown.

    Later runs have greater ids. A run that is started again keeps its id, so it stays older than
    the runs after it; only its attempt grows.
    """
    run, attempt = variables.get("GITHUB_RUN_ID", ""), variables.get("GITHUB_RUN_ATTEMPT", "")
    if not (is_number(run) and is_number(attempt)):
        return None
    sequence = int(run) * RUN_STEP + min(int(attempt), RUN_STEP - 1)
    return sequence if sequence <= SEQUENCE_MAX else None


def is_number(text: str) -> bool:
    """Whether a text is a number of digits, and not too long."""
    return text.isascii() and text.isdigit() and len(text) < 20


def request_for(report: Report, url: str, repository: str, sequence: int | None = None) -> Request:
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
