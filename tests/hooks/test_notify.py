"""The action at work: from an event of GitHub through a real gateway and serve into the table."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gromit.core.names import parse_ref
from tests.fakes.issuer import AUDIENCE, OWNER_ID, Issuer
from tests.fakes.refs import NO_BRANCHES
from tests.hooks import events
from tests.hooks.events import HEAD, MERGE, Event
from tests.hooks.workflow import Done, Workflow
from tests.web.fronting import Front, fronting
from tests.web.serving import DEFAULTS, Serve


@pytest.fixture(scope="module")
def gateway(
    shared_serve: Serve, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """A gateway that serves TLS and knows the issuer."""
    own, _ = shared_serve.certificates.issue("server", "127.0.0.1")
    settings = {
        "GROMIT_GATEWAY_CERT": own.cert,
        "GROMIT_GATEWAY_KEY": own.key,
        "GROMIT_GATEWAY_OIDC_AUDIENCE": AUDIENCE,
        "GROMIT_GATEWAY_OIDC_OWNERS": f"someone,{OWNER_ID}",
        "GROMIT_GATEWAY_OIDC_ISSUER": issuer.url,
        "GROMIT_GATEWAY_RATE": "1000",
    }
    with fronting(shared_serve, tmp_path_factory.mktemp("gateway"), settings) as front:
        yield front


@pytest.fixture
def workflow(gateway: Front, serve: Serve, issuer: Issuer, tmp_path: Path) -> Workflow:
    """A workflow that shows OIDC tokens, before an empty table."""
    trusting = {"SSL_CERT_FILE": serve.certificates.ca}
    return Workflow(
        tmp_path,
        {"url": f"{gateway.url}/", "audience": AUDIENCE, "patience": "5"},
        issuer,
        trusting,
    )


def _with_token(workflow: Workflow, token: str) -> Workflow:
    return Workflow(workflow.folder, {**workflow.inputs, "token": token}, None, workflow.variables)


def test_a_push_reports_its_build(workflow: Workflow, serve: Serve) -> None:
    done = workflow.run_step(events.push("refs/heads/integration/app-test"))
    assert (done.code, done.outputs) == (0, {"outcome": "reported", "environment": "app-test"})
    assert serve.get("/env/app-test") == {
        "name": "app-test",
        "state": "new",
        **DEFAULTS,
        "tyk": HEAD,
    }
    assert (
        f"build {HEAD} of refs/heads/integration/app-test belongs to environment app-test"
        in done.log
    )


def test_a_job_that_is_run_again_changes_nothing(workflow: Workflow, serve: Serve) -> None:
    assert workflow.run(events.push()).code == 0
    before = serve.rows
    assert workflow.run(events.push()).code == 0
    assert serve.rows == before


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened"])
def test_a_pull_request_reports_the_build_of_its_head_and_not_of_the_merge(
    workflow: Workflow, serve: Serve, action: str
) -> None:
    done = workflow.run(events.pull_request(action))
    assert (done.code, done.outputs["environment"]) == (0, "app-test")
    assert serve.get("/env/app-test")["tyk"] == HEAD
    assert MERGE not in repr(serve.rows)


def test_push_and_pull_request_of_one_branch_are_one_build(
    workflow: Workflow, serve: Serve
) -> None:
    workflow.run(events.push())
    before = serve.rows
    assert workflow.run(events.pull_request("opened")).outputs["outcome"] == "reported"
    assert serve.rows == before


SILENT: dict[str, Event] = {
    "push that deletes a branch": events.push_that_deletes(),
    "push that deletes a tag": events.push_that_deletes("refs/tags/app-test"),
    "push of a tag": events.push("refs/tags/app-test"),
    "create of a branch": events.create(),
    "create of a tag": events.create(ref_type="tag"),
    "delete of a tag": events.delete(ref_type="tag"),
    "closed pull request": events.pull_request("closed"),
    "pull request of a fork": events.pull_request("synchronize", fork=True),
    "pull request of a fork that is gone": events.of_a_fork_that_is_gone(),
    "run manually on a tag": events.scheduled("workflow_dispatch", "refs/tags/app-test"),
}


@pytest.mark.parametrize("case", SILENT)
def test_an_event_without_build_or_deletion_reports_nothing_and_needs_no_token(
    workflow: Workflow, gateway: Front, serve: Serve, case: str
) -> None:
    gateway.build(gateway.token("tyk"), "tyk", "app-test", "a-build")
    before = serve.rows
    anonymous = Workflow(workflow.folder, {"url": workflow.inputs["url"]})
    done = anonymous.run(SILENT[case])
    assert (done.code, done.outputs) == (0, {"outcome": "nothing"})
    assert "nothing to report" in done.log
    assert serve.rows == before


@pytest.mark.parametrize("ref", NO_BRANCHES)
@pytest.mark.parametrize("name", ["push", "workflow_dispatch", "schedule"])
def test_the_action_follows_the_rule_of_the_gateway_about_branches(
    workflow: Workflow, serve: Serve, name: str, ref: str
) -> None:
    event = events.push(ref) if name == "push" else events.scheduled(name, ref)
    done = workflow.run(event)
    assert (done.code, done.outputs) == (0, {"outcome": "nothing"})
    assert "is not a branch" in done.log
    assert serve.rows == {}


def test_a_deleted_branch_is_retired_and_not_the_default_one_that_the_job_runs_on(
    workflow: Workflow, serve: Serve
) -> None:
    workflow.run(events.push("refs/heads/master"))
    workflow.run(events.push())
    serve.send(
        "POST", "/v1/environments/master/unprotect"
    )  # nothing but the name that is sent may save it
    done = workflow.run(events.delete())
    assert (done.code, done.outputs) == (0, {"outcome": "retired"})
    assert (serve.state("app-test"), serve.state("master")) == ("deleted", "new")


def test_a_deleted_branch_takes_back_the_part_of_its_repository_alone(
    workflow: Workflow, serve: Serve
) -> None:
    workflow.run(events.push())
    workflow.run(events.push(repository="tyk-pump", sha="f" * 40))
    assert workflow.run(events.delete(repository="tyk-pump")).code == 0
    assert serve.get("/env/app-test") == {
        "name": "app-test",
        "state": "new",
        **DEFAULTS,
        "tyk": HEAD,
    }


@pytest.mark.parametrize("held", ["feature/app-test", "a/b/app-test", "App-Test"])
def test_a_branch_without_builds_does_not_take_back_those_of_another_of_its_name(
    workflow: Workflow, serve: Serve, held: str
) -> None:
    workflow.run(events.push(f"refs/heads/{held}"))
    before = serve.rows
    done = workflow.run(events.delete("app-test"))
    assert (done.code, done.outputs) == (0, {"outcome": "nothing"})
    assert f"its version there is of '{held}'" in done.log
    assert serve.rows == before
    assert workflow.run(events.delete(held)).outputs == {"outcome": "retired"}


def test_a_branch_that_lost_its_place_has_nothing_to_take_back(
    workflow: Workflow, serve: Serve
) -> None:
    assert workflow.run(events.push("refs/heads/feature/app-test")).code == 0
    assert workflow.run(events.push("refs/heads/app-test", sha="f" * 40)).code == 0
    refused = workflow.run(events.push("refs/heads/feature/app-test"))
    assert (refused.code, "already has 'app-test'" in refused.log) == (1, True)
    assert workflow.run(events.delete("feature/app-test")).outputs == {"outcome": "nothing"}
    assert serve.get("/env/app-test")["tyk"] == "f" * 40


def test_a_branch_that_is_named_like_another_kind_of_ref_comes_through(
    workflow: Workflow, serve: Serve
) -> None:
    name = "refs/pull/12/app-test"
    assert workflow.run(events.push(f"refs/heads/{name}")).outputs["environment"] == "app-test"
    assert workflow.run(events.delete(name)).outputs == {"outcome": "retired"}
    assert serve.state("app-test") == "deleted"


def test_a_branch_that_was_never_reported_has_nothing_to_take_back(
    workflow: Workflow, serve: Serve
) -> None:
    assert workflow.run(events.delete()).outputs == {"outcome": "nothing"}
    workflow.run(events.push())
    before = serve.rows
    done = workflow.run(events.delete(repository="tyk-pump"))
    assert (done.code, done.outputs) == (0, {"outcome": "nothing"})
    assert "nothing to retire" in done.log
    assert serve.rows == before


@pytest.mark.parametrize("ref", ["master", "release-3.1.0"])
def test_a_protected_environment_stays_and_the_job_says_why(
    workflow: Workflow, serve: Serve, ref: str
) -> None:
    workflow.run(events.push(f"refs/heads/{ref}"))
    done = workflow.run(events.delete(ref))
    assert done.code == 1
    assert "::error title=notify-gromit::refused (409): " in done.log
    assert "protected" in done.log
    assert serve.state(parse_ref(ref).environment) == "new"


@pytest.mark.parametrize(
    "ref",
    [
        "feature/größer",
        "fix/at-100%",
        "fix/at-100%25",
        "fix/%2e%2e%2fmaster",
        "a#b&c=d+e;f,g",
        "$(touch${IFS}pwned)",
        "`touch${IFS}pwned`",
        "'x\";touch${IFS}pwned;'",
        "${{github.token}}",
        "::set-output-name=environment::master",
        "Ünïcode/日本-1",
        "-x",
        "release-3.x",
    ],
)
def test_a_name_of_any_kind_comes_through_as_it_is_there_and_back(
    workflow: Workflow, serve: Serve, ref: str
) -> None:
    name = parse_ref(ref.replace("%", "%25")).environment
    done = workflow.run(events.push(f"refs/heads/{ref}"))
    assert (done.code, done.outputs.get("environment")) == (0, name)
    assert list(serve.rows) == [name]
    serve.send("POST", f"/v1/environments/{name}/unprotect")
    assert workflow.run(events.delete(ref)).outputs == {"outcome": "retired"}
    assert serve.state(name) == "deleted"
    assert not (workflow.folder / "pwned").exists()


def test_a_run_by_hand_or_by_the_clock_reports_its_branch(workflow: Workflow, serve: Serve) -> None:
    for name in ("workflow_dispatch", "schedule"):
        done = workflow.run(events.scheduled(name))
        assert (done.code, done.outputs["environment"]) == (0, "master")
    assert serve.get("/env/master")["tyk"] == events.DEFAULT_HEAD


@pytest.mark.parametrize(
    "name", ["pull_request_target", "workflow_run", "issue_comment", "repository_dispatch", "ping"]
)
def test_an_event_that_names_no_built_branch_is_a_fault_of_the_workflow(
    workflow: Workflow, serve: Serve, name: str
) -> None:
    done = workflow.run(Event(name, events.pull_request().payload))
    assert done.code == 2
    assert f"the event {name} does not say which branch was built" in done.log
    assert serve.rows == {}


class TestOrder:
    """Runs that end in another order than they began."""

    @pytest.fixture(params=["with OIDC", "with a token"])
    def runs(
        self, request: pytest.FixtureRequest, workflow: Workflow, gateway: Front
    ) -> Callable[[int, str, int], Done]:
        with_oidc = request.param == "with OIDC"
        one = workflow if with_oidc else _with_token(workflow, gateway.token("tyk"))

        def run(number: int, sha: str, attempt: int) -> Done:
            one.variables["GITHUB_RUN_ID"] = str(number)
            one.variables["GITHUB_RUN_ATTEMPT"] = str(attempt)
            return one.run(events.push(sha=sha))

        return run

    def test_an_older_run_that_ends_later_changes_nothing_and_says_so(
        self, runs: Callable[[int, str, int], Done], serve: Serve
    ) -> None:
        assert runs(19_876_543_258, "c2new", 1).outputs["outcome"] == "reported"
        before = serve.rows
        for attempt in (1, 2):
            late = runs(19_876_543_257, "c1old", attempt)
            assert (late.code, late.outputs) == (0, {"outcome": "stale", "environment": "app-test"})
            assert "::notice title=notify-gromit::nothing was changed: a newer build" in late.log
        assert serve.rows == before

    def test_a_later_run_and_the_same_run_once_more_are_as_before(
        self, runs: Callable[[int, str, int], Done], serve: Serve
    ) -> None:
        for number, sha, attempt in ((9, "c1", 1), (9, "c1", 2), (10, "c2", 1), (100, "c1", 1)):
            done = runs(number, sha, attempt)
            assert (done.code, done.outputs["outcome"]) == (0, "reported")
            assert "notice" not in done.log
            assert serve.get("/env/app-test")["tyk"] == sha


class TestTokens:
    """With a token of ours in place of GitHub's."""

    def test_a_token_of_the_repository_reports_and_retires(
        self, workflow: Workflow, gateway: Front, serve: Serve
    ) -> None:
        own = _with_token(workflow, gateway.token("tyk"))
        assert own.run(events.push()).outputs == {"outcome": "reported", "environment": "app-test"}
        assert own.run(events.delete()).outputs == {"outcome": "retired"}
        assert serve.state("app-test") == "deleted"

    def test_a_token_of_another_repository_is_refused_with_the_reason(
        self, workflow: Workflow, gateway: Front, serve: Serve
    ) -> None:
        done = _with_token(workflow, gateway.token("tyk-pump")).run(events.push())
        assert done.code == 1
        assert "refused (403): this token is not good for newbuild of tyk" in done.log
        assert serve.rows == {}

    def test_an_unknown_token_is_refused_at_once(self, workflow: Workflow, serve: Serve) -> None:
        done = _with_token(workflow, "gromit_unknown").run(events.push())
        assert (done.code, serve.rows) == (1, {})
        assert "refused (401): no valid token" in done.log


