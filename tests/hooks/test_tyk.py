"""The definition for Tyk lets in exactly what our own gateway lets in, and holds no secret."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from gromit.config.servers import GatewaySettings
from gromit.core.security.roles import Role
from gromit.core.time import Millis
from gromit.log import mask
from gromit.web.api.legacy_routes import REPOSITORY_HEADER
from gromit.web.gateway.app import GatewayDeps, build_gateway
from gromit.web.gateway.upstream import Upstream, upstream_client
from gromit.web.server.limits import ClientLimits, RateLimit
from gromit.web.tls import CertificateFiles, ClientTls
from tests.docs.markdown import ROOT
from tests.fakes.authority import TestCa
from tests.web.serving import Serve

TYK = ROOT / "hooks" / "tyk"
DEFINITION: Any = json.loads((TYK / "gromit.json").read_text(encoding="utf-8"))
POLICY: Any = json.loads((TYK / "policy.json").read_text(encoding="utf-8"))
VERSION = DEFINITION["version_data"]["versions"]["Default"]
PATHS = VERSION["extended_paths"]
LISTEN = DEFINITION["proxy"]["listen_path"].rstrip("/")
SWEEP = "/gromit/branches"
"""Route that Tyk does not offer."""


def _pattern(route: Route) -> str:
    """Give a route of gromit's gateway as a pattern of Tyk, with or without the listen path."""
    rest = route.path.removeprefix(LISTEN)
    assert rest != route.path
    return f"^({LISTEN})?{rest.replace('{name:path}', '.+')}$"


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Method and pattern of what release workflows send: everything below the listen path."""
    files = TestCa(tmp_path_factory.mktemp("ca")).leaf("gateway", Role.GATEWAY)
    upstream = Upstream(
        upstream_client(
            "https://127.0.0.1:9", ClientTls(CertificateFiles(files.cert, files.key, files.ca))
        ),
        timedelta(seconds=1),
    )
    app = build_gateway(GatewayDeps(lambda _: None, upstream, RateLimit(1), lambda: Millis(0)))
    below = [r for r in app.routes if isinstance(r, Route) and r.path.startswith(f"{LISTEN}/")]
    found = [route for route in below if route.path != SWEEP]
    return {(method, _pattern(route)) for route in found for method in route.methods or ()}


def test_its_allow_list_is_the_routes_of_our_gateway(routes: set[tuple[str, str]]) -> None:
    assert len(routes) == 2
    listed = {
        (method, entry["path"])
        for entry in PATHS["white_list"]
        for method in entry["method_actions"]
    }
    assert listed == routes
    assert all(
        action["action"] == "no_action"
        for entry in PATHS["white_list"]
        for action in entry["method_actions"].values()
    )
    assert not any(entry["ignore_case"] for entry in PATHS["white_list"])
    assert VERSION["use_extended_paths"] is True


def test_a_policy_allows_the_same_and_every_route_has_its_timeout(
    routes: set[tuple[str, str]],
) -> None:
    (rights,) = POLICY["access_rights"].values()
    assert {
        (method, entry["url"]) for entry in rights["allowed_urls"] for method in entry["methods"]
    } == routes
    assert rights["api_id"] == DEFINITION["api_id"]
    assert {(entry["method"], entry["path"]) for entry in PATHS["hard_timeouts"]} == routes
    assert {entry["timeout"] for entry in PATHS["hard_timeouts"]} == {
        GatewaySettings().timeout.total_seconds()
    }


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/gromit/newbuild", {"POST"}),
        ("/newbuild", {"POST"}),
        ("/gromit/env/app-test", {"DELETE"}),
        ("/env/integration/app-test", {"DELETE"}),
        ("/gromit/newbuild/x", set()),
        ("/gromit/v1/newbuild", set()),
        ("/gromit/xnewbuild", set()),
        ("/gromit/env/", set()),
        ("/gromit/v1/environments", set()),
        ("/gromit/loglevel/debug", set()),
        ("/v1/env/x", set()),
        ("/gromit/healthcheck", set()),
        ("/GROMIT/NEWBUILD", set()),
    ],
)
def test_a_path_is_allowed_as_a_whole_or_not_at_all(path: str, allowed: set[str]) -> None:
    """Tyk searches its patterns in a path: without their ends they would allow much more."""
    assert {
        m for e in PATHS["white_list"] if re.search(e["path"], path) for m in e["method_actions"]
    } == allowed


def test_it_is_our_gateways_front() -> None:
    assert DEFINITION["proxy"]["strip_listen_path"] is True
    assert (
        DEFINITION["use_keyless"],
        DEFINITION["use_standard_auth"],
        DEFINITION["strip_auth_data"],
    ) == (False, True, True)
    assert DEFINITION["auth_configs"]["authToken"] == {
        "auth_header_name": "Authorization",
        "use_param": False,
        "use_cookie": False,
        "use_certificate": False,
    }
    assert (POLICY["rate"], POLICY["per"], DEFINITION["disable_rate_limit"]) == (
        GatewaySettings().rate,
        60,
        False,
    )
    assert (
        DEFINITION["enable_detailed_recording"] is False
    )  # it would keep headers, and tokens in them


def test_only_a_build_has_a_limit_of_size_because_it_demands_a_length() -> None:
    """Tyk 5.3.0 answers 411 to a DELETE of curl if one limit counts for all requests."""
    assert "global_size_limit" not in VERSION
    assert PATHS["size_limits"] == [
        {
            "path": "^(/gromit)?/newbuild$",
            "method": "POST",
            "size_limit": ClientLimits().body_bytes,
        }
    ]


def test_serve_is_reached_in_mutual_tls_with_a_certificate_that_is_only_named() -> None:
    proxy = DEFINITION["proxy"]
    host = proxy["target_url"].removeprefix("https://")
    assert host != proxy["target_url"]
    assert DEFINITION["upstream_certificates"] == {host: "CERTIFICATE-ID"}
    assert DEFINITION["upstream_certificates_disabled"] is False
    assert proxy["transport"] == {
        "ssl_insecure_skip_verify": False,
        "ssl_min_version": 0x0304,
        "proxy_url": "",
    }


def test_the_repository_comes_from_the_key_alone() -> None:
    assert VERSION["global_headers_remove"] == [REPOSITORY_HEADER]
    assert VERSION["global_headers"] == {REPOSITORY_HEADER: "nobody/$tyk_meta.repository"}


def _as_tyk_sends(metadata: str) -> dict[str, str]:
    return {
        name: value.replace("$tyk_meta.repository", metadata)
        for name, value in VERSION["global_headers"].items()
    }


def _values(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _values(value)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value)
    else:
        yield str(node)


@pytest.mark.parametrize("path", sorted(TYK.iterdir()), ids=lambda path: path.name)
def test_no_secret_is_in_any_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert mask(text) == text
    assert re.findall(r"-----BEGIN|[0-9a-fA-F]{24,}|[A-Za-z0-9+/_=-]{32,}", text) == []


def test_everything_that_looks_like_a_value_of_an_installation_is_to_be_filled_in() -> None:
    table = (TYK / "README.md").read_text(encoding="utf-8")
    blanks = {
        word
        for value in [*_values(DEFINITION), *_values(POLICY)]
        for word in re.findall(r"\b[A-Z]{2,}-[A-Z]{2,}\b", value)
    }
    assert blanks == {"SERVE-HOST", "CERTIFICATE-ID"}
    assert all(f"| `{blank}` |" in table for blank in blanks)


class TestAtServe:
    """Requests as Tyk passes them on to serve: the gateway's certificate, and a key's header."""

    def test_a_key_reports_and_retires_for_its_own_repository(self, serve: Serve) -> None:
        request: dict[str, Any] = {"who": Role.GATEWAY, "headers": _as_tyk_sends("tyk")}
        assert (
            serve.send(
                "POST", "/newbuild", {"repo": "tyk", "ref": "app-test", "sha": "sha-1"}, **request
            ).status_code
            == 200
        )
        assert (
            serve.send(
                "POST", "/newbuild", {"repo": "tyk-pump", "ref": "app-test", "sha": "x"}, **request
            ).status_code
            == 403
        )
        assert serve.send("DELETE", "/env/app-test", **request).status_code == 202
        assert serve.state("app-test") == "deleted"

    @pytest.mark.parametrize("metadata", ["", "$tyk_meta.repository", "tyk-pump", "nobody"])
    def test_a_key_without_its_repository_can_do_nothing(self, serve: Serve, metadata: str) -> None:
        serve.build("tyk", "app-test", "sha-1")
        request: dict[str, Any] = {"who": Role.GATEWAY, "headers": _as_tyk_sends(metadata)}
        before = serve.rows
        assert serve.send(
            "POST", "/newbuild", {"repo": "tyk", "ref": "app-test", "sha": "x"}, **request
        ).status_code in {400, 403}
        assert serve.send("DELETE", "/env/app-test", **request).status_code in {400, 403}
        assert serve.rows == before
