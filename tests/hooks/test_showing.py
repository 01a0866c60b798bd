"""The job shows its environment: progress, outcome, comment, deployment, summary and outputs."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse

from gromit.web.api.views import EnvironmentView
from gromit_action import pull_request, waiting
from gromit_action.comments import marker_of
from tests.fakes.issuer import AUDIENCE, OWNER, Issuer
from tests.hooks import events
from tests.hooks.events import HEAD, Event
from tests.hooks.repository import ALICE, BOT, Repository, limited, trickled
from tests.hooks.showing_gateway import (
    SHA,
    URL,
    ShowingGateway,
    component,
    failure,
    version,
    view,
)
from tests.hooks.workflow import Done, Workflow

Run = Callable[..., Done]
UNKNOWN_NAME = {"state": "unknown", "reason": None}


@pytest.fixture(scope="module")
def running_gateway() -> Iterator[ShowingGateway]:
    with ShowingGateway().running() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def running_github() -> Iterator[Repository]:
    with Repository().running() as repository:
        yield repository


@pytest.fixture
def gateway(running_gateway: ShowingGateway) -> ShowingGateway:
    """A gateway that shows an environment that is ready."""
    running_gateway.views[:] = [view()]
    running_gateway.tokens.clear()
    running_gateway.reports.clear()
    running_gateway.look = lambda: None
    return running_gateway


@pytest.fixture
def github(running_github: Repository) -> Repository:
    """A repository with a pull request of the branch, and one of a fork's branch of that name."""
    fresh = Repository(url=running_github.url, commits={HEAD, "f" * 40})
    for each in fields(Repository):
        setattr(running_github, each.name, getattr(fresh, each.name))
    running_github.open_pull(7, "app-test")
    running_github.open_pull(8, "app-test", fork=True)
    running_github.open_pull(9, "other")
    return running_github


@pytest.fixture
def workflow(gateway: ShowingGateway, github: Repository, tmp_path: Path) -> Workflow:
    return Workflow(
        tmp_path,
        {"url": gateway.url, "token": "gromit_ours_0123456789abcdef", "wait": "true"},
        None,
        {
            "GITHUB_API_URL": github.url,
            "GITHUB_RUN_ID": "57",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_NUMBER": "12",
        },
    )


