"""The choice of entries of the audit."""

from typing import Any

import pytest

from gromit.core.security.audit import (
    AuditEntry,
    AuditQuery,
    chosen_entries,
    environment_in_path,
)

ALL = AuditQuery(0)


def change(env: str = "app", by: str | None = "operator:ada", **fields: Any) -> AuditEntry:
    """Return an entry of a change."""
    return AuditEntry(500, {"event": "environment.changed", "env": env, "by": by, **fields})


def refusal(path: str, by: str = "viewer:ben") -> AuditEntry:
    """Return an entry of a refused request."""
    return AuditEntry(500, {"event": "request.refused", "path": path, "by": by})


@pytest.mark.parametrize(
    ("path", "environment"),
    [
        ("/env/app", "app"),
        ("/env/app?repo=tyk", "app"),
        ("/v1/environments/app", "app"),
        ("/v1/environments/app/redeploy", "app"),
        ("/v1/claims/app/renew", "app"),
        ("/v1/claims", None),
        ("/v1/environments", None),
        ("/loglevel/debug", None),
        ("", None),
    ],
)
def test_a_path_names_its_environment(path: str, environment: str | None) -> None:
    assert environment_in_path(path) == environment
    assert refusal(path).environment == environment


def test_an_environment_is_found_in_changes_and_in_refused_requests() -> None:
    own = [change("app"), refusal("/v1/environments/app/redeploy"), refusal("/env/app")]
    others = [change("app-2"), refusal("/v1/environments/app-2"), refusal("/loglevel/debug")]
    query = AuditQuery(0, 1_000, environment="app")
    assert chosen_entries(own + others, query) == tuple(own)


@pytest.mark.parametrize("field", ["by", "person", "requester", "run", "serial"])
def test_a_person_is_found_by_each_name(field: str) -> None:
    found = change(by="operator:x", **({} if field == "by" else {field: "ada@example.com"}))
    if field == "by":
        found = change(by="developer:ada@example.com")
    assert chosen_entries([found, change(by="operator:x")], AuditQuery(0, 1_000, by="ada@")) == (
        found,
    )


def test_what_workers_did_is_left_out_unless_asked_for() -> None:
    people = [
        change(by=f"{role}:x") for role in ("operator", "developer", "viewer", "gateway", "no role")
    ]
    workers = [change(by="ip-10-1-2-3-0a1b"), change(by=None), refusal("/v1/claims", "worker:w")]
    assert chosen_entries(people + workers, ALL) == tuple(people)
    every = AuditQuery(0, 1_000, has_workers=True)
    assert chosen_entries(people + workers, every) == tuple(people + workers)


def test_other_lines_and_other_times_are_left_out() -> None:
    other = AuditEntry(500, {"event": "work.age", "by": "operator:x"})
    early, late = AuditEntry(9, change().fields), AuditEntry(20, change().fields)
    first = AuditEntry(10, change().fields)
    assert chosen_entries([other, early, first, late], AuditQuery(10, 20)) == (first,)
