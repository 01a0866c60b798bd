"""The role of a certificate, and the whole admission table."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.security.roles import Role, find_role, is_allowed, role_uri
from gromit.errors import TrustError

G, W, OP, D, V = Role.GATEWAY, Role.WORKER, Role.OPERATOR, Role.DEVELOPER, Role.VIEWER
EVERYBODY = frozenset(Role)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")

CHANGES: dict[str, dict[str, frozenset[Role]]] = {
    "/healthcheck": {},
    "/loglevel": {},
    "/loglevel/{level}": {"PUT": frozenset({OP})},
    "/newbuild": {"POST": frozenset({G, OP})},
    "/env/{name}": {
        "PUT": frozenset({OP}),
        "PATCH": frozenset({OP}),
        "DELETE": frozenset({G, OP, D}),
    },
    "/v1/builds": {
        "POST": frozenset({G, OP}),
        **{m: frozenset({OP}) for m in ("PUT", "PATCH", "DELETE")},
    },
    "/v1/claims": {"POST": frozenset({W})},
    **{
        f"/v1/claims/{{name}}/{act}": {"POST": frozenset({W})}
        for act in ("renew", "done", "fail", "release")
    },
    **{
        route: {m: frozenset({OP}) for m in ("POST", "PUT", "PATCH", "DELETE")}
        for route in (
            "/v1/environments",
            "/v1/environments/{name}/reap",
            "/v1/environments/{name}/redeploy/more",
            "/v1/claimsandmore",
        )
    },
    **{
        f"/v1/environments/{{name}}/{act}": {
            "POST": frozenset({OP, D}),
            **{m: frozenset({OP}) for m in ("PUT", "PATCH", "DELETE")},
        }
        for act in (
            "redeploy",
            "retry",
            "rollback",
            "extend",
            "park",
            "unpark",
            "protect",
            "unprotect",
        )
    },
    "/v1/environments/{name}": {
        "DELETE": frozenset({OP, D}),
        **{m: frozenset({OP}) for m in ("POST", "PUT", "PATCH")},
    },
    "/unknown": {},
    "/newbuild/{more}": {},
}


def _expected(method: str, route: str) -> frozenset[Role]:
    return EVERYBODY if method in {"GET", "HEAD"} else CHANGES[route].get(method, frozenset())


@pytest.mark.parametrize(("method", "route"), list(itertools.product(METHODS, CHANGES)))
def test_every_role_has_exactly_the_rights_of_the_table(method: str, route: str) -> None:
    assert {role for role in Role if is_allowed(role, method, route)} == _expected(method, route)


@pytest.mark.parametrize(("method", "route"), list(itertools.product(METHODS, CHANGES)))
def test_without_a_role_nothing_is_allowed(method: str, route: str) -> None:
    assert not is_allowed(None, method, route)


def test_the_name_of_a_parameter_does_not_matter() -> None:
    assert is_allowed(OP, "PUT", "/env/{environment}")
    assert not is_allowed(V, "PUT", "/env/{environment}")


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_read_from_its_own_uri(role: Role) -> None:
    assert find_role(["https://example.com", role_uri(role), role_uri(role)]) is role


def test_no_role_uri_means_no_role() -> None:
    assert find_role(["spiffe://example/worker", "gromit:role"]) is None


@pytest.mark.parametrize(
    "uris",
    [
        ["gromit://role/admin"],
        ["gromit://role/"],
        ["gromit://role/worker", "gromit://role/operator"],
    ],
)
def test_an_unknown_or_a_second_role_is_refused(uris: list[str]) -> None:
    with pytest.raises(TrustError):
        find_role(uris)


@given(st.text(max_size=30))
def test_only_the_exact_uri_of_a_role_gives_it(tail: str) -> None:
    uri = f"gromit://role/{tail}"
    if tail in set(Role):
        assert find_role([uri]) == tail
    else:
        with pytest.raises(TrustError):
            find_role([uri])
