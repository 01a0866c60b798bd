"""`gromit plan` with a running serve, from a machine without settings of AWS."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gromit.cli import run
from gromit.core.security.roles import Role
from tests.web.serving import (
    GRACE_S,
    Serve,
    certificates,
    emulator,
    serve,
    shared_serve,
)

__all__ = ["certificates", "emulator", "serve", "shared_serve"]

Plan = Callable[..., str]


@pytest.fixture
def plan(serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Plan:
    """Run the command with a viewer's certificate, and return its output."""
    for name, value in serve.client_settings(Role.VIEWER).items():
        monkeypatch.setenv(name, value)

    def ask(*arguments: str) -> str:
        capsys.readouterr()
        assert run(["plan", *arguments]) == 0
        found = capsys.readouterr()
        return found.out + found.err

    return ask


def _work(plan: Plan, *arguments: str) -> Any:
    return json.loads(plan("--part", "sow", "--part", "reap", *arguments, "-o", "json"))


def _claims(serve: Serve) -> dict[str, list[str]]:
    """Claim until there is no work; return the names in the order of claims."""
    found: dict[str, list[str]] = {"sow": [], "reap": []}
    for kind, names in found.items():
        while True:
            body = {"kind": kind, "holder": "w", "nonce": f"{kind}{len(names)}"}
            answer = serve.send("POST", "/v1/claims", body, Role.WORKER)
            if answer.status_code == 204:
                break
            names.append(answer.json()["name"])
    return found


def test_the_plan_is_what_workers_are_given_in_that_order(serve: Serve, plan: Plan) -> None:
    for name in ("late", "gone", "kept", "halted", "ready", "early"):
        serve.build("tyk", name, "sha")
        serve.clock.advance(s=1)
    while serve.claim("sow", holder="first")["name"] != "early":
        pass
    for name in ("late", "gone", "kept", "halted"):
        serve.send("PATCH", f"/env/{name}", {"tyk": "sha-2"})
        serve.clock.advance(s=1)
    serve.clock.advance(s=3600)
    for name in ("kept", "gone"):
        serve.send("DELETE", f"/env/{name}")
        serve.clock.advance(s=1)
    serve.clock.advance(s=GRACE_S)
    serve.send("DELETE", "/env/ready")
    scope = {"scope": "environment", "target": "halted", "reason": "r"}
    assert serve.send("POST", "/v1/suspensions", scope).status_code == 200
    shown = {part: [r["name"] for r in rows] for part, rows in _work(plan).items()}
    everything = _work(plan, "--all")
    assert all({r["name"] for r in rows} >= {"late", "halted"} for rows in everything.values())
    (halted,) = [r for r in everything["sow"] if r["name"] == "halted"]
    assert halted["action"] == "none"
    assert "suspended by" in halted["why"]
    assert shown == _claims(serve) == {"sow": ["early", "late"], "reap": ["kept", "gone"]}


def test_a_laptop_without_aws_sees_sow_and_reap_and_learns_why_it_sees_no_records(
    serve: Serve, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GROMIT_CLUSTER_ZONEID", "GROMIT_CLUSTER_DOMAIN"):
        monkeypatch.delenv(name, raising=False)
    serve.build("tyk", "app-test", "sha")
    shown = plan()
    assert ["sow", "sow", "app-test"] in [line.split()[:3] for line in shown.splitlines()]
    assert "the plan of chitragupta cannot be seen from here: " in shown
    found = json.loads(plan("-o", "json"))
    assert set(found) == {"sow", "reap", "chitragupta"}
    assert found["chitragupta"]["unknown"]
    assert found["chitragupta"]["changes"] == []


def test_nothing_to_do_says_so(serve: Serve, plan: Plan) -> None:
    assert plan("--part", "sow", "--part", "reap") == "nothing to do\n"
    assert _work(plan) == {"sow": [], "reap": []}