@pytest.fixture
def run(
    workflow: Workflow, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run a job of a push, without pauses between two looks at the gateway."""
    monkeypatch.setattr(waiting, "FIRST_PAUSE_S", 0.01)

    def run(event: Event | None = None, **inputs: str) -> Done:
        workflow.inputs |= inputs
        return workflow.run_here(events.push(sha=HEAD) if event is None else event, capsys)

    return run


def test_the_views_of_these_tests_are_those_of_serve() -> None:
    assert set(view()) <= {each.name for each in fields(EnvironmentView)}


def test_a_job_waits_and_everything_shows_the_outcome(
    run: Run, gateway: ShowingGateway, github: Repository
) -> None:
    gateway.views[:] = [
        view("pending", queue={"position": 2, "of": 5, "estimate_s": 130}),
        view("sowing", progress={"text": "aws_ecs_cluster.this: created", "done": 3, "total": 42}),
        view(components={"tyk": component(dns=UNKNOWN_NAME)}),
        view(),
    ]
    done = run()
    assert done.code == 0
    assert "app-test: pending place 2 of 5 in the queue about 2m 10s" in done.log
    assert "app-test: sowing aws_ecs_cluster.this: created [3/42]" in done.log
    assert "app-test: ready without tyk (name unknown)" in done.log
    assert done.outputs == {
        "outcome": "reported",
        "environment": "app-test",
        "result": "ready",
        "phase": "ready",
        "url": URL,
        "urls": json.dumps({"tyk": URL}),
    }
    assert github.states() == {HEAD: ["queued", "in_progress", "success"]}
    (deployment,) = github.deployments
    assert deployment["environment"] == "gromit/app-test"
    assert (deployment["transient_environment"], deployment["production_environment"]) == (
        True,
        False,
    )
    last = deployment["statuses"][-1]
    assert (last["environment_url"], last["auto_inactive"]) == (URL, False)
    assert last["log_url"] == f"https://github.com/{OWNER}/tyk/actions/runs/57"
    (body,) = github.bodies(7)
    assert (github.bodies(8), github.bodies(9)) == ([], [])
    assert body.startswith(f"{marker_of(gateway.url, 57_001)}\n### 🟢 Environment <code>app&#45;")
    assert f"| [open](<{URL}>) |" in body
    assert done.summary in body


def test_without_wait_a_job_only_reports_as_before(
    run: Run, gateway: ShowingGateway, github: Repository
) -> None:
    done = run(wait="false")
    assert done.outputs == {"outcome": "reported", "environment": "app-test"}
    assert (gateway.tokens, github.asked) == ([], [])
    assert "reported" in done.summary


def test_without_wait_a_comment_shows_the_present_state(run: Run, github: Repository) -> None:
    done = run(wait="false", comment="true")
    assert (done.code, done.outputs["phase"], len(github.bodies(7))) == (0, "ready", 1)
    assert github.deployments == []


def test_without_wait_a_deployment_of_a_ready_environment_has_its_url(
    run: Run, github: Repository
) -> None:
    assert run(wait="false", deployment="true").code == 0
    assert github.deployments[0]["statuses"][-1]["environment_url"] == URL
    assert github.comments == {}


@pytest.mark.parametrize(("fail", "code"), [("true", 1), ("false", 0)])
def test_a_failure_that_retrying_cannot_fix_ends_the_job(
    run: Run, gateway: ShowingGateway, github: Repository, fail: str, code: int
) -> None:
    gateway.views[:] = [view("sowing"), view("failed", error=failure("there is no image"))]
    done = run(fail=fail)
    assert (done.code, done.outputs["result"], done.outputs["phase"]) == (code, "failed", "failed")
    level = "error" if code else "warning"
    assert f"::{level} title=notify-gromit::failed: there is no image; fix the build" in done.log
    (body,) = github.bodies(7)
    assert "**Why:** <code>there is no image</code>" in body
    assert "**Remedy:** <code>fix the build&#44; then re&#45;run its workflow</code>" in body
    assert github.states() == {HEAD: ["in_progress", "failure"]}


def test_a_failure_that_may_pass_is_waited_for(run: Run, gateway: ShowingGateway) -> None:
    throttled = {**failure("Throttling"), "class": "transient", "remedy": None}
    gateway.views[:] = [view("failed", error=throttled), view()]
    assert run().outputs["result"] == "ready"


@pytest.mark.parametrize(("known", "result"), [("person", "failed"), ("quota", "ready")])
def test_a_failure_that_an_older_serve_shows_is_judged_by_its_class(
    run: Run, gateway: ShowingGateway, known: str, result: str
) -> None:
    shown = {**failure("a foreign state"), "class": known}
    del shown["remedy"]
    gateway.views[:] = [view("failed", error=shown), view()]
    done = run()
    assert done.outputs["result"] == result
    assert ("the reason says what to fix" in done.log) is (result == "failed")


@pytest.mark.parametrize("phase", ["gone", "deleting", "reaping", "parked"])
def test_an_environment_that_no_build_is_made_in_ends_the_job(
    run: Run, gateway: ShowingGateway, phase: str
) -> None:
    gateway.views[:] = [view(phase)]
    done = run()
    assert (done.code, done.outputs["result"]) == (1, "failed")
    assert f"the environment is {phase}" in done.log


def test_a_name_that_others_have_ends_the_job(run: Run, gateway: ShowingGateway) -> None:
    blocked = {"state": "blocked", "reason": "a foreign record"}
    gateway.views[:] = [view(components={"tyk": component(dns=blocked)})]
    done = run()
    assert (done.code, "the public name of tyk is blocked: a foreign record" in done.log) == (
        1,
        True,
    )
    assert run(dns="false").outputs["result"] == "ready"


def test_the_time_limit_ends_a_wait(run: Run, gateway: ShowingGateway, github: Repository) -> None:
    gateway.views[:] = [view("sowing")]
    done = run(timeout="0")
    assert (done.code, done.outputs["result"]) == (1, "late")
    assert "late: not ready after 0s: sowing" in done.log
    assert github.states() == {HEAD: ["in_progress", "error"]}


def test_a_newer_build_ends_the_wait_without_a_failure(
    run: Run, gateway: ShowingGateway, github: Repository
) -> None:
    newer = {"tyk": version("f" * 40, sequence=58_001)}
    gateway.views[:] = [view("sowing"), view("sowing", versions=newer)]
    done = run()
    assert (done.code, done.outputs["result"]) == (0, "superseded")
    assert "::notice title=notify-gromit::this build is not desired any more" in done.log
    assert github.states() == {HEAD: ["in_progress", "inactive"]}
    assert "sowing" in github.bodies(7)[0]


def test_an_older_view_is_not_a_newer_build(run: Run, gateway: ShowingGateway) -> None:
    older = {"tyk": version("a" * 40, sequence=56_001)}
    gateway.views[:] = [view("sowing", versions=older), view()]
    assert run().outputs["result"] == "ready"


def test_a_gateway_without_views_is_a_fault_of_the_workflow(
    run: Run, gateway: ShowingGateway
) -> None:
    gateway.views.clear()
    done = run()
    assert (done.code, "the gateway does not show the environment app-test" in done.log) == (
        2,
        True,
    )
    assert run(wait="false", comment="true").code == 0


def test_a_token_without_the_verb_says_which(run: Run, gateway: ShowingGateway) -> None:
    gateway.views[:] = [JSONResponse({"error": "this token is not good for read"}, 403)]
    done = run()
    assert (done.code, "`gromit token new --verb read`" in done.log) == (2, True)
    quiet = run(wait="false", comment="true")
    assert (quiet.code, "::warning" in quiet.log) == (0, True)


def test_a_gateway_that_is_away_meanwhile_is_asked_again(run: Run, gateway: ShowingGateway) -> None:
    gateway.views[:] = [view("sowing"), JSONResponse({"error": "later"}, 503), view()]
    done = run()
    assert ("503: later; trying again" in done.log, done.outputs["result"]) == (True, "ready")


class TestLook:
    """A job that reports nothing, for a pull request that was just opened."""

    def test_it_shows_what_the_branch_has(
        self, run: Run, gateway: ShowingGateway, github: Repository
    ) -> None:
        shown = {"tyk": version(sequence=55_001)}
        gateway.views[:] = [view(versions=shown)]
        done = run(events.pull_request("opened"), report="false", wait="false", comment="true")
        assert (done.code, gateway.reports) == (0, [])
        (body,) = github.bodies(7)
        # The run that reported the build may go on with its comment.
        assert body.startswith(marker_of(gateway.url, 55_001))

    @pytest.mark.parametrize("ref", ["feature/app-test", None])
    def test_it_shows_nothing_of_another_branch(
        self, run: Run, gateway: ShowingGateway, github: Repository, ref: str | None
    ) -> None:
        gateway.views[:] = [view(versions={"tyk": version(ref=ref)})]
        done = run(events.pull_request("opened"), report="false")
        assert (done.code, github.bodies(7)) == (0, [])
        assert "nothing to show: no build of refs/heads/app-test was reported yet" in done.log

    def test_without_an_environment_there_is_nothing_to_show(
        self, run: Run, gateway: ShowingGateway
    ) -> None:
        gateway.views.clear()
        done = run(events.pull_request("opened"), report="false")
        assert (done.code, "nothing to show" in done.log) == (0, True)

    def test_a_fork_is_left_out(self, run: Run, github: Repository) -> None:
        done = run(events.pull_request("opened", fork=True), report="false")
        assert (done.code, github.asked) == (0, [])
        assert "forks get no environment" in done.log


class TestComments:
    """One comment for each pull request."""

    def test_it_is_updated_in_place(self, run: Run, github: Repository) -> None:
        run()
        github.comment(7, "Looks good")
        before = github.comments[7][0]["id"]
        run()
        assert github.comments[7][0]["id"] == before
        assert len(github.bodies(7)) == 2

    def test_it_is_found_on_any_page(self, run: Run, github: Repository) -> None:
        for _ in range(120):
            github.comment(7, "Looks good")
        run()
        run()
        assert len([b for b in github.bodies(7) if b.startswith("<!--")]) == 1

    def test_a_person_with_the_marker_is_left_alone(
        self, run: Run, gateway: ShowingGateway, github: Repository
    ) -> None:
        fake = github.comment(7, f"{marker_of(gateway.url, 1)}\nmine", ALICE)
        run()
        assert (fake["body"][-4:], len(github.bodies(7))) == ("mine", 2)

    def test_another_gateway_has_its_own(self, run: Run, github: Repository) -> None:
        other = github.comment(7, f"{marker_of('https://elsewhere', 1)}\nother", BOT)
        run()
        assert (other["body"][-5:], len(github.bodies(7))) == ("other", 2)

    def test_an_older_run_leaves_the_text_of_a_newer_one(
        self, run: Run, gateway: ShowingGateway, github: Repository
    ) -> None:
        newer = github.comment(7, f"{marker_of(gateway.url, 58_001)}\nnewer", BOT)
        assert run().code == 0
        assert (newer["body"][-5:], len(github.bodies(7))) == ("newer", 1)

    def test_a_text_that_an_older_run_replaced_is_written_again(
        self, run: Run, gateway: ShowingGateway, github: Repository
    ) -> None:
        mine = github.comment(7, f"{marker_of(gateway.url, 57_001)}\nmine", BOT)
        late = [f"{marker_of(gateway.url, 56_001)}\nolder"]
        looks = [0]

        def older_run_writes(method: str, path: str) -> None:
            looks[0] += method == "GET" and path.endswith("/comments")
            if looks[0] == 2 and late:
                mine["body"] = late.pop()

        github.before = older_run_writes
        run()
        assert (late, len(github.bodies(7))) == ([], 1)
        assert github.bodies(7)[0].startswith(marker_of(gateway.url, 57_001))

    @pytest.mark.parametrize("other_is_first", [True, False])
    def test_two_jobs_that_create_it_at_once_leave_one(
        self, run: Run, gateway: ShowingGateway, github: Repository, other_is_first: bool
    ) -> None:
        body = f"{marker_of(gateway.url, 56_001)}\nother"
        left = [body]

        def other_job(method: str, path: str) -> None:
            lists = method == "GET" and path.endswith("/comments")
            due = method == "POST" and path.endswith("/comments")
            if left and (due if other_is_first else lists and github.bodies(7)):
                github.comment(7, left.pop(), BOT)

        github.before = other_job
        run()
        ours = [b for b in github.bodies(7) if b.startswith(marker_of(gateway.url, 57_001))]
        assert len(ours) == 1
        assert len(github.bodies(7)) == (1 if other_is_first else 2)

    def test_a_branch_without_a_pull_request_has_none(self, run: Run, github: Repository) -> None:
        github.pulls.clear()
        assert (run().code, github.comments) == (0, {})

    def test_no_other_pull_request_has_one_if_github_lists_all(
        self, run: Run, github: Repository
    ) -> None:
        github.filters = False
        github.open_pull(9, "another")
        assert (run().code, set(github.comments)) == (0, {7})


class TestDeployments:
    """Deployments of the builds of a branch."""

    def test_only_the_newest_is_active(
        self, run: Run, gateway: ShowingGateway, github: Repository
    ) -> None:
        run()
        gateway.views[:] = [view(versions={"tyk": version("f" * 40)})]
        run(events.push(sha="f" * 40))
        assert github.states() == {HEAD: ["success", "inactive"], "f" * 40: ["success"]}

    def test_the_same_build_keeps_its_own(self, run: Run, github: Repository) -> None:
        run()
        run()
        assert github.states() == {HEAD: ["success", "success"]}

    def test_a_deleted_branch_makes_all_inactive_and_says_so(
        self, run: Run, github: Repository
    ) -> None:
        run()
        github.pulls[0]["state"] = "closed"
        done = run(events.delete(), wait="false", comment="true", deployment="true")
        assert (done.code, done.outputs) == (0, {"outcome": "retired"})
        assert github.states() == {HEAD: ["success", "inactive"]}
        (body,) = github.bodies(7)
        assert "retired" in body
        assert "retired" in done.summary

    def test_a_deleted_branch_gets_no_new_comment(self, run: Run, github: Repository) -> None:
        done = run(events.delete(), comment="true", deployment="true")
        assert (done.code, github.comments, github.deployments) == (0, {}, [])

    def test_a_commit_that_is_gone_is_one_warning(self, run: Run, github: Repository) -> None:
        github.commits.clear()
        done = run()
        assert (done.code, done.log.count("::warning")) == (0, 1)
        assert "GitHub refused the deployment (422: Validation Failed)\n" in done.log
        assert len(github.bodies(7)) == 1


class TestTrouble:
    """GitHub is slow, limits or refuses, and the job goes on."""

    @pytest.mark.parametrize(
        ("missing", "what"),
        [("pull-requests", "the comment"), ("deployments", "the deployment")],
    )
    def test_a_missing_permission_is_one_warning_that_names_it(
        self, run: Run, gateway: ShowingGateway, github: Repository, missing: str, what: str
    ) -> None:
        github.permissions.discard(missing)
        gateway.views[:] = [view("sowing"), view()]
        done = run()
        assert (done.code, done.log.count("::warning")) == (0, 1)
        assert f"GitHub refused {what} (403: Resource not accessible by integration)" in done.log
        assert f"give the job `permissions: {{{missing}: write}}`" in done.log

    def test_a_foreign_repository_is_not_found(self, run: Run, github: Repository) -> None:
        github.name = "other"
        done = run()
        assert (done.code, done.log.count("::warning")) == (0, 2)
        assert "(404: Not Found)" in done.log

    def test_a_limit_with_a_short_pause_is_waited_for(self, run: Run, github: Repository) -> None:
        github.answers += [limited(0), limited(0, 429)]
        done = run()
        assert (done.code, len(github.bodies(7)), github.states()) == (0, 1, {HEAD: ["success"]})
        assert "GitHub limits the rate: You have exceeded a secondary rate limit" in done.log

    @pytest.mark.parametrize("seconds", [None, 3600])
    def test_a_limit_with_a_long_pause_is_one_warning_and_no_second_request(
        self, run: Run, github: Repository, monkeypatch: pytest.MonkeyPatch, seconds: int | None
    ) -> None:
        monkeypatch.setattr(pull_request, "LAST_S", 5.0)
        github.answers += [limited(seconds)] * 9
        done = run(deployment="false")
        assert (done.code, done.log.count("::warning"), len(github.asked)) == (0, 1, 1)
        assert "the comment could not be written: GitHub limits the rate" in done.log

    def test_an_answer_that_never_ends_is_given_up(
        self, run: Run, github: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pull_request, "LAST_S", 0.2)
        monkeypatch.setattr(pull_request, "SLACK_S", 0.2)
        github.answers.append(trickled)
        done = run(deployment="false")
        assert (done.code, done.outputs["result"]) == (0, "ready")
        assert "GitHub did not answer within" in done.log

    def test_an_api_that_is_away_fails_nothing(
        self, run: Run, workflow: Workflow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pull_request, "LAST_S", 0.1)
        workflow.variables["GITHUB_API_URL"] = "http://127.0.0.1:9"
        done = run()
        assert (done.code, done.outputs["result"], done.log.count("::warning")) == (0, "ready", 2)

    @pytest.mark.parametrize("answer", [[], {}, "x", None, [None], [{"id": 1}]])
    def test_an_answer_of_another_shape_fails_nothing(
        self, run: Run, github: Repository, answer: Any
    ) -> None:
        github.answers += [lambda: JSONResponse(answer)] * 30
        assert run(timeout="0").code == 0


class TestTokens:
    """OIDC tokens of a long wait."""

    @pytest.fixture
    def issuer(self) -> Iterator[Issuer]:
        with Issuer().running() as issuer:
            yield issuer

    @pytest.fixture
    def job(self, workflow: Workflow, run: Run, issuer: Issuer) -> Run:
        """Run a job with OIDC tokens."""
        del workflow.inputs["token"]
        workflow.inputs["audience"] = AUDIENCE
        workflow.issuer = issuer
        return run

    def test_a_token_is_used_again_until_it_is_near_its_end(
        self, job: Run, issuer: Issuer, gateway: ShowingGateway
    ) -> None:
        gateway.views[:] = [view("sowing"), view("sowing"), view("sowing"), view()]
        assert job().code == 0
        assert len(issuer.audiences) == 2  # one for the report, one for all views

    def test_near_its_end_there_is_a_new_one(
        self, job: Run, issuer: Issuer, gateway: ShowingGateway
    ) -> None:
        issuer.life_s = 30
        gateway.views[:] = [view("sowing"), view("sowing"), view()]
        assert job().code == 0
        assert len(issuer.audiences) == 1 + len(gateway.tokens)

    def test_a_token_that_is_refused_is_replaced(
        self, job: Run, issuer: Issuer, gateway: ShowingGateway
    ) -> None:
        gateway.views[:] = [view("sowing"), JSONResponse({"error": "expired"}, 401), view()]
        assert (job().code, len(issuer.audiences)) == (0, 3)

    def test_an_issuer_that_is_away_fails_no_job_that_waits(
        self, job: Run, issuer: Issuer, gateway: ShowingGateway
    ) -> None:
        def issuer_goes_away() -> None:
            issuer.is_away = True

        issuer.life_s = 30
        gateway.views[:] = [view("sowing")]
        gateway.look = issuer_goes_away
        done = job(timeout="0")
        assert (done.code, done.outputs["result"]) == (0, "unknown")


HOSTILE = (
    "@alice #7 |x| `y` **z** <script>alert(1)</script> [a](http://evil) ![i](http://evil/x.png)"
    "\n\n# head\n::error::no\n<!-- gromit -->\u202egnp.exe https://evil.example www.evil.example"
)


def _hostile() -> Mapping[str, Any]:
    parts = component(HOSTILE, HOSTILE, problem=HOSTILE, url="javascript:alert(1)")
    return view(
        "failed",
        components={HOSTILE: parts},
        urls={HOSTILE: "http://x/)[y](http://evil"},
        versions={"tyk": version(), HOSTILE: version(HOSTILE, ref=HOSTILE, reason=HOSTILE)},
        error=failure(
            HOSTILE, remedy=HOSTILE, output=[{"component": HOSTILE, "lines": [HOSTILE, 7]}]
        ),
    )


def test_foreign_text_is_only_text_everywhere(
    run: Run, gateway: ShowingGateway, github: Repository
) -> None:
    gateway.views[:] = [_hostile()]
    done = run()
    (body,) = github.bodies(7)
    for text in (body.partition("\n")[2], done.summary):
        for active in ("@", "#7", "|x|", "`", "**z", "<script", "](http:", "\u202e", "www.evil"):
            assert active not in re.sub(r"\*\*(Why|Remedy|Last)", "", text), active
        assert text.count("<!--") == 0
    assert [line for line in done.log.splitlines() if line.startswith("::error::")] == []
    assert done.outputs["urls"] == "{}"
    assert SHA not in done.outputs


def test_the_comment_has_the_last_lines_of_a_crashed_task(
    run: Run, gateway: ShowingGateway, github: Repository
) -> None:
    lines = [f"line {n}" for n in range(7)]
    output = [{"component": "tyk", "task": "t1", "lines": lines}, "rubbish", {"lines": None}]
    gateway.views[:] = [view("failed", error=failure("tyk: exit code 1", output=output))]
    done = run()
    for text in (github.bodies(7)[0], done.summary):
        assert "**Last lines of <code>tyk</code>:**<br><code>line 2</code><br>" in text
        assert "<code>line 6</code>" in text
        assert "line 1<" not in text
    gateway.views[:] = [view("failed", error=failure("no", output="rubbish"))]
    assert "Last lines" not in run().summary


def test_secrets_are_in_no_page(run: Run, gateway: ShowingGateway, github: Repository) -> None:
    leaks = "gromit_ours_0123456789abcdef ghs_0123456789abcdefghij eyJhbGciOiJI.eyJzdWIiOiIx.c2ln"
    gateway.views[:] = [
        view("failed", error=failure(leaks, output=[{"component": "tyk", "lines": [leaks]}]))
    ]
    done = run()
    for text in (github.bodies(7)[0], done.summary, done.log):
        assert "0123456789abcdef" not in text
        assert "eyJ" not in text


def test_a_page_of_many_components_fits(
    run: Run, gateway: ShowingGateway, github: Repository
) -> None:
    many = {f"c{i}": component(f"c{i}", "v" * 100, problem="@" * 300) for i in range(200)}
    gateway.views[:] = [view(components=many)]
    assert run(deployment="false").code == 0
    (body,) = github.bodies(7)
    assert (len(body) < 65_536, " more |" in body) == (True, True)


@pytest.mark.parametrize("name", ["wait", "fail", "dns", "comment", "deployment", "report"])
def test_an_input_that_is_no_truth_is_refused(run: Run, gateway: ShowingGateway, name: str) -> None:
    done = run(**{name: "yes"})
    assert (done.code, gateway.reports) == (2, [])
    assert f"the input {name} is neither true nor false" in done.log
