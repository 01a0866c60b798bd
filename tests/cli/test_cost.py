"""`gromit cost` with a running serve: who has which share."""

import json
from typing import Any

import pytest

from gromit.cli import run
from gromit.cli.cost import shares
from gromit.core.security.roles import Role
from tests.web.serving import Serve, certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]

HOUR_S = 3600
MADE = [{"name": "tyk", "version": "sha", "repository": "tyk", "port": 8181}]


def test_an_environment_costs_while_it_runs_and_nothing_while_it_is_parked(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in serve.client_settings(Role.VIEWER).items():
        monkeypatch.setenv(name, value)

    def cost(*arguments: str) -> Any:
        capsys.readouterr()
        assert run(["cost", "--by", "environment", *arguments]) == 0
        return capsys.readouterr().out

    serve.build("tyk", "costly", "sha")
    assert cost() == "no environment costs anything\n"
    serve.outcome(serve.claim("sow"), "done", spec_hash="h", made=MADE)
    serve.clock.advance(s=10 * HOUR_S)
    found = serve.get("/v1/environments/costly")["cost"]
    assert found["ran_s"] >= 10 * HOUR_S
    assert found["so_far"] == round(found["month"] / 730 * 10, 2)
    (row,) = json.loads(cost("-o", "json"))
    assert row == {
        "environment": "costly",
        "environments": 1,
        "month": found["month"],
        "so_far": found["so_far"],
        "share": "100 %",
    }
    assert run(["env", "get", "costly"]) == 0
    shown = f"{found['month']:.2f} $ a month while it runs, {found['so_far']:.2f} $ so far, in 10h"
    assert f"cost       {shown}" in capsys.readouterr().out
    serve.send("POST", "/v1/environments/costly/park", {})
    serve.outcome(serve.claim("sow"), "done", spec_hash="h2", made=MADE)
    serve.clock.advance(s=100 * HOUR_S)
    assert serve.get("/v1/environments/costly")["cost"] == found
    (row,) = json.loads(cost("-o", "json"))
    assert (row["month"], row["so_far"], row["share"]) == (0, found["so_far"], None)


def test_repositories_share_an_environment_and_owners_do_not() -> None:
    found: list[dict[str, Any]] = [
        {
            "name": "one",
            "phase": "ready",
            "owner": "ada",
            "versions": {"tyk": "1", "tyk-ui": "2"},
            "cost": {"month": 60.0, "so_far": 6.0},
        },
        {
            "name": "two",
            "phase": "ready",
            "owner": None,
            "versions": {"tyk": "1"},
            "cost": {"month": 30.0, "so_far": 1.0},
        },
        {
            "name": "three",
            "phase": "parked",
            "owner": "ada",
            "versions": {},
            "cost": {"month": 30.0, "so_far": 2.0},
        },
    ]

    def table(by: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in shares(found, by)]

    assert table("owner") == [("ada", 2, 60, 8, "67 %"), ("not known", 1, 30, 1, "33 %")]
    assert table("repository") == [
        ("tyk", 2, 60, 4, "67 %"),
        ("tyk-ui", 1, 30, 3, "33 %"),
        ("not known", 1, 0, 2, "0 %"),
    ]
    assert [row[0] for row in table("environment")] == ["one", "two", "three"]
