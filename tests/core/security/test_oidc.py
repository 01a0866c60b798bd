"""Claims of a job's token, with the permissions that follow from them."""

from typing import Any

import pytest

from gromit.core.security import oidc
from gromit.core.security.oidc import (
    LEEWAY_S,
    LONGEST,
    GithubJob,
    InvalidToken,
    bearer_jwt,
    judge_claims,
    oidc_policy,
    require_build_of_job,
    require_order_of_job,
)
from gromit.core.security.tokens import Grant, TokenPermission, format_token
from gromit.core.time import Millis
from gromit.errors import InvalidInput, TrustError
from tests.fakes.issuer import AUDIENCE, OWNER, OWNER_ID, SHA, claims_of
from tests.fakes.refs import NO_BRANCHES

NOW_S = 1_770_000_000
NOW = Millis(NOW_S * 1000)
ISSUER = "https://issuer.example.com"


def _judge(*owners: str, at: Millis = NOW, **more: Any) -> GithubJob | InvalidToken:
    claims = {"iss": ISSUER, **claims_of(now=NOW_S, **more)}
    return judge_claims(claims, oidc_policy(ISSUER, AUDIENCE, owners or (OWNER_ID,)), at)


def _job(**more: Any) -> GithubJob:
    job = _judge(**more)
    assert isinstance(job, GithubJob), job
    return job


class TestWhatAJobMayDo:
    """Grant, ref and sha of an event and its claims."""

    @pytest.mark.parametrize(
        "event",
        ["push", "workflow_dispatch", "create", "pull_request_target", "workflow_run"],
    )
    def test_a_job_may_report_the_build_of_its_own_ref_and_commit(self, event: str) -> None:
        job = _job(event=event, head_ref="stranger" if event == "pull_request_target" else "")
        assert (job.grant, job.ref, job.sha) == (
            Grant(repositories=("tyk",), verbs=(TokenPermission.NEWBUILD, TokenPermission.READ)),
            "refs/heads/app-test",
            SHA,
        )

    def test_a_schedule_may_also_sweep_its_repository(self) -> None:
        job = _job(event="schedule")
        verbs = (TokenPermission.NEWBUILD, TokenPermission.READ, TokenPermission.SWEEP)
        assert job.grant == Grant(repositories=("tyk",), verbs=verbs)
        assert (job.ref, job.sha) == ("refs/heads/app-test", SHA)

    def test_a_pull_request_may_report_its_head_whose_commit_the_issuer_does_not_know(self) -> None:
        job = _job(event="pull_request", ref="refs/pull/7/merge", head_ref="feature/app-test")
        assert (job.ref, job.sha, job.grant.verbs) == (
            "feature/app-test",
            None,
            (TokenPermission.NEWBUILD, TokenPermission.READ),
        )

    def test_a_deletion_may_retire_parts_of_its_repository_and_report_nothing(self) -> None:
        job = _job(event="delete")
        assert (job.ref, job.sha, job.grant) == (
            None,
            None,
            Grant(repositories=("tyk",), verbs=(TokenPermission.DELETE, TokenPermission.READ)),
        )
        assert job.grant.only_repository() == "tyk"

    def test_an_event_on_a_merge_that_is_no_branch_may_report_nothing(self) -> None:
        job = _job(event="pull_request_review", ref="refs/pull/7/merge")
        with pytest.raises(TrustError, match="pull_request_review does not say which branch"):
            require_build_of_job(job, repo="tyk", ref="refs/pull/7/merge", sha=SHA)

    def test_it_is_known_by_repository_and_run(self) -> None:
        job = _job(repository="tyk-pump")
        assert (job.full_name, job.run, job.event) == (f"{OWNER}/tyk-pump", "8412", "push")


class TestWhoseTokensAreTaken:
    """Owners whose repositories may report."""

    @pytest.mark.parametrize("owner", [OWNER_ID, OWNER, OWNER.upper(), OWNER.lower()])
    def test_an_owner_is_listed_by_id_or_by_name_in_any_case(self, owner: str) -> None:
        assert isinstance(_judge("someone-else", owner), GithubJob)

    @pytest.mark.parametrize("owner", ["tyk", f"{OWNER}/tyk", "14286346", "*", ""])
    def test_every_other_owner_is_refused(self, owner: str) -> None:
        with pytest.raises(TrustError, match=f"{OWNER} is not an owner"):
            _judge(owner)

    def test_a_name_of_digits_does_not_pass_for_an_id(self) -> None:
        claims = {"iss": ISSUER, **claims_of(now=NOW_S)} | {
            "repository": f"{OWNER_ID}/tyk",
            "repository_owner": OWNER_ID,
        }
        with pytest.raises(TrustError):
            judge_claims(
                {**claims, "repository_owner_id": "9"},
                oidc_policy(ISSUER, AUDIENCE, (OWNER_ID,)),
                NOW,
            )

    def test_a_listed_id_serves_whatever_its_name_is_now(self) -> None:
        claims = {"iss": ISSUER, **claims_of(now=NOW_S)} | {
            "repository": "renamed/tyk",
            "repository_owner": "renamed",
        }
        assert isinstance(
            judge_claims(claims, oidc_policy(ISSUER, AUDIENCE, (OWNER_ID,)), NOW), GithubJob
        )