class TestOidc:
    """Checks of the job's identity by the gateway."""

    @pytest.mark.parametrize(
        ("claims", "reason"),
        [
            ({"repository_owner_id": "1"}, "is not an owner whose repositories report here"),
            ({"ref": "refs/heads/master"}, "of another ref"),
            ({"sha": MERGE}, "of another one"),
            ({"exp": 1_000}, "it has expired"),
            ({"event_name": "delete"}, "not good for newbuild"),
        ],
    )
    def test_a_job_that_is_not_what_it_says_is_refused(
        self, workflow: Workflow, serve: Serve, claims: dict[str, object], reason: str
    ) -> None:
        done = workflow.run(events.push(), **claims)
        assert done.code == 1
        assert reason in done.log
        assert serve.rows == {}

    def test_a_job_of_a_push_cannot_retire_anything(self, workflow: Workflow, serve: Serve) -> None:
        workflow.run(events.push())
        done = workflow.run(events.delete(), event_name="push")
        assert (done.code, serve.state("app-test")) == (1, "new")
        assert "not good for delete: it is of the event push" in done.log

    def test_the_url_is_the_audience_unless_another_is_given(
        self, workflow: Workflow, issuer: Issuer
    ) -> None:
        del workflow.inputs["audience"]
        done = workflow.run(events.push())
        assert issuer.audiences[-1] == workflow.inputs["url"].rstrip("/")
        assert done.code == 1
        assert f"ask for {AUDIENCE}" in done.log
