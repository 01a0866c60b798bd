"""Claims of the OIDC tokens of GitHub Actions jobs, and the permissions of such a job.

`web/gateway/job_tokens.py` has verified the signature before. A token that is for another audience
or has expired is an `InvalidToken`; a valid token of a job without permissions raises `TrustError`.

    event          permission    ref of the build    sha of the build
    delete         delete        -                   -
    pull_request   newbuild      claim `head_ref`    unknown: claim `sha` is the merge with the base
    schedule       newbuild,     claim `ref`         claim `sha`
                   sweep
    any other      newbuild      claim `ref`         claim `sha`

All of them may also read the environments in which their repository takes part.
GitHub runs the workflow of the default branch on the events `delete` and `schedule`. No other event
may retire a branch, so no branch can retire another one.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote

from gromit.core.names import SEQUENCE_MAX, branch_digest, parse_ref, parse_repository
from gromit.core.security.tokens import Grant, TokenPermission, bearer_value, make_grant
from gromit.core.time import Millis
from gromit.errors import InvalidInput, TrustError

LONGEST = 8192
"""Largest length of a token, in characters; GitHub's have about 2000."""
RUN_STEP = 1000
"""Distance between the sequences of two runs; the attempts of a run are between."""
LEEWAY_S = 30
"""Largest difference between our clock and the issuer's, in seconds."""
CLAIM_MAX = 1024
"""Largest length of a claim, in characters; a ref has up to 255 bytes."""

Claims = Mapping[str, object]

_BRANCHES = "refs/heads/"
_PERMISSIONS: Mapping[str, tuple[TokenPermission, ...]] = MappingProxyType(
    {
        "delete": (TokenPermission.DELETE, TokenPermission.READ),
        "schedule": (TokenPermission.NEWBUILD, TokenPermission.SWEEP, TokenPermission.READ),
    }
)
_OTHERS = (TokenPermission.NEWBUILD, TokenPermission.READ)
"""Permissions by event, and those of any other event. All may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcPolicy:
    """Rules for accepted tokens."""

    issuer: str
    """Claim `iss`."""
    audience: str
    """Claim `aud`: the gateway's own URL, so that tokens for other audiences are refused."""
    owners: frozenset[str]
    """Accepted owners of repositories: numeric ids, and lower-case names."""


@dataclass(frozen=True, slots=True)
class InvalidToken:
    """Refused token, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubJob:
    """Job of GitHub Actions, as the issuer certifies it."""

    owner: str
    repository: str
    """Name without the owner."""
    event: str
    """Event that started its workflow."""
    run: str
    """Id of the workflow run, for logs."""
    ref: str | None
    """Branch whose builds it may report; None if it may report none."""
    sha: str | None
    """Commit of its build; None if the issuer does not say."""
    grant: Grant
    sequence: int | None = None
    """Place of its build in the order of builds; None if the issuer does not say."""

    @property
    def full_name(self) -> str:
        """`owner/name`, as GitHub writes it."""
        return f"{self.owner}/{self.repository}"

    @property
    def run_and_attempt(self) -> str:
        """Run and its attempt, for histories and logs."""
        if self.sequence is None:
            return self.run
        return f"{self.run} attempt {self.sequence % RUN_STEP}"


def bearer_jwt(authorization: str) -> str | None:
    """JWT of an Authorization header; None for other values.

    gromit's own tokens contain no dot.
    """
    token = bearer_value(authorization)
    if token.count(".") == 2 and len(token) <= LONGEST and " " not in token:
        return token
    return None


def oidc_policy(issuer: str, audience: str, owners: tuple[str, ...]) -> OidcPolicy:
    """Policy with owners as people write them. An owner of digits only is an id, never a name."""
    return OidcPolicy(
        issuer=issuer, audience=audience, owners=frozenset(owner.lower() for owner in owners)
    )


def judge_claims(claims: Claims, terms: OidcPolicy, now: Millis) -> GithubJob | InvalidToken:
    """Return the job of a token, or why the token is refused.

    Raises `TrustError` if the repository belongs to no accepted owner.
    """
    if claims.get("iss") != terms.issuer:
        return InvalidToken("it has another issuer")
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
    """Raise `TrustError` unless the job made the build.

    The caller has checked the name of `repo` already; here its owner counts.
    """
    require_owner_of_job(job, repo)
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
            f"this token is of a job on commit {job.sha},"
            " and the build is said to be of another one",
            hint="send that sha",
        )


def require_owner_of_job(job: GithubJob, repo: str) -> None:
    """Raise `TrustError` if a repository is given with another owner than the job's."""
    owner = unquote(repo).strip(" ").strip("/").rpartition("/")[0]
    if owner and owner.lower() != job.owner.lower():
        raise TrustError(f"this token is of a job of {job.full_name}, and not of {owner}")