class TestTime:
    """A token is valid from nbf and iat to exp, with the leeway at both ends."""

    @pytest.mark.parametrize(
        ("late_s", "good"),
        [(0, True), (300 + LEEWAY_S - 1, True), (300 + LEEWAY_S, False), (10**6, False)],
    )
    def test_an_expired_one_is_invalid(self, late_s: int, good: bool) -> None:
        found = _judge(at=Millis((NOW_S + late_s) * 1000))
        assert isinstance(found, GithubJob) is good
        assert good or found == InvalidToken(
            "it has expired: ask for a new one right before it is used"
        )

    @pytest.mark.parametrize("claim", ["nbf", "iat"])
    @pytest.mark.parametrize(
        ("ahead_s", "good"), [(LEEWAY_S, True), (LEEWAY_S + 1, False), (10**6, False)]
    )
    def test_one_from_the_future_is_invalid(self, claim: str, ahead_s: int, good: bool) -> None:
        more: dict[str, Any] = {claim: NOW_S + ahead_s, "exp": NOW_S + 10**7}
        found = _judge(**more)
        assert isinstance(found, GithubJob) is good
        assert good or found == InvalidToken("it is not valid yet: is a clock wrong?")

    @pytest.mark.parametrize(
        "value", [None, "soon", True, float("inf"), float("nan"), 1e300, [NOW_S], {}]
    )
    def test_without_a_time_of_expiry_it_is_invalid(self, value: Any) -> None:
        assert _judge(exp=value) == InvalidToken("it does not say when it expires")

    @pytest.mark.parametrize("value", ["now", True, float("inf")])
    def test_what_is_no_time_is_not_taken_for_one(self, value: Any) -> None:
        assert _judge(nbf=value) == InvalidToken("its claim nbf is not a time")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"iss": "https://elsewhere.example.com"}, "another issuer"),
        ({"iss": ISSUER + "/"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "https://github.com/TykTechnologies"}, "another audience"),
        ({"aud": [AUDIENCE, "sts.amazonaws.com"]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": AUDIENCE + ".evil.example"}, "another audience"),
        ({"repository": None}, "claim repository is missing"),
        ({"repository": "tyk"}, "do not belong together"),
        ({"repository": "stranger/tyk"}, "do not belong together"),
        ({"repository": f"{OWNER}/a%2Ftyk"}, "do not belong together"),
        ({"repository": f"{OWNER}/a/tyk"}, "do not belong together"),
        ({"repository": 7}, "claim repository is missing"),
        ({"repository_owner": None}, "claim repository_owner is missing"),
        ({"event_name": None}, "claim event_name is missing"),
        ({"ref": None}, "claim ref is missing"),
        ({"ref": ""}, "claim ref is missing"),
        ({"ref": "refs/heads/" + "x" * 1024}, "claim ref is missing"),
        ({"ref": "refs/heads/x\n"}, "claim ref is missing"),
        ({"sha": None}, "claim sha is missing"),
        ({"run_id": None}, "claim run_id is missing"),
    ],
)
def test_a_token_whose_claims_do_not_fit_is_invalid(more: dict[str, Any], reason: str) -> None:
    claims = claims_of(now=NOW_S) | {"iss": ISSUER} | more
    found = judge_claims(
        {k: v for k, v in claims.items() if v is not None},
        oidc_policy(ISSUER, AUDIENCE, (OWNER_ID, "stranger")),
        NOW,
    )
    assert isinstance(found, InvalidToken)
    assert reason in found.reason


