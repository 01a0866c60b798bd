"""Everything at a glance over HTTP: environments in brief, and the platform."""

import time
from typing import Any

from gromit.core.security.roles import Role
from gromit.core.time import iso
from tests.web.serving import TTL_S, Serve


def _rows(answer: Any) -> dict[str, Any]:
    return {row["name"]: row for row in answer["environments"]}


def test_a_row_says_in_brief_what_an_environment_is(serve: Serve) -> None:
    serve.build("tyk", "brief", "sha-1")
    assert _rows(serve.get("/v1/overview"))["brief"] == {
        "name": "brief",
        "phase": "pending",
        "versions": {"tyk": "sha-1"},
        "owner": serve.get("/v1/environments/brief/events")["events"][0]["actor"],
        "created": iso(serve.clock.now),
        "changed": iso(serve.clock.now),
        "expires": iso(serve.clock.now + 14 * 86_400_000),
        "protected": False,
        "trouble": None,
        "suspended": None,
        "components": 0,
        "cost": None,
    }


def test_the_token_that_created_an_environment_owns_it(serve: Serve) -> None:
    headers = {"X-Gromit-Repository": "tyk", "X-Gromit-Requester": "owner/tyk"}
    body = {"repo": "tyk", "ref": "theirs", "sha": "sha-1"}
    assert serve.send("POST", "/newbuild", body, Role.GATEWAY, headers=headers).status_code == 200
    assert _rows(serve.get("/v1/overview"))["theirs"]["owner"] == "owner/tyk"


def test_a_failure_is_shortened(serve: Serve) -> None:
    serve.build("tyk", "broken", "sha-1")
    serve.outcome(serve.claim("sow"), "fail", message="x" * 2000)
    row = _rows(serve.get("/v1/overview"))["broken"]
    assert (row["phase"], row["trouble"]) == ("failed", "x" * 300)


def test_rows_come_page_by_page_and_tombstones_with_them(serve: Serve) -> None:
    for number in range(5):
        serve.build("tyk", f"many-{number}", "sha")
    found: dict[str, Any] = {}
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = serve.get("/v1/overview", **query)
        assert len(page["environments"]) <= 2
        found |= _rows(page)
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert set(found) == {f"many-{number}" for number in range(5)}


def test_named_environments_are_read_alone_and_the_missing_ones_named(serve: Serve) -> None:
    for name in ("one", "two", "three"):
        serve.build("tyk", name, "sha")
    answer = serve.get("/v1/overview", names="one,three,four,,one,#suspensions")
    assert set(_rows(answer)) == {"one", "three"}
    assert answer["missing"] == ["#suspensions", "four"]
    many = ",".join(f"env-{number}" for number in range(51))
    refused = serve.send("GET", "/v1/overview", params={"names": many})
    assert (refused.status_code, refused.json()["hint"]) == (400, "ask for fewer at once")


def test_a_damaged_row_is_named_in_both_forms(serve: Serve) -> None:
    serve.build("tyk", "damaged", "sha")
    serve.damage("damaged")
    for query in ({}, {"names": "damaged"}):
        answer = serve.get("/v1/overview", **query)
        assert [row["name"] for row in answer["set_aside"]] == ["damaged"]


def test_the_queue_and_its_oldest_work_are_shown(serve: Serve) -> None:
    empty = {"unfinished": 0, "oldest": None, "oldest_name": None}
    assert serve.get("/v1/platform")["queue"] == [
        {"kind": "sow", **empty},
        {"kind": "reap", **empty},
    ]
    serve.build("tyk", "first", "sha")
    at = iso(serve.clock.now)
    serve.clock.advance(s=60)
    serve.build("tyk", "second", "sha")
    assert serve.get("/v1/platform")["queue"][0] == {
        "kind": "sow",
        "unfinished": 2,
        "oldest": at,
        "oldest_name": "first",
    }


def test_a_worker_is_shown_with_the_result_of_its_last_request(serve: Serve) -> None:
    def seen() -> Any:
        found = serve.get("/v1/platform")["workers"]
        return next(w for w in found if w["holder"] == "sower-of-this-test")

    serve.build("tyk", "for-a-worker", "sha")
    serve.claim("sow", holder="sower-of-this-test")
    assert (seen()["kind"], seen()["result"]) == ("sow", "for-a-worker")
    serve.clock.advance(s=1)
    body = {"kind": "sow", "holder": "sower-of-this-test", "nonce": "other"}
    assert serve.send("POST", "/v1/claims", body, Role.WORKER).status_code == 204
    assert (seen()["seen"], seen()["result"]) == (iso(serve.clock.now), "no work is due")
    serve.clock.advance(s=TTL_S + 1)
    reason = {"scope": "all", "reason": "an incident"}
    assert serve.send("POST", "/v1/suspensions", reason).status_code == 200
    assert serve.send("POST", "/v1/claims", body, Role.WORKER).status_code == 423
    assert seen()["result"] == "suspended"
    assert serve.get("/v1/platform")["suspensions"][0]["reason"] == "an incident"


def test_the_certificates_in_use_are_shown_with_their_expiry(serve: Serve) -> None:
    serve.send("GET", "/v1/whoami", who=Role.VIEWER)
    shown = serve.get("/v1/platform")["callers"][0]
    assert (shown["role"], shown["seen"]) == ("viewer", iso(serve.clock.now))
    # Other tests may have moved the clock of serve on; a certificate expires by the real one.
    assert shown["expires"] > iso(time.time_ns() // 1_000_000)
    assert serve.get("/v1/platform")["limits"] == {"per_repository": 100, "per_token": 200}
