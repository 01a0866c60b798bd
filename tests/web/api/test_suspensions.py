"""Suspensions over TLS: roles, refusals of workers, and what all clients see."""

from typing import Any

import httpx2
import pytest

from gromit.core.environments.phases import Work
from gromit.core.security.roles import Role
from gromit.core.time import iso
from gromit.errors import Suspended
from gromit.web.clients.worker_queue import ServeQueue
from tests.web.serving import Serve, certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]

ASKED = {"kind": "sow", "holder": "w", "nonce": "n"}


def suspend(serve: Serve, who: Role = Role.OPERATOR, **body: Any) -> httpx2.Response:
    return serve.send("POST", "/v1/suspensions", {"scope": "all", "reason": "mongo", **body}, who)


def resume(serve: Serve, who: Role = Role.OPERATOR, **body: Any) -> httpx2.Response:
    return serve.send("POST", "/v1/suspensions/resume", {"scope": "all", **body}, who)


@pytest.mark.parametrize("who", [Role.GATEWAY, Role.WORKER, Role.VIEWER])
def test_only_an_operator_suspends_and_resumes(serve: Serve, who: Role) -> None:
    assert {suspend(serve, who).status_code, resume(serve, who).status_code} == {403}
    assert serve.get("/v1/suspensions") == {"suspensions": []}


def test_workers_are_refused_and_everybody_sees_who_since_when_and_why(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-1")
    since = iso(serve.clock.now)
    found = suspend(serve, reason=" upgrading  mongo ", for_s=60).json()
    text = (
        f"suspended by {found['by']} since {since} until {iso(serve.clock.now + 60_000)}:"
        " upgrading mongo"
    )
    assert found["by"].startswith("operator:")
    assert (found["text"], found["via"]) == (text, "serve")
    refused = serve.send("POST", "/v1/claims", ASKED, Role.WORKER)
    assert (refused.status_code, refused.json()) == (
        423,
        {
            "error": f"processing is {text}",
            "code": "suspended",
            "hint": "run `gromit resume` to continue",
        },
    )
    listed = serve.get("/v1/environments")
    assert listed["suspensions"] == [found]
    assert [e["suspended"] for e in listed["environments"]] == [found]
    assert serve.get("/v1/environments/app-test")["suspended"] == found
    assert serve.state("app-test") == "new"
    receipt = serve.send("POST", "/v1/builds", {"repo": "tyk", "ref": "other", "sha": "s"}).json()
    assert receipt["environment"]["suspended"] == found
    serve.clock.advance(s=60)
    assert serve.get("/v1/environments/app-test")["suspended"] is None
    assert serve.work_off("sow") == "app-test"


def test_one_environment_and_one_repository(serve: Serve) -> None:
    for number, (repository, name) in enumerate((("tyk", "a"), ("tyk", "b"), ("tyk-pump", "c"))):
        serve.build(repository, name, f"sha-{number}")
        serve.clock.advance(ms=1)
    assert suspend(serve, scope="environment", target="a").status_code == 200
    assert suspend(serve, scope="repository", target="tyk").status_code == 200
    assert suspend(serve, scope="environment", target="nowhere").status_code == 404
    assert suspend(serve, scope="repository", target="nothing").status_code == 400
    assert suspend(serve, scope="environment", target="a").status_code == 200, "the same again"
    assert suspend(serve, scope="environment", target="a", reason="another").status_code == 409
    assert serve.work_off("sow") == "c"
    assert serve.send("POST", "/v1/claims", ASKED, Role.WORKER).status_code == 204
    shown = {e["name"]: e["suspended"] for e in serve.get("/v1/environments")["environments"]}
    assert {name: halt and halt["scope"] for name, halt in shown.items()} == {
        "a": "environment",
        "b": "repository",
        "c": None,
    }
    answer = resume(serve, scope="repository", target="tyk", reason="done").json()
    assert (answer["ended"]["target"], [s["target"] for s in answer["left"]]) == ("tyk", ["a"])
    assert serve.work_off("sow") == "b"
    kinds = [e["kind"] for e in serve.get("/v1/environments/a/events")["events"]]
    assert set(kinds) == {"created", "suspended"}


@pytest.mark.parametrize(
    "body",
    [
        {"reason": " "},
        {"reason": ""},
        {"until": "tomorrow"},
        {"until": "2020-01-01T00:00:00Z"},
        {"until": "2999-01-01T00:00:00"},
        {"until": "2999-01-01T00:00:00Z", "for_s": 60},
        {"for_s": 0},
        {"scope": "cluster"},
        {"scope": "environment"},
        {"target": "a"},
    ],
)
def test_what_makes_no_sense_is_refused(serve: Serve, body: dict[str, Any]) -> None:
    assert suspend(serve, **body).status_code == 400
    assert serve.get("/v1/suspensions") == {"suspensions": []}


def test_a_worker_that_sees_the_file_lets_everybody_know(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-1")
    queue = ServeQueue(serve.serve_client(Role.WORKER), "w1")
    queue.report_halt(
        kind=Work.SOW, halt=Suspended("suspended", file=("moving mongo", "alice@bastion", "03:10"))
    )
    halt = serve.get("/v1/environments/app-test")["suspended"]
    assert (halt["via"], halt["text"]) == (
        "file",
        "suspended by alice@bastion since 03:10: moving mongo",
    )
    assert "gromit resume" in halt["remedy"]
    # chitragupta has a check of the file of its own.
    serve.serve_client(Role.WORKER).check_suspension()
    # A worker that asks for work has not seen the file.
    assert serve.claim("sow")["name"] == "app-test"
    assert serve.get("/v1/environments/app-test")["suspended"] is None


def test_a_client_gets_the_refusal_as_what_it_is(serve: Serve) -> None:
    suspend(serve)
    queue = ServeQueue(serve.serve_client(Role.WORKER), "w1")
    with pytest.raises(Suspended, match="processing is suspended by operator:"):
        queue.claim(Work.SOW)
    with pytest.raises(Suspended, match="processing is suspended by operator:"):
        serve.serve_client(Role.WORKER).check_suspension()