def require_order_of_job(job: GithubJob, sequence: int | None) -> None:
    """Raise `TrustError` if a build claims another place in the order of builds than its job has.

    Otherwise a job could report a number so great that all later builds of its branch are older.
    """
    if sequence is None or job.sequence is None or sequence == job.sequence:
        return
    raise TrustError(
        f"this token is of a job whose sequence is {job.sequence}, and not {sequence}",
        hint="send run_id * 1000 + run_attempt, or no sequence",
    )


def require_list_of_job(job: GithubJob, digests: Collection[str]) -> None:
    """Raise `TrustError` unless a list of branches has the branch that the job runs on."""
    branch = (job.ref or "").removeprefix(_BRANCHES)
    if branch_digest(branch) not in digests:
        raise TrustError(
            f"the list lacks the branch {branch} that this job runs on, so it is not complete",
            hint="send all branches of the repository",
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
    # A bool is an int in Python, and no time.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or abs(value) >= 1e12:
        return None
    return float(value)


def _job(claims: Claims) -> GithubJob:
    owner, slash, name = _text(claims, "repository").partition("/")
    if not slash or owner != _text(claims, "repository_owner") or parse_repository(name) != name:
        raise InvalidInput("its claims repository and repository_owner do not belong together")
    event = _text(claims, "event_name")
    is_pull = event == "pull_request"
    is_delete = event == "delete"
    ref: str | None = _text(claims, "head_ref" if is_pull else "ref")
    # A pull request names its branch without a prefix. Other refs name no branch.
    is_named = is_pull or str(ref).startswith(_BRANCHES)
    if is_delete or not is_named:
        ref = None
    return GithubJob(
        owner=owner,
        repository=name,
        event=event,
        run=_text(claims, "run_id"),
        ref=ref,
        sha=None if is_delete or is_pull else _text(claims, "sha"),
        grant=make_grant([name], _PERMISSIONS.get(event, _OTHERS)),
        sequence=_sequence(claims),
    )


def _sequence(claims: Claims) -> int | None:
    """Return the sequence that the action makes of run and attempt.

    Runs count upwards in all of GitHub. A run that is started again keeps its number, so it stays
    older than the runs after it.
    """
    run, attempt = claims.get("run_id"), claims.get("run_attempt")
    # Other issuers may count differently, and then only the job itself knows its order.
    if not _is_number(run) or not _is_number(attempt):
        return None
    sequence = int(str(run)) * RUN_STEP + min(int(str(attempt)), RUN_STEP - 1)
    return sequence if sequence <= SEQUENCE_MAX else None


def _is_number(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value or len(value) > CLAIM_MAX or not value.isprintable():
        raise InvalidInput(f"its claim {name} is missing or not usable")
    return value


def _is_ours(claims: Claims, owner: str, terms: OidcPolicy) -> bool:
    number = claims.get("repository_owner_id")
    if isinstance(number, str) and number in terms.owners:
        return True
    # An owner of digits only in the policy is an id, so a name of digits never matches it.
    return not owner.isdigit() and owner.lower() in terms.owners


def _full(ref: str) -> str:
    """Comparable form of a ref from GitHub, which is never URL-encoded."""
    return parse_ref(ref.replace("%", "%25")).full
