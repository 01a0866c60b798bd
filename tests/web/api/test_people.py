"""People behind the gateway: whom serve believes, what they may do, and how they are named."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gromit.core.security.people import PEOPLES_ROLES, Person
from gromit.core.security.roles import Role
from gromit.core.time import Millis
from gromit.web.api.origin import PERSON_HEADERS, person_headers, vouched_person
from gromit.web.server.tls import Peer
from tests.web.serving import Certificates, Emulator, Serve, serving

ADA = Person("ada@example.com", Role.DEVELOPER, frozenset({"tyk"}))
ADA_ACTOR = "developer:ada@example.com"
NAME, ROLE, REPOSITORIES = PERSON_HEADERS


def from_person(person: Person, **more: str) -> dict[str, Any]:
    """Return what the gateway sends for a person."""
    headers = {**person_headers(person), "X-Gromit-Client": "192.0.2.7", **more}
    return {"who": Role.GATEWAY, "headers": headers}


def _scope(headers: list[tuple[bytes, bytes]], role: Role = Role.GATEWAY) -> dict[str, Any]:
    return {"state": {"peer": Peer("gateway", role, "a1", Millis(0))}, "headers": headers}


@pytest.fixture(scope="module")
def trusting(emulator: Emulator, certificates: Certificates) -> Iterator[Serve]:
    """Return a serve that believes the gateway about operators, too."""
    with serving(emulator, certificates, GROMIT_SERVE_PEOPLE="operator") as serve:
        yield serve


def _whoami(serve: Serve, headers: Mapping[str, str], who: Role = Role.GATEWAY) -> httpx2.Response:
    return serve.send("GET", "/v1/whoami", who=who, headers=dict(headers))


# ── whom serve believes ───────────────────────────────────────────────────────────────────────────


@given(
    name=st.text(min_size=1, max_size=30),
    role=st.sampled_from(PEOPLES_ROLES),
    repositories=st.none() | st.frozensets(st.sampled_from(["tyk", "tyk-pump", "a.b_c"])),
)
@example(name="ada+dev@example.com", role=Role.VIEWER, repositories=frozenset())
@example(name="Ada 100%, Ž,*", role=Role.OPERATOR, repositories=None)
@settings(
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], max_examples=60
)
def test_headers_of_a_person_give_the_same_person(
    name: str, role: Role, repositories: frozenset[str] | None
) -> None:
    person = Person(name, role, repositories)
    raw = [(k.lower().encode(), v.encode("ascii")) for k, v in person_headers(person).items()]
    try:
        assert vouched_person(_scope(raw)) == Person.checked(name, role, repositories)
    except Exception as error:  # noqa: BLE001 - both refuse it, for the same reason
        with pytest.raises(type(error), match="the name of a person"):
            Person.checked(name, role, repositories)
    for other in set(Role) - {Role.GATEWAY}:
        assert vouched_person(_scope(raw, other)) is None


def test_serve_sees_the_person_and_not_the_gateway(serve: Serve) -> None:
    assert _whoami(serve, person_headers(ADA)).json() == {
        "name": "ada@example.com",
        "role": "developer",
        "repositories": ["tyk"],
    }
    everywhere = Person("Ada Ž", Role.DEVELOPER, None)
    assert _whoami(serve, person_headers(everywhere)).json()["repositories"] is None


@pytest.mark.parametrize("role", [Role.WORKER, Role.OPERATOR, Role.DEVELOPER, Role.VIEWER])
def test_nothing_but_the_gateway_is_believed(serve: Serve, role: Role) -> None:
    forged = person_headers(Person("ada", Role.OPERATOR, None))
    assert _whoami(serve, forged, role).json()["role"] == role
    answer = serve.send("PUT", "/env/app-test", {}, Role.VIEWER, headers=forged)
    assert answer.status_code == 403
    assert "role viewer may not" in answer.json()["error"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({NAME: ""}, "the name of a person is missing"),
        ({NAME: "%ff"}, "the name of a person is missing"),
        ({NAME: "a%0ab"}, "the name of a person is missing"),
        ({NAME: "x" * 201}, "the name of a person is missing"),
        ({ROLE: ""}, "'' is not a role of a person"),
        ({ROLE: "worker"}, "'worker' is not a role of a person"),
        ({ROLE: "gateway"}, "'gateway' is not a role of a person"),
        ({REPOSITORIES: "tyk,,tyk-pump"}, "repo is empty"),
        ({REPOSITORIES: "tyk,*"}, "'*' is not a repository name"),
        ({REPOSITORIES: ",".join(f"r{i}" for i in range(101))}, "a person has 101 repositories"),
    ],
)
def test_headers_without_sense_are_refused_and_give_no_right_of_the_gateway(
    serve: Serve, change: dict[str, str], reason: str
) -> None:
    answer = serve.send(
        "POST",
        "/newbuild",
        {"repo": "tyk", "ref": "app-test", "sha": "sha"},
        **from_person(ADA, **change),
    )
    assert (answer.status_code, reason in answer.json()["error"]) == (403, True), answer.text
    assert serve.rows == {}


@pytest.mark.parametrize("missing", [NAME, ROLE])
def test_a_missing_header_is_refused(serve: Serve, missing: str) -> None:
    headers = {k: v for k, v in person_headers(ADA).items() if k != missing}
    assert _whoami(serve, headers).status_code == 403


@pytest.mark.parametrize("twice", PERSON_HEADERS)
def test_a_header_that_comes_twice_is_refused(serve: Serve, twice: str) -> None:
    headers = [*person_headers(ADA).items(), (twice, "operator")]
    answer = serve.client(Role.GATEWAY).get("/v1/whoami", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"] == f"the header {twice.lower()} comes twice"


def test_a_person_without_the_header_of_repositories_has_none(serve: Serve) -> None:
    headers = {k: v for k, v in person_headers(ADA).items() if k != REPOSITORIES}
    assert _whoami(serve, headers).json()["repositories"] == []


def test_the_gateway_cannot_make_operators_unless_serve_allows_it(
    serve: Serve, trusting: Serve
) -> None:
    operator = Person("ada@example.com", Role.OPERATOR)
    answer = serve.send("PUT", "/env/app-test", {}, **from_person(operator))
    assert answer.status_code == 403
    assert "the gateway may not give ada@example.com the role operator" in answer.text
    assert "serve.people is developer" in answer.text
    assert trusting.send("PUT", "/env/app-test", {}, **from_person(operator)).status_code == 201


# ── what people may do ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", [{"who": Role.DEVELOPER}, from_person(ADA)])
def test_a_developer_changes_environments_but_not_the_platform(
    serve: Serve, who: dict[str, Any]
) -> None:
    serve.build("tyk", "app-test", "sha")
    for act, body in (
        ("redeploy", {}),
        ("retry", None),
        ("park", None),
        ("unpark", None),
        ("extend", {"duration": "1d"}),
    ):
        answer = serve.send("POST", f"/v1/environments/app-test/{act}", body, **who)
        assert answer.status_code == 200, answer.text
    before = serve.rows
    for method, path in (
        ("PUT", "/env/app-test"),
        ("PATCH", "/env/app-test"),
        ("POST", "/newbuild"),
        ("POST", "/v1/builds"),
        ("POST", "/v1/branches"),
        ("POST", "/v1/suspensions"),
        ("POST", "/v1/suspensions/resume"),
        ("POST", "/v1/claims"),
        ("POST", "/v1/claims/app-test/done"),
        ("POST", "/v1/lifetimes"),
        ("POST", "/v1/observations"),
        ("POST", "/v1/passes"),
        ("POST", "/v1/environments/app-test/reap"),
        ("PUT", "/loglevel/debug"),
    ):
        assert serve.send(method, path, {}, **who).status_code == 403, path
    assert serve.rows == before


def test_a_viewer_who_is_logged_in_only_reads(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    viewer = from_person(Person("bob@example.com", Role.VIEWER, None))
    assert serve.send("GET", "/v1/environments/app-test", **viewer).status_code == 200
    answer = serve.send("POST", "/v1/environments/app-test/redeploy", {}, **viewer)
    assert answer.status_code == 403
    assert "role viewer may not POST" in answer.json()["error"]


def test_a_developer_protects_within_the_limit_and_unprotects_only_their_own(
    serve: Serve,
) -> None:
    for number in range(6):
        serve.put_environment(f"app-{number}")

    def act(what: str, name: str, **who: Any) -> httpx2.Response:
        return serve.send("POST", f"/v1/environments/{name}/{what}", **(who or from_person(ADA)))

    for number in range(5):
        assert act("protect", f"app-{number}").json()["protected_by"] == ADA_ACTOR
    answer = act("protect", "app-5")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "protects 5 environments, and 5 are allowed" in answer.json()["error"]
    assert act("protect", "app-5", who=Role.OPERATOR).status_code == 200
    assert act("unprotect", "app-5").status_code == 403
    unprotected = act("unprotect", "app-0").json()
    assert (unprotected["protected"], unprotected["protected_by"]) == (False, None)


@pytest.mark.parametrize("path", ["/env/app-test", "/v1/environments/app-test"])
def test_a_developer_deletes_where_their_repositories_are(serve: Serve, path: str) -> None:
    serve.build("tyk", "app-test", "sha")
    strange = Person("bob", Role.DEVELOPER, frozenset({"tyk-pump"}))
    for who in (from_person(strange), {"who": Role.DEVELOPER}):
        answer = serve.send("DELETE", path, **who)
        assert answer.status_code == 403, answer.text
    assert serve.state("app-test") == "new"
    assert serve.send("DELETE", path, **from_person(ADA)).status_code in {200, 202}
    assert serve.state("app-test") == "deleted"
    event = serve.get("/v1/environments/app-test/events")["events"][-1]
    assert (event["kind"], event["actor"]) == ("deleted", ADA_ACTOR)


def test_a_developer_with_all_repositories_deletes_any_environment(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    everywhere = from_person(Person("ada", Role.DEVELOPER, None))
    answer = serve.send("DELETE", "/v1/environments/app-test", **everywhere)
    assert (answer.status_code, answer.json()["want"]) == (200, "gone")


def test_a_persons_repository_header_gives_no_right_of_a_token(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    strange = Person("bob", Role.DEVELOPER, frozenset({"tyk-pump"}))
    forged = from_person(strange, **{"X-Gromit-Repository": "tyk"})
    assert serve.send("DELETE", "/env/app-test", **forged).status_code == 403
    assert serve.state("app-test") == "new"


# ── how they are named ────────────────────────────────────────────────────────────────────────────


def test_the_history_names_the_person_and_the_login(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    serve.send("POST", "/v1/environments/app-test/redeploy", {}, **from_person(ADA))
    event = serve.get("/v1/environments/app-test/events")["events"][-1]
    assert (event["kind"], event["actor"]) == ("redeploy", "developer:ada@example.com")
    assert event["origin"] == "login at the gateway"
