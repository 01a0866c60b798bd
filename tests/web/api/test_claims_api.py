"""The worker protocol over HTTP: claims, renewals, results and repeated requests."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gromit.core.security.roles import Role
from gromit.core.time import iso
from tests.web.serving import DEFAULTS, GRACE_S, TTL_S, Serve

RETRY_S = 30


def _ask(serve: Serve, kind: str = "sow", **more: str) -> Any:
    body = {"kind": kind, "holder": "w1", "nonce": "n1", **more}
    return serve.send("POST", "/v1/claims", body, Role.WORKER)


def test_a_claim_has_all_that_a_worker_needs(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    serve.build("tyk-pump", "app-test", "sha-pump")
    answer = _ask(serve, task="arn:aws:ecs:eu-central-1:1:task/internal/0")
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "app-test",
        "want": "up",
        "generation": 2,
        "claimed": 2,
        "epoch": serve.rows["app-test"]["epoch"],
        "versions": {**DEFAULTS, "tyk": "sha-gw", "tyk-pump": "sha-pump"},
        "redeploys": {},
        "parked": False,
        "spec_hash": None,
        "state": None,
        "made": [],
        "hooks": [],
        "branch_tags": ["app-test"],
        "recipe": "",
        "checked_s": None,
        "observed": 0,
        "infra": True,
        "ttl_ms": TTL_S * 1000,
        "progress": None,
    }
    assert serve.rows["app-test"]["task"] == "arn:aws:ecs:eu-central-1:1:task/internal/0"


def test_a_claim_says_how_old_the_last_full_check_is(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-1")
    made = [{"name": "tyk", "repository": "tyk", "version": "sha-1"}]
    claim = serve.claim("sow")
    done = serve.outcome(claim, "done", made=made, recipe="recipe", checked_s=30)
    assert done.status_code == 200
    serve.clock.advance(s=60)
    serve.build("tyk", "app-test", "sha-2")
    found = _ask(serve).json()
    assert (found["recipe"], found["checked_s"]) == ("recipe", 90)


def test_without_work_there_is_no_content_and_no_time_to_come_back_at(serve: Serve) -> None:
    for kind in ("sow", "reap"):
        answer = _ask(serve, kind)
        assert (answer.status_code, answer.content) == (204, b"")
        assert "retry-after" not in answer.headers


def test_work_to_come_says_when(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.send("DELETE", "/env/app-test")
    serve.clock.advance(ms=500)
    assert _ask(serve, "reap").headers["retry-after"] == str(GRACE_S)
    serve.clock.advance(s=GRACE_S - 1)
    assert _ask(serve, "reap").headers["retry-after"] == "1"
    serve.clock.advance(ms=500)
    assert _ask(serve, "reap").status_code == 200


def test_a_claim_whose_answer_was_lost_is_given_again(serve: Serve) -> None:
    serve.build("tyk", "app-one", "sha")
    serve.clock.advance(s=1)
    serve.build("tyk", "app-two", "sha")
    first = _ask(serve)
    before = serve.rows
    again = _ask(serve)
    assert first.json() == again.json()
    assert first.json()["name"] == "app-one"
    assert serve.rows == before
    assert _ask(serve, nonce="n2").json()["name"] == "app-two"


def test_work_is_given_oldest_first_and_to_one_worker_only(serve: Serve) -> None:
    names = [f"app-{n}" for n in range(4)]
    for name in names:
        serve.build("tyk", name, "sha")
        serve.clock.advance(ms=10)
    assert [serve.claim("sow", holder=f"w{n}")["name"] for n in range(4)] == names
    assert _ask(serve).status_code == 204


def test_workers_that_ask_together_get_different_work(serve: Serve) -> None:
    for n in range(4):
        serve.build("tyk", f"app-{n}", "sha")
    clients = [serve.client(serve.certificates.issue(Role.WORKER)[0]) for _ in range(6)]

    def ask(n: int) -> Any:
        return clients[n].post(
            "/v1/claims", json={"kind": "sow", "holder": f"w{n}", "nonce": f"n{n}"}
        )

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(ask, range(len(clients))))
    assert sorted(a.status_code for a in answers) == [200] * 4 + [204] * 2
    assert sorted(a.json()["name"] for a in answers if a.status_code == 200) == [
        f"app-{n}" for n in range(4)
    ]


def test_renewing_keeps_a_claim(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    claim = serve.claim("sow")
    for _ in range(3):
        serve.clock.advance(s=TTL_S - 1)
        answer = serve.outcome(claim, "renew")
        assert answer.status_code == 200
        assert (answer.json()["generation"], answer.json()["want"], answer.json()["epoch"]) == (
            1,
            "up",
            claim["epoch"],
        )
        assert _ask(serve).status_code == 204


def test_renewing_returns_a_new_desired_state(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    claim = serve.claim("sow")
    serve.build("tyk", "app-test", "sha-2")
    renewed = serve.outcome(claim, "renew").json()
    assert (renewed["generation"], renewed["claimed"]) == (2, 1)
    serve.send("DELETE", "/env/app-test")
    assert serve.outcome(claim, "renew").json()["want"] == "gone"


STEP = {"text": "aws_ecs_service.this tyk: created (3s)", "done": 12, "total": 42}


def _progress(serve: Serve, name: str = "app-test") -> Any:
    return serve.get(f"/v1/environments/{name}")["progress"]


def test_progress_is_shown_while_the_claim_lasts(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    assert _progress(serve) is None
    claim = serve.claim("sow")
    assert _progress(serve) is None
    serve.clock.advance(s=1)
    renewed = serve.outcome(claim, "renew", progress=STEP).json()
    assert renewed["progress"] == {**STEP, "at": iso(serve.clock())}
    assert _progress(serve) == renewed["progress"]
    (listed,) = serve.get("/v1/environments")["environments"]
    assert listed["progress"] == renewed["progress"]
    serve.clock.advance(s=1)
    serve.outcome(claim, "renew")
    assert _progress(serve) == renewed["progress"], "a renewal without one keeps it"
    serve.outcome(claim, "renew", progress={"text": "waiting"})
    assert _progress(serve) == {
        "text": "waiting",
        "done": None,
        "total": None,
        "at": iso(serve.clock()),
    }
    revision = serve.rows["app-test"]["revision"]
    serve.outcome(claim, "renew", progress=STEP)
    assert serve.rows["app-test"]["revision"] == revision


@pytest.mark.parametrize("ending", ["done", "fail", "release"])
def test_progress_ends_with_the_claim(serve: Serve, ending: str) -> None:
    serve.build("tyk", "app-test", "sha")
    claim = serve.claim("sow")
    serve.outcome(claim, "renew", progress=STEP)
    serve.outcome(claim, ending)
    assert _progress(serve) is None
    assert not {"progress", "claimed_at"} & serve.rows["app-test"].keys()


def test_progress_of_an_expired_claim_is_not_that_of_the_next(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.outcome(serve.claim("sow"), "renew", progress=STEP)
    serve.clock.advance(s=TTL_S + 1)
    assert _progress(serve) is None
    serve.claim("sow", holder="w2")
    assert _progress(serve) is None


@pytest.mark.parametrize(
    "progress",
    [
        {"text": ""},
        {"text": "x" * 201},
        {"text": "x", "done": -1},
        {"text": "x", "done": 1, "total": 10**9},
        {"text": "x", "secret": "y"},
        {"done": 1},
    ],
)
def test_progress_is_bounded(serve: Serve, progress: dict[str, Any]) -> None:
    serve.build("tyk", "app-test", "sha")
    claim = serve.claim("sow")
    assert serve.outcome(claim, "renew", progress=progress).status_code == 400
    assert _progress(serve) is None


def test_progress_is_one_line_of_plain_text(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.outcome(serve.claim("sow"), "renew", progress={"text": "a\n\x1b[31mb\u202e"})
    assert _progress(serve)["text"] == "a b"


def test_a_claim_says_since_when_it_lasts(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    claim, begun = serve.claim("sow"), iso(serve.clock())
    serve.clock.advance(s=5)
    serve.outcome(claim, "renew")
    assert serve.get("/v1/environments/app-test")["lease"]["since"] == begun


def test_an_unrenewed_claim_goes_to_another_and_the_first_worker_can_change_nothing(
    serve: Serve,
) -> None:
    serve.build("tyk", "app-test", "sha")
    first = serve.claim("sow", holder="slow")
    serve.clock.advance(s=TTL_S, ms=1)
    second = serve.claim("sow", holder="quick")
    assert second["epoch"] == first["epoch"] + 1
    before = serve.rows
    for what in ("renew", "release", "done", "fail"):
        answer = serve.outcome(first, what)
        assert answer.status_code == 409
        assert answer.json() == {
            "error": "the claim on app-test is no longer valid; quick holds it now",
            "code": "conflict",
            "hint": "stop, and claim again",
        }
        assert serve.rows == before
    assert serve.outcome(second, "done").status_code == 200


def test_a_worker_that_is_late_but_alone_may_still_report(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    claim = serve.claim("sow")
    serve.clock.advance(s=10 * TTL_S)
    assert serve.outcome(claim, "renew").status_code == 200
    assert serve.outcome(claim, "done").status_code == 200
    assert serve.state("app-test") == "processed"


@pytest.mark.parametrize("what", ["renew", "release", "done", "fail"])
def test_a_worker_cannot_act_on_what_it_has_not_claimed(serve: Serve, what: str) -> None:
    serve.build("tyk", "app-test", "sha")
    claim = serve.claim("sow")
    before = serve.rows
    for wrong in (
        {"holder": "another"},
        {"epoch": claim["epoch"] - 1},
        {"epoch": claim["epoch"] + 1},
    ):
        assert serve.outcome({**claim, **wrong}, what).status_code == 409, wrong
    for name in ("nowhere", "App-Test", "app-test%2F", "release-3.1.0"):
        assert serve.outcome({**claim, "name": name}, what).status_code in {404, 409}, name
    assert serve.rows == before


def test_a_released_claim_is_due_at_once(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    claim = serve.claim("sow")
    assert serve.outcome(claim, "release").json()["claimed"] is None
    again = serve.claim("sow", holder="w2")
    assert (again["name"], again["epoch"]) == ("app-test", claim["epoch"] + 1)
    assert serve.outcome(claim, "release").status_code == 409


def test_what_was_done_is_remembered_for_the_next_claim(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    assert serve.outcome(serve.claim("sow"), "done", spec_hash="hash-1").status_code == 200
    serve.build("tyk", "app-test", "sha-2")
    claim = serve.claim("sow")
    assert (claim["spec_hash"], claim["observed"], claim["generation"]) == ("hash-1", 1, 2)
    assert serve.outcome(claim, "release").status_code == 200
    # A run that was broken off may have changed something.
    assert serve.claim("sow")["spec_hash"] is None


@pytest.mark.parametrize("what", ["done", "fail"])
def test_the_state_that_a_run_left_is_in_the_next_claim(serve: Serve, what: str) -> None:
    left, later = {"lineage": "3f0c", "serial": 12}, {"lineage": "3f0c", "serial": 14}
    serve.build("tyk", "app-test", "sha")
    assert serve.outcome(serve.claim("sow"), what, state=left).status_code == 200
    serve.build("tyk", "app-test", "sha-2")
    claim = serve.claim("sow")
    assert claim["state"] == left
    # What is newer already: the worker reports an outcome of the generation before.
    serve.build("tyk", "app-test", "sha-3")
    assert serve.outcome(claim, what, state=later).status_code == 200
    claim = serve.claim("sow")
    assert claim["state"] == later
    # A worker of an earlier release reports none.
    assert serve.outcome(claim, what).status_code == 200
    serve.build("tyk", "app-test", "sha-4")
    assert serve.claim("sow")["state"] == later


def test_hooks_are_recorded_with_a_renewal(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-1")
    claim = serve.claim("sow")
    assert claim["hooks"] == []
    assert serve.outcome(claim, "renew", hooks=["tyk"]).json()["hooks"] == ["tyk"]
    assert serve.outcome(claim, "renew").json()["hooks"] == ["tyk"]
    assert serve.outcome(claim, "renew", hooks=[]).json()["hooks"] == []
    assert serve.outcome(claim, "renew", hooks=[""]).status_code == 400


def test_a_lost_state_is_forgotten(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    left = {"lineage": "3f0c", "serial": 12}
    assert serve.outcome(serve.claim("sow"), "done", state=left).status_code == 200
    serve.build("tyk", "app-test", "sha-2")
    claim = serve.claim("sow")
    assert serve.outcome(claim, "renew").json()["state"] == left
    assert serve.outcome(claim, "renew", state_lost=True).json()["state"] is None
    assert serve.outcome(claim, "renew", state_lost=True).status_code == 200
    assert serve.outcome(claim, "release").status_code == 200
    assert serve.outcome(claim, "renew", state_lost=True).status_code == 409
    assert serve.claim("sow")["state"] is None


def test_a_reaped_environment_has_no_state(serve: Serve) -> None:
    left = {"lineage": "3f0c", "serial": 12}
    serve.build("tyk", "app-test", "sha")
    assert serve.outcome(serve.claim("sow"), "done", state=left).status_code == 200
    serve.send("DELETE", "/env/app-test")
    serve.clock.advance(s=GRACE_S)
    claim = serve.claim("reap")
    assert claim["state"] == left
    assert serve.outcome(claim, "done").status_code == 200
    serve.build("tyk", "app-test", "sha-2")
    assert serve.claim("sow")["state"] is None


@pytest.mark.parametrize(
    "state",
    [
        {"lineage": "", "serial": 1},
        {"lineage": "x" * 201, "serial": 1},
        {"lineage": "x", "serial": -1},
        {"lineage": "x", "serial": "1"},
        {"lineage": "x", "serial": True},
        {"lineage": "x", "serial": 2**53},
        {"lineage": "x"},
        {"lineage": "x", "serial": 1, "more": 1},
        "x",
    ],
)
def test_a_state_that_is_none_is_refused(serve: Serve, state: object) -> None:
    serve.build("tyk", "app-test", "sha")
    claim, before = serve.claim("sow"), serve.rows
    for what in ("done", "fail"):
        assert serve.outcome(claim, what, state=state).status_code == 400
    assert serve.rows == before


@pytest.mark.parametrize("kind", ["sow", "reap"])
def test_an_outcome_may_be_sent_again(serve: Serve, kind: str) -> None:
    serve.build("tyk", "app-test", "sha")
    if kind == "reap":
        serve.send("DELETE", "/env/app-test")
        serve.clock.advance(s=GRACE_S)
    claim = serve.claim(kind)
    first = serve.outcome(claim, "done")
    before = serve.rows
    again = serve.outcome(claim, "done")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert serve.rows == before
    assert serve.outcome({**claim, "nonce": "another"}, "done").status_code == 409


def test_a_failure_may_be_sent_again_and_counts_once(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    claim = serve.claim("sow")
    assert serve.outcome(claim, "fail").status_code == 200
    before = serve.rows
    assert serve.outcome(claim, "fail").status_code == 200
    assert serve.rows == before
    assert serve.get("/v1/environments/app-test")["attempts"] == 1


def test_failures_wait_longer_each_time_and_delay_no_other(serve: Serve) -> None:
    serve.build("tyk", "app-bad", "sha")
    for attempt in range(4):
        assert serve.outcome(serve.claim("sow"), "fail", message=f"no {attempt}").status_code == 200
        shown = serve.get("/v1/environments/app-bad")
        assert (shown["phase"], shown["attempts"], shown["error"]["message"]) == (
            "failed",
            attempt + 1,
            f"no {attempt}",
        )
        wait = int(_ask(serve).headers["retry-after"])
        assert RETRY_S * 2**attempt / 2 <= wait <= RETRY_S * 2**attempt
        serve.build("tyk", f"app-good-{attempt}", "sha")
        assert serve.work_off("sow") == f"app-good-{attempt}"
        serve.clock.advance(s=wait)
    serve.build("tyk", "app-bad", "sha-2")
    assert (
        serve.get("/v1/environments/app-bad")["phase"],
        serve.get("/v1/environments/app-bad")["attempts"],
    ) == ("pending", 0)
    assert serve.work_off("sow") == "app-bad"


def test_a_failure_that_something_newer_has_overtaken_delays_nothing(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    claim = serve.claim("sow")
    serve.build("tyk", "app-test", "sha-2")
    assert serve.outcome(claim, "fail").status_code == 200
    assert serve.get("/v1/environments/app-test")["phase"] == "pending"
    assert serve.claim("sow")["versions"]["tyk"] == "sha-2"


def test_a_build_during_reaping_is_sown_afterwards_from_nothing(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.work_off("sow")
    serve.send("DELETE", "/env/app-test")
    serve.clock.advance(s=GRACE_S)
    claim = serve.claim("reap")
    assert claim["want"] == "gone"
    serve.build("tyk", "app-test", "sha-2")
    assert serve.outcome(claim, "done").status_code == 200
    sow = serve.claim("sow")
    assert (sow["observed"], sow["spec_hash"], sow["infra"], sow["versions"]["tyk"]) == (
        0,
        None,
        True,
        "sha-2",
    )


def test_a_protected_environment_is_not_given_to_the_reaper_even_if_its_row_says_gone(
    serve: Serve,
) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.send("DELETE", "/env/app-test")
    serve.clock.advance(s=GRACE_S)
    key = {"name": {"S": "app-test"}}
    serve.dynamodb.update_item(
        TableName=serve.settings.tablename,
        Key=key,
        UpdateExpression="SET protected = :t",
        ExpressionAttributeValues={":t": {"BOOL": True}},
    )
    assert _ask(serve, "reap").status_code == 204


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ("SET events = :x", {":x": {"S": "x"}}),
        ("SET events = :x", {":x": {"L": [{"S": "x"}]}}),
        ("SET last_error = :x", {":x": {"S": "x"}}),
        ("SET generation = :x", {":x": {"S": "x"}}),
        ("SET observed = :x", {":x": {"S": "x"}}),
        ("SET epoch = :x", {":x": {"S": "x"}}),
        ("SET revision = :x", {":x": {"NULL": True}}),
        ("SET since = :x", {":x": {"S": "x"}}),
        ("SET holder = :x, lease_until = :x", {":x": {"N": "1"}}),
        ("SET #v = :x", {":x": {"M": {}}}),
        ("REMOVE incarnation", None),
        ("REMOVE created", None),
        ("REMOVE generation", None),
        ("REMOVE #w", None),
    ],
)
def test_beside_a_damaged_row_of_the_table_one_pass_makes_the_others_ready(
    serve: Serve, change: str, values: dict[str, Any] | None
) -> None:
    for name in ("damaged", "b", "c", "d"):
        serve.build("tyk", name, "sha")
        serve.clock.advance(ms=1)
    names = {"#v": "v#tyk", "#w": "want"}
    used = {key: name for key, name in names.items() if key in change}
    serve.dynamodb.update_item(
        TableName=serve.settings.tablename,
        Key={"name": {"S": "damaged"}},
        UpdateExpression=change,
        **({"ExpressionAttributeValues": values} if values else {}),
        **({"ExpressionAttributeNames": used} if used else {}),
    )
    before = serve.rows["damaged"]
    assert [serve.work_off("sow") for _ in range(3)] == ["b", "c", "d"]
    assert _ask(serve, "sow").status_code == 204
    after = serve.rows["damaged"]
    assert after == {**before, "due": after["due"]}
    assert after["due"] > serve.clock.now


def test_a_claim_of_one_kind_does_not_give_work_of_the_other(serve: Serve) -> None:
    serve.build("tyk", "to-sow", "sha")
    serve.build("tyk", "to-reap", "sha")
    serve.send("DELETE", "/env/to-reap")
    serve.clock.advance(s=GRACE_S)
    assert serve.claim("reap")["name"] == "to-reap"
    assert serve.claim("sow")["name"] == "to-sow"
