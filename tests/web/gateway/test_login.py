"""People who log in with a browser: a provider that signs, and each way to get in without right."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from starlette.responses import JSONResponse, Response
from structlog.testing import capture_logs

from tests.fakes.provider import ALICE, COMMAND, GATEWAY, Provider
from tests.logs import lines_about
from tests.web.gateway.browsing import URL, Browser, Door, opened
from tests.web.serving import Serve

LOGIN = "gateway.login"


@pytest.fixture
def own_provider() -> Iterator[Provider]:
    """A provider whose clock follows a gateway of one test."""
    with Provider().running() as running:
        yield running


def _callback(browser: Browser) -> str:
    """The address to which the provider sends a browser back, not yet opened."""
    answer = browser.get("/login?next=/logout", follow=False)
    back = browser.get(answer.headers["location"], follow=False)
    return str(back.headers["location"])


class TestLoggingIn:
    """A login, and what is sent where."""

    def test_a_person_logs_in_and_goes_on_to_where_she_wanted(
        self, door: Door, browser: Browser
    ) -> None:
        with capture_logs() as logs:
            page = browser.login("/logout?from=here")
        assert page.status_code == 200
        assert "You are logged in as alice@example.com, in the role viewer" in page.text
        assert browser.visited[-1] == "/logout?from=here"
        (line,) = (line for line in lines_about("gateway", logs) if line["event"] == LOGIN)
        assert (line["person"], line["role"], line["way"]) == (
            "alice@example.com",
            "viewer",
            "browser",
        )
        asked = dict(door.provider.asked)
        assert asked["authorize"]["redirect_uri"] == f"{URL}/login/callback"
        assert asked["authorize"]["scope"] == "openid profile email"
        assert asked["token"]["code_verifier"]

    def test_each_login_has_random_values_of_its_own(self, door: Door) -> None:
        for _ in range(2):
            door.browser().login()
        first, second = (q for name, q in door.provider.asked if name == "authorize")
        for name in ("state", "nonce", "code_challenge"):
            assert first[name] != second[name]
            assert len(first[name]) >= 43

    def test_the_answers_of_a_login_are_kept_nowhere(self, browser: Browser) -> None:
        browser.login()
        for path in ("/login", "/login/callback", "/logout", "/login/command"):
            answer = browser.get(path, follow=False)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "same-origin"

    def test_cookies_are_signed_and_contain_no_secret_of_the_provider(
        self, door: Door, browser: Browser
    ) -> None:
        browser.get("/login", follow=False)
        assert set(browser.cookies) == {"__Host-gromit-login"}
        browser.login()
        assert set(browser.cookies) == {"__Host-gromit-session"}
        session = str(browser.session)
        flipped = "B" if session[-10] == "A" else "A"
        tampered_texts = (
            session[:-10] + flipped + session[-9:],
            session + "A",
            "x",
            session.replace(".", "..", 1),
        )
        for tampered in tampered_texts:
            other = door.browser()
            other.cookies = dict(browser.cookies)
            other.cookies["__Host-gromit-session"].set("__Host-gromit-session", tampered, tampered)
            assert other.get("/v1/whoami").status_code == 401

    @pytest.mark.parametrize(
        ("claims", "role"),
        [
            ({"groups": ["staff", "platform", "developers"]}, "operator"),
            ({"groups": ["developers"]}, "developer"),
            ({"groups": "developers"}, "developer"),
            ({"email": "Alice@EXAMPLE.com"}, "viewer"),
        ],
    )
    def test_claims_give_the_highest_role(
        self, door: Door, browser: Browser, claims: dict[str, Any], role: str
    ) -> None:
        door.provider.person |= claims
        assert f"in the role {role}" in browser.login().text

    @pytest.mark.parametrize(
        "claims",
        [
            {"email": "mallory@other.com"},
            {"email": "alice@example.com.evil.org"},
            {"email_verified": False},
            {"email_verified": None},
            {"email_verified": "true"},
            {"email": ["alice@example.com"], "email_verified": None},
            {"email": None, "groups": ["Developers", "platform2"]},
        ],
    )
    def test_who_has_no_role_gets_no_session(
        self, door: Door, browser: Browser, claims: dict[str, Any]
    ) -> None:
        door.provider.person = {k: v for k, v in {**ALICE, **claims}.items() if v is not None}
        page = browser.login()
        assert page.status_code == 403
        assert "has no role here" in page.text
        assert browser.cookies == {}

    def test_a_secret_goes_into_the_body_if_the_provider_wants_it_there(
        self, door: Door, browser: Browser
    ) -> None:
        door.provider.document["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        assert browser.login().status_code == 200
        assert dict(door.provider.asked)["token"]["client_id"] == GATEWAY


class TestForgedAnswers:
    """Answers that the provider did not give to this browser."""

    def test_a_code_is_good_for_one_login(self, door: Door, browser: Browser) -> None:
        callback = _callback(browser)
        login = dict(browser.cookies)
        assert browser.get(callback, follow=False).status_code == 303
        assert "__Host-gromit-login" not in browser.cookies
        assert browser.get(callback, follow=False).status_code == 403
        thief = door.browser()
        thief.cookies = login  # even with the cookie, the provider refuses the code
        page = thief.get(callback, follow=False)
        assert (page.status_code, "invalid_grant" in page.text) == (403, True)
        assert thief.session is None

    def test_an_answer_is_for_the_browser_that_asked(self, door: Door, browser: Browser) -> None:
        callback = _callback(browser)
        victim = door.browser()
        assert victim.get(callback, follow=False).status_code == 403
        victim.get("/login", follow=False)
        assert victim.get(callback, follow=False).status_code == 403
        assert victim.session is None
        assert [name for name, _ in door.provider.asked if name == "token"] == []

    def test_an_answer_comes_too_late_after_ten_minutes(self, door: Door, browser: Browser) -> None:
        callback = _callback(browser)
        door.clock.advance(s=601)
        page = browser.get(callback, follow=False)
        assert (page.status_code, "too long ago" in page.text) == (403, True)

    @pytest.mark.parametrize("issuer", ["https://evil.example.com", None])
    def test_an_answer_of_another_provider_is_refused(
        self, browser: Browser, issuer: str | None
    ) -> None:
        query = {k: v[0] for k, v in parse_qs(urlsplit(_callback(browser)).query).items()}
        query = {k: v for k, v in {**query, "iss": issuer}.items() if v is not None}
        page = browser.get(f"/login/callback?{_encoded(query)}", follow=False)
        assert (page.status_code, "not of our login provider" in page.text) == (403, True)

    def test_a_refusal_of_the_provider_is_shown_as_text(self, door: Door, browser: Browser) -> None:
        door.provider.refusal = "access_denied<script>"
        page = browser.login()
        assert page.status_code == 403
        assert "access_denied&lt;script&gt;" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]

    @pytest.mark.parametrize("query", ["", "?code=x", "?state=x&code=x", "?error=x", "?state=é"])
    def test_an_answer_to_no_question_is_refused(self, browser: Browser, query: str) -> None:
        assert browser.get(f"/login/callback{query}", follow=False).status_code == 403

    def test_no_session_from_before_a_login_goes_on_after_it(
        self, door: Door, browser: Browser
    ) -> None:
        door.provider.person["email"] = "mallory@example.com"
        mallory = door.browser()
        mallory.login()
        planted = mallory.session
        browser.cookies = dict(mallory.cookies)
        door.provider.person["email"] = "alice@example.com"
        browser.login()
        assert browser.session != planted
        assert browser.get("/v1/whoami").json()["name"] == "alice@example.com"
        assert mallory.get("/v1/whoami").json()["name"] == "mallory@example.com"

    def test_the_cookie_of_a_login_is_no_session(self, door: Door, browser: Browser) -> None:
        browser.get("/login", follow=False)
        other = door.browser()
        value = browser.cookies["__Host-gromit-login"].value
        for name in ("__Host-gromit-session", "gromit-session"):
            other.headers["cookie"] = f"{name}={value}"
            assert other.get("/v1/whoami").status_code == 401
        assert door.call(value, "GET", "/v1/whoami").status_code == 401

    def test_a_session_is_no_token_and_a_token_no_session(
        self, door: Door, browser: Browser
    ) -> None:
        browser.login()
        assert door.call(str(browser.session), "GET", "/v1/whoami").status_code == 401
        other = door.browser()
        other.headers["cookie"] = f"__Host-gromit-session={door.token()}"
        assert other.get("/v1/whoami").status_code == 401


class TestOpenRedirects:
    """Addresses that a login goes on to."""

    @pytest.mark.parametrize(
        "target",
        [
            "https://evil.example.com/",
            "//evil.example.com/",
            "/\\evil.example.com/",
            "\\/evil.example.com",
            "/\t/evil.example.com",
            "/\n/evil.example.com",
            "javascript:alert(1)",
            "evil",
            "",
            " /",
            "/a b",
            "/é",
            "/" + "a" * 1000,
        ],
    )
    def test_a_login_goes_on_to_own_paths_only(self, browser: Browser, target: str) -> None:
        answer = browser.get(f"/login?{_encoded({'next': target})}", follow=False)
        assert (answer.status_code, "location" in answer.headers) == (400, False)
        assert browser.cookies == {}

    @pytest.mark.parametrize("target", ["/", "/env/app-test?tab=logs&x=//y", "/a%2f%2fb", "/#x"])
    def test_an_own_path_is_kept(self, browser: Browser, target: str) -> None:
        answer = browser.get(f"/login?{_encoded({'next': target})}", follow=False)
        callback = browser.get(answer.headers["location"], follow=False).headers["location"]
        assert browser.get(callback, follow=False).headers["location"] == target

    def test_the_host_of_a_request_does_not_matter(self, door: Door, browser: Browser) -> None:
        browser.headers = {"host": "evil.example.com", "x-forwarded-host": "evil.example.com"}
        browser.get("/login", follow=False)
        answer = browser.get("/login", follow=False)
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert query["redirect_uri"] == [f"{URL}/login/callback"]
        assert answer.headers["location"].startswith(door.provider.url)


def _encoded(query: dict[str, str]) -> str:
    return urlencode(query)


class TestTheProvider:
    """A provider that is slow, broken, or changes."""

    @pytest.mark.parametrize(
        "change",
        [
            {"issuer": "https://evil.example.com"},
            {"issuer": None},
            {"token_endpoint": None},
            {"token_endpoint": "http://evil.example.com/token"},
            {"authorization_endpoint": "ftp://127.0.0.1/"},
            {"authorization_endpoint": 7},
            {"jwks_uri": "http://localhost/jwks"},
        ],
    )
    def test_a_description_that_is_not_safe_is_not_used(
        self, serve: Serve, tmp_path: Path, own_provider: Provider, change: dict[str, Any]
    ) -> None:
        own_provider.document = change
        with opened(serve, tmp_path, own_provider) as door:
            page = door.browser().get("/login", follow=False)
            assert page.status_code == 503
            assert "cannot be reached now" in page.text
            door.browser().get("/login", follow=False)
            assert [name for name, _ in own_provider.asked] == ["discovery"]

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            (JSONResponse({"error": "invalid_client"}, 401), 403),
            (JSONResponse({}, 200), 403),
            (JSONResponse({"access_token": "x"}), 403),
            (JSONResponse([1], 200), 403),
            (Response("<html>", 200), 403),
            (Response("x", 302, {"location": "http://127.0.0.1:1/"}), 403),
            (Response("x", 500), 503),
            (Response("x", 429), 503),
            (Response("x" * 300_000, 200), 503),
        ],
    )
    def test_an_unusable_answer_ends_the_login(
        self, door: Door, browser: Browser, answer: Response, status: int
    ) -> None:
        door.provider.answers.append(answer)
        assert browser.login().status_code == status
        assert browser.cookies == {}

    def test_a_new_key_is_fetched_when_it_signs(self, door: Door) -> None:
        assert door.browser().login().status_code == 200
        door.provider.rotate("key-2")
        door.clock.advance(s=11)
        assert door.browser().login().status_code == 200
        looks = [name for name, _ in door.provider.asked].count("jwks")
        assert looks == 2

    @pytest.mark.parametrize(
        ("more", "reason"),
        [
            ({"aud": "another client"}, "aud"),
            ({"aud": COMMAND}, "aud"),
            ({"aud": None}, "aud"),
            ({"aud": [GATEWAY, "another"]}, "azp"),
            ({"aud": [GATEWAY, "another"], "azp": "another"}, "azp"),
            ({"azp": "another"}, "azp"),
            ({"iss": "https://evil.example.com"}, "iss"),
            ({"iss": None}, "iss"),
            ({"nonce": "another"}, "nonce"),
            ({"nonce": None}, "nonce"),
            ({"exp": 1}, "expired"),
            ({"exp": None}, "exp"),
            ({"exp": "never"}, "exp"),
            ({"iat": 99_999_999_999}, "iat"),
            ({"nbf": 99_999_999_999}, "nbf"),
            ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
            ({"sub": None}, "sub"),
            ({"sub": 7}, "sub"),
            ({"sub": ""}, "sub"),
        ],
    )
    def test_an_id_token_that_is_not_for_this_login_is_refused(
        self, door: Door, browser: Browser, more: dict[str, Any], reason: str
    ) -> None:
        door.provider.more = more
        page = browser.login()
        assert page.status_code == 403
        assert reason in page.text
        assert browser.session is None

    @pytest.mark.parametrize("skew", [-25, 25])
    def test_clocks_may_differ_a_little(self, door: Door, browser: Browser, skew: int) -> None:
        now = door.clock.now // 1000 + skew
        door.provider.more = {"iat": now, "nbf": now}
        assert browser.login().status_code == 200


class TestSessions:
    """The end of sessions."""

    def test_a_session_ends_after_its_length(self, door: Door, browser: Browser) -> None:
        browser.login()
        door.clock.advance(s=8 * 3600 - 1)
        assert browser.get("/v1/whoami").status_code == 200
        door.clock.advance(s=2)
        answer = browser.get("/v1/whoami")
        assert answer.status_code == 401
        assert f"gromit login {URL}" in answer.json()["hint"]

    def test_keys_are_rotated_without_a_break_and_an_old_one_ends_its_sessions(
        self, serve: Serve, tmp_path: Path, own_provider: Provider
    ) -> None:
        old, new = "o" * 40, "n" * 40
        with opened(serve, tmp_path, own_provider, GROMIT_GATEWAY_LOGIN_KEYS=old) as door:
            browser = door.browser()
            browser.login()
        for keys, status in ((f"{new},{old}", 200), (new, 401)):
            with opened(serve, tmp_path, own_provider, GROMIT_GATEWAY_LOGIN_KEYS=keys) as door:
                browser.front = door.front
                assert browser.get("/v1/whoami").status_code == status

    @pytest.mark.parametrize(
        "change",
        [
            {"GROMIT_GATEWAY_LOGIN_VIEWERS": "email=bob@example.com"},
            {"GROMIT_GATEWAY_LOGIN_REPOSITORIES": "*"},
            {"GROMIT_GATEWAY_LOGIN_DENIED": "bob@example.com,ALICE@example.com"},
            {"GROMIT_GATEWAY_LOGIN_DENIED": "u-alice"},
        ],
    )
    def test_new_rules_end_the_sessions_that_old_ones_gave(
        self, serve: Serve, tmp_path: Path, own_provider: Provider, change: dict[str, str]
    ) -> None:
        with opened(serve, tmp_path, own_provider) as door:
            browser = door.browser()
            browser.login()
            assert browser.get("/v1/whoami").status_code == 200
        with opened(serve, tmp_path, own_provider, **change) as door:
            browser.front = door.front
            assert browser.get("/v1/whoami").status_code == 401

    def test_a_logout_needs_the_page_and_ends_the_session_at_the_provider(
        self, door: Door, browser: Browser
    ) -> None:
        browser.login()
        form = f"csrf={browser.csrf}".encode()
        kind = {"content_type": "application/x-www-form-urlencoded"}
        assert browser.get("/logout").status_code == 200
        assert browser.send("POST", "/logout", b"", **kind).status_code == 403
        for origin in ("https://evil.example.com", "null", None):
            refused = browser.send("POST", "/logout", form, origin=origin, **kind)
            assert refused.status_code == 403
        assert browser.session is not None
        answer = browser.send("POST", "/logout", form, **kind)
        assert answer.status_code == 303
        way_out = urlsplit(answer.headers["location"])
        assert f"{way_out.scheme}://{way_out.netloc}" == door.provider.url
        assert parse_qs(way_out.query) == {
            "client_id": [GATEWAY],
            "post_logout_redirect_uri": [f"{URL}/logout"],
        }
        assert browser.cookies == {}
        assert "Logged out" in browser.get("/logout").text

    def test_logins_of_one_address_are_bounded(
        self, serve: Serve, tmp_path: Path, own_provider: Provider
    ) -> None:
        with opened(serve, tmp_path, own_provider) as door:
            statuses = [door.browser().get("/login", follow=False).status_code for _ in range(61)]
            assert statuses == [302] * 60 + [429]
            assert door.front.http.get("/healthcheck").status_code == 200
