"""Events of GitHub: payload, the runner's variables, and the claims of the job's token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.issuer import OWNER

HEAD = "0c1d2e3f4a5b60718293a4b5c6d7e8f901234567"
MERGE = "ffeeddccbbaa00998877665544332211ffeeddcc"
DEFAULT_HEAD = "1234512345123451234512345123451234512345"
ZERO = "0" * 40
REPOSITORY_ID, FORK_ID = 90210, 90999


@dataclass(frozen=True, slots=True)
class Event:
    """The event that started a job."""

    name: str
    payload: Mapping[str, Any]
    ref: str = "refs/heads/master"
    """GITHUB_REF, and the claim `ref`."""
    sha: str = DEFAULT_HEAD
    """GITHUB_SHA, and the claim `sha`."""
    claims: Mapping[str, str] = field(default_factory=dict)
    repository: str = "tyk"


def _repository(
    name: str = "tyk", number: int = REPOSITORY_ID, owner: str = OWNER
) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "full_name": f"{owner}/{name}",
        "default_branch": "master",
        "owner": {"login": owner},
    }


def push(ref: str = "refs/heads/app-test", sha: str = HEAD, repository: str = "tyk") -> Event:
    """A push of commits to a branch or tag."""
    payload = {
        "ref": ref,
        "before": ZERO,
        "after": sha,
        "created": True,
        "deleted": False,
        "forced": False,
        "head_commit": {"id": sha, "message": "Say what it does"},
        "repository": _repository(repository),
        "pusher": {"name": "alice"},
    }
    return Event("push", payload, ref, sha, repository=repository)


def push_that_deletes(ref: str = "refs/heads/app-test") -> Event:
    """A push of nothing, which deletes its ref."""
    payload = {
        **push(ref).payload,
        "before": HEAD,
        "after": ZERO,
        "created": False,
        "deleted": True,
        "head_commit": None,
    }
    return Event("push", payload, ref, ZERO)


def create(ref: str = "app-test", ref_type: str = "branch") -> Event:
    """A branch or tag was made."""
    payload = {
        "ref": ref,
        "ref_type": ref_type,
        "master_branch": "master",
        "pusher_type": "user",
        "repository": _repository(),
    }
    return Event(
        "create", payload, f"refs/{'heads' if ref_type == 'branch' else 'tags'}/{ref}", HEAD
    )


def delete(ref: str = "app-test", ref_type: str = "branch", repository: str = "tyk") -> Event:
    """A branch or tag is gone: all but the payload speaks of the default branch."""
    payload = {
        "ref": ref,
        "ref_type": ref_type,
        "pusher_type": "user",
        "repository": _repository(repository),
    }
    return Event("delete", payload, repository=repository)


def pull_request(
    action: str = "opened",
    ref: str = "app-test",
    *,
    head_repo: Mapping[str, Any] | None = None,
    fork: bool = False,
) -> Event:
    """Something has happened to a pull request; the job is on its merge with the base."""
    number = FORK_ID if fork else REPOSITORY_ID
    own = _repository("tyk", number, "stranger" if fork else OWNER)
    payload = {
        "action": action,
        "number": 7,
        "pull_request": {
            "number": 7,
            "state": "closed" if action == "closed" else "open",
            "merged": action == "closed",
            "merge_commit_sha": MERGE,
            "head": {
                "ref": ref,
                "sha": HEAD,
                "label": f"{own['owner']['login']}:{ref}",
                "repo": own if head_repo is None else None,
            },
            "base": {"ref": "master", "sha": DEFAULT_HEAD, "repo": _repository()},
        },
        "repository": _repository(),
    }
    return Event(
        "pull_request", payload, "refs/pull/7/merge", MERGE, {"head_ref": ref, "base_ref": "master"}
    )


def of_a_fork_that_is_gone() -> Event:
    """A pull request whose head repository was deleted meanwhile."""
    return pull_request("synchronize", head_repo={})


def scheduled(name: str = "schedule", ref: str = "refs/heads/master") -> Event:
    """A scheduled or manual run, whose payload names no ref or commit."""
    return Event(
        name,
        {"schedule": "30 5 * * 1"} if name == "schedule" else {"inputs": None, "ref": ref},
        ref,
    )