class TestAgreement:
    """A reported build must be the one that the job made."""

    @pytest.mark.parametrize(
        "repo", ["tyk", f"{OWNER}/tyk", f"{OWNER.lower()}/tyk", f"{OWNER}%2Ftyk"]
    )
    @pytest.mark.parametrize("ref", ["refs/heads/app-test", "app-test", "refs%2Fheads%2Fapp-test"])
    def test_the_same_build_in_every_form_of_the_wire_agrees(self, repo: str, ref: str) -> None:
        require_build_of_job(_job(), repo=repo, ref=ref, sha=SHA)

    @pytest.mark.parametrize(
        ("build", "reason"),
        [
            ({"repo": "stranger/tyk"}, f"of a job of {OWNER}/tyk, and not of stranger"),
            ({"repo": "stranger%2Ftyk"}, "not of stranger"),
            ({"ref": "refs/heads/master"}, "of a job on refs/heads/app-test"),
            ({"ref": "feature/app-test"}, "of another ref"),
            ({"ref": "APP-TEST"}, "of another ref"),
            ({"sha": SHA[:7]}, f"of a job on commit {SHA}"),
            ({"sha": "latest"}, "of another one"),
        ],
    )
    def test_another_build_is_refused_with_the_reason(
        self, build: dict[str, str], reason: str
    ) -> None:
        with pytest.raises(TrustError, match=reason):
            require_build_of_job(_job(), **{"repo": "tyk", "ref": "app-test", "sha": SHA, **build})

    def test_a_pull_request_is_bound_to_its_head_branch(self) -> None:
        job = _job(event="pull_request", ref="refs/pull/7/merge", head_ref="app-test")
        require_build_of_job(job, repo="tyk", ref="app-test", sha="the-head")
        with pytest.raises(TrustError, match="of another ref"):
            require_build_of_job(job, repo="tyk", ref="merge", sha=SHA)

    @pytest.mark.parametrize("event", ["push", "create", "workflow_dispatch"])
    def test_a_job_on_a_tag_reports_neither_the_tag_nor_a_branch(self, event: str) -> None:
        job = _job(event=event, ref="refs/tags/app-test")
        for ref in ("refs/tags/app-test", "refs/heads/app-test", "app-test"):
            with pytest.raises(TrustError, match="does not say which branch"):
                require_build_of_job(job, repo="tyk", ref=ref, sha=SHA)

    @pytest.mark.parametrize("ref", NO_BRANCHES)
    def test_what_is_no_branch_is_refused_with_what_to_send(self, ref: str) -> None:
        with pytest.raises(InvalidInput, match="only branches"):
            require_build_of_job(_job(), repo="tyk", ref=ref, sha=SHA)

    def test_a_deletion_reports_nothing(self) -> None:
        with pytest.raises(TrustError, match="delete does not say"):
            require_build_of_job(_job(event="delete"), repo="tyk", ref="master", sha=SHA)

    def test_a_percent_sign_in_a_branch_is_itself_in_the_claim_and_encoded_on_the_wire(
        self,
    ) -> None:
        job = _job(ref="refs/heads/at-100%25")
        require_build_of_job(job, repo="tyk", ref="refs/heads/at-100%2525", sha=SHA)
        with pytest.raises(TrustError):
            require_build_of_job(job, repo="tyk", ref="refs/heads/at-100%25", sha=SHA)

    def test_a_ref_that_names_nothing_is_refused_as_on_the_wire(self) -> None:
        with pytest.raises(InvalidInput):
            require_build_of_job(_job(), repo="tyk", ref="...", sha=SHA)


class TestOrder:
    """The place of a build in the order of builds."""

    @pytest.mark.parametrize(
        ("run", "attempt", "sequence"),
        [
            ("58", "1", 58_001),
            ("57", "12", 57_012),
            ("57", "1000", 57_999),
            ("19876543210", "2", 19_876_543_210_002),
            (str(10**13), "1", None),
            ("8412", None, None),
            ("8412", "", None),
            ("8412", "one", None),
            ("8412", "\u0663", None),
            ("x", "1", None),
            ("9" * 400, "1", None),
        ],
    )
    def test_it_comes_from_run_and_attempt(
        self, run: str, attempt: str | None, sequence: int | None
    ) -> None:
        assert _job(run_id=run, run_attempt=attempt).sequence == sequence

    def test_a_later_run_and_a_later_attempt_are_newer(self) -> None:
        runs = [("57", "1"), ("57", "2"), ("57", "999"), ("58", "1"), ("100", "1")]
        found = [_job(run_id=run, run_attempt=attempt).sequence or 0 for run, attempt in runs]
        assert found == sorted(set(found))

    def test_a_job_has_its_own_place_or_none(self) -> None:
        job = _job(run_id="58", run_attempt="1")
        require_order_of_job(job, 58_001)
        require_order_of_job(job, None)
        for other in (0, 57_001, 58_002, 2**53 - 1):
            with pytest.raises(TrustError, match="whose sequence is 58001"):
                require_order_of_job(job, other)

    def test_histories_name_run_and_attempt(self) -> None:
        assert _job(run_id="58", run_attempt="3").run_and_attempt == "58 attempt 3"
        assert _job(run_id="58", run_attempt=None).run_and_attempt == "58"

    def test_an_issuer_that_does_not_count_attempts_leaves_it_to_the_job(self) -> None:
        require_order_of_job(_job(), 2**53 - 1)


class TestPresented:
    """Recognition of a job's token in an Authorization header."""

    @pytest.mark.parametrize("header", ["a.b.c", "Bearer a.b.c", "bearer  a.b.c ", "a..", "B.b.c"])
    def test_three_parts_are_a_jwt(self, header: str) -> None:
        assert bearer_jwt(header) in {"a.b.c", "a..", "B.b.c"}

    @pytest.mark.parametrize(
        "header", ["", "a.b", "a.b.c.d", "Basic a.b.c", "Bearer a.b.c d", "a.b." + "c" * LONGEST]
    )
    def test_everything_else_is_none(self, header: str) -> None:
        assert bearer_jwt(header) is None

    def test_a_token_of_ours_is_never_taken_for_one(self) -> None:
        assert bearer_jwt(f"Bearer {format_token(bytes(range(224, 256)))}") is None

    def test_the_longest_one_may_be_as_long_as_it_says(self) -> None:
        assert bearer_jwt("a.b." + "c" * (oidc.LONGEST - 4)) is not None
