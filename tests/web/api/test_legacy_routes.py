"""The wire contract (`docs/reference/wire.md`), row by row, against a running serve."""

import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from gromit.core.security.roles import Role
from tests.waiting import PATIENCE_S
from tests.web.serving import GRACE_S, Serve, flat, from_token

GATEWAY = Role.GATEWAY


# ── health and log level ──────────────────────────────────────────────────────────────────────────


def test_the_health_check_says_ok_as_text(serve: Serve) -> None:
    answer = serve.send("GET", "/healthcheck", who=Role.VIEWER)
    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.fixture
def loglevel(serve: Serve) -> Iterator[Serve]:
    """A serve whose log level is restored afterwards."""
    before = serve.get("/loglevel")["level"]
    yield serve
    assert serve.send("PUT", f"/loglevel/{before}").status_code == 200


@pytest.mark.parametrize("level", ["trace", "debug", "info", "warn", "error"])
def test_the_log_level_can_be_read_and_changed(loglevel: Serve, level: str) -> None:
    answer = loglevel.send("PUT", f"/loglevel/{level}")
    assert (answer.status_code, answer.json()) == (200, {"level": level})
    assert loglevel.send("GET", "/loglevel").json() == {"level": level}


@pytest.mark.parametrize("word", ["warning", "INFO", "fatal", "1", "%20", "info%20"])
def test_any_other_word_is_no_log_level(loglevel: Serve, word: str) -> None:
    before = loglevel.get("/loglevel")
    answer = loglevel.send("PUT", f"/loglevel/{word}")
    assert answer.status_code == 400
    assert "no log level" in answer.json()["error"]
    assert loglevel.get("/loglevel") == before


# ── POST /newbuild ────────────────────────────────────────────────────────────────────────────────


