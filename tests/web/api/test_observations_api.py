"""Reports of what runs, over HTTP: from chitragupta's client to the table, and the repair."""

from dataclasses import replace
from typing import Any

import pytest

from gromit.core.environments.known_environments import known_environment
from gromit.core.environments.observation import Observation
from gromit.core.security.roles import Role
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.health import HealthState, HealthStatus
from gromit.web.clients.environments import (
    OBSERVATIONS_BYTES,
    ServeEnvironments,
    ServeObservations,
)
from tests.web.serving import Serve

RETRY_S = 30
UNKNOWN = {"state": "unknown", "reason": None}
MADE = [
    {"name": "tyk", "repository": "tyk", "version": "sha", "digest": "sha256:1", "port": 8181},
    {"name": "redis", "version": "7"},
]
PUBLISHED = {"tyk": NameStatus(NameState.PUBLISHED)}
DOWN = {"tyk": "0 of 1 tasks run: exit code 3"}


def make(serve: Serve, name: str) -> dict[str, Any]:
    """Bring an environment to ready, and return serve's view of it."""
    serve.build("tyk", name, "sha")
    assert serve.outcome(serve.claim("sow"), "done", made=MADE).status_code == 200
    return view(serve, name)


def view(serve: Serve, name: str) -> dict[str, Any]:
    found: dict[str, Any] = serve.get(f"/v1/environments/{name}")
    return found


def report(serve: Serve, *seen: Observation) -> None:
    ServeObservations(serve.serve_client(Role.WORKER)).report(seen)


def seen(serve: Serve, name: str, problems: dict[str, str] | None = None) -> Observation:
    return Observation(name, view(serve, name)["epoch"], problems or {}, PUBLISHED)


def test_a_part_that_does_not_run_degrades_it_and_sow_repairs_it(serve: Serve) -> None:
    assert make(serve, "app-test")["components"]["tyk"]["dns"]["state"] == "unknown"
    report(serve, seen(serve, "app-test", DOWN))
    found = view(serve, "app-test")
    assert (found["phase"], found["state"]) == ("degraded", "processed")
    assert found["degraded"]["reason"] == "tyk: 0 of 1 tasks run: exit code 3"
    assert found["components"]["tyk"]["dns"] == {"state": "published", "reason": None}
    assert serve.send("GET", "/env/app-test").json()["state"] == "processed"
    listed = serve.get("/v1/environments?phase=degraded")["environments"]
    assert [e["name"] for e in listed] == ["app-test"]
    answer = serve.send(
        "POST", "/v1/claims", {"kind": "sow", "holder": "w", "nonce": "n"}, Role.WORKER
    )
    assert answer.status_code == 204  # it may come back by itself
    serve.clock.advance(s=RETRY_S)
    claim = serve.claim("sow")
    assert (claim["spec_hash"], claim["generation"], claim["observed"]) == (None, 1, 1)
    assert [m["name"] for m in claim["made"]] == ["redis", "tyk"]
    serve.outcome(claim, "done", made=MADE)
    assert view(serve, "app-test")["phase"] == "ready"


def test_a_program_that_does_not_work_degrades_it_without_a_repair(serve: Serve) -> None:
    assert make(serve, "app-test")["components"]["tyk"]["health"] == UNKNOWN
    reason = "/hello says warn: redis"
    sick = replace(
        seen(serve, "app-test", {"tyk": reason}),
        health={"tyk": HealthStatus(HealthState.WARN, reason)},
    )
    environments = ServeEnvironments(serve.serve_client(Role.WORKER))
    before = environments.environments()["app-test"]
    assert before is not None
    assert set(before.asked) == {"tyk"}
    assert before.differs(sick)
    report(serve, sick)
    found = view(serve, "app-test")
    assert (found["phase"], found["state"], found["due"]) == ("degraded", "processed", None)
    assert found["degraded"]["reason"] == f"tyk: {reason}"
    assert found["components"]["tyk"]["health"] == {"state": "warn", "reason": reason}
    assert found["components"]["tyk"]["problem"] == reason
    assert found["components"]["redis"]["health"] is None
    known = environments.environments()["app-test"]
    assert known is not None
    assert not known.differs(sick)
    serve.clock.advance(s=86_400)
    request = {"kind": "sow", "holder": "w", "nonce": "n"}
    assert serve.send("POST", "/v1/claims", request, Role.WORKER).status_code == 204
    well = replace(seen(serve, "app-test"), health={"tyk": HealthStatus(HealthState.PASS)})
    report(serve, well)
    assert view(serve, "app-test")["phase"] == "ready"


