"""Whatever a client sends, the gateway answers as its OpenAPI document says, without a bug."""

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
    response_schema_conformance,
    status_code_conformance,
)

from gromit.web.gateway.document import gateway_document
from gromit.web.server.limits import ClientLimits
from tests.fakes.provider import Provider
from tests.web.gateway.browsing import Door, opened
from tests.web.serving import Certificates, Emulator, serving

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
STREAM = "/v1/changes"
"""Never ends; `test_people_api` tests it."""
DOCUMENT = gateway_document(has_people=True)
OPERATIONS = sorted(
    (path, method)
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    if path != STREAM
)
NAMES = st.sampled_from([None, "app-test", "nowhere"])
"""Existing names, in place of generated ones."""


@pytest.fixture(scope="module")
def door(
    emulator: Emulator, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    more = {"GROMIT_GATEWAY_RATE": "100000", "GROMIT_GATEWAY_LOGIN_RATE": "100000"}
    with (
        Provider().running() as provider,
        serving(emulator, certificates, GROMIT_SERVE_PEOPLE="operator") as serve,
        opened(serve, tmp_path_factory.mktemp("fuzz"), provider, **more) as door,
    ):
        provider.person["groups"] = ["platform"]
        serve.build("tyk", "app-test", "sha-0")
        yield door


@pytest.fixture(scope="module")
def described(door: Door) -> Any:
    return schemathesis.openapi.from_dict(door.front.http.get("/openapi.json").json())


@pytest.fixture(scope="module")
def tokens(door: Door) -> tuple[str, str]:
    """A person's token, and one of all repositories."""
    return door.token(), door.front.token("*")


def _sent(door: Door, case: Any, token: str) -> httpx2.Response:
    arguments = case.as_transport_kwargs(base_url=door.front.url)
    content = (
        json.dumps(arguments["json"]).encode() if "json" in arguments else arguments.get("data")
    )
    given = dict(arguments.get("headers") or {})
    headers = {name: value for name, value in given.items() if name.lower() != "authorization"}
    headers["authorization"] = f"Bearer {token}"
    return door.front.http.request(
        arguments["method"],
        arguments["url"],
        content=content,
        headers=headers,
        params=arguments.get("params"),
    )


def _hold(
    door: Door, tokens: tuple[str, str], operation: Any, mode: GenerationMode, examples: int
) -> None:
    token = tokens[operation.path.startswith("/gromit/")]

    @settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(case=operation.as_strategy(generation_mode=mode), name=NAMES)
    def holds(case: Any, name: str | None) -> None:
        if name is not None and "name" in (case.path_parameters or {}):
            case.path_parameters["name"] = name
        answer = _sent(door, case, token)
        if len(answer.request.content) > ClientLimits().body_bytes:
            assert answer.status_code == 413
            return
        assert answer.status_code < 500, answer.text
        if answer.status_code != 429:  # the share of logins of one address
            case.validate_response(answer, checks=CHECKS)

    holds()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_is_described_is_answered_as_described(
    door: Door, tokens: tuple[str, str], described: Any, path: str, method: str
) -> None:
    _hold(door, tokens, described[path][method], GenerationMode.POSITIVE, 2)


@pytest.mark.long
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_whatever_is_sent_is_answered_as_described(
    door: Door,
    tokens: tuple[str, str],
    described: Any,
    *,
    path: str,
    method: str,
    mode: GenerationMode,
) -> None:
    operation = described[path][method]
    has_input = operation.body or operation.path_parameters or operation.query
    if mode is GenerationMode.NEGATIVE and not has_input:
        return  # nothing could be wrong about it
    _hold(door, tokens, operation, mode, 25)


def test_the_document_names_what_the_gateway_answers(door: Door) -> None:
    paths = door.front.http.get("/openapi.json").json()["paths"]
    assert {"/gromit/newbuild", "/login/token", "/v1/environments", "/env/{name}"} <= set(paths)
    assert not [path for path in paths if "claims" in path or path == "/newbuild"]
    alone = gateway_document(has_people=False)["paths"]
    assert "/v1/environments/{name}" in alone
    assert not [path for path in alone if path.startswith(("/login", "/env"))]
