"""Invalid input of every kind is refused with the reason, and changes nothing."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st

from gromit.core.security.roles import Role
from gromit.errors import InvalidInput
from gromit.web.api import actions, claims, legacy_routes, observations, passes, suspensions, v1
from gromit.web.bodies import DEPTH_MAX, DIGITS_MAX, KEYS_MAX, body_schema, parse_object
from tests.web.serving import Serve

LIMIT = 64 * 1024

ROUTES: tuple[tuple[str, str, Role], ...] = (
    ("POST", "/newbuild", Role.OPERATOR),
    ("PUT", "/env/app-test", Role.OPERATOR),
    ("PATCH", "/env/app-test", Role.OPERATOR),
    ("POST", "/v1/builds", Role.OPERATOR),
    ("POST", "/v1/branches", Role.OPERATOR),
    ("POST", "/v1/environments/app-test/redeploy", Role.OPERATOR),
    ("POST", "/v1/environments/app-test/rollback", Role.OPERATOR),
    ("POST", "/v1/environments/app-test/extend", Role.OPERATOR),
    ("POST", "/v1/suspensions", Role.OPERATOR),
    ("POST", "/v1/suspensions/resume", Role.OPERATOR),
    ("POST", "/v1/observations", Role.WORKER),
    ("POST", "/v1/passes", Role.WORKER),
    ("POST", "/v1/claims", Role.WORKER),
    ("POST", "/v1/claims/app-test/renew", Role.WORKER),
    ("POST", "/v1/claims/app-test/release", Role.WORKER),
    ("POST", "/v1/claims/app-test/done", Role.WORKER),
    ("POST", "/v1/claims/app-test/fail", Role.WORKER),
)
"""All routes that read a body."""


@pytest.fixture
def refused(serve: Serve) -> Callable[[bytes, int, str], None]:
    """Return a check that sends a body to every route and checks responses and table."""
    serve.build("tyk", "app-test", "sha-gw")
    serve.claim("sow")
    before = serve.rows

    def check(body: bytes, status: int, says: str) -> None:
        for method, path, role in ROUTES:
            answer = serve.send(method, path, body, role)
            assert (answer.status_code, method, path) == (status, method, path), answer.text
            assert says in answer.json()["error"], (method, path)
        assert serve.rows == before

    return check


def test_all_routes_that_read_a_body_are_tested_here() -> None:
    declared = {
        (method, route.path.replace("{name:path}", "app-test").replace("{name}", "app-test"))
        for module in (legacy_routes, v1, actions, suspensions, claims, observations, passes)
        for route in module.router.routes
        if isinstance(route, APIRoute) and "requestBody" in (route.openapi_extra or {})
        for method in route.methods or ()
    }
    assert declared == {(method, path) for method, path, _ in ROUTES}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"{", "not JSON", id="cut short"),
        pytest.param(b'{"a":1}x', "not JSON", id="more behind it"),
        pytest.param(b'\xef\xbb\xbf{"repo":"tyk"}', "BOM", id="byte order mark"),
        pytest.param('{"repo":"tyk"}'.encode("utf-16"), "not JSON", id="UTF-16"),
        pytest.param(b'{"repo":"\xff"}', "not JSON", id="not UTF-8"),
        pytest.param(b'{"repo":"\xed\xa0\x80"}', "not JSON", id="surrogate as UTF-8"),
        pytest.param(b'{"a":"\x01"}', "not JSON", id="raw control character"),
        pytest.param(b'{"a":1,"b":2,"a":3}', "key 'a' appears twice", id="duplicate key"),
        pytest.param(b'{"tyk":{"b":2,"b":2}}', "key 'b' appears twice", id="duplicate key below"),
        pytest.param(
            b'{"a":1,"\\u0061":3}', "key 'a' appears twice", id="duplicate key in disguise"
        ),
        pytest.param(b'{"a":NaN}', "contains NaN", id="NaN"),
        pytest.param(b'{"a":-Infinity}', "contains -Infinity", id="infinity"),
        pytest.param(b"[" * 30_000, "nested too deeply", id="deep and cut short"),
        pytest.param(
            b'{"a":' * 9_000 + b"1" + b"}" * 9_000, "nested too deeply", id="deep objects"
        ),
        pytest.param(
            b'{"a":' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}",
            "nested too deeply",
            id="a level too deep",
        ),
        pytest.param(
            b'{"a":1' + b"0" * DIGITS_MAX + b"}",
            f"number of {DIGITS_MAX + 1} digits",
            id="huge number",
        ),
        pytest.param(b'{"a":' + b"7" * 60_000 + b"}", "number of 60000 digits", id="giant number"),
        pytest.param(
            json.dumps({f"k{n}": 0 for n in range(KEYS_MAX + 1)}).encode(),
            f"{KEYS_MAX + 1} keys",
            id="many keys",
        ),
        pytest.param(b"[]", "not a JSON object", id="list"),
        pytest.param(b"0", "not a JSON object", id="number"),
        pytest.param(b"true", "not a JSON object", id="boolean"),
    ],
)
def test_what_is_no_plain_json_object_is_refused_everywhere(
    refused: Callable[[bytes, int, str], None], body: bytes, says: str
) -> None:
    refused(body, 400, says)


def test_a_body_over_the_limit_is_refused_everywhere(
    refused: Callable[[bytes, int, str], None],
) -> None:
    refused(b'{"repo":"' + b"x" * (LIMIT - 10) + b'"}', 413, f"longer than {LIMIT} bytes")


def test_a_body_of_unsaid_length_over_the_limit_is_refused(serve: Serve) -> None:
    def parts() -> Any:
        for _ in range(9):
            yield b"x" * (LIMIT // 8)

    try:
        answer = serve.client().post("/newbuild", content=parts())
    except httpx2.WriteError:  # the server closed it while the body was sent
        return
    assert (answer.status_code, answer.json()) == (
        413,
        {"error": f"the body is longer than {LIMIT} bytes"},
    )


def test_a_body_of_exactly_the_limit_is_read(serve: Serve) -> None:
    head = b'{"repo":"tyk","ref":"app-test","sha":"sha-gw","note":"'
    body = head + b"x" * (LIMIT - len(head) - 2) + b'"}'
    assert len(body) == LIMIT
    assert serve.send("POST", "/newbuild", body).status_code == 200


@pytest.mark.parametrize("key", ["repo", "ref", "sha"])
def test_a_build_of_wrong_types_or_characters_is_refused_by_its_key(serve: Serve, key: str) -> None:
    types: list[Any] = [None, 5, 1.5, True, [], {}, ["tyk"]]
    for wrong in [*types, "\ud800", "a\x00b", "a\nb", "\x1b[31m"]:
        for path in ("/newbuild", "/v1/builds"):
            answer = serve.send(
                "POST", path, {"repo": "tyk", "ref": "app-test", "sha": "sha-gw", key: wrong}
            )
            assert answer.status_code == 400, (wrong, path)
            named = (
                "version" if key == "sha" and isinstance(wrong, str) and wrong != "\ud800" else key
            )
            assert answer.json()["error"].startswith(named), (wrong, path)
    assert serve.rows == {}


VERSIONS = [
    "latest;id", "$(id)", "`id`", "a b", " a", "a ", "../x", "a/b", ".hidden", "-flag", "--help",
    "a\\b", 'a"b', "a'b", "a,b", "{x}", "${var.x}", "%{if}", "<x>", "é", "a:b", "a@sha256:00",
    "x" * 129, "\u202ea", "\uff21", "a%41",
]  # fmt: skip


def test_a_version_that_is_no_image_tag_is_refused_by_value(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    before = serve.rows
    for version in VERSIONS:
        requests: list[tuple[str, str, Any]] = [
            ("POST", "/newbuild", {"repo": "tyk", "ref": "app-test", "sha": version}),
            ("POST", "/v1/builds", {"repo": "tyk", "ref": "app-test", "sha": version}),
            ("PUT", "/env/app-test", {"tyk": version}),
            ("PATCH", "/env/app-test", {"tyk": version}),
        ]
        for method, path, body in requests:
            answer = serve.send(method, path, body)
            assert answer.status_code == 400, (method, path, version)
            assert f"version {version[:140]!r} is not an image tag" in answer.json()["error"]
    assert serve.rows == before


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("; rm -rf /tmp/x", "x"),
        ("$(reboot)", "reboot-"),
        ("-flag", "flag-"),
        ("sg-x", "sg-x"),
        ("noprocess", "noprocess-"),
        ("default", "default-"),
        ("refs/heads/internal", "internal-"),
        ("CON", "con"),
        ("a--b", "a-b-"),
        ("x" * 300, "x" * 27 + "-"),
        ("\uff21\uff22\uff23-1", "1-"),
        ("straße", "stra-e-"),
        ("a'\"<>&b", "a-b-"),
        ("{{7*7}}", "7-7-"),
    ],
)
def test_a_hostile_ref_becomes_a_harmless_name(serve: Serve, ref: str, name: str) -> None:
    found = serve.build("tyk", ref, "sha")["name"]
    assert found == name or (
        name.endswith("-") and found.startswith(name) and len(found) == len(name) + 12
    )
    assert serve.get(f"/env/{found}")["tyk"] == "sha"


NAMELESS = [
    "",
    " ",
    ".",
    "..",
    "../..",
    "---",
    "/",
    "refs/heads/",
    "日本",
    "🙂",
    "x" * 1025,
    "%2F",
    "%00",
    "a%0d%0ab",
    "x%FF",
]
NO_REPOSITORIES = [
    "..",
    "/",
    "a b",
    "a;b",
    "-x",
    ".git",
    "x" * 101,
    "tyk\u00a0",
    "tyk%00",
    "%FF",
    "é",
    "https://github.com/a/b?c=d",
]


def test_a_ref_that_yields_no_name_is_refused_by_its_key(serve: Serve) -> None:
    for ref in NAMELESS:
        for path in ("/newbuild", "/v1/builds"):
            answer = serve.send("POST", path, {"repo": "tyk", "ref": ref, "sha": "sha"})
            assert answer.status_code == 400, (ref, path)
            assert answer.json()["error"].startswith("ref "), (ref, path)
    assert serve.rows == {}


def test_a_repository_that_is_none_is_refused_by_its_key(serve: Serve) -> None:
    for repo in NO_REPOSITORIES:
        for path in ("/newbuild", "/v1/builds"):
            answer = serve.send("POST", path, {"repo": repo, "ref": "app-test", "sha": "sha"})
            assert answer.status_code == 400, (repo, path)
            assert answer.json()["error"].startswith("repo "), (repo, path)
        for method in ("PUT", "PATCH"):
            assert serve.send(method, "/env/app-test", {repo: "sha"}).status_code == 400, (
                method,
                repo,
            )
    assert serve.rows == {}


STRICT: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/builds", {"sequence": -1}, "sequence"),
    ("/v1/builds", {"sequence": 2**53}, "sequence"),
    ("/v1/builds", {"sequence": "7"}, "sequence"),
    ("/v1/builds", {"sequence": 7.0}, "sequence"),
    ("/v1/builds", {"sequence": True}, "sequence"),
    ("/v1/builds", {"extra": 1}, "extra"),
    ("/v1/environments/app-test/redeploy", {"component": 5}, "component"),
    ("/v1/environments/app-test/redeploy", {"component": "nope"}, "there is no component 'nope'"),
    ("/v1/environments/app-test/redeploy", {"mark": "a b"}, "mark"),
    ("/v1/environments/app-test/redeploy", {"mark": "m" * 65}, "mark"),
    ("/v1/environments/app-test/redeploy", {"\ud800": 5}, "the body"),
    ("/v1/claims", {"kind": "eat"}, "kind"),
    ("/v1/claims", {"holder": ""}, "holder"),
    ("/v1/claims", {"holder": "x" * 201}, "holder"),
    ("/v1/claims", {"nonce": None}, "nonce"),
    ("/v1/claims", {"task": 7}, "task"),
    ("/v1/claims/app-test/renew", {"epoch": "1"}, "epoch"),
    ("/v1/claims/app-test/renew", {"epoch": 1.0}, "epoch"),
    ("/v1/claims/app-test/renew", {"epoch": True}, "epoch"),
    ("/v1/claims/app-test/renew", {"epoch": -1}, "epoch"),
    ("/v1/claims/app-test/renew", {"epoch": 10**30}, "epoch"),
    ("/v1/claims/app-test/done", {"epoch": 2**53}, "epoch"),
    ("/v1/claims/app-test/done", {"spec_hash": "x" * 101}, "spec_hash"),
    ("/v1/claims/app-test/fail", {"message": "x" * 2001}, "message"),
    ("/v1/claims/app-test/fail", {"message": "\udfff"}, "message"),
    (f"/v1/claims/{'x' * 41}/renew", {}, "name"),
    (f"/v1/claims/{'x' * 3000}/fail", {}, "name"),
]


def test_bodies_under_v1_are_strict(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-gw")
    claim = serve.claim("sow")
    before = serve.rows
    fence = {"holder": claim["holder"], "epoch": claim["epoch"]}
    valid: dict[str, dict[str, Any]] = {
        "builds": {"repo": "tyk", "ref": "app-test", "sha": "sha-2"},
        "redeploy": {},
        "claims": {"kind": "sow", "holder": "w", "nonce": "n"},
        "renew": fence,
        "done": {**fence, "kind": "sow", "nonce": claim["nonce"]},
        "fail": {**fence, "error_kind": "terraform", "message": "m"},
    }
    for path, body, says in STRICT:
        role = Role.WORKER if "/claims" in path else Role.OPERATOR
        answer = serve.send("POST", path, {**valid[path.rsplit("/", 1)[-1]], **body}, role)
        assert answer.status_code == 400, (path, body)
        assert set(answer.json()) == {"error", "code", "hint"}
        assert answer.json()["code"] == "invalid"
        assert says in answer.json()["error"], (path, body)
    assert serve.rows == before


FILTERS = [
    ("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("limit=1e2", "limit"),
    ("want=both", "want"), ("phase=happy", "'happy'"), ("phase=ready,,failed", "''"),
    ("phase=Ready", "'Ready'"), ("colour=red", "colour"), ("repository=a%20b", "repo 'a b'"),
    (f"cursor={'x' * 256}", "cursor"), ("prefix=a&prefix=b&x=1", "x"),
]  # fmt: skip


def test_filters_that_cannot_be_meant_are_refused(serve: Serve) -> None:
    for query, says in FILTERS:
        answer = serve.send("GET", f"/v1/environments?{query}", who=Role.VIEWER)
        assert answer.status_code == 400, query
        assert answer.json()["code"] == "invalid"
        assert says in answer.json()["error"], query


# ── the reader alone ──────────────────────────────────────────────────────────────────────────────

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
)


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(raw: bytes) -> None:
    try:
        value = parse_object(raw)
    except InvalidInput as error:
        value = {"refused": error.message}
    assert isinstance(value, dict)


@settings(max_examples=50)
@given(_JSON)
def test_any_json_object_is_read_as_it_is_and_anything_else_refused(value: Any) -> None:
    raw = json.dumps(value).encode()
    if isinstance(value, dict):
        assert parse_object(raw) == value
    else:
        with pytest.raises(InvalidInput, match="not a JSON object"):
            parse_object(raw)


def test_a_body_of_the_greatest_depth_is_read() -> None:
    raw = b'{"a":' * DEPTH_MAX + b"1" + b"}" * DEPTH_MAX
    assert parse_object(raw)["a"]
    with pytest.raises(InvalidInput, match="nested too deeply"):
        parse_object(b'{"a":' + raw + b"}")


def test_the_described_body_of_a_claim_needs_no_other_part_of_the_document() -> None:
    described = json.dumps(body_schema(claims.ClaimRequest))
    assert "$ref" not in described
    assert '"enum": ["sow", "reap"]' in described


@settings(max_examples=25, deadline=None)
@given(ref=st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_any_ref_is_a_harmless_name_or_refused(shared_serve: Serve, ref: str) -> None:
    answer = shared_serve.send("POST", "/v1/builds", {"repo": "tyk", "ref": ref, "sha": "sha"})
    assert answer.status_code in {200, 400, 409}, answer.text
    if answer.status_code == 200:
        name = answer.json()["environment"]["name"]
        assert name.isascii()
        assert name == name.lower()
        assert name.replace("-", "").isalnum()
        assert shared_serve.get(f"/v1/environments/{name}")["versions"]["tyk"]["version"] == "sha"
