"""Explanations and places in the queue over HTTP."""

from typing import Any

import pytest

from gromit.core.security.roles import Role
from gromit.core.time import iso, parse_iso
from tests.web.serving import GRACE_S, Serve


def _explanation(serve: Serve, name: str) -> Any:
    return serve.get(f"/v1/environments/{name}/explanation")


def _places(serve: Serve) -> dict[str, Any]:
    listed = serve.get("/v1/environments")["environments"]
    found = {e["name"]: e["queue"] and (e["queue"]["position"], e["queue"]["of"]) for e in listed}
    for name, place in found.items():
        one = serve.get(f"/v1/environments/{name}")["queue"]
        assert (one and (one["position"], one["of"])) == place
    return found


def test_the_queue_has_the_order_in_which_claims_are_given(serve: Serve) -> None:
    names = [f"app-{n}" for n in range(4)]
    for name in names:
        serve.build("tyk", name, "sha")
        serve.clock.advance(ms=10)
    serve.outcome(serve.claim("sow"), "fail")
    serve.clock.advance(s=3600)
    places = _places(serve)
    assert places == {"app-0": (4, 4), "app-1": (1, 4), "app-2": (2, 4), "app-3": (3, 4)}
    order = sorted(names, key=lambda name: places[name])
    assert [serve.claim("sow", holder=f"w{n}")["name"] for n in range(4)] == order
    assert set(_places(serve).values()) == {None}


def test_nothing_has_a_place_that_waits_for_something_else(serve: Serve) -> None:
    serve.build("tyk", "app-1", "sha")
    serve.build("tyk", "app-2", "sha")
    serve.send("DELETE", "/env/app-2")
    scope = {"scope": "environment", "target": "app-1", "reason": "r", "for_s": 60}
    assert serve.send("POST", "/v1/suspensions", scope).status_code == 200
    assert _places(serve) == {"app-1": None, "app-2": None}
    serve.clock.advance(s=GRACE_S)
    assert _places(serve) == {"app-1": (1, 1), "app-2": (1, 1)}


def test_an_estimate_follows_from_the_last_runs(serve: Serve) -> None:
    for name in ("app-1", "app-2"):
        serve.build("tyk", name, "sha")
        serve.clock.advance(ms=10)
    claim = serve.claim("sow")
    for _ in range(3):
        serve.clock.advance(s=60)
        serve.outcome(claim, "renew")
    serve.outcome(claim, "done")
    queue = serve.get("/v1/environments/app-2")["queue"]
    assert (queue["position"], queue["of"]) == (1, 1)
    assert isinstance(queue["estimate_s"], int)


def test_an_explanation_has_reasons_steps_and_changes(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    now = iso(serve.clock.now)
    found = _explanation(serve, "app-test")
    assert (found["name"], found["phase"], found["at"]) == ("app-test", "pending", now)
    assert "generation 1 is desired, none was applied yet" in found["why"]
    assert found["next"][0] == {
        "kind": "sow",
        "at": now,
        "text": "sow claims it as soon as a worker is free",
    }
    assert [step["kind"] for step in found["next"]] == ["sow", "warn", "expire"]
    assert found["queue"]["position"] == 1
    assert all(set(change) == {"text", "command"} for change in found["changes"])


def test_the_promise_of_a_retry_is_kept(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.outcome(serve.claim("sow"), "fail", error_kind="temporary", message="no")
    step = _explanation(serve, "app-test")["next"][0]
    assert step["kind"] == "sow"
    promised, due = parse_iso(step["at"]), int(serve.rows["app-test"]["due"])
    assert due <= promised < due + 1000
    serve.clock.now = promised
    assert serve.claim("sow")["name"] == "app-test"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.DEVELOPER])
def test_what_does_not_exist_has_no_explanation(serve: Serve, role: Role) -> None:
    answer = serve.send("GET", "/v1/environments/nowhere/explanation", who=role)
    assert answer.status_code == 404


def test_a_quota_that_was_hit_is_named_with_the_usage_that_the_doctor_saw(serve: Serve) -> None:
    serve.forget_reports()
    serve.build("tyk", "app-1", "sha")
    message = "tyk: You've reached the limit on the number of vCPUs you can run concurrently"
    failed = serve.outcome(serve.claim("sow"), "fail", error_kind="rollout", message=message)
    assert failed.status_code == 200
    error = serve.get("/v1/environments/app-1")["error"]
    assert error["class"] == "quota"
    assert "fargate.vcpu" in error["remedy"]
    quota = (
        "this quota is used up: Fargate On-Demand vCPU (fargate.vcpu, AWS's lowest default is 6)"
    )
    assert quota in _explanation(serve, "app-1")["why"]
    line = {"quota": "fargate.vcpu", "used": 19.5, "limit": 20, "percent": 97, "environments": 13}
    report = {"kind": "aws", "checked": 1, "wrong": 0, "lines": [], "quotas": [line]}
    assert serve.send("POST", "/v1/reports", report, Role.WORKER).status_code == 200
    (named,) = [why for why in _explanation(serve, "app-1")["why"] if why.startswith(quota)]
    assert named.endswith("19.5 of 20 were used")
