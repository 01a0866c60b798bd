"""Jobs of GitHub Actions: what the claims of their OIDC tokens say, and what such a job may do here.

The claims come from a token whose signature was verified before (`web/gateway/job_tokens.py`). A token that is not for us, or
has expired, is `InvalidToken`; a valid token of a job that may do nothing here is a `TrustError`.

    event          is good for   its build is of       its sha is
    delete         delete        -                     -
    pull_request   newbuild      claim `head_ref`      not told: claim `sha` is the merge with the base, not the head
    any other      newbuild      claim `ref`           claim `sha`

The event `delete` runs the workflow as it is on the default branch. No other one may retire, so no branch can retire another.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from gromit.core.names import parse_ref, parse_repository
from gromit.core.security.tokens import Grant, TokenPermission, bearer_value, make_grant
from gromit.core.time import Millis
from gromit.errors import InvalidInput, TrustError

LONGEST = 8192
"""Characters of a token; those of GitHub have about 2000."""
LEEWAY_S = 30
"""Seconds by which our clock and the issuer's may differ."""
CLAIM_MAX = 1024
"""Characters of a claim that we read; a ref has up to 255 bytes."""

Claims = Mapping[str, object]

_BRANCHES_AND_TAGS = ("refs/heads/", "refs/tags/")


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcPolicy:
    """Whose tokens are taken."""

    issuer: str
    """Claim `iss`."""
    audience: str
    """Claim `aud`: the gateway's own URL, so that no token made for somebody else opens it."""
    owners: frozenset[str]
    """Owners of repositories: numeric ids, and lower-case names."""


@dataclass(frozen=True, slots=True)
class InvalidToken:
    """A token that opens nothing, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubJob:
    """A job of GitHub Actions, as the issuer vouches for it."""

    owner: str
    repository: str
    """Its own name, without the owner."""
    event: str
    """What has started its workflow."""
    run: str
    """Id of the run, for logs."""
    ref: str | None
    """The branch or tag that it may report a build of; None if it may report none."""
    sha: str | None
    """The commit of that build; None where the issuer does not say."""
    grant: Grant

    @property
    def full_name(self) -> str:
        """`owner/name`, as GitHub writes it."""
        return f"{self.owner}/{self.repository}"


def bearer_jwt(authorization: str) -> str | None:
    """The JWT in an Authorization header; None if it holds something else. Tokens of ours have no dot."""
    token = bearer_value(authorization)
    return token if token.count(".") == 2 and len(token) <= LONGEST and " " not in token else None


def oidc_policy(issuer: str, audience: str, owners: tuple[str, ...]) -> OidcPolicy:
    """Terms with owners as people write them. An owner of digits alone is an id, never a name."""
    return OidcPolicy(
        issuer=issuer, audience=audience, owners=frozenset(owner.lower() for owner in owners)
    )


def judge_claims(claims: Claims, terms: OidcPolicy, now: Millis) -> GithubJob | InvalidToken:
    """The job that a token speaks for. Raises `TrustError` if its repository belongs to none of our owners."""
    if claims.get("iss") != terms.issuer:
        return InvalidToken("another issuer has made it")
    if claims.get("aud") != terms.audience:
        return InvalidToken(f"it was made for another audience: ask for {terms.audience}")
    if reason := _untimely(claims, now):
        return InvalidToken(reason)
    try:
        job = _job(claims)
    except InvalidInput as error:
        return InvalidToken(error.message)
    if not _is_ours(claims, job.owner, terms):
        raise TrustError(
            f"{job.owner} is not an owner whose repositories report here",
            hint="gateway.oidc.owners lists them",
        )
    return job


def require_build_of_job(job: GithubJob, *, repo: str, ref: str, sha: str) -> None:
    """Raise `TrustError` unless a build is the one that the job has made; `repo` is known to be of that name."""
    owner = unquote(repo).strip(" ").strip("/").rpartition("/")[0]
    if owner and owner.lower() != job.owner.lower():
        raise TrustError(f"this token is of a job of {job.full_name}, and not of {owner}")
    if job.ref is None:
        raise TrustError(
            f"the event {job.event} does not say which branch was built",
            hint="report from push or pull_request",
        )
    if parse_ref(ref).full != _full(job.ref):
        raise TrustError(
            f"this token is of a job on {job.ref}, and the build is said to be of another ref",
            hint="send that ref",
        )
    if job.sha is not None and sha != job.sha:
        raise TrustError(
            f"this token is of a job on commit {job.sha}, and the build is said to be of another one",
            hint="send that sha",
        )


def _untimely(claims: Claims, now: Millis) -> str | None:
    expires = _seconds(claims, "exp")
    if expires is None:
        return "it does not say when it expires"
    if now >= (expires + LEEWAY_S) * 1000:
        return "it has expired: ask for a new one right before it is used"
    for name in ("nbf", "iat"):
        since = _seconds(claims, name)
        if since is None and name in claims:
            return f"its claim {name} is not a time"
        if since is not None and now < (since - LEEWAY_S) * 1000:
            return "it is not valid yet: is a clock wrong?"
    return None


def _seconds(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    known = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and abs(value) < 1e12
    )
    return float(value) if known and isinstance(value, int | float) else None


def _job(claims: Claims) -> GithubJob:
    owner, slash, name = _text(claims, "repository").partition("/")
    if not slash or owner != _text(claims, "repository_owner") or parse_repository(name) != name:
        raise InvalidInput("its claims repository and repository_owner do not belong together")
    event = _text(claims, "event_name")
    pull = event == "pull_request"
    ref = _text(claims, "head_ref" if pull else "ref")
    retires = event == "delete"
    unnamed = not pull and not ref.startswith(_BRANCHES_AND_TAGS)
    return GithubJob(
        owner=owner,
        repository=name,
        event=event,
        run=_text(claims, "run_id"),
        ref=None if retires or unnamed else ref,
        sha=None if retires or pull else _text(claims, "sha"),
        grant=make_grant([name], [TokenPermission.DELETE if retires else TokenPermission.NEWBUILD]),
    )


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value or len(value) > CLAIM_MAX or not value.isprintable():
        raise InvalidInput(f"its claim {name} is missing or not usable")
    return value


def _is_ours(claims: Claims, owner: str, terms: OidcPolicy) -> bool:
    number = claims.get("repository_owner_id")
    return (isinstance(number, str) and number in terms.owners) or (
        not owner.isdigit() and owner.lower() in terms.owners
    )


def _full(ref: str) -> str:
    """A ref as GitHub has it, in the form in which two reported ones are compared; it is never URL-encoded."""
    return parse_ref(ref.replace("%", "%25")).full
