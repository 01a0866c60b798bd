"""Whatever a client sends, serve answers as its OpenAPI document says, and never with a bug."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gromit.core.security.roles import Role
from gromit.web.server.limits import ClientLimits
from tests.web.api.test_admission_over_tls import EXPECTED
from tests.web.serving import Serve

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 8
STREAM = "/v1/changes"
"""Never ends; `test_changes` tests it."""

NO_BODY = {
    "/loglevel/{level}",
    "/v1/environments/{name}/park",
    "/v1/environments/{name}/protect",
    "/v1/environments/{name}/reap",
    "/v1/environments/{name}/unpark",
    "/v1/environments/{name}/unprotect",
    "/v1/environments/{name}/retry",
    "/v1/lifetimes",
}
OPERATIONS = sorted(
    (path.replace(":path", ""), method) for method, path in EXPECTED if path != STREAM
)
BODIES = [
    (path, method)
    for path, method in OPERATIONS
    if method in {"POST", "PUT", "PATCH"} and path not in NO_BODY
]
NAMES = st.sampled_from([None, "app-test", "Feature_X", "release-3.1.0", "nowhere"])
"""Existing names, in place of generated ones."""


@pytest.fixture(scope="module")
def populated(shared_serve: Serve) -> Iterator[Serve]:
    """A serve with environments in several phases, and a claim."""
    shared_serve.clear()
    level = shared_serve.get("/loglevel")["level"]
    for ref in ("app-test", "Feature_X", "release-3.1.0"):
        shared_serve.build("tyk", ref, "sha-0")
    shared_serve.send("DELETE", "/env/Feature_X")
    shared_serve.claim("sow")
    yield shared_serve
    shared_serve.send("PUT", f"/loglevel/{level}")


@pytest.fixture(scope="module")
def described(populated: Serve) -> Any:
    return schemathesis.openapi.from_dict(populated.get("/v1/openapi.json"))


def _role(path: str, method: str) -> Role:
    if path.startswith("/v1/claims"):
        return Role.WORKER
    return Role.GATEWAY if method == "DELETE" or path == "/newbuild" else Role.OPERATOR


def _sent(serve: Serve, case: Any, role: Role) -> httpx2.Response:
    arguments = case.as_transport_kwargs(base_url=serve.url)
    content = (
        json.dumps(arguments["json"]).encode() if "json" in arguments else arguments.get("data")
    )
    request = {key: arguments[key] for key in ("headers", "params") if key in arguments}
    return serve.client(role).request(
        arguments["method"], arguments["url"], content=content, **request
    )


def _made_meaningful(case: Any, name: str | None) -> None:
    """Replace some generated values with existing names: generated ones never match."""
    if name is None:
        return
    if "name" in (case.path_parameters or {}):
        case.path_parameters["name"] = name
    if isinstance(case.body, dict):
        replaced = {"repo": "tyk", "ref": name, "sha": "sha-1", "component": "tyk", "holder": "w1"}
        case.body = {key: replaced.get(key, value) for key, value in case.body.items()}
        if case.path == "/env/{name}":
            case.body = {"tyk-pump": "sha-2"}


def _hold(serve: Serve, operation: Any, mode: GenerationMode) -> None:
    explicit = {int(status) for status in operation.definition.raw["responses"] if status.isdigit()}

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(case=operation.as_strategy(generation_mode=mode), name=NAMES)
    def holds(case: Any, name: str | None) -> None:
        _made_meaningful(case, name)
        answer = _sent(serve, case, _role(operation.path, operation.method.upper()))
        if len(answer.request.content) > ClientLimits().body_bytes:
            assert answer.status_code == 413  # described as 4XX: it does not reach the route
            return
        # 404 and 405: a generated parameter turned it into another path
        assert answer.status_code in explicit | {404, 405}, answer.text
        case.validate_response(answer, checks=CHECKS)

    holds()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_is_described_is_answered_as_described(
    populated: Serve, described: Any, path: str, method: str
) -> None:
    _hold(populated, described[path][method], GenerationMode.POSITIVE)


@pytest.mark.parametrize(("path", "method"), [*BODIES, ("/v1/environments", "GET")])
def test_what_is_not_described_is_answered_as_described(
    populated: Serve, described: Any, path: str, method: str
) -> None:
    _hold(populated, described[path][method], GenerationMode.NEGATIVE)


def test_the_description_is_whole(described: Any) -> None:
    described.validate()
    assert {
        (operation.ok().path, operation.ok().method.upper())
        for operation in described.get_all_operations()
    } == {
        *OPERATIONS,
        (STREAM, "GET"),
    }


def test_every_answer_with_a_body_is_described_by_a_schema(populated: Serve) -> None:
    document = populated.get("/v1/openapi.json")
    bare = [
        (path, method, status)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
        if status != "204"
        and not all(
            content.get("schema") for content in answer.get("content", {"none": {}}).values()
        )
    ]
    assert bare == []
