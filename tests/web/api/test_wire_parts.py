"""The wire contract for several repositories: tokens, fallbacks, and faults that are not kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gromit.core.security.roles import Role
from tests.web.serving import (
    DEFAULTS,
    GRACE_S,
    TTL_S,
    Certificates,
    Emulator,
    Serve,
    flat,
    from_token,
    serving,
)

GATEWAY = Role.GATEWAY


# ── a token's repository ──────────────────────────────────────────────────────────────────────────


def test_a_delete_from_a_token_retires_its_repository_alone(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    serve.build("tyk-pump", "app-test", "sha-pump")
    answer = serve.send("DELETE", "/env/app-test", **from_token("TykTechnologies/tyk-pump"))
    assert (answer.status_code, answer.text) == (202, "ok")
    assert serve.get("/env/app-test") == flat("app-test", tyk="sha-gw")
    assert serve.send("DELETE", "/env/app-test", **from_token("tyk")).status_code == 202
    assert serve.state("app-test") == "deleted"


def test_a_retired_repository_gets_the_default_branch_even_if_its_tag_is_still_there(
    serve: Serve,
) -> None:
    serve.push("tyk-pump", "still-there")
    serve.build("tyk", "still-there", "sha-gw")
    serve.build("tyk-pump", "still-there", "sha-pump")
    serve.send("DELETE", "/env/still-there", **from_token("tyk-pump"))
    assert serve.get("/env/still-there") == flat("still-there", tyk="sha-gw")


def test_a_token_cannot_delete_where_its_repository_has_reported_nothing(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    before = serve.rows
    answer = serve.send("DELETE", "/env/app-test", **from_token("tyk-pump"))
    assert answer.status_code == 403
    assert "tyk-pump has no reported version in app-test" in answer.json()["error"]
    assert serve.rows == before
    assert serve.send("DELETE", "/env/nowhere", **from_token("tyk")).status_code == 404


def test_a_token_reports_builds_of_its_own_repository_only(serve: Serve) -> None:
    body = {"repo": "tyk", "ref": "app-test", "sha": "sha"}
    for path in ("/newbuild", "/v1/builds"):
        answer = serve.send("POST", path, body, **from_token("tyk-pump"))
        assert answer.status_code == 403
        assert "a token of tyk-pump cannot report builds of tyk" in answer.json()["error"]
        assert serve.rows == {}
        assert serve.send("POST", path, body, **from_token("tyk")).status_code == 200
        serve.clear()


def test_only_the_gateway_is_believed_about_tokens(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    body = {"repo": "tyk-sink", "ref": "app-test", "sha": "sha-sink"}
    operator: dict[str, Any] = {
        "who": Role.OPERATOR,
        "headers": {"X-Gromit-Repository": "tyk-pump"},
    }
    assert serve.send("POST", "/newbuild", body, **operator).status_code == 200
    assert serve.send("DELETE", "/env/app-test", **operator).status_code == 202
    assert serve.state("app-test") == "deleted"


def test_a_repository_that_the_gateway_garbled_does_not_pass_for_an_operators_request(
    serve: Serve,
) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    before = serve.rows
    for header in ("", "a b", "/", "%00", "..", "x" * 2000):
        assert serve.send("DELETE", "/env/app-test", **from_token(header)).status_code == 400, (
            header
        )
        body = {"repo": "tyk", "ref": "app-test", "sha": "sha-2"}
        assert serve.send("POST", "/newbuild", body, **from_token(header)).status_code == 400, (
            header
        )
    assert serve.rows == before


# ── versions without a report ─────────────────────────────────────────────────────────────────────


def test_a_repository_that_reported_nothing_gets_the_tag_of_the_same_branch(serve: Serve) -> None:
    serve.push("tyk-analytics", "release-3.1.0", "release-310")
    serve.push("tyk-pump", "release-310")
    serve.push("tyk-sink", "master", "release")
    made = serve.build("tyk", "refs/heads/release-3.1.0", "sha-gw")
    assert made == flat(
        "release-310", tyk="sha-gw", tyk_analytics="release-3.1.0", tyk_pump="release-310"
    )
    sources = {
        r: v["source"] for r, v in serve.get("/v1/environments/release-310")["versions"].items()
    }
    assert sources["tyk-analytics"] == sources["tyk-pump"] == "branch"
    assert sources["tyk-sink"] == "default"


def test_put_gives_the_others_the_tag_of_the_branch_too(serve: Serve) -> None:
    serve.push("tyk-analytics", "v7.1")
    serve.push("tyk-pump", "v71")
    answer = serve.send("PUT", "/env/v7.1", {"tyk": "sha-gw"})
    assert answer.json() == flat("v71", tyk="sha-gw", tyk_analytics="v7.1", tyk_pump="v71")


def test_a_tag_that_no_registry_could_hold_is_not_asked_for(serve: Serve) -> None:
    assert serve.build("tyk", "refs/heads/wild branch!", "sha-gw")["tyk-pump"] == "master"


def test_each_component_has_its_own_default(
    emulator: Emulator, certificates: Certificates, tmp_path: Any
) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(
        "extends: tyk\ncomponents:\n"
        "  - {name: portal, repository: portal, default_tag: main, port: 80}\n",
        encoding="utf-8",
    )
    with serving(emulator, certificates, GROMIT_CATALOGUE=str(catalogue)) as serve:
        assert serve.build("tyk", "app-test", "sha-gw") == {
            **flat("app-test", tyk="sha-gw"),
            "portal": "main",
        }


# ── GROMIT_REPOS ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def selecting(emulator: Emulator, certificates: Certificates) -> Iterator[Serve]:
    """A serve with two repositories of the catalogue and one that is not in it."""
    with serving(
        emulator,
        certificates,
        GROMIT_REPOS="TykTechnologies/tyk,tyk-pump,TykTechnologies%2Ftyk-portal",
    ) as running:
        yield running


def test_gromit_repos_selects_and_keeps_what_the_catalogue_does_not_know(selecting: Serve) -> None:
    selecting.clear()
    made = selecting.build("tyk-portal", "app-test", "sha-portal")
    assert made == {
        "name": "app-test",
        "state": "new",
        "tyk": "master",
        "tyk-pump": "master",
        "tyk-portal": "sha-portal",
    }
    assert selecting.build("tyk", "app-test", "sha-gw")["tyk-portal"] == "sha-portal"
    claim = selecting.claim("sow")
    assert claim["versions"]["tyk-portal"] == "sha-portal"
    part = {"name": "tyk", "repository": "tyk", "version": "sha-gw", "port": 8181}
    assert selecting.outcome(claim, "done", made=[part]).status_code == 200
    assert set(selecting.get("/v1/environments/app-test")["urls"]) == {"tyk"}


def test_a_repository_in_neither_is_refused(selecting: Serve) -> None:
    selecting.clear()
    for repository in ("tyk-sink", "redis", "nothing"):
        answer = selecting.send(
            "POST", "/newbuild", {"repo": repository, "ref": "app-test", "sha": "s"}, GATEWAY
        )
        assert answer.status_code == 400
        assert f"repo '{repository}' is not part of any environment" in answer.json()["error"]
        assert "tyk, tyk-portal, tyk-pump" in answer.json()["error"]
        assert selecting.send("PUT", "/env/app-test", {repository: "s"}).status_code == 400
    assert selecting.rows == {}


# ── rows of gromit v1 ─────────────────────────────────────────────────────────────────────────────


def test_a_row_of_the_earlier_system_is_neither_changed_nor_misread(serve: Serve) -> None:
    serve.put_row(name="app-test", state="processed", tyk="sha-old")
    before = serve.rows
    requests: list[tuple[str, str, Any]] = [
        ("GET", "/env/app-test", None),
        ("PATCH", "/env/app-test", {"tyk": "sha"}),
        ("PUT", "/env/app-test", {"tyk": "sha"}),
        ("DELETE", "/env/app-test", None),
        ("POST", "/newbuild", {"repo": "tyk", "ref": "app-test", "sha": "sha"}),
        ("GET", "/v1/environments/app-test", None),
        ("POST", "/v1/environments/app-test/protect", None),
    ]
    for method, path, body in requests:
        answer = serve.send(method, path, body)
        assert answer.status_code == 409, (method, path, answer.text)
        assert "gromit migrate" in answer.text
        assert serve.rows == before
    assert serve.get("/v1/environments", phase="all")["environments"] == []


# ── three faults that are not kept ────────────────────────────────────────────────────────────────


def test_a_build_of_one_repository_does_not_erase_what_others_reported(serve: Serve) -> None:
    for repository in DEFAULTS:
        serve.build(repository, "app-test", f"sha-{repository}")
    everything = {r: f"sha-{r}" for r in DEFAULTS}
    assert serve.build("tyk", "app-test", "sha-newer") == {
        "name": "app-test",
        "state": "new",
        **everything,
        "tyk": "sha-newer",
    }


def test_builds_that_arrive_together_are_all_kept(serve: Serve) -> None:
    clients = {r: serve.client(serve.certificates.issue(Role.GATEWAY)[0]) for r in DEFAULTS}

    def report(repository: str, number: int) -> int:
        body = {"repo": repository, "ref": "app-test", "sha": f"sha-{number}"}
        return clients[repository].post("/newbuild", json=body).status_code

    with ThreadPoolExecutor(len(DEFAULTS)) as pool:
        answers = [a for n in range(4) for a in pool.map(report, DEFAULTS, [n] * len(DEFAULTS))]
    assert set(answers) == {200}
    assert serve.get("/env/app-test") == {
        "name": "app-test",
        "state": "new",
        **dict.fromkeys(DEFAULTS, "sha-3"),
    }
    assert serve.rows["app-test"]["generation"] == 4 * len(DEFAULTS)


def test_a_build_that_arrives_while_its_environment_is_sown_is_deployed_afterwards(
    serve: Serve,
) -> None:
    serve.build("tyk", "app-test", "sha-1")
    claim = serve.claim("sow")
    serve.build("tyk-pump", "app-test", "sha-pump")
    assert serve.outcome(claim, "done").status_code == 200
    assert serve.state("app-test") == "new"
    later = serve.claim("sow")
    assert later["versions"] == {**DEFAULTS, "tyk": "sha-1", "tyk-pump": "sha-pump"}
    assert serve.outcome(later, "done").status_code == 200
    assert serve.state("app-test") == "processed"


def test_a_delete_that_arrives_while_its_environment_is_sown_leads_to_reaping(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-1")
    claim = serve.claim("sow")
    serve.send("DELETE", "/env/app-test")
    assert serve.outcome(claim, "done").status_code == 200
    assert serve.state("app-test") == "deleted"
    serve.clock.advance(s=GRACE_S + TTL_S)
    assert serve.work_off("reap") == "app-test"
    assert serve.state("app-test") == "gone"


def test_a_branch_deletion_that_names_the_default_branch_deletes_nothing(serve: Serve) -> None:
    serve.build("tyk", "refs/heads/master", "sha-gw")
    serve.build("tyk-pump", "refs/heads/master", "sha-pump")
    before = serve.rows
    for repository, path in (("tyk", "/env/master"), ("tyk-pump", "/env/refs%2Fheads%2Fmaster")):
        answer = serve.send("DELETE", path, **from_token(repository))
        assert answer.status_code == 409
        assert "master is protected" in answer.json()["error"]
        assert serve.rows == before
