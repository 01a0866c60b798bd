"""The gateway before the real serve: what release workflows see, from token to table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gromit.core.security.roles import Role
from gromit.core.security.tokens import TokenPermission
from tests.fakes.refs import NO_BRANCHES
from tests.web.fronting import Front, fronting
from tests.web.serving import DEFAULTS, Certificates, Emulator, Serve, serving


@pytest.fixture(scope="module")
def running(shared_serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with fronting(shared_serve, tmp_path_factory.mktemp("gateway")) as front:
        yield front


@pytest.fixture
def front(running: Front, serve: Serve) -> Front:
    """The gateway, before an empty table."""
    assert serve.rows == {}
    return running


def test_builds_of_two_repositories_meet_in_one_environment(front: Front, serve: Serve) -> None:
    one = front.build(
        front.token("tyk"), "TykTechnologies%2Ftyk", "refs/heads/integration/app-test", "sha-gw"
    )
    assert (one.status_code, one.json()) == (
        200,
        {"name": "app-test", "state": "new", **DEFAULTS, "tyk": "sha-gw"},
    )
    two = front.build(f"Bearer {front.token('tyk-pump')}", "tyk-pump", "app-test", "sha-pump")
    assert two.json() == {
        "name": "app-test",
        "state": "new",
        **DEFAULTS,
        "tyk": "sha-gw",
        "tyk-pump": "sha-pump",
    }
    assert serve.get("/env/app-test") == two.json()


def test_a_repository_at_its_limit_makes_no_new_environments_and_says_why(
    emulator: Emulator, certificates: Certificates, tmp_path: Path
) -> None:
    limited = serving(
        emulator,
        certificates,
        GROMIT_ENVIRONMENTS_PER_REPOSITORY="2",
        GROMIT_ENVIRONMENTS_PER_TOKEN="3",
    )
    with limited as serve, fronting(serve, tmp_path) as front:
        token, every = front.token("tyk"), front.token("*")
        for ref in ("one", "two"):
            assert front.build(token, "tyk", ref, "sha").status_code == 200
        refused = front.build(token, "tyk", "three", "sha")
        assert refused.status_code == 409
        error = refused.json()["error"]
        assert "tyk has 2 environments" in error
        assert "environments.per_repository" in error
        assert front.build(token, "tyk", "two", "sha-2").status_code == 200
        for number, repository in enumerate(("tyk-pump", "tyk-sink", "tyk-analytics")):
            answer = front.build(every, repository, f"other-{number}", "sha")
            assert answer.status_code == 200
        refused = front.build(every, "tyk-pump", "other-4", "sha")
        entry = next(e for e, _ in front.tokens.list() if e.grant.is_for_every)
        assert f"token {entry.id} has 3 environments" in refused.json()["error"]
        assert set(serve.rows) == {"one", "two", "other-0", "other-1", "other-2"}


def test_a_deletion_retires_the_part_of_the_tokens_repository_and_the_last_one_the_environment(
    front: Front, serve: Serve
) -> None:
    gateway, pump = front.token("tyk"), front.token("tyk-pump")
    front.build(gateway, "tyk", "app-test", "sha-gw")
    front.build(pump, "tyk-pump", "app-test", "sha-pump")
    assert [(a.status_code, a.text) for a in [front.delete(pump, "app-test")]] == [(202, "ok")]
    assert serve.get("/env/app-test") == {
        "name": "app-test",
        "state": "new",
        **DEFAULTS,
        "tyk": "sha-gw",
    }
    before = serve.rows
    assert front.delete(pump, "app-test").status_code == 202, "a workflow that runs again"
    assert serve.rows == before
    assert front.delete(front.token("tyk-analytics"), "app-test").status_code == 403
    assert front.delete(gateway, "app-test", repo="tyk-pump").status_code == 202
    assert serve.state("app-test") == "deleted"


def test_a_token_for_all_may_say_whose_branch_has_gone(front: Front, serve: Serve) -> None:
    every = front.token("*")
    front.build(every, "tyk", "release-3.1.0", "sha-gw")
    front.build(every, "tyk-pump", "release-3.1.0", "sha-pump")
    serve.send("POST", "/v1/environments/release-310/unprotect")
    assert front.delete(every, "release-3.1.0", repo="tyk").status_code == 202
    assert serve.state("release-310") == "new"
    assert front.delete(every, "release-3.1.0", repo="tyk-pump").status_code == 202
    assert serve.state("release-310") == "deleted"


def test_a_token_for_all_that_names_none_deletes_the_whole_unless_it_is_protected(
    front: Front, serve: Serve
) -> None:
    every = front.token("*")
    front.build(every, "tyk", "app-test", "sha-gw")
    front.build(every, "tyk-pump", "app-test", "sha-pump")
    assert front.delete(every, "app-test").status_code == 202
    assert serve.state("app-test") == "deleted"
    front.build(every, "tyk", "master", "sha-gw")
    assert front.delete(every, "master").status_code == 409
    assert serve.state("master") == "new"


def test_a_ref_with_folders_means_the_environment_of_its_last_element(
    front: Front, serve: Serve
) -> None:
    token = front.token("tyk")
    front.build(token, "tyk", "feature/app-test", "sha")
    assert front.delete(token, "feature/app-test").status_code == 202
    assert serve.state("app-test") == "deleted"


def test_the_branch_that_was_refused_for_its_name_can_be_deleted_without_harm(
    front: Front, serve: Serve
) -> None:
    token = front.token("tyk")
    front.build(token, "tyk", "refs/heads/feature/x", "sha")
    assert front.build(token, "tyk", "refs/heads/hotfix/x", "sha-2").status_code == 409
    for ref in ("refs/heads/hotfix/x", "refs%2Fheads%2Fhotfix%2Fx"):
        refused = front.delete(token, ref)
        assert (refused.status_code, "has no reported version" in refused.json()["error"]) == (
            403,
            True,
        )
    assert serve.state("x") == "new"
    assert front.delete(token, "refs/heads/feature/x").status_code == 202
    assert serve.state("x") == "deleted"


@pytest.mark.parametrize("name", ["master", "main", "release-77"])
def test_a_nested_branch_never_owns_the_name_of_the_default_branch(
    front: Front, serve: Serve, name: str
) -> None:
    token, pump = front.token("tyk"), front.token("tyk-pump")
    nested = f"refs/heads/feature/{name}"
    for _ in range(2):
        for refused in (
            front.build(token, "tyk", nested, "n"),
            front.build(pump, "tyk-pump", nested, "n"),
        ):
            assert refused.status_code == 409
            assert "that name is protected" in refused.json()["error"]
        assert front.build(token, "tyk", f"refs/heads/{name}", "sha").status_code == 200
    assert front.delete(pump, f"feature%2F{name}").status_code == 403
    assert serve.get(f"/env/{name}") == {"name": name, "state": "new", **DEFAULTS, "tyk": "sha"}


def test_a_branch_of_the_whole_name_takes_the_place_of_a_nested_one(
    front: Front, serve: Serve
) -> None:
    token = front.token("tyk")
    assert front.build(token, "tyk", "refs/heads/feature/x", "sha-1").json()["tyk"] == "sha-1"
    assert front.build(token, "tyk", "refs/heads/x", "sha-2").json()["tyk"] == "sha-2"
    late = front.build(token, "tyk", "refs/heads/feature/x", "sha-3")
    assert (late.status_code, "already has 'x'" in late.json()["error"]) == (409, True)
    assert front.delete(token, "refs/heads/feature/x").status_code == 403
    assert serve.get("/env/x")["tyk"] == "sha-2"
    assert front.delete(token, "refs/heads/x").status_code == 202
    assert serve.state("x") == "deleted"


@pytest.mark.parametrize(
    "build",
    [
        ("tyk", "app-test", "a b"),
        ("tyk", "...", "sha"),
        ("tyk", "x\x00", "sha"),
        ("elsewhere", "app-test", "sha"),
    ],
)
def test_what_serve_refuses_comes_back_with_its_reason(
    front: Front, serve: Serve, build: tuple[str, str, str]
) -> None:
    answer = front.build(front.token("*"), *build)
    direct = serve.send(
        "POST", "/newbuild", dict(zip(("repo", "ref", "sha"), build, strict=True)), Role.GATEWAY
    )
    assert (
        (answer.status_code, answer.json())
        == (direct.status_code, direct.json())
        == (400, direct.json())
    )
    assert serve.rows == {}


@pytest.mark.parametrize("ref", NO_BRANCHES)
def test_only_branches_make_environments_whichever_way_the_build_comes(
    front: Front, serve: Serve, ref: str
) -> None:
    build = {"repo": "tyk", "ref": ref, "sha": "sha-1"}
    answers = [
        front.build(front.token("tyk"), "tyk", ref, "sha-1"),
        serve.send("POST", "/newbuild", build, Role.GATEWAY),
        serve.send("POST", "/v1/builds", build, Role.GATEWAY),
        serve.send("POST", "/v1/builds", build),
        serve.send("PUT", f"/env/{quote(ref.strip(), safe='')}", {"tyk": "sha-1"}),
    ]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    for answer in answers:
        assert NO_BRANCHES[ref] in answer.text
    assert serve.rows == {}


@pytest.mark.parametrize("ref", NO_BRANCHES)
def test_what_is_no_branch_retires_nothing_either(front: Front, serve: Serve, ref: str) -> None:
    token = front.token("tyk")
    for branch in ("app-test", "merge", "head"):
        front.build(token, "tyk", branch, "sha")
    before = serve.rows
    assert front.delete(token, quote(ref.strip(), safe="")).status_code == 400
    assert serve.rows == before


def test_a_protected_environment_and_one_that_is_not_there_answer_as_serve_does(
    front: Front, serve: Serve
) -> None:
    token = front.token("tyk")
    front.build(token, "tyk", "master", "sha")
    assert front.delete(token, "master").status_code == 409
    assert front.delete(token, "nowhere").status_code == 404
    assert serve.state("master") == "new"


def test_a_token_reads_the_environments_of_its_repository_and_finds_out_nothing_of_others(
    front: Front, serve: Serve
) -> None:
    builder, pump, every = front.token("tyk"), front.token("tyk-pump"), front.token("*")
    front.build(builder, "tyk", "app-test", "sha-gw")
    serve.put_environment("damaged")
    serve.damage("damaged")

    def read(token: str, path: str) -> tuple[int, Any]:
        answer = front.http.get(f"/v1/environments/{path}", headers={"Authorization": token})
        return answer.status_code, answer.json()

    status, found = read(builder, "app-test")
    assert (status, found["name"], found["phase"]) == (200, "app-test", "pending")
    assert read(builder, "app-test/events")[1]["events"][0]["origin"].startswith("token ")
    assert "the row of damaged cannot be read" in read(builder, "damaged")[1]["error"]
    for name in ("app-test", "damaged"):
        for below in ("", "/events"):
            status, body = read(pump, name + below)
            nowhere = read(pump, "nowhere" + below)
            assert (status, body) == (404, {**nowhere[1], "error": f"could not find env {name}"})
    assert read(every, "app-test")[0] == 200

    front.build(pump, "tyk-pump", "app-test", "sha-pump")
    assert read(pump, "app-test")[0] == 200
    front.delete(pump, "app-test")
    assert read(pump, "app-test")[0] == 404
    front.delete(builder, "app-test")  # the last one: a tombstone has no version either
    assert read(builder, "app-test")[0] == 404


def test_a_token_without_the_permission_reads_nothing(front: Front) -> None:
    builder = front.token("tyk", verbs=(TokenPermission.NEWBUILD, TokenPermission.DELETE))
    front.build(builder, "tyk", "app-test", "sha")
    answer = front.http.get("/v1/environments/app-test", headers={"Authorization": builder})
    assert (answer.status_code, answer.json()["error"]) == (403, "this token is not good for read")
    assert front.http.get("/v1/environments/app-test").status_code == 401


def test_what_a_token_may_not_do_changes_nothing(front: Front, serve: Serve) -> None:
    builder = front.token("tyk", verbs=(TokenPermission.NEWBUILD,))
    front.build(builder, "tyk", "app-test", "sha")
    before: dict[str, Any] = serve.rows
    assert front.build(builder, "tyk-pump", "app-test", "sha").status_code == 403
    assert front.delete(builder, "app-test").status_code == 403
    assert front.build("gromit_unknown", "tyk", "app-test", "sha-2").status_code == 401
    assert serve.rows == before


def test_the_certificate_decides_at_serve_whatever_the_token_says(
    serve: Serve, tmp_path: Path
) -> None:
    with fronting(serve, tmp_path, role=Role.VIEWER) as front:
        assert front.build(front.token("*"), "tyk", "app-test", "sha").status_code == 403
    assert serve.rows == {}
