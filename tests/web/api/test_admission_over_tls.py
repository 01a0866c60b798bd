"""Every role on every route over real mutual TLS, and certificates that name no role."""

from collections.abc import Iterator, Mapping

import httpx2
import pytest
from fastapi.routing import iter_route_contexts

from gromit.core.security.roles import Role
from tests.waiting import PATIENCE_S
from tests.web.serving import Certificates, Emulator, Serve, eventually, serving

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

NO_ROLE: frozenset[Role] = frozenset()
ANYBODY = frozenset(Role)
OPERATOR = frozenset({Role.OPERATOR})
DEVELOPERS = frozenset({Role.OPERATOR, Role.DEVELOPER})
REPORTERS = frozenset({Role.OPERATOR, Role.GATEWAY})
WORKER = frozenset({Role.WORKER})

EXPECTED: Mapping[tuple[str, str], frozenset[Role]] = {
    ("GET", "/healthcheck"): ANYBODY,
    ("GET", "/loglevel"): ANYBODY,
    ("PUT", "/loglevel/{level}"): OPERATOR,
    ("POST", "/newbuild"): REPORTERS,
    ("GET", "/env/{name:path}"): ANYBODY,
    ("PUT", "/env/{name:path}"): OPERATOR,
    ("PATCH", "/env/{name:path}"): OPERATOR,
    ("DELETE", "/env/{name:path}"): REPORTERS | DEVELOPERS,
    ("DELETE", "/v1/environments/{name}"): DEVELOPERS,
    ("GET", "/v1/whoami"): ANYBODY,
    ("GET", "/v1/environments"): ANYBODY,
    ("GET", "/v1/wanted"): ANYBODY,
    ("GET", "/v1/environments/{name}"): ANYBODY,
    ("GET", "/v1/environments/{name}/events"): ANYBODY,
    ("GET", "/v1/environments/{name}/logs"): ANYBODY,
    ("GET", "/v1/environments/{name}/explanation"): ANYBODY,
    ("GET", "/v1/environments/{name}/diff"): ANYBODY,
    ("GET", "/v1/changes"): ANYBODY,
    ("GET", "/v1/overview"): ANYBODY,
    ("GET", "/v1/platform"): ANYBODY,
    ("GET", "/v1/audit"): OPERATOR,
    ("GET", "/v1/openapi.json"): ANYBODY,
    ("POST", "/v1/builds"): REPORTERS,
    ("POST", "/v1/branches"): REPORTERS,
    ("POST", "/v1/environments/{name}/protect"): DEVELOPERS,
    ("POST", "/v1/environments/{name}/unprotect"): DEVELOPERS,
    ("POST", "/v1/environments/{name}/redeploy"): DEVELOPERS,
    ("POST", "/v1/environments/{name}/retry"): DEVELOPERS,
    ("POST", "/v1/environments/{name}/rollback"): DEVELOPERS,
    ("POST", "/v1/environments/{name}/park"): DEVELOPERS,
    ("POST", "/v1/environments/{name}/unpark"): DEVELOPERS,
    ("POST", "/v1/environments/{name}/extend"): DEVELOPERS,
    ("POST", "/v1/environments/{name}/exec"): DEVELOPERS,
    ("POST", "/v1/lifetimes"): WORKER,
    ("GET", "/v1/suspensions"): ANYBODY,
    ("POST", "/v1/suspensions"): OPERATOR,
    ("POST", "/v1/suspensions/resume"): OPERATOR,
    ("POST", "/v1/environments/{name}/reap"): OPERATOR,
    ("POST", "/v1/reports"): WORKER | OPERATOR,
    ("POST", "/v1/observations"): WORKER | OPERATOR,
    ("POST", "/v1/passes"): WORKER | OPERATOR,
    ("POST", "/v1/claims"): WORKER,
    ("POST", "/v1/claims/{name}/renew"): WORKER,
    ("POST", "/v1/claims/{name}/release"): WORKER,
    ("POST", "/v1/claims/{name}/done"): WORKER,
    ("POST", "/v1/claims/{name}/fail"): WORKER,
}
"""Roles per route, written from the wire contract and the page on trust.

A route that is missing here fails the tests.
"""

ROLES = [*Role, None]


def _declared(serve: Serve) -> set[tuple[str, str]]:
    contexts = iter_route_contexts(serve.app.routes)
    return {(method, str(c.path)) for c in contexts for method in (c.methods or ())}


def _status(client: httpx2.Client, verb: str, template: str, level: str) -> tuple[int, str]:
    path = (
        template.replace("{name:path}", "nowhere")
        .replace("{name}", "nowhere")
        .replace("{level}", level)
    )
    with client.stream(
        verb, path, content=b"{}" if verb in {"POST", "PUT", "PATCH"} else None
    ) as answer:
        if answer.status_code == 200 and template == "/v1/changes":
            return 200, ""
        return answer.status_code, answer.read().decode()


@pytest.fixture(scope="module")
def roleless(certificates: Certificates, shared_serve: Serve) -> httpx2.Client:
    return shared_serve.client(certificates.without_role())


def test_every_route_has_been_decided_upon(serve: Serve) -> None:
    assert _declared(serve) == set(EXPECTED)


