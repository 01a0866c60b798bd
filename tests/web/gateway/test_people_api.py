"""People at `/v1` of the gateway: what serve sees of them, and what it never sees."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gromit.core.security.people import PEOPLES_ROLES
from gromit.core.security.roles import Role, is_allowed
from gromit.errors import InvalidInput
from gromit.web.gateway.change_relay import PER_PERSON
from gromit.web.gateway.people_api import forwarded_path, forwarded_routes
from tests.fakes.issuer import unsigned
from tests.fakes.provider import COMMAND, Provider, decoded
from tests.logs import captured_lines, lines_about
from tests.waiting import PATIENCE_S
from tests.web.gateway.browsing import URL, Browser, Door, opened
from tests.web.serving import Clock, Serve, serving

DEVELOPER = {"groups": ["developers"]}
NAME = "/v1/environments/app-test"


class TestForwarding:
    """Requests of people, and how they arrive."""

    def test_serve_sees_the_person_and_the_history_names_her(
        self, door: Door, serve: Serve
    ) -> None:
        serve.build("tyk", "app-test", "sha")
        token = door.token(**DEVELOPER)
        found = door.call(token, "GET", "/v1/whoami").json()
        assert (found["name"], found["role"]) == ("alice@example.com", "developer")
        answer = door.call(token, "POST", f"{NAME}/redeploy", json={"component": "tyk"})
        assert answer.status_code == 200, answer.text
        events = door.call(token, "GET", f"{NAME}/events").json()["events"]
        assert "developer:alice@example.com" in json.dumps(events[-1])

    def test_an_answer_is_that_of_serve(self, door: Door, serve: Serve) -> None:
        serve.build("tyk", "app-test", "sha")
        token = door.token()
        for path in (NAME, "/v1/environments?limit=1&phase=all", "/v1/suspensions"):
            direct = serve.send("GET", path, who=Role.VIEWER)
            through = door.call(token, "GET", path)
            assert (through.status_code, through.json()) == (200, direct.json())
            assert through.headers["cache-control"] == "no-store"
        for path in ("/v1/environments/nowhere", "/v1/environments?limit=0"):
            direct = serve.send("GET", path, who=Role.VIEWER)
            through = door.call(token, "GET", path)
            assert (through.status_code, through.json()) == (direct.status_code, direct.json())

    def test_flat_environments_are_there_for_the_command_line(
        self, door: Door, serve: Serve
    ) -> None:
        flat = serve.build("tyk", "feature/app-test", "sha")
        answer = door.call(door.token(), "GET", "/env/app-test")
        assert (answer.status_code, answer.json()) == (200, flat)

    def test_the_access_log_names_the_person(self, door: Door) -> None:
        token = door.token()
        with captured_lines("gateway.request", 1) as logs:
            door.call(token, "GET", "/v1/whoami")
        (line,) = (x for x in lines_about("gateway", logs) if x["event"] == "gateway.request")
        assert (line["person"], line["path"], line["token"]) == (
            "alice@example.com",
            "/v1/whoami",
            None,
        )
        assert token not in json.dumps(logs, default=str)

    @pytest.mark.parametrize(
        "headers",
        [
            {"x-gromit-person": "root@example.com", "x-gromit-person-role": "operator"},
            {"X-Gromit-Person-Role": "operator"},
            {"x-gromit-person-repositories": "*"},
            {"x-gromit-repository": "tyk"},
            {"x-gromit-client": "1.2.3.4", "x-gromit-requester": "another"},
            {"x-forwarded-for": "1.2.3.4"},
        ],
    )
    def test_headers_that_vouch_for_a_person_are_not_passed_on(
        self, door: Door, serve: Serve, headers: dict[str, str]
    ) -> None:
        serve.build("tyk", "app-test", "sha")
        token = door.token()
        found = door.call(token, "GET", "/v1/whoami", headers=headers).json()
        assert (found["name"], found["role"]) == ("alice@example.com", "viewer")
        for method, path in (("POST", f"{NAME}/redeploy"), ("DELETE", "/env/app-test")):
            answer = door.call(token, method, path, headers=headers)
            assert answer.status_code == 403
        assert door.front.http.get("/v1/whoami", headers=headers).status_code == 401

    def test_two_authorisations_count_as_none(self, door: Door) -> None:
        token = door.token()
        pairs = [("authorization", f"Bearer {token}"), ("authorization", "Bearer x")]
        assert door.front.http.get("/v1/whoami", headers=pairs).status_code == 401

    @pytest.mark.parametrize(
        "path",
        [
            "/v1/environments/%2e%2e",
            "/v1/environments/../claims",
            "/v1/environments/%2e%2e/%2e%2e/healthcheck",
            "/v1/environments/a%2f..%2f..%2fclaims",
            "/env/..%2f..%2fv1%2fclaims",
            "/env/a/../b",
            "/v1//environments",
            "/v1/unknown",
            "/newbuild",
            "/loglevel",
            "/metrics",
            "/v1/claims",
        ],
    )
    def test_no_path_leads_anywhere_else(self, door: Door, path: str) -> None:
        token = door.token()
        answer = door.call(token, "GET", path)
        assert answer.status_code in {400, 404, 405}

    @pytest.mark.parametrize("body", [b"{", b"[]", b'{"a":1,"a":2}', b"\xff", b"NaN"])
    def test_a_body_that_serve_could_read_otherwise_stops_here(
        self, door: Door, serve: Serve, body: bytes
    ) -> None:
        serve.build("tyk", "app-test", "sha")
        token = door.token(**DEVELOPER)
        answer = door.call(token, "POST", f"{NAME}/redeploy", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    def test_tokens_of_repositories_read_as_ever(self, door: Door, serve: Serve) -> None:
        serve.build("tyk", "app-test", "sha")
        for repository, status in (("tyk", 200), ("tyk-pump", 404)):
            token = door.front.token(repository)
            assert door.call(token, "GET", NAME).status_code == status
            assert door.call(token, "GET", "/v1/environments").status_code == 401
        expired = door.token()
        door.clock.advance(s=3601)
        answer = door.call(expired, "GET", NAME)
        assert (answer.status_code, "gromit login" in answer.json()["hint"]) == (401, True)


class TestRoles:
    """Requests that each role may send."""

    @pytest.mark.parametrize("role", ["viewer", "developer"])
    def test_the_gateway_refuses_what_the_table_does_not_admit(
        self, door: Door, serve: Serve, role: str
    ) -> None:
        serve.build("tyk", "app-test", "sha")
        before = serve.rows
        token = door.token(groups=[f"{role}s"])
        for template, methods in forwarded_routes().items():
            path = template.replace("{name:path}", "app-test").replace("{name}", "app-test")
            for method in methods - {"GET"}:
                if not is_allowed(Role(role), method, template):
                    answer = door.call(token, method, path, json={})
                    assert answer.status_code == 403, (method, path, answer.text)
                    assert f"role {role} may not {method}" in answer.json()["error"]
                    hint = answer.json()["hint"]
                    assert hint == "`gromit whoami` shows your role", "the gateway's, not serve's"
        assert serve.rows == before

    def test_no_route_of_a_part_of_the_control_plane_is_forwarded(self) -> None:
        routes = forwarded_routes()
        assert not [path for path in routes if "claims" in path or "lifetimes" in path]
        assert not [path for path in routes if path in {"/newbuild", "/loglevel", "/healthcheck"}]
        for path, methods in routes.items():
            for method in methods:
                assert any(is_allowed(role, method, path) for role in PEOPLES_ROLES)

    def test_serve_has_the_last_word_about_operators(self, door: Door) -> None:
        token = door.token(groups=["platform"])
        answer = door.call(token, "GET", "/v1/whoami")
        assert answer.status_code == 403
        assert "serve.people is developer" in answer.json()["hint"]

    def test_an_operator_may_do_everything_where_serve_believes_it(
        self, serve: Serve, tmp_path: Path, provider: Provider
    ) -> None:
        believing = serving(
            serve.emulator, serve.certificates, Clock(), GROMIT_SERVE_PEOPLE="operator"
        )
        with believing as own, opened(own, tmp_path, provider) as door:
            token = door.token(groups=["platform"])
            assert door.call(token, "PUT", "/env/app-test", json={"tyk": "sha"}).status_code == 201
            answer = door.call(token, "POST", f"{NAME}/protect", json={})
            assert (answer.status_code, answer.json()["protected"]) == (200, True)
            assert door.call(token, "DELETE", "/env/app-test").status_code == 409


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider().running() as running:
        yield running


class TestChangesByCookie:
    """A browser sends cookies by itself, so a change needs more."""

    @pytest.fixture
    def developer(self, door: Door, browser: Browser, serve: Serve) -> Browser:
        serve.build("tyk", "app-test", "sha")
        door.provider.person |= DEVELOPER
        browser.login()
        return browser

    def test_a_page_of_the_gateway_makes_changes(self, developer: Browser) -> None:
        answer = developer.send("POST", f"{NAME}/redeploy", {}, x_gromit_csrf=developer.csrf)
        assert answer.status_code == 200

    @pytest.mark.parametrize(
        ("origin", "more"),
        [
            ("https://evil.example.com", {}),
            ("null", {}),
            ("https://gateway.example.com.evil.org", {}),
            ("http://gateway.example.com", {}),
            (URL, {"sec_fetch_site": "cross-site"}),
            (URL, {"sec_fetch_site": "same-site"}),
            (None, {"sec_fetch_site": "none"}),
            (None, {}),
        ],
    )
    def test_no_page_of_others_does_even_with_the_proof(
        self, developer: Browser, serve: Serve, origin: str | None, more: dict[str, str]
    ) -> None:
        before, proof = serve.rows, developer.csrf
        answer = developer.send(
            "POST", f"{NAME}/redeploy", {}, origin=origin, x_gromit_csrf=proof, **more
        )
        assert answer.status_code == 403
        assert "does not come from a page of the gateway" in answer.json()["error"]
        assert serve.rows == before

    def test_the_proof_is_of_this_session_and_no_other(
        self, door: Door, developer: Browser, serve: Serve
    ) -> None:
        other = door.browser()
        other.login()
        before = serve.rows
        for proof in ("", "x", "é", other.csrf, developer.csrf[:-1], str(developer.session)):
            answer = developer.send("POST", f"{NAME}/redeploy", {}, x_gromit_csrf=proof.strip("é"))
            assert answer.status_code == 403
            assert "the page is not of this session" in answer.json()["error"]
        assert serve.rows == before

    def test_a_form_of_another_site_has_no_way_in(self, developer: Browser) -> None:
        for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
            answer = developer.send(
                "POST",
                f"{NAME}/redeploy",
                b'{"mark":"x"}',
                origin="https://evil.example.com",
                content_type=kind,
            )
            assert answer.status_code == 403

    def test_a_token_needs_no_proof_and_is_judged_without_the_cookie(
        self, door: Door, developer: Browser
    ) -> None:
        token = door.token(**DEVELOPER)
        assert door.call(token, "POST", f"{NAME}/redeploy", json={}).status_code == 200
        developer.headers = {"authorization": "Bearer wrong"}
        assert developer.get("/v1/whoami").status_code == 401


class TestBounds:
    """Rates and streams of one person."""

    def test_the_requests_of_one_person_are_bounded_whatever_the_token(
        self, serve: Serve, tmp_path: Path, provider: Provider
    ) -> None:
        with opened(serve, tmp_path, provider, GROMIT_GATEWAY_LOGIN_RATE="3") as door:
            first, second = door.token(), door.token()
            statuses = [door.call(t, "GET", "/v1/whoami") for t in (first, second, first, second)]
            assert [answer.status_code for answer in statuses] == [200, 200, 200, 429]
            assert int(statuses[-1].headers["retry-after"]) > 0
            bob = door.token(sub="u-bob", email="bob@example.com")
            assert door.call(bob, "GET", "/v1/whoami").status_code == 200

    def test_changes_reach_everybody_over_one_stream_of_serve(
        self, door: Door, serve: Serve
    ) -> None:
        token, watchers = door.token(), serve.app.state.deps.changes._watchers
        before = set(watchers)
        with _stream(door, token) as first, _stream(door, token) as second:
            heads = next(first), next(second)
            assert heads == (": connected", ": connected")
            assert len(set(watchers) - before) == 1
            serve.build("tyk", "app-test", "sha")
            for lines in (first, second):
                line = next(line for line in lines if line.startswith("data:"))
                assert json.loads(line.removeprefix("data:"))["name"] == "app-test"

    def test_a_person_has_a_share_of_streams(self, door: Door) -> None:
        # No other test has streams of this person, which could be closing just now.
        token = door.token(sub="u-carol", email="carol@example.com")
        other = door.token(sub="u-bob", email="bob@example.com")
        with ExitStack() as streams:
            # All are kept: a stream whose reader is forgotten is closed.
            kept = [streams.enter_context(_stream(door, token)) for _ in range(PER_PERSON)]
            assert {next(lines) for lines in kept} == {": connected"}
            headers = {"authorization": f"Bearer {token}"}
            # Not read to its end: if it were a stream, it would have none.
            with door.front.http.stream("GET", "/v1/changes", headers=headers) as answer:
                assert answer.status_code == 429
            kept.append(streams.enter_context(_stream(door, other)))
            assert next(kept[-1]) == ": connected"

    def test_without_serve_a_stream_is_not_available(
        self, serve: Serve, tmp_path: Path, provider: Provider
    ) -> None:
        more = {"GROMIT_SERVE_URL": "https://127.0.0.1:1"}
        with opened(serve, tmp_path, provider, **more) as door:
            token = door.token()
            for path, status in (("/v1/changes", 503), ("/v1/whoami", 502)):
                assert door.call(token, "GET", path).status_code == status


class TestTokens:
    """ID tokens that the command line exchanges."""

    def test_a_token_is_valid_for_an_hour(self, door: Door) -> None:
        token = door.token()
        assert decoded(token)["role"] == "viewer"
        door.clock.advance(s=3599)
        assert door.call(token, "GET", "/v1/whoami").status_code == 200
        door.clock.advance(s=2)
        assert door.call(token, "GET", "/v1/whoami").status_code == 401

    @pytest.mark.parametrize(
        "more",
        [{"aud": "gromit gateway"}, {"exp": 1}, {"iss": "https://evil.example.com"}, {"azp": "x"}],
    )
    def test_an_id_token_for_another_client_is_refused(
        self, door: Door, more: dict[str, Any]
    ) -> None:
        answer = door.exchange(door.provider.id_token(COMMAND, **more))
        assert (answer.status_code, answer.json()["code"]) == (403, "trust")

    def test_a_nonce_binds_an_id_token_to_its_login(self, door: Door) -> None:
        token = door.provider.id_token(COMMAND, "right")
        assert door.exchange(token, nonce="right").status_code == 200
        assert door.exchange(token, nonce="wrong").status_code == 403

    @pytest.mark.parametrize("body", [{}, {"id_token": ""}, {"id_token": 7}, {"id_token": "a.b.c"}])
    def test_what_is_no_id_token_is_refused(self, door: Door, body: dict[str, Any]) -> None:
        assert door.front.http.post("/login/token", json=body).status_code in {400, 403}

    @pytest.mark.parametrize(
        ("head", "key"),
        [
            ({"alg": "none"}, ""),
            ({"alg": "HS256"}, "public"),
            ({"kid": None}, ""),
            ({"kid": "unknown"}, ""),
        ],
    )
    def test_only_the_providers_keys_sign(self, door: Door, head: dict[str, Any], key: str) -> None:
        claims = decoded(door.provider.id_token(COMMAND))
        heading = {"alg": "RS256", "kid": "key-1", **head}
        forged = unsigned({k: v for k, v in heading.items() if v is not None}, claims, key.encode())
        assert door.exchange(forged).status_code == 403

    def test_a_login_says_who_logs_in_for_the_command_line(self, door: Door) -> None:
        found = door.front.http.get("/login/command").json()
        assert found["client_id"] == COMMAND
        assert found["issuer"] == door.provider.url
        assert "offline_access" in found["scopes"]


@contextmanager
def _stream(door: Door, token: str) -> Iterator[Iterator[str]]:
    """The lines of an open stream of changes."""
    headers = {"authorization": f"Bearer {token}"}
    with (
        httpx2.Client(base_url=door.front.url, trust_env=False, timeout=PATIENCE_S) as http,
        http.stream("GET", "/v1/changes", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        yield (line for line in answer.iter_lines() if line)


def test_a_path_is_made_again_from_its_parameters() -> None:
    assert forwarded_path("/env/{name:path}", {"name": "a/b c?"}) == "/env/a%2Fb%20c%3F"
    assert forwarded_path("/env/{name:path}", {"name": "a..b/.c"}) == "/env/a..b%2F.c"


@pytest.mark.parametrize("name", ["", ".", "..", "a/..", "../a", "a/./b", "a//b", "/a", "a/"])
def test_a_path_has_no_part_that_a_server_could_resolve(name: str) -> None:
    with pytest.raises(InvalidInput):
        forwarded_path("/env/{name:path}", {"name": name})
