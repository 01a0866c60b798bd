"""The action lists branches: from GitHub's API through a real gateway and serve into the table."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from gromit.core.names import branch_digest
from gromit.core.security.tokens import TokenPermission
from gromit_action.branches import read_branches
from gromit_action.exchange import Wrong
from gromit_action.reports import digest_of
from tests.fakes.issuer import AUDIENCE, OWNER, Issuer, claims_of
from tests.hooks import events
from tests.hooks.events import Event
from tests.hooks.github import Github
from tests.hooks.workflow import Workflow
from tests.web.fronting import Front
from tests.web.serving import Serve

SCHEDULE = events.scheduled()
DAY_S = 86_400


@pytest.fixture(scope="module")
def running() -> Iterator[Github]:
    with Github().running() as github:
        yield github


@pytest.fixture
def github(running: Github) -> Github:
    running.branches, running.cut_to = ["master", "feature/kept", "feature/50%"], None
    running.answers.clear()
    running.asked.clear()
    return running


@pytest.fixture
def workflow(
    gateway: Front, serve: Serve, github: Github, issuer: Issuer, tmp_path: Path
) -> Workflow:
    """A daily workflow of the repository tyk, before an empty table with four environments."""
    for ref in ("feature/kept", "feature/50%25", "dead", "release-9"):
        serve.build("tyk", ref, "sha-1")
    serve.build("tyk-pump", "dead", "sha-1")
    return Workflow(
        tmp_path,
        {"url": gateway.url, "audience": AUDIENCE, "patience": "60", "sweep": "true"},
        issuer,
        {"GITHUB_API_URL": github.url},
    )


def _versions(serve: Serve) -> dict[str, str]:
    rows = serve.rows.items()
    return {f"{name}:{a[2:]}": v for name, row in rows for a, v in row.items() if a[:2] == "v#"}


def test_two_lists_retire_what_has_no_branch_and_nothing_else(
    workflow: Workflow, serve: Serve
) -> None:
    before = _versions(serve)
    done = workflow.run_step(SCHEDULE)
    assert (done.code, done.outputs) == (0, {"outcome": "swept"})
    assert "the repository has 3 branches" in done.log
    assert "missing: dead" in done.log
    assert _versions(serve) == before
    serve.clock.advance(s=DAY_S)
    assert "retired: dead" in workflow.run(SCHEDULE).log
    del before["dead:tyk"]
    assert _versions(serve) == before
    assert serve.get("/env/dead")["tyk"] == "master"
    actor = serve.get("/v1/environments/dead/events")["events"][-1]["actor"]
    assert actor.startswith("gateway:")


def test_all_pages_are_read(workflow: Workflow, serve: Serve, github: Github) -> None:
    github.branches += [f"branch-{i:03}" for i in range(250)] + ["zz/dead"]
    serve.build("tyk", "zz/other", "sha-1")
    done = workflow.run(SCHEDULE)
    assert "the repository has 254 branches" in done.log
    assert len(github.asked) == 3
    assert "missing: dead, other" in done.log


def test_a_rate_limit_is_waited_for(workflow: Workflow, github: Github) -> None:
    soon = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1)}
    github.answers += [
        JSONResponse({"message": "API rate limit exceeded"}, 403, soon),
        JSONResponse({"message": "secondary rate limit"}, 429, {"Retry-After": "1"}),
        JSONResponse({"message": "Server Error"}, 502),
    ]
    workflow.inputs["patience"] = "120"
    done = workflow.run(SCHEDULE)
    assert (done.code, done.outputs) == (0, {"outcome": "swept"})
    assert "GitHub limits the rate: API rate limit exceeded; next attempt in" in done.log


TROUBLE: dict[str, tuple[list[Response], int, str]] = {
    "no permission": (
        [JSONResponse({"message": "Not Found"}, 404)],
        2,
        "GitHub refused the list of branches (404: Not Found): give the job",
    ),
    "a long rate limit": (
        [JSONResponse({"message": "wait"}, 403, {"X-RateLimit-Remaining": "0"})] * 9,
        75,
        "gave up: GitHub limits the rate: wait",
    ),
    "no JSON": ([Response(b'[{"name": "mas')], 75, "list of branches cannot be read"),
    "another form": ([JSONResponse({"name": "x"})], 75, "list of branches cannot be read"),
    "empty": ([JSONResponse([])], 75, "lacks refs/heads/master, so it is not complete"),
    "without the own branch": (
        [JSONResponse([{"name": "feature/kept"}])],
        75,
        "lacks refs/heads/master, so it is not complete",
    ),
    "a link elsewhere": (
        [
            JSONResponse(
                [{"name": "master"}] * 100, headers={"Link": '<http://127.0.0.1:9/x>; rel="next"'}
            )
        ],
        2,
        "another address",
    ),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_a_list_that_is_not_complete_changes_nothing(
    workflow: Workflow, serve: Serve, github: Github, name: str
) -> None:
    before = serve.rows
    answers, code, message = TROUBLE[name]
    github.answers += answers
    done = workflow.run(SCHEDULE)
    assert (done.code, done.outputs) == (code, {})
    assert message in done.log
    assert serve.rows == before


def test_a_page_that_is_cut_changes_nothing(
    workflow: Workflow, serve: Serve, github: Github
) -> None:
    before = serve.rows
    github.branches += [f"branch-{i:03}" for i in range(250)]
    github.cut_to = 60
    done = workflow.run(SCHEDULE)
    assert (done.code, "GitHub's list of branches is cut" in done.log) == (75, True)
    assert serve.rows == before


@pytest.mark.parametrize("event", [events.push("refs/heads/feature/x"), events.delete("x")])
def test_only_the_default_branchs_schedule_sweeps(
    workflow: Workflow, github: Github, event: Event
) -> None:
    done = workflow.run(event)
    assert (done.code, github.asked) == (2, [])
    assert f"the input sweep needs the event schedule, and this is {event.name}" in done.log


def test_an_input_that_is_no_truth_is_refused(workflow: Workflow) -> None:
    workflow.inputs["sweep"] = "yes"
    assert "neither true nor false" in workflow.run(SCHEDULE).log


def test_without_the_input_a_schedule_reports_its_build(workflow: Workflow) -> None:
    workflow.inputs["sweep"] = "false"
    assert workflow.run(SCHEDULE).outputs == {"outcome": "reported", "environment": "master"}


def test_the_address_of_the_api_has_to_be_safe() -> None:
    variables = {"GITHUB_API_URL": "http://api.example.com", "GITHUB_REPOSITORY": "o/r"}
    with pytest.raises(Wrong, match="GITHUB_API_URL"):
        read_branches(variables, time.monotonic())


@pytest.mark.parametrize("name", ["master", "feature/50%", "ünïcode", "a b", "\udce4"])
def test_the_script_and_serve_have_the_same_digest(name: str) -> None:
    assert digest_of(name) == branch_digest(name)


# ── tokens and jobs ───────────────────────────────────────────────────────────────────────────────


def _body(*branches: str, repo: str = "tyk", count: int | None = None) -> dict[str, Any]:
    listed = [branch_digest(b) for b in branches]
    return {"repo": repo, "branches": listed, "count": len(listed) if count is None else count}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (_body(), 400, "the list has no branch"),
        (_body("master", count=2), 400, "the list has 1 branches and not 2"),
        (_body("master", repo="tyk-pump"), 403, "not good for sweep of tyk-pump"),
        ({**_body("master"), "branches": ["master"]}, 400, "branches"),
        ({**_body("master"), "more": 1}, 400, "more"),
        (_body(*map(str, range(5001))), 400, "branches"),
        (_body(*map(str, range(5000))), 200, "missing"),
    ],
    ids=["empty", "cut", "other", "names", "key", "long", "longest"],
)
def test_a_token_that_may_sweep_does_so_for_its_repository(
    gateway: Front, workflow: Workflow, body: dict[str, Any], status: int, message: str
) -> None:
    assert workflow.issuer is not None
    token = gateway.token("tyk", verbs=(TokenPermission.SWEEP,))
    answer = gateway.http.post("/gromit/branches", json=body, headers={"Authorization": token})
    assert (answer.status_code, message in answer.text) == (status, True), answer.text


def test_tokens_of_before_may_not_sweep(gateway: Front) -> None:
    token = gateway.token("tyk", verbs=(TokenPermission.NEWBUILD, TokenPermission.DELETE))
    headers = {"Authorization": token}
    answer = gateway.http.post("/gromit/branches", json=_body("master"), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "this token is not good for sweep")


@pytest.mark.parametrize(
    ("event", "body", "message"),
    [
        ("push", _body("master"), "it is of the event push"),
        ("workflow_dispatch", _body("master"), "it is of the event workflow_dispatch"),
        ("schedule", _body("other"), "lacks the branch master that this job runs on"),
        ("schedule", _body("master", repo="stranger/tyk"), f"of a job of {OWNER}/tyk"),
    ],
)
def test_a_job_may_sweep_on_a_schedule_with_its_own_branch_in_the_list(
    gateway: Front, issuer: Issuer, event: str, body: dict[str, Any], message: str
) -> None:
    claims = {"event_name": event, "ref": "refs/heads/master"}
    token = issuer.token(_claims(**claims))
    headers = {"Authorization": f"Bearer {token}"}
    answer = gateway.http.post("/gromit/branches", json=body, headers=headers)
    assert (answer.status_code, message in answer.text) == (403, True), answer.text


def _claims(event_name: str, ref: str) -> dict[str, Any]:
    return claims_of(event_name, "tyk", now=time.time(), ref=ref, sha=SCHEDULE.sha)