@pytest.mark.parametrize("role", ROLES, ids=[*Role, "no role"])
def test_who_may_send_what_where(serve: Serve, roleless: httpx2.Client, role: Role | None) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.send("POST", "/v1/lifetimes", who=Role.WORKER)  # a second pass has nothing to schedule
    before, level = serve.rows, serve.get("/loglevel")["level"]
    client = serve.client(role) if role else roleless
    wrong = []
    for template in sorted({path for _, path in _declared(serve)}):
        for verb in VERBS:
            allowed = EXPECTED.get((verb, template), NO_ROLE)
            status, text = _status(client, verb, template, level)
            if (verb, template) not in EXPECTED:
                expected = status == 405
            elif role in allowed:
                expected = status in {200, 201, 202, 204, 400, 404, 409}
            else:
                expected = status == 403 and ("may not" in text or "names no role" in text)
            if not expected:
                wrong.append((verb, template, status, text))
        if role is Role.OPERATOR:
            serve.dynamodb.delete_item(
                TableName=serve.settings.tablename, Key={"name": {"S": "nowhere"}}
            )
    assert wrong == []
    assert serve.rows == before


@pytest.mark.parametrize("role", ROLES, ids=[*Role, "no role"])
def test_paths_that_are_no_routes_reveal_nothing(
    serve: Serve, roleless: httpx2.Client, role: Role | None
) -> None:
    client = serve.client(role) if role else roleless
    for path in (
        "/",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/v1",
        "/v1/",
        "/metrics",
        "/readyz",
        "/healthcheck/",
        "/env",
        "/V1/claims",
    ):
        answer = client.post(path)
        assert (answer.status_code, answer.json()) == (404, {"error": "not found"}), path


def test_the_role_is_asked_before_the_body_is_read(serve: Serve) -> None:
    for method, path in [(m, p) for m, p in EXPECTED if m in {"POST", "PUT", "PATCH"}]:
        target = (
            path.replace("{name:path}", "%00")
            .replace("{name}", "x" * 50)
            .replace("{level}", "nope")
        )
        assert serve.send(method, target, b"\xff not json", Role.VIEWER).status_code == 403, path


def test_a_role_that_we_do_not_know_is_no_role(serve: Serve, certificates: Certificates) -> None:
    for uris in (
        ["gromit://role/admin"],
        ["gromit://role/viewer", "gromit://role/operator"],
        ["gromit://role/"],
    ):
        answer = serve.send("GET", "/healthcheck", who=certificates.without_role(*uris))
        assert answer.status_code == 403
        assert "names no role" in answer.json()["error"]


def test_a_foreign_uri_beside_the_role_does_not_matter(
    serve: Serve, certificates: Certificates
) -> None:
    identity = certificates.without_role("spiffe://example.com/x", "gromit://role/viewer")
    assert serve.send("GET", "/healthcheck", who=identity).status_code == 200
    assert serve.send("POST", "/newbuild", {}, identity).status_code == 403


@pytest.fixture(scope="module")
def lenient(emulator: Emulator, certificates: Certificates) -> Iterator[Serve]:
    """A serve that gives certificates without a role the role gateway."""
    with serving(emulator, certificates, GROMIT_SERVE_DEFAULT_ROLE="gateway") as running:
        yield running


def test_a_certificate_without_role_has_the_default_role_where_one_is_set(
    lenient: Serve, certificates: Certificates
) -> None:
    identity = certificates.without_role()
    body = {"repo": "tyk", "ref": "app-test", "sha": "sha"}
    assert lenient.send("POST", "/newbuild", body, identity).status_code == 200
    assert lenient.send("PUT", "/env/app-test", {}, identity).status_code == 403
    assert (
        lenient.get("/v1/environments/app-test/events")["events"][0]["actor"]
        == "gateway:old-client"
    )


def test_the_default_role_is_not_for_certificates_with_a_role_that_is_unknown(
    lenient: Serve, certificates: Certificates
) -> None:
    assert (
        lenient.send(
            "GET", "/healthcheck", who=certificates.without_role("gromit://role/admin")
        ).status_code
        == 403
    )
    assert lenient.send("PUT", "/loglevel/info", who=Role.VIEWER).status_code == 403


def test_without_a_certificate_there_is_no_answer(serve: Serve) -> None:
    context = serve.context(Role.VIEWER)
    bare = type(context)(context.protocol)
    bare.load_verify_locations(cafile=serve.certificates.ca)
    with (
        httpx2.Client(
            base_url=serve.url, verify=bare, trust_env=False, timeout=PATIENCE_S
        ) as client,
        pytest.raises(httpx2.TransportError),
    ):
        client.get("/healthcheck")


def test_a_revoked_certificate_is_refused_from_its_next_request_on(
    serve: Serve, certificates: Certificates
) -> None:
    identity, serial = certificates.issue(Role.OPERATOR)
    client = serve.client(identity)
    assert client.get("/healthcheck").status_code == 200
    certificates.pki.revoke(serial)

    def refused() -> bool:
        try:
            answer = client.put("/env/app-test", content=b"{}")
        except httpx2.TransportError:  # the connection was cut meanwhile
            return False
        return answer.status_code == 403 and "was revoked" in answer.json()["error"]

    eventually(refused)
    assert serve.send("GET", "/healthcheck", who=Role.OPERATOR).status_code == 200
    assert serve.rows == {} or set(serve.rows) == {"app-test"}
