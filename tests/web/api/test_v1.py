"""The interface under /v1: listings, ordered builds, histories and requests of operators."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gromit.core.environments.history import HISTORY_KEPT, HISTORY_MAX
from gromit.core.security.roles import Role
from gromit.core.time import iso
from tests.waiting import PATIENCE_S
from tests.web.serving import DEFAULTS, GRACE_S, Serve


def _report(serve: Serve, sha: str, sequence: int | None = None, **more: Any) -> Any:
    body = {
        "repo": "tyk",
        "ref": "app-test",
        "sha": sha,
        **({} if sequence is None else {"sequence": sequence}),
        **more,
    }
    answer = serve.send("POST", "/v1/builds", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _names(listing: Any) -> set[str]:
    return {e["name"] for e in listing["environments"]}


def _pages(serve: Serve, **query: Any) -> Iterator[list[str]]:
    """Return the names on each page of a listing."""
    cursor: dict[str, str] = {}
    while True:
        page = serve.get("/v1/environments", **query, **cursor)
        yield [e["name"] for e in page["environments"]]
        if page["next"] is None:
            return
        cursor = {"cursor": page["next"]}


@pytest.mark.parametrize("role", Role)
def test_everybody_hears_whom_their_certificate_names(serve: Serve, role: Role) -> None:
    answer = serve.send("GET", "/v1/whoami", who=role)
    said = answer.json()
    assert (answer.status_code, said["role"]) == (200, role)
    assert said["name"].startswith(f"{role}-")


# ── one environment ───────────────────────────────────────────────────────────────────────────────


def _wanted(
    version: str, source: str, ref: str | None = None, sequence: int | None = None
) -> dict[str, Any]:
    """Return a version that is not made yet."""
    wanted = {"version": version, "source": source, "ref": ref, "sequence": sequence}
    return {**wanted, **dict.fromkeys(("made", "digest", "revision", "reason", "pinned"))}


def test_an_environment_is_shown_whole(serve: Serve) -> None:
    serve.push("tyk-sink", "whole-1")
    now = iso(serve.clock.now)
    serve.send(
        "POST",
        "/v1/builds",
        {"repo": "tyk", "ref": "refs/heads/f/whole-1", "sha": "sha-gw", "sequence": 7},
    )
    shown = serve.get("/v1/environments/whole-1")
    # The estimate depends on the runs that this process of serve has seen.
    assert shown.pop("queue")["position"] == 1
    assert shown == {
        "name": "whole-1",
        "phase": "pending",
        "state": "new",
        "want": "up",
        "generation": 1,
        "observed": 0,
        "incarnation": serve.rows["whole-1"]["incarnation"],
        "versions": {
            "tyk": _wanted("sha-gw", "reported", ref="f/whole-1", sequence=7),
            "tyk-sink": _wanted("whole-1", "branch"),
            **{r: _wanted("master", "default") for r in DEFAULTS.keys() - {"tyk", "tyk-sink"}},
        },
        "redeploys": {},
        "urls": {},
        "components": {},
        "made": None,
        "outdated": False,
        "degraded": None,
        "epoch": serve.rows["whole-1"]["epoch"],
        "protected": False,
        "protected_by": None,
        "parked": False,
        "asleep": False,
        "created": now,
        "changed": now,
        "due": now,
        "attempts": 0,
        "error": None,
        "suspended": None,
        "lease": None,
        "progress": None,
        "expires": iso(serve.clock.now + 14 * 86_400_000),
        "lifetime": f"14d (lifetime.idle) after the last activity, {now}",
        "cost": None,
    }


def test_the_phase_follows_an_environment_through_its_life(serve: Serve) -> None:
    def look() -> Any:
        return serve.get("/v1/environments/app-test")

    serve.build("tyk", "app-test", "sha")
    assert (look()["phase"], look()["generation"], look()["observed"]) == ("pending", 1, 0)
    claim = serve.claim("sow", holder="sower-1")
    assert look()["phase"] == "sowing"
    assert look()["lease"] == {
        "holder": "sower-1",
        "until": iso(serve.clock.now + 90_000),
        "generation": 1,
        "since": iso(serve.clock.now),
    }
    serve.outcome(claim, "fail", error_kind="rollout", message="tyk does not start")
    assert look()["phase"] == "failed"
    assert (look()["attempts"], look()["lease"], look()["state"]) == (1, None, "new")
    assert look()["error"] == {
        "kind": "rollout",
        "class": "build",
        "message": "tyk does not start",
        "at": iso(serve.clock.now),
        "remedy": "fix the build, then re-run its workflow",
        "output": [],
    }
    serve.clock.advance(s=3600)
    serve.work_off("sow")
    assert (look()["phase"], look()["error"], look()["attempts"], look()["due"]) == (
        "ready",
        None,
        0,
        None,
    )
    serve.send("DELETE", "/env/app-test")
    assert (look()["phase"], look()["state"], look()["want"]) == ("deleting", "deleted", "gone")
    assert look()["due"] == iso(serve.clock.now + GRACE_S * 1000)
    serve.clock.advance(s=GRACE_S)
    claim = serve.claim("reap")
    assert (look()["phase"], look()["state"]) == ("reaping", "deleted")
    serve.outcome(claim, "done")
    assert (look()["phase"], look()["state"], look()["urls"], look()["due"]) == (
        "gone",
        None,
        {},
        None,
    )


def test_a_lease_that_ran_out_is_no_phase(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.claim("sow")
    serve.clock.advance(s=91)
    assert serve.get("/v1/environments/app-test")["phase"] == "pending"


@pytest.mark.parametrize(
    "method_path",
    ["GET ", "GET /events", "POST /protect", "POST /unprotect", "POST /redeploy", "POST /retry"],
)
def test_what_does_not_exist_is_not_found(serve: Serve, method_path: str) -> None:
    method, _, rest = method_path.partition(" ")
    answer = serve.send(method, f"/v1/environments/nowhere{rest}", {} if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.json() == {
        "error": "could not find env nowhere",
        "code": "not_found",
        "hint": "`gromit env list` shows all environments",
    }
    assert serve.rows == {}


def test_environments_are_found_by_their_branch(serve: Serve) -> None:
    serve.build("tyk", "v3.1.0", "sha")
    assert serve.get("/v1/environments/V3.1.0")["name"] == "v310"
    assert serve.get("/v1/environments/v3.1.0/events")["name"] == "v310"
    assert serve.send("POST", "/v1/environments/v3.1.0/protect").json()["protected"] is True


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def zoo(serve: Serve) -> Serve:
    """One environment in each phase."""
    for name in ("is-gone", "is-reaping", "is-deleting"):
        serve.build("tyk", name, "sha")
        serve.work_off("sow")
        serve.send("DELETE", f"/env/{name}")
        if name != "is-deleting":
            serve.clock.advance(s=GRACE_S)
            claim = serve.claim("reap")
            if name == "is-gone":
                serve.outcome(claim, "done")
    serve.build("tyk-pump", "is-ready", "sha")
    serve.work_off("sow")
    serve.build("tyk", "is-failed", "sha")
    serve.outcome(serve.claim("sow"), "fail")
    serve.build("tyk", "is-sowing", "sha")
    serve.claim("sow")
    serve.build("tyk", "is-pending", "sha")
    return serve


LIVE = {"is-pending", "is-sowing", "is-ready", "is-failed", "is-deleting", "is-reaping"}


def test_filters_choose_environments_whatever_the_size_of_pages(zoo: Serve) -> None:
    expected: list[tuple[dict[str, str], set[str]]] = [
        ({}, LIVE),
        ({"phase": ""}, LIVE),
        ({"phase": "all"}, LIVE | {"is-gone"}),
        *(({"phase": name.removeprefix("is-")}, {name}) for name in LIVE | {"is-gone"}),
        ({"phase": "failed,ready"}, {"is-failed", "is-ready"}),
        ({"want": "gone"}, {"is-deleting", "is-reaping"}),
        ({"want": "gone", "phase": "all"}, {"is-deleting", "is-reaping", "is-gone"}),
        ({"want": "up", "phase": "deleting"}, set()),
        ({"prefix": "is-re"}, {"is-ready", "is-reaping"}),
        ({"prefix": "is-ready-"}, set()),
        ({"repository": "tyk-pump"}, {"is-ready"}),
        ({"repository": "TykTechnologies/tyk-pump"}, {"is-ready"}),
        ({"repository": "portal"}, set()),
        ({"repository": "tyk", "want": "up", "prefix": "is-s", "phase": "sowing"}, {"is-sowing"}),
    ]
    for limit, (query, names) in product([1, 2, 500], expected):
        pages = list(_pages(zoo, limit=limit, **query))
        assert all(0 < len(page) <= limit for page in pages) or pages == [[]]
        assert sorted(name for page in pages for name in page) == sorted(names), (limit, query)


def test_a_list_shows_what_a_single_look_shows(zoo: Serve) -> None:
    for shown in zoo.get("/v1/environments", phase="all")["environments"]:
        assert shown == zoo.get(f"/v1/environments/{shown['name']}")


def test_a_page_that_holds_the_last_one_has_no_next(serve: Serve) -> None:
    for name in ("a-1", "a-2", "b-1", "b-2"):
        serve.build("tyk", name, "sha")
    assert serve.get("/v1/environments", limit=4)["next"] is None
    assert serve.get("/v1/environments", limit=2, prefix="a")["next"] is None


def test_a_list_goes_on_where_it_stopped_although_that_environment_is_gone(serve: Serve) -> None:
    names = {f"env-{n}" for n in range(6)}
    for name in names:
        serve.build("tyk", name, "sha")
    first = serve.get("/v1/environments", limit=3)
    serve.dynamodb.delete_item(
        TableName=serve.settings.tablename, Key={"name": {"S": first["next"]}}
    )
    rest = serve.get("/v1/environments", limit=3, cursor=first["next"])
    assert _names(first) | _names(rest) == names
    assert not _names(first) & _names(rest)


@settings(max_examples=8, deadline=None)
@given(
    worlds=st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=9),
    limit=st.integers(1, 7),
    prefix=st.sampled_from(["", "a", "b", "zz"]),
    want=st.sampled_from([None, "up", "gone"]),
)
def test_the_pages_of_a_list_are_all_of_it_and_each_once(
    shared_serve: Serve,
    worlds: list[tuple[str, bool, bool]],
    limit: int,
    prefix: str,
    want: str | None,
) -> None:
    serve = shared_serve
    serve.clear()
    expected = []
    for number, (letter, gone, flat) in enumerate(worlds):
        name = f"{letter}-{number}"
        if flat:
            serve.put_row(name=name, state="new", tyk="sha")
            continue
        serve.put_environment(name, gone=gone)
        if name.startswith(prefix) and want in (None, "gone" if gone else "up"):
            expected.append(name)
    pages = list(_pages(serve, limit=limit, prefix=prefix, **({"want": want} if want else {})))
    assert sorted(name for page in pages for name in page) == sorted(expected)
    assert len(pages) == max(1, -(-len(expected) // limit))


def test_a_filter_that_nothing_fits_costs_no_read_for_each_environment(serve: Serve) -> None:
    calls: list[str] = []
    store = serve.app.state.deps.environments.ledger.store
    for number in range(30):
        serve.put_environment(f"env-{number}")
    events = store._client._client.meta.events
    events.register("after-call.dynamodb.Scan", lambda **_: calls.append("scan"), unique_id="count")
    try:
        assert serve.get("/v1/environments", phase="ready", limit=1)["environments"] == []
    finally:
        events.unregister("after-call.dynamodb.Scan", unique_id="count")
    assert calls == ["scan"]


# ── builds ────────────────────────────────────────────────────────────────────────────────────────


def test_builds_are_accepted_in_order_and_older_ones_change_nothing(serve: Serve) -> None:
    assert _report(serve, "sha-5", 5)["outcome"] == "accepted"
    before = serve.rows
    for sha, sequence, outcome in [
        ("sha-5", 5, "duplicate"),
        ("sha-4", 4, "stale"),
        ("sha-x", 5, "stale"),
        ("sha-5", 3, "duplicate"),
    ]:
        answer = _report(serve, sha, sequence)
        assert (answer["outcome"], answer["environment"]["versions"]["tyk"]["version"]) == (
            outcome,
            "sha-5",
        )
        assert serve.rows == before
    answer = _report(serve, "sha-6", 6)
    assert answer["outcome"] == "accepted"
    assert answer["environment"] == serve.get("/v1/environments/app-test")


def test_a_newer_sequence_that_says_nothing_new_is_remembered_only(serve: Serve) -> None:
    _report(serve, "sha-1", 1)
    assert _report(serve, "sha-1", 9)["outcome"] == "duplicate"
    row = serve.rows["app-test"]
    assert (row["generation"], row["s#tyk"]) == (1, 9)
    assert _report(serve, "sha-0", 8)["outcome"] == "stale"


def test_a_build_without_a_sequence_counts_as_newer_and_keeps_the_sequence(serve: Serve) -> None:
    _report(serve, "sha-5", 5)
    assert _report(serve, "sha-manual")["outcome"] == "accepted"
    assert _report(serve, "sha-manual")["outcome"] == "duplicate"
    assert _report(serve, "sha-4", 4)["outcome"] == "stale"
    assert serve.get("/env/app-test")["tyk"] == "sha-manual"
    assert _report(serve, "sha-6", 6)["outcome"] == "accepted"


def test_a_failed_environment_is_retried_when_its_build_is_reported_again(serve: Serve) -> None:
    _report(serve, "sha-1", 1)
    serve.outcome(serve.claim("sow"), "fail")
    answer = _report(serve, "sha-1", 2)
    assert answer["outcome"] == "retried"
    assert answer["environment"]["due"] == iso(serve.clock.now)
    assert answer["environment"]["generation"] == 1
    assert serve.work_off("sow") == "app-test"


def test_a_failed_environment_is_retried_on_request(serve: Serve) -> None:
    _report(serve, "sha-1", 1)
    serve.outcome(serve.claim("sow"), "fail")
    retried = serve.send("POST", "/v1/environments/app-test/retry").json()
    assert (retried["due"], retried["generation"]) == (iso(serve.clock.now), 1)
    assert serve.work_off("sow") == "app-test"
    answer = serve.send("POST", "/v1/environments/app-test/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_an_environment_expires_after_two_warnings_unless_it_is_extended(serve: Serve) -> None:
    day, hour = 86_400, 3600

    def after(seconds: int) -> Any:
        serve.clock.advance(s=seconds)
        return serve.send("POST", "/v1/lifetimes", who=Role.WORKER).json()

    _report(serve, "sha-1", 1)
    _report(serve, "sha-1", 1, ref="kept")
    found = after(0)
    assert found.keys() == {"warned", "expired", "waiting", "slept", "woken"}
    assert not any(found.values())
    assert after(13 * day)["warned"] == ["app-test", "kept"]
    path = "/v1/environments/kept/extend"
    kept = serve.send("POST", path, {"duration": "20d"}).json()
    assert kept["expires"] == iso(serve.clock.now + 20 * day * 1000)
    assert kept["lifetime"].startswith("extended, or warned late; otherwise 14d")
    assert after(23 * hour)["warned"] == ["app-test"]
    assert after(hour)["expired"] == ["app-test"]
    deleted = serve.get("/v1/environments/app-test")
    assert (deleted["phase"], deleted["expires"]) == ("deleting", None)
    assert deleted["lifetime"] == "it is deleted"
    _report(serve, "sha-2", 2)
    assert serve.get("/v1/environments/app-test")["phase"] == "pending"
    metrics = httpx2.get(f"{serve.health_url}/metrics", trust_env=False, timeout=PATIENCE_S).text
    assert 'gromit_expiring_environments{warning="first"} 0.0' in metrics
    assert 'gromit_outcomes_total{outcome="expired",what="lifetime"} 1.0' in metrics


@pytest.mark.parametrize(
    ("duration", "message", "hint"),
    [
        ("soon", "'soon' is not a duration", "3d"),
        ("-3d", "'-3d' is not a duration", "3d"),
        ("0d", "cannot be extended by 0s: between 1s and 90d are possible", "gromit env protect"),
        ("10000d", "cannot be extended by 10000d", "lifetime.extend_max"),
        (3, "duration is not usable", "keys are duration"),
    ],
)
def test_an_impossible_extension_says_what_is_possible(
    serve: Serve, duration: object, message: str, hint: str
) -> None:
    _report(serve, "sha-1", 1)
    answer = serve.send("POST", "/v1/environments/app-test/extend", {"duration": duration})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert message in answer.json()["error"]
    assert hint in answer.json()["hint"]


def test_a_damaged_row_is_named_and_no_worker_gets_it(serve: Serve) -> None:
    _report(serve, "sha-1", 1)
    serve.damage("app-test")
    for answer in (
        serve.send("GET", "/v1/environments/app-test"),
        serve.send("POST", "/v1/builds", {"repo": "tyk", "ref": "app-test", "sha": "sha-2"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (500, "unreadable")
        assert answer.json()["error"] == (
            "the row of app-test cannot be read: `events` is 'x', not a list"
        )
    flat = serve.send("GET", "/env/app-test").json()
    assert "the row of app-test cannot be read" in flat["error"]
    asked = {"kind": "sow", "holder": "w", "nonce": "n"}
    assert serve.send("POST", "/v1/claims", asked, who=Role.WORKER).status_code == 204


def test_a_damaged_row_is_a_line_of_every_list_with_its_reason(serve: Serve) -> None:
    for number, name in enumerate(("odd-1", "odd-2", "good")):
        serve.build("tyk", name, f"sha-{number}")
    for name in ("odd-1", "odd-2"):
        serve.damage(name)
    everything: tuple[dict[str, str], ...] = (
        {},
        {"phase": "ready"},
        {"phase": "unreadable"},
        {"phase": "all"},
        {"repository": "tyk"},
    )
    for query in everything:
        found = serve.get("/v1/environments", **query)
        assert found["unreadable"] == ["odd-1", "odd-2"]
        assert {row["phase"] for row in found["set_aside"]} == {"unreadable"}
        error = found["set_aside"][0]["error"]
        assert (error["kind"], error["message"]) == (
            "unreadable",
            "the row of odd-1 cannot be read: `events` is 'x', not a list",
        )
        assert "gromit env retry odd-1" in error["hint"]
    assert serve.get("/v1/environments", phase="unreadable")["environments"] == []
    found = serve.get("/v1/environments", prefix="odd-2")
    assert [row["name"] for row in found["set_aside"]] == ["odd-2"]


def test_a_late_report_does_not_bring_a_reaped_environment_back(serve: Serve) -> None:
    _report(serve, "sha-5", 5)
    serve.send("DELETE", "/env/app-test")
    serve.clock.advance(s=GRACE_S)
    serve.work_off("reap")
    before = serve.rows
    for sha, sequence in (("sha-4", 4), ("sha-5", 5)):
        assert _report(serve, sha, sequence)["outcome"] in {"stale", "duplicate"}
        assert serve.rows == before
    assert serve.state("app-test") == "gone"
    first = before["app-test"]["incarnation"]
    assert _report(serve, "sha-6", 6)["outcome"] == "accepted"
    assert serve.rows["app-test"]["incarnation"] != first
    assert serve.state("app-test") == "new"
    created = serve.get("/v1/environments/app-test/events")["events"][0]
    since, until = (iso(int(before["app-test"][a])) for a in ("created", "gone_at"))
    assert created["text"] == (
        f"tyk reported sha-6 of app-test; it lived before, until {until}:"
        f" `gromit audit --environment app-test --since {since} --workers` has that history"
    )


def test_a_second_ref_is_refused_with_a_code(serve: Serve) -> None:
    _report(serve, "sha-1", ref="one/app-test")
    answer = serve.send(
        "POST", "/v1/builds", {"repo": "tyk", "ref": "two/app-test", "sha": "sha-2"}
    )
    assert answer.status_code == 409
    assert answer.json()["code"] == "conflict"
    assert "'one/app-test'" in answer.json()["error"]
    assert "'two/app-test'" in answer.json()["hint"]


# ── what operators do ─────────────────────────────────────────────────────────────────────────────


def test_protection_is_put_on_and_taken_off_and_saying_it_again_changes_nothing(
    serve: Serve,
) -> None:
    serve.build("tyk", "app-test", "sha")
    assert serve.send("POST", "/v1/environments/app-test/protect").json()["protected"] is True
    before = serve.rows
    assert serve.send("POST", "/v1/environments/app-test/protect").json()["protected"] is True
    assert serve.rows == before
    answer = serve.send("DELETE", "/env/app-test")
    assert (answer.status_code, answer.json()["error"].split(":")[0]) == (
        409,
        "app-test is protected",
    )
    assert serve.send("POST", "/v1/environments/app-test/unprotect").json()["protected"] is False
    assert serve.send("DELETE", "/env/app-test").status_code == 202


def test_a_change_of_protection_is_no_change_of_what_is_wanted(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.work_off("sow")
    serve.send("POST", "/v1/environments/app-test/protect")
    assert serve.state("app-test") == "processed"


def test_a_protected_environment_that_lost_its_last_branch_stays(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.send("POST", "/v1/environments/app-test/protect")
    answer = serve.send(
        "DELETE", "/env/app-test", who=Role.GATEWAY, headers={"X-Gromit-Repository": "tyk"}
    )
    assert answer.status_code == 409
    assert serve.state("app-test") == "new"


def test_redeploying_makes_work_for_one_component_or_all(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.work_off("sow")
    shown = serve.send(
        "POST", "/v1/environments/app-test/redeploy", {"component": "tyk-pump"}
    ).json()
    assert (shown["phase"], shown["generation"]) == ("pending", 2)
    claim = serve.claim("sow")
    assert set(claim["redeploys"]) == {"tyk-pump"}
    serve.outcome(claim, "done")
    serve.clock.advance(s=1)
    serve.send("POST", "/v1/environments/app-test/redeploy", {})
    redeploys = serve.claim("sow")["redeploys"]
    assert set(redeploys) == {*DEFAULTS, "redis"}
    assert redeploys["tyk-pump"] != claim["redeploys"]["tyk-pump"]
    marked = [
        serve.send("POST", "/v1/environments/app-test/redeploy", {"mark": "m-1"}).json()
        for _ in range(2)
    ]
    assert [m["generation"] for m in marked] == [4, 4]


@pytest.mark.parametrize("what", ["protect", "unprotect", "redeploy"])
def test_nothing_can_be_done_with_what_is_deleted(serve: Serve, what: str) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.send("DELETE", "/env/app-test")
    before = serve.rows
    answer = serve.send("POST", f"/v1/environments/app-test/{what}", {})
    assert (answer.status_code, answer.json()["error"]) == (409, "app-test is deleted")
    assert serve.rows == before
    serve.clock.advance(s=GRACE_S)
    serve.work_off("reap")
    assert serve.send("POST", f"/v1/environments/app-test/{what}", {}).status_code == 404


def test_leftovers_are_handed_to_reap_and_what_is_desired_is_not(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    refused = serve.send("POST", "/v1/environments/app-test/reap", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    handed = [serve.send("POST", "/v1/environments/lone/reap", {}).json() for _ in range(2)]
    assert handed[0] == handed[1]
    assert (handed[0]["phase"], handed[0]["want"]) == ("deleting", "gone")
    serve.clock.advance(s=GRACE_S)
    assert handed[0]["due"] == iso(serve.clock.now)
    assert serve.work_off("reap") == "lone"
    assert serve.send("POST", "/v1/environments/LONE/reap", {}).status_code == 400


# ── histories ─────────────────────────────────────────────────────────────────────────────────────


def test_a_history_shows_what_happened_when_and_by_whom(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-1")
    serve.clock.advance(s=1)
    serve.build("tyk-pump", "app-test", "sha-2")
    serve.work_off("sow")
    serve.send("PATCH", "/env/app-test", {"tyk": "sha-3"})
    serve.send("POST", "/v1/environments/app-test/redeploy", {"component": "tyk"})
    serve.send("DELETE", "/env/app-test", who=Role.GATEWAY, headers={"X-Gromit-Repository": "tyk"})
    serve.send("DELETE", "/env/app-test")
    history = serve.get("/v1/environments/app-test/events")
    assert history["name"] == "app-test"
    assert [(e["kind"], e["text"]) for e in history["events"]] == [
        ("created", "tyk reported sha-1 of app-test"),
        ("build", "tyk-pump reported sha-2 of app-test"),
        ("sown", ""),
        ("changed", "versions set: tyk=sha-3"),
        ("redeploy", "tyk"),
        ("retired", "the branch of tyk is gone; master takes its place"),
        ("deleted", "requested"),
    ]
    actors = [e["actor"].split("-")[0] for e in history["events"]]
    assert actors == [
        "gateway:gateway",
        "gateway:gateway",
        "w1",
        "operator:operator",
        "operator:operator",
        "gateway:gateway",
        "operator:operator",
    ]
    assert history["events"][0]["at"] == iso(serve.clock.now - 1000)
    assert history["events"][1]["at"] == iso(serve.clock.now)


def test_a_long_history_is_cut_and_no_change_is_lost(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    event = {"M": {"at": {"N": "1"}, "actor": {"S": "a"}, "kind": {"S": "old"}, "text": {"S": ""}}}
    serve.dynamodb.update_item(
        TableName=serve.settings.tablename,
        Key={"name": {"S": "app-test"}},
        UpdateExpression="SET events = :events",
        ExpressionAttributeValues={":events": {"L": [event] * (HISTORY_MAX - 2)}},
    )
    for number in range(5):
        serve.send("PUT" if number == 2 else "PATCH", "/env/app-test", {"tyk": f"sha-{number}"})
    events = serve.get("/v1/environments/app-test/events")["events"]
    assert [e["kind"] for e in events] == ["old"] * (HISTORY_KEPT - 2) + [
        "changed",
        "changed",
        "replaced",
        "changed",
        "changed",
    ]
    assert serve.rows["app-test"]["generation"] == 6


# ── the description ───────────────────────────────────────────────────────────────────────────────


def test_the_interface_describes_itself_without_help_from_outside(serve: Serve) -> None:
    document = serve.get("/v1/openapi.json")
    assert document["info"]["title"] == "gromit"
    text = json.dumps(document)
    assert "http://" not in text
    assert "https://" not in text
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description") or operation.get("summary"), (method, path)
            assert {"400", "403", "4XX", "5XX"} <= operation["responses"].keys(), (method, path)
            assert "422" not in operation["responses"], (method, path)


def test_a_rollback_brings_back_what_ran_and_says_until_when(serve: Serve) -> None:
    serve.push("tyk", "sha-old", "sha-new")
    for sha in ("sha-old", "sha-new"):
        serve.build("tyk", "app-test", sha)
        claim = serve.claim("sow")
        made = {"name": "tyk", "version": sha, "repository": "tyk"}
        assert serve.outcome(claim, "done", made=[made]).status_code == 200
    body = {"mark": "m1"}
    for _ in range(2):
        answer = serve.send("POST", "/v1/environments/app-test/rollback", body, Role.DEVELOPER)
        assert answer.status_code == 200, answer.text
        found = answer.json()["versions"]["tyk"]
        assert (found["version"], found["made"]) == ("sha-old", "sha-new")
        assert found["pinned"].startswith("rolled back from sha-new by developer:")
        assert found["pinned"].endswith("; until a newer build of tyk")
    events = serve.get("/v1/environments/app-test/events")["events"]
    assert [e["kind"] for e in events[-2:]] == ["sown", "rollback"]
    assert events[-2]["versions"] == {"tyk": "sha-new"}
    assert events[-2]["took_s"] == 0
    report = {"repo": "tyk", "ref": "app-test", "sha": "sha-new"}
    again = serve.send("POST", "/v1/builds", report, Role.GATEWAY).json()
    assert (again["outcome"], again["environment"]["versions"]["tyk"]["version"]) == (
        "pinned",
        "sha-old",
    )
    further = serve.send("POST", "/v1/environments/app-test/rollback", {}, Role.OPERATOR)
    assert (further.status_code, further.json()["code"]) == (409, "conflict")
    wrong = serve.send("POST", "/v1/environments/app-test/rollback", {"to": "zzz"}, Role.OPERATOR)
    assert (wrong.status_code, "no version that ran" in wrong.json()["error"]) == (400, True)


def _sown(serve: Serve, name: str, digest: str = "sha256:d1", **versions: str) -> None:
    for repository, sha in versions.items():
        serve.build(repository.replace("_", "-"), name, sha)
    made = [
        {"name": n, "version": v, "repository": n, "digest": digest}
        for n, v in ((k.replace("_", "-"), v) for k, v in versions.items())
    ]
    fixed = {"name": "redis", "version": "7"}
    assert serve.outcome(serve.claim("sow"), "done", made=[*made, fixed]).status_code == 200


def test_a_diff_compares_environments_and_moments(serve: Serve) -> None:
    _sown(serve, "one", tyk="a", tyk_pump="p")
    then = serve.clock.now
    serve.clock.advance(s=3600)
    _sown(serve, "one", tyk="b", tyk_pump="p")
    _sown(serve, "two", digest="sha256:d2", tyk="b", tyk_sink="s")

    def diff(name: str, other: str, **query: str) -> tuple[Any, dict[str, Any], list[str]]:
        found = serve.get(f"/v1/environments/{name}/diff", **{"with": other}, **query)
        pairs = {d["component"]: (d["left"], d["right"]) for d in found["differences"]}
        return (found["left"], found["right"]), pairs, found["equal"]

    old, new = {"version": "a", "digest": None}, {"version": "b", "digest": "sha256:d1"}
    now = {"name": "one", "at": None}
    for moment in ("30m", iso(then)):
        sides, pairs, equal = diff("one", moment)
        assert (sides[0], sides[1]["name"], equal) == (now, "one", ["tyk-pump"])
        assert pairs == {"tyk": (new, old)}
    assert diff("one", iso(then), at=iso(serve.clock.now))[1] == {
        "tyk": ({**new, "digest": None}, old)
    }
    sides, pairs, equal = diff("one", "two")
    assert (sides[1], equal) == ({"name": "two", "at": None}, [])
    assert pairs["tyk"] == (new, {**new, "digest": "sha256:d2"})  # the tag has moved
    assert pairs["tyk-sink"][0] is None
    assert pairs["tyk-pump"][1] is None
    assert diff("one", "one")[1] == {}

    for query, status, says in (
        ({"with": "nowhere"}, 404, "could not find env nowhere"),
        ({"with": "5d"}, 409, "does not go back to"),
        ({"with": "two", "at": "x"}, 400, "'x' is no moment"),
        ({}, 400, "with"),
    ):
        answer = serve.send("GET", "/v1/environments/one/diff", params=query)
        assert (answer.status_code, says in answer.json()["error"]) == (status, True), answer.text
    strange: Any = {"headers": {"X-Gromit-Repository": "tyk-pump"}, "who": Role.GATEWAY}
    assert serve.send("GET", "/v1/environments/one/diff?with=two", **strange).status_code == 404


def test_a_component_that_takes_no_programs_names_no_container(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    path = "/v1/environments/app-test/exec"
    answer = serve.send("POST", path, {"component": "tyk"}, who=Role.DEVELOPER)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "the catalogue does not let" in answer.json()["error"]
    assert "exec" not in [
        e["kind"] for e in serve.get("/v1/environments/app-test/events")["events"]
    ]
    for body in ({}, {"component": ""}, {"component": "tyk", "command": "sh"}):
        assert serve.send("POST", path, body, who=Role.DEVELOPER).status_code == 400