def test_a_report_of_an_earlier_chitragupta_has_no_health(serve: Serve) -> None:
    make(serve, "app-test")
    report(serve, seen(serve, "app-test"))
    assert view(serve, "app-test")["components"]["tyk"]["health"] == UNKNOWN


@pytest.mark.parametrize("state", ["odd", ""])
def test_no_other_health_is_accepted(serve: Serve, state: str) -> None:
    body = {
        "name": "app-test",
        "epoch": make(serve, "app-test")["epoch"],
        "problems": [],
        "names": [],
        "health": [{"component": "tyk", "state": state}],
    }
    answer = serve.send("POST", "/v1/observations", {"environments": [body]}, Role.WORKER)
    assert answer.status_code == 400


def test_what_serve_shows_already_is_not_reported_and_changes_no_row(serve: Serve) -> None:
    make(serve, "app-test")
    observation = seen(serve, "app-test", DOWN)
    environments = ServeEnvironments(serve.serve_client(Role.WORKER))
    before = environments.environments()["app-test"]
    assert before is not None
    assert before.differs(observation)
    report(serve, observation)
    rows = serve.rows
    known = environments.environments()["app-test"]
    assert known is not None
    assert not known.differs(observation)
    report(serve, observation)
    assert serve.rows == rows


def test_a_report_from_before_a_claim_is_dropped(serve: Serve) -> None:
    make(serve, "app-test")
    old = seen(serve, "app-test", DOWN)
    serve.build("tyk", "app-test", "sha-2")
    serve.outcome(serve.claim("sow"), "done", made=MADE)
    report(serve, old)
    assert view(serve, "app-test")["phase"] == "ready"


def test_unknown_and_damaged_environments_stop_no_other(serve: Serve) -> None:
    make(serve, "app-test")
    make(serve, "broken")
    good, bad = seen(serve, "app-test", DOWN), seen(serve, "broken", DOWN)
    serve.damage("broken")
    report(serve, bad, Observation("nowhere", 1, DOWN), good)
    assert view(serve, "app-test")["phase"] == "degraded"


def test_hundreds_of_environments_fit_and_more_are_split(serve: Serve) -> None:
    make(serve, "app-test")
    problems = {f"component-{n}": "x" * 300 for n in range(40)}
    many = [Observation(f"nowhere-{n}", 1, problems, PUBLISHED) for n in range(20)]
    assert sum(len(str(o)) for o in many) > 2 * OBSERVATIONS_BYTES
    report(serve, *many, seen(serve, "app-test", DOWN))
    assert view(serve, "app-test")["phase"] == "degraded"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"environments": [{}]},
        {
            "environments": [
                {"name": "a", "epoch": 1, "problems": [], "names": [{"component": "t"}]}
            ]
        },
        {"environments": [{"name": "a", "epoch": -1, "problems": [], "names": []}]},
        {"environments": [{"name": "x" * 99, "epoch": 1, "problems": [], "names": []}]},
        {"environments": [], "more": 1},
    ],
)
def test_a_report_that_is_no_report_is_refused(serve: Serve, body: dict[str, Any]) -> None:
    assert serve.send("POST", "/v1/observations", body, Role.WORKER).status_code == 400


def test_control_characters_of_a_reason_reach_no_row(serve: Serve) -> None:
    make(serve, "app-test")
    body = {
        "name": "app-test",
        "epoch": view(serve, "app-test")["epoch"],
        "problems": [{"component": "tyk", "reason": "a\x1b[31m\nb"}],
        "names": [],
    }
    answer = serve.send("POST", "/v1/observations", {"environments": [body]}, Role.WORKER)
    assert answer.json() == {"changed": 1}
    assert view(serve, "app-test")["degraded"]["reason"] == "tyk: a b"


def test_the_lean_list_says_the_same_as_the_views(serve: Serve) -> None:
    for name in ("is-down", "is-well", "is-parked", "is-new", "is-deleted"):
        serve.build("tyk", name, "sha")
        if name != "is-new":
            serve.outcome(serve.claim("sow"), "done", made=MADE)
    report(serve, seen(serve, "is-down", DOWN))
    serve.send("POST", "/v1/environments/is-parked/park", {}, Role.OPERATOR)
    serve.send("DELETE", "/env/is-deleted")
    known = ServeEnvironments(serve.serve_client(Role.WORKER)).environments()
    views = serve.get("/v1/environments", phase="all")["environments"]
    assert known == {view["name"]: known_environment(view) for view in views}
    assert known["is-down"] is not None
    assert known["is-down"].problems == DOWN