def test_a_build_makes_an_environment_and_answers_with_itflat(serve: Serve) -> None:
    answer = serve.send(
        "POST", "/newbuild", {"repo": "tyk", "ref": "app-test", "sha": "sha-gw"}, GATEWAY
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == flat("app-test", tyk="sha-gw")
    assert list(answer.json())[:2] == ["name", "state"]
    assert set(serve.rows) == {"app-test"}


def test_builds_of_one_branch_in_several_repositories_meet_in_one_environment(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    made = serve.build("tyk-pump", "refs/heads/integration/app-test", "sha-pump")
    assert made == flat("app-test", tyk="sha-gw", tyk_pump="sha-pump")
    assert set(serve.rows) == {"app-test"}


@pytest.mark.parametrize(
    "ref", ["app-test", "refs/heads/integration/app-test", "refs%2Fheads%2Fintegration%2Fapp-test"]
)
def test_repositories_and_refs_may_be_qualified_and_url_encoded(serve: Serve, ref: str) -> None:
    for repo in ("tyk-pump", "TykTechnologies/tyk-pump", "TykTechnologies%2Ftyk-pump"):
        assert serve.build(repo, ref, f"sha-{len(repo)}") == flat(
            "app-test", tyk_pump=f"sha-{len(repo)}"
        )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_bodies_are_json_whatever_the_content_type_says(serve: Serve, method: str) -> None:
    serve.build("tyk-pump", "app-test", "sha-pump")
    types = [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json",
        "multipart/form-data; boundary=x",
        "",
    ]
    for number, content_type in enumerate(types):
        sha = f"sha-{number}"
        body = {"repo": "tyk", "ref": "app-test", "sha": sha} if method == "POST" else {"tyk": sha}
        path = "/newbuild" if method == "POST" else "/env/app-test"
        answer = serve.send(method, path, body, headers={"Content-Type": content_type})
        assert answer.status_code == (201 if method == "PUT" else 200)
        assert answer.json()["tyk"] == sha, content_type


@pytest.mark.skipif(
    shutil.which("curl") is None,
    reason="no curl here; the same Content-Type is sent by the test above",
)
@pytest.mark.parametrize(
    ("arguments", "path", "status"),
    [
        (
            [
                "-X",
                "POST",
                "-d",
                '{"repo":"TykTechnologies/tyk","ref":"refs/heads/app-test","sha":"sha-gw"}',
            ],
            "/newbuild",
            "200",
        ),
        (["-X", "PUT", "-d", '{"tyk":"sha-gw"}'], "/env/app-test", "201"),
    ],
)
def test_curl_as_the_workflows_call_it(
    serve: Serve, arguments: list[str], path: str, status: str
) -> None:
    identity = serve.certificates.of(Role.OPERATOR)
    trust = ["--cacert", serve.certificates.ca, "--cert", identity.cert, "--key", identity.key]
    curl = ["curl", "-q", "-fsSLv", "--noproxy", "*", *trust, *arguments, "-w", "\n%{http_code}"]
    done = subprocess.run(
        [*curl, serve.url + path], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "content-type: application/x-www-form-urlencoded" in done.stderr.lower()
    body, _, code = done.stdout.rpartition("\n")
    assert code == status
    assert json.loads(body) == flat("app-test", tyk="sha-gw")


NO_BUILDS: list[tuple[Any, str]] = [
    (b"", "not JSON"),
    (b"repo=tyk&ref=app-test&sha=s", "not JSON"),
    (b'{"repo":"tyk",', "not JSON"),
    (b'["tyk"]', "not a JSON object"),
    (b'"tyk"', "not a JSON object"),
    (b"null", "not a JSON object"),
    ({"ref": "app-test", "sha": "s"}, "repo is missing"),
    ({"repo": "tyk", "sha": "s"}, "ref is missing"),
    ({"repo": "tyk", "ref": "app-test"}, "sha is missing"),
    ({"repo": "", "ref": "app-test", "sha": "s"}, "repo"),
    ({"repo": "tyk", "ref": "", "sha": "s"}, "ref"),
    ({"repo": "tyk", "ref": "app-test", "sha": ""}, "sha"),
    ({"repo": "  ", "ref": "app-test", "sha": "s"}, "repo is empty"),
    ({"repo": "tyk", "ref": "  ", "sha": "s"}, "ref is empty"),
    ({"repo": None, "ref": "app-test", "sha": "s"}, "repo"),
    (
        {"repo": "redis", "ref": "app-test", "sha": "s"},
        "repo 'redis' is not part of any environment",
    ),
    ({"repo": "TykTechnologies/portal", "ref": "app-test", "sha": "s"}, "'portal'"),
    ({"repo": "tyk", "ref": "refs/heads/", "sha": "s"}, "no usable environment name"),
    ({"repo": "tyk", "ref": "...", "sha": "s"}, "no usable environment name"),
    ({"repo": "tyk", "ref": "日本語", "sha": "s"}, "no usable environment name"),
]


def test_a_build_that_cannot_be_meant_is_refused_and_changes_nothing(serve: Serve) -> None:
    serve.build("tyk-pump", "app-test", "sha-pump")
    before = serve.rows
    for body, says in NO_BUILDS:
        answer = serve.send("POST", "/newbuild", body, GATEWAY)
        assert answer.status_code == 400, body
        assert set(answer.json()) == {"error"}
        assert says in answer.json()["error"], body
    assert serve.rows == before


def test_keys_that_no_one_knows_are_ignored_in_a_build(serve: Serve) -> None:
    body = {
        "repo": "tyk",
        "ref": "app-test",
        "sha": "sha-gw",
        "workflow": "release",
        "run": {"id": 17},
    }
    answer = serve.send("POST", "/newbuild", body, GATEWAY)
    assert (answer.status_code, answer.json()) == (200, flat("app-test", tyk="sha-gw"))


def test_a_build_without_a_sequence_is_newer_unless_it_says_what_is_already_so(
    serve: Serve,
) -> None:
    serve.build("tyk", "app-test", "sha-1")
    first = serve.rows["app-test"]
    assert serve.build("tyk", "app-test", "sha-1") == flat("app-test", tyk="sha-1")
    assert serve.rows["app-test"] == first
    serve.build("tyk", "app-test", "sha-2")
    assert serve.build("tyk", "app-test", "sha-1") == flat("app-test", tyk="sha-1")
    assert serve.rows["app-test"]["generation"] == first["generation"] + 2


def test_an_older_build_that_is_reported_later_changes_nothing_and_the_answer_says_so(
    serve: Serve,
) -> None:
    def report(sha: str, sequence: int | None) -> tuple[int, str | None, str]:
        body = {"repo": "tyk", "ref": "app-test", "sha": sha, "sequence": sequence}
        answer = serve.send("POST", "/newbuild", body, GATEWAY)
        return answer.status_code, answer.headers.get("x-gromit-outcome"), answer.json()["tyk"]

    assert report("c2new", 58_001) == (200, "accepted", "c2new")
    before = serve.rows
    assert report("c1old", 57_001) == (200, "stale", "c2new")
    assert report("c1old", 57_002) == (200, "stale", "c2new")  # its run was started again
    assert report("c1old", 58_001) == (200, "stale", "c2new")
    assert report("c2new", 58_001) == (200, "duplicate", "c2new")
    assert serve.rows == before
    assert report("c2new", 58_002) == (200, "duplicate", "c2new")
    assert report("c3", 58_001) == (200, "stale", "c2new")
    assert report("c3", 59_001) == (200, "accepted", "c3")
    assert report("by-hand", None) == (200, None, "by-hand")
    assert report("c2new", 58_003) == (200, "stale", "by-hand")


def test_builds_of_other_branches_and_repositories_have_orders_of_their_own(serve: Serve) -> None:
    for repo, ref, sequence in (
        ("tyk", "app-test", 9_001),
        ("tyk-pump", "app-test", 3_001),
        ("tyk", "other", 2_001),
    ):
        body = {"repo": repo, "ref": ref, "sha": "sha", "sequence": sequence}
        answer = serve.send("POST", "/newbuild", body, GATEWAY)
        assert answer.headers["x-gromit-outcome"] == "accepted"


@pytest.mark.parametrize("sequence", [-1, 2**53, "7", 7.5, True, [1]])
def test_a_sequence_that_is_none_is_refused(serve: Serve, sequence: Any) -> None:
    body = {"repo": "tyk", "ref": "app-test", "sha": "sha", "sequence": sequence}
    answer = serve.send("POST", "/newbuild", body, GATEWAY)
    assert (answer.status_code, "sequence" in answer.json()["error"]) == (400, True)
    assert serve.rows == {}


def test_a_repeated_build_makes_a_failed_environment_due_at_once(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-1")
    assert serve.outcome(serve.claim("sow"), "fail").status_code == 200
    assert (
        serve.send(
            "POST", "/v1/claims", {"kind": "sow", "holder": "w", "nonce": "x"}, Role.WORKER
        ).status_code
        == 204
    )
    assert serve.build("tyk", "app-test", "sha-1") == flat("app-test", tyk="sha-1")
    assert serve.work_off("sow") == "app-test"


def test_a_second_ref_of_one_repository_with_the_same_last_element_is_refused_by_name(
    serve: Serve,
) -> None:
    serve.build("tyk", "refs/heads/integration/app-test", "sha-1")
    before = serve.rows
    for ref in ("refs/heads/other/app-test", "a/b/app-test", "refs/heads/integration/App-Test"):
        answer = serve.send(
            "POST", "/newbuild", {"repo": "tyk", "ref": ref, "sha": "sha-2"}, GATEWAY
        )
        assert answer.status_code == 409
        assert "'integration/app-test'" in answer.json()["error"]
        assert serve.rows == before


def test_a_retired_ref_makes_room_for_another_of_the_same_last_element(serve: Serve) -> None:
    serve.build("tyk", "one/app-test", "sha-1")
    serve.build("tyk-pump", "app-test", "sha-pump")
    assert serve.send("DELETE", "/env/app-test", **from_token("tyk")).status_code == 202
    assert serve.build("tyk", "two/app-test", "sha-2") == flat(
        "app-test", tyk="sha-2", tyk_pump="sha-pump"
    )


# ── names ─────────────────────────────────────────────────────────────────────────────────────────


def test_dots_and_case_do_not_count_in_names(serve: Serve) -> None:
    assert serve.build("tyk", "release-3.1.0", "sha")["name"] == "release-310"
    assert serve.build("tyk-pump", "Release-3.1.0", "sha")["name"] == "release-310"
    assert (
        serve.get("/env/release-310")
        == serve.get("/env/release-3.1.0")
        == serve.get("/env/refs/heads/RELEASE-3.1.0")
    )


def test_a_delete_finds_an_environment_by_its_branch(serve: Serve) -> None:
    serve.build("tyk", "v3.1.0", "sha")
    answer = serve.send("DELETE", "/env/v3.1.0")
    assert (answer.status_code, answer.text) == (202, "ok")
    assert serve.state("v310") == "deleted"


def test_a_release_branch_is_found_by_its_branch_and_is_protected(serve: Serve) -> None:
    serve.build("tyk", "release-3.1.0", "sha")
    assert serve.send("DELETE", "/env/release-3.1.0").status_code == 409
    assert serve.send("POST", "/v1/environments/release-3.1.0/unprotect", {}).status_code == 200
    assert serve.send("DELETE", "/env/release-3.1.0").status_code == 202
    assert serve.state("release-310") == "deleted"


def test_a_name_with_a_hash_is_taken_as_it_is_once_there_is_such_a_row(serve: Serve) -> None:
    name = serve.build("tyk", "Feature_X", "sha")["name"]
    assert name.startswith("feature-x-")
    assert serve.get(f"/env/{name}")["name"] == name
    assert serve.get("/env/Feature_X")["name"] == name
    assert serve.send("DELETE", f"/env/{name}").status_code == 202
    assert set(serve.rows) == {name}


def test_white_space_that_a_branch_may_have_counts(serve: Serve) -> None:
    names = {
        serve.build("tyk", ref, "sha")["name"]
        for ref in ("app-test", "\u00a0app-test", "app-test\u3000", "\u2003app-test")
    }
    assert len(names) == 4


def test_a_branch_that_looks_like_a_hashed_name_does_not_meet_the_one_it_looks_like(
    serve: Serve,
) -> None:
    name = serve.build("tyk", "Feature_X", "sha-1")["name"]
    other = serve.build("tyk-pump", name, "sha-2")["name"]
    assert other != name
    assert serve.get(f"/env/{name}")["tyk-pump"] == "master"


@pytest.mark.parametrize(
    "path",
    [
        "/env/refs/heads/app-test",
        "/env/app-test%20",
        "//env/app-test",
        "///env/app-test",
        "//env/refs%2Fheads%2Fapp-test",
    ],
)
def test_odd_paths_name_the_environment_of_their_last_element(serve: Serve, path: str) -> None:
    serve.build("tyk", "app-test", "sha")
    status, body = _raw(serve, "GET", path)
    assert (status, json.loads(body)["name"]) == (200, "app-test")


@pytest.mark.parametrize(
    "path",
    [
        "/env/app-test/",
        "/env//app-test",
        "/env/x/../app-test",
        "/env/x/%2e%2e/app-test",
        "/env/./app-test",
        "/env/%2Fapp-test",
        "/env/app-test%2F",
        "/env/app-test%2F.",
        "/env/",
        "/env/%2F",
        "/env/%2E%2E",
        "/env//",
        "//env/app-test/",
    ],
)
def test_a_path_with_an_element_that_is_no_name_is_the_path_of_no_environment(
    serve: Serve, path: str
) -> None:
    serve.build("tyk", "app-test", "sha")
    before = serve.rows
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        status, body = _raw(serve, method, path)
        assert (status, set(json.loads(body))) == (404, {"error"}), method
    assert serve.rows == before


def _raw(serve: Serve, method: str, path: str) -> tuple[int, bytes]:
    """Send a request whose path no client library has made simpler."""
    host, _, port = serve.url.removeprefix("https://").partition(":")
    client = http.client.HTTPSConnection(
        host, int(port), context=serve.context(Role.OPERATOR), timeout=PATIENCE_S
    )
    with closing(client):
        client.request(method, path, body=b'{"tyk":"x"}')
        answer = client.getresponse()
        return answer.status, answer.read()


def test_paths_that_name_nothing_are_refused(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    before = serve.rows
    for path in (
        "/env/%00",
        "/env/%FF",
        "/env/%C2%85",
        "/env/-",
        "/env/%20",
    ):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            answer = serve.send(method, path, b'{"tyk":"x"}')
            assert answer.status_code == 400, (method, path)
            assert set(answer.json()) == {"error"}
    assert serve.rows == before


def test_a_path_with_a_line_break_is_no_path_of_ours(serve: Serve) -> None:
    assert serve.send("DELETE", "/env/a%0Ab").status_code == 404


# ── PUT, PATCH, GET /env/{name} ───────────────────────────────────────────────────────────────────


def test_put_creates_an_environment(serve: Serve) -> None:
    answer = serve.send(
        "PUT", "/env/app-test", {"tyk": "sha-gw", "TykTechnologies%2Ftyk-pump": "sha-pump"}
    )
    assert (answer.status_code, answer.json()) == (
        201,
        flat("app-test", tyk="sha-gw", tyk_pump="sha-pump"),
    )
    assert serve.get("/env/app-test") == answer.json()


def test_put_ignores_name_and_state_in_its_body(serve: Serve) -> None:
    body = {"name": "another", "state": "processed", "tyk": "sha-gw"}
    assert serve.send("PUT", "/env/app-test", body).json() == flat("app-test", tyk="sha-gw")
    assert serve.send("PUT", "/env/app-test", {"name": 7, "state": None}).json() == flat("app-test")
    assert set(serve.rows) == {"app-test"}


def test_what_get_answers_can_be_put_again(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    whole = serve.get("/env/app-test")
    assert serve.send("PUT", "/env/app-test", whole).json() == whole


def test_put_replaces_what_was_there(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    serve.build("tyk-pump", "app-test", "sha-pump")
    answer = serve.send("PUT", "/env/app-test", {"tyk-sink": "sha-sink"})
    assert (answer.status_code, answer.json()) == (201, flat("app-test", tyk_sink="sha-sink"))


def test_put_makes_a_processed_environment_new(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    serve.work_off("sow")
    assert serve.state("app-test") == "processed"
    assert serve.send("PUT", "/env/app-test", {"tyk": "sha-2"}).json() == flat(
        "app-test", tyk="sha-2"
    )


def test_put_brings_a_deleted_environment_back(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    serve.send("DELETE", "/env/app-test")
    assert serve.send("PUT", "/env/app-test", {"tyk": "sha-2"}).json() == flat(
        "app-test", tyk="sha-2"
    )


def test_patch_merges_and_makes_new(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    serve.work_off("sow")
    answer = serve.send(
        "PATCH", "/env/app-test", {"tyk-pump": "sha-pump", "name": "x", "state": "deleted"}
    )
    assert (answer.status_code, answer.json()) == (
        200,
        flat("app-test", tyk="sha-gw", tyk_pump="sha-pump"),
    )


@pytest.mark.parametrize(
    ("method", "body"), [("GET", None), ("PATCH", {"tyk": "sha"}), ("DELETE", None)]
)
def test_what_does_not_exist_is_not_found_in_the_old_words(
    serve: Serve, method: str, body: Any
) -> None:
    for name in ("nowhere", "release-9.9", "refs/heads/x", "Feature_X"):
        answer = serve.send(method, f"/env/{name}", body)
        assert answer.status_code == 404
        assert answer.text == json.dumps(
            {"error": f"could not find env {name}"}, separators=(",", ":")
        )
    assert serve.rows == {}


NOT_FLAT: list[tuple[Any, str]] = [
    (b"{", "not JSON"),
    (b"[]", "not a JSON object"),
    ({"portal": "v1"}, "repo 'portal' is not part of any environment"),
    ({"tyk": 5}, "version of tyk is not a string"),
    ({"tyk": None}, "version of tyk is not a string"),
    ({"tyk": {"sha": "x"}}, "version of tyk is not a string"),
    ({"tyk": ""}, "not an image tag"),
    ({"tyk": "a b"}, "'a b' is not an image tag"),
    ({"": "x"}, "repo is empty"),
    ({"tyk": "a", "TykTechnologies/tyk": "b"}, "repository tyk appears twice"),
]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_flat_body_that_cannot_be_meant_is_refused(serve: Serve, method: str) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    before = serve.rows
    for body, says in NOT_FLAT:
        answer = serve.send(method, "/env/app-test", body)
        assert answer.status_code == 400, body
        assert set(answer.json()) == {"error"}
        assert says in answer.json()["error"], body
    assert serve.rows == before


# ── DELETE /env/{name}, and what the state says ───────────────────────────────────────────────────


def test_the_state_follows_an_environment_through_its_life(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    assert serve.state("app-test") == "new"
    claim = serve.claim("sow")
    assert serve.state("app-test") == "new"
    assert serve.outcome(claim, "done").status_code == 200
    assert serve.get("/env/app-test") == flat("app-test", "processed", tyk="sha-gw")
    answer = serve.send("DELETE", "/env/app-test", who=GATEWAY)
    assert (answer.status_code, answer.text) == (202, "ok")
    assert answer.headers["content-type"].startswith("text/plain")
    assert serve.state("app-test") == "deleted"
    assert (
        serve.send(
            "POST", "/v1/claims", {"kind": "reap", "holder": "w", "nonce": "x"}, Role.WORKER
        ).status_code
        == 204
    )
    serve.clock.advance(s=GRACE_S)
    claim = serve.claim("reap")
    assert serve.state("app-test") == "deleted"
    assert serve.outcome(claim, "done").status_code == 200
    assert serve.state("app-test") == "gone"
    assert serve.send("DELETE", "/env/app-test").status_code == 404
    assert "app-test" in serve.rows  # the tombstone


def test_a_failure_is_new_to_the_old_clients(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    serve.outcome(serve.claim("sow"), "fail")
    assert serve.state("app-test") == "new"


def test_a_delete_may_be_said_again(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    assert serve.send("DELETE", "/env/app-test").status_code == 202
    before = serve.rows
    assert serve.send("DELETE", "/env/app-test").status_code == 202
    assert serve.rows == before


def test_a_build_within_the_grace_revives_all_that_was_reported(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    serve.build("tyk-sink", "app-test", "sha-sink")
    serve.send("DELETE", "/env/app-test")
    assert serve.build("tyk-pump", "app-test", "sha-p") == flat(
        "app-test", tyk="sha-gw", tyk_sink="sha-sink", tyk_pump="sha-p"
    )
    serve.clock.advance(s=GRACE_S)
    assert (
        serve.send(
            "POST", "/v1/claims", {"kind": "reap", "holder": "w", "nonce": "x"}, Role.WORKER
        ).status_code
        == 204
    )


def test_a_build_after_the_reaping_starts_again(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    serve.send("DELETE", "/env/app-test")
    serve.clock.advance(s=GRACE_S)
    serve.work_off("reap")
    assert serve.build("tyk-pump", "app-test", "sha-pump") == flat("app-test", tyk_pump="sha-pump")


@pytest.mark.parametrize("name", ["master", "main", "release-3"])
def test_a_protected_environment_is_not_deleted(serve: Serve, name: str) -> None:
    serve.build("tyk", name, "sha-gw")
    before = serve.rows
    for who in (Role.OPERATOR, Role.GATEWAY):
        answer = serve.send("DELETE", f"/env/{name}", who=who)
        assert answer.status_code == 409
        assert answer.json()["error"].startswith(f"{name} is protected")
        assert serve.rows == before
