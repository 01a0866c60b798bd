"""The gateway between real clients and a real mutual-TLS server."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from structlog.testing import capture_logs

from gromit.adapters.security.token_file import TokenFile
from gromit.core.security.oidc import oidc_policy
from gromit.core.security.roles import Role
from gromit.core.security.tokens import TokenPermission, make_grant
from gromit.core.time import Millis
from gromit.errors import ConfigError
from gromit.services.tokens import TokenInputs, Tokens
from gromit.web.gateway import issuer as issuers
from gromit.web.gateway.app import GatewayDeps, build_gateway, with_access_log
from gromit.web.gateway.job_tokens import JobTokenVerifier
from gromit.web.gateway.upstream import ANSWER_BYTES, Upstream, upstream_client
from gromit.web.server.limits import RateLimit
from gromit.web.server.server import Listener, Server
from gromit.web.tls import REFUSED, CertificateFiles, ClientTls
from tests.fakes.authority import Files, TestCa, now
from tests.fakes.clients import connection, read_all
from tests.fakes.issuer import AUDIENCE, OWNER_ID, Issuer
from tests.fakes.upstream import StandIn
from tests.logs import captured_lines, lines_about
from tests.waiting import PATIENCE_S

BUILD = {"repo": "tyk", "ref": "refs/heads/app-test", "sha": "sha-1"}
REPOSITORIES = ("tyk", "tyk-analytics", "tyk-pump")


class House:
    """A gateway, its tokens, and a fake serve behind it."""

    def __init__(
        self, folder: Path, *, rate: int = 1000, timeout_s: float = 20, issuer: Issuer | None = None
    ) -> None:
        self.now = 1_770_000_000_000
        self.ca = TestCa(folder / "ca")
        self.serve = StandIn(self.ca)
        secrets, ids = itertools.count(1), itertools.count()
        self.book = folder / "tokens.json"
        sources = TokenInputs(
            self.now_ms, lambda: next(secrets).to_bytes(32, "big"), lambda: f"id{next(ids)}"
        )
        self.tokens = Tokens(TokenFile(self.book), sources)
        self.address = ""
        self._rate = rate
        self._issuer = issuer
        self._timeout = timedelta(seconds=timeout_s)

    def now_ms(self) -> Millis:
        return Millis(self.now)

    def token(
        self,
        *repositories: str,
        verbs: tuple[TokenPermission, ...] = tuple(TokenPermission),
        life: timedelta | None = None,
    ) -> str:
        return self.tokens.new(make_grant(repositories, verbs), life=life)[0]

    @contextmanager
    def open(
        self, *, url: str = "", role: Role = Role.GATEWAY, files: Files | None = None
    ) -> Iterator["House"]:
        """Run gateway and serve during a `with`.

        `url` is another address of serve, `files` another certificate.
        """
        files = files or self.ca.leaf("gateway", role)
        with ExitStack() as stack:
            stack.enter_context(self.serve.running())
            tls = ClientTls(CertificateFiles(files.cert, files.key, str(self.ca.path)))
            upstream = Upstream(upstream_client(url or self.serve.url, tls), self._timeout)
            rate = RateLimit(self._rate)
            app = build_gateway(
                GatewayDeps(self.tokens.recognise, upstream, rate, self.now_ms, self._jobs())
            )
            server = Server(
                Listener(app, "127.0.0.1:0", around=with_access_log(self.now_ms)), grace_s=1
            )
            stack.enter_context(server.running())
            self.address = server.address()
            yield self

    def _jobs(self) -> JobTokenVerifier | None:
        if self._issuer is None:
            return None
        keys = issuers.IssuerKeyCache(
            issuers.issuer_client(), issuers.keys_url(self._issuer.url, None), self.now_ms
        )
        return JobTokenVerifier(
            keys, oidc_policy(self._issuer.url, AUDIENCE, (OWNER_ID,)), self.now_ms
        )

    def call(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        sent = {"authorization": token} if token is not None else {}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        with httpx2.Client(base_url=f"http://{self.address}", trust_env=False, timeout=60) as http:
            return http.request(method, path, content=content, headers={**sent, **(headers or {})})

    def newbuild(self, token: str | None, body: Any = None, **headers: str) -> httpx2.Response:
        return self.call(
            "POST", "/gromit/newbuild", token, BUILD if body is None else body, headers
        )

    def sweep(self, token: str, repository: str) -> httpx2.Response:
        body = {"repo": repository, "branches": ["AAAAAAAA"], "count": 1}
        return self.call("POST", "/gromit/branches", token, body)

    def read(self, token: str | None, path: str = "app-test", **headers: str) -> httpx2.Response:
        return self.call("GET", f"/v1/environments/{path}", token, None, headers)

    def delete(
        self, token: str | None, name: str = "app-test", query: str = "", **headers: str
    ) -> httpx2.Response:
        return self.call(
            "DELETE",
            f"/gromit/env/{name}{query}",
            token,
            None,
            {k.replace("_", "-"): v for k, v in headers.items()},
        )


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"))
    house.token("nothing")  # creates the file
    with house.open():
        yield house


@pytest.fixture
def house(open_house: House) -> House:
    """A house for all tests of this module, without recorded requests and prepared answers."""
    open_house.serve.seen.clear()
    open_house.serve.answers.clear()
    return open_house


@pytest.fixture
def new_house(tmp_path: Path) -> Iterator[House]:
    """A house of one test."""
    house = House(tmp_path)
    house.token("nothing")
    with house.open():
        yield house


class TestPassingOn:
    """Requests that are forwarded, and their form."""

    def test_a_build_arrives_as_the_json_that_was_read_with_our_certificate(
        self, house: House
    ) -> None:
        answer = house.newbuild(
            house.token("tyk"),
            {**BUILD, "repo": "TykTechnologies%2Ftyk", "more": [1], "order": 7},
        )
        assert (answer.status_code, answer.json()) == (200, {"name": "app-test", "state": "new"})
        (seen,) = house.serve.seen
        assert (seen.method, seen.path, seen.body, seen.role) == (
            "POST",
            "/newbuild",
            BUILD,
            Role.GATEWAY,
        )
        assert seen.repository == "tyk"

    @pytest.mark.parametrize("sequence", [0, 1, 58_001, 19_876_543_210_001, 2**53 - 1])
    def test_the_order_of_a_build_arrives_and_its_outcome_comes_back(
        self, house: House, sequence: int
    ) -> None:
        stale = JSONResponse({"name": "app-test"}, headers={"X-Gromit-Outcome": "stale"})
        house.serve.answers.append(stale)
        answer = house.newbuild(house.token("tyk"), {**BUILD, "sequence": sequence})
        assert (answer.status_code, answer.headers["x-gromit-outcome"]) == (200, "stale")
        assert [seen.body for seen in house.serve.seen] == [{**BUILD, "sequence": sequence}]

    @pytest.mark.parametrize("more", [{}, {"sequence": None}])
    def test_without_an_order_the_request_is_as_it_always_was(
        self, house: House, more: dict[str, None]
    ) -> None:
        answer = house.newbuild(house.token("tyk"), {**BUILD, **more})
        assert "x-gromit-outcome" not in answer.headers
        assert [seen.body for seen in house.serve.seen] == [BUILD]

    @pytest.mark.parametrize("sequence", [-1, 2**53, 10**39, "7", 7.0, True, [7], {}])
    def test_an_order_that_is_none_is_400(self, house: House, sequence: Any) -> None:
        answer = house.newbuild(house.token("tyk"), {**BUILD, "sequence": sequence})
        assert (answer.status_code, house.serve.seen) == (400, [])
        assert "sequence is not usable" in answer.json()["error"]

    def test_a_deletion_arrives_with_the_repository_of_the_token(self, house: House) -> None:
        answer = house.delete(house.token("tyk"))
        assert (answer.status_code, answer.text) == (202, "ok")
        (seen,) = house.serve.seen
        assert (seen.method, seen.path, seen.body, seen.repository) == (
            "DELETE",
            "/env/app-test",
            None,
            "tyk",
        )

    def test_curl_in_the_workflows_says_form_and_means_json(self, house: House) -> None:
        answer = house.newbuild(
            house.token("tyk"), **{"content-type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code == 200
        assert house.serve.seen[0].headers["content-type"] == "application/json"

    @pytest.mark.parametrize("form", ["{}", "Bearer {}", "bearer {}"])
    def test_the_token_is_bare_or_a_bearer(self, house: House, form: str) -> None:
        assert house.newbuild(form.format(house.token("tyk"))).status_code == 200

    def test_nothing_else_of_the_client_is_passed_on(self, house: House) -> None:
        token = house.token("tyk")
        house.newbuild(
            token,
            **{
                "x-gromit-repository": "tyk-pump",
                "x-forwarded-for": "1.2.3.4",
                "x-gromit-client": "1.2.3.4",
                "x-gromit-requester": "another",
                "x-gromit-run": "1",
                "x-client-cert": "x",
                "cookie": "a=b",
                "te": "x",
            },
        )
        (seen,) = house.serve.seen
        ours = {
            "content-length",
            "content-type",
            "x-gromit-repository",
            "x-gromit-requester",
            "x-gromit-client",
        }
        assert set(seen.headers) == {
            "host",
            "accept",
            "accept-encoding",
            "connection",
            "user-agent",
            *ours,
        }
        assert seen.repository == "tyk"
        assert token not in repr(seen)

    @pytest.mark.parametrize(
        ("name", "raw"),
        [
            ("release-3.1.0", "/env/release-3.1.0"),
            ("integration%2Fapp-test", "/env/integration%2Fapp-test"),
            ("integration/app-test", "/env/integration%2Fapp-test"),
            ("a%20b", "/env/a%20b"),
            ("a%3Fb%23c", "/env/a%3Fb%23c"),
            ("b%40elsewhere", "/env/b%40elsewhere"),
            ("a%5Cb", "/env/a%5Cb"),
        ],
    )
    def test_a_name_stays_one_name_whatever_is_in_it(
        self, house: House, name: str, raw: str
    ) -> None:
        assert house.delete(house.token("tyk"), name).status_code == 202
        assert house.serve.seen[0].raw_path == raw

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            (JSONResponse({"error": "not a usable sha"}, 400), 400),
            (JSONResponse({"error": "could not find env X"}, 404), 404),
            (JSONResponse({"error": "protected"}, 409), 409),
            (JSONResponse({"error": "later"}, 503, {"Retry-After": "5"}), 503),
        ],
    )
    def test_what_serve_answers_is_answered(
        self, house: House, answer: Response, status: int
    ) -> None:
        house.serve.answers.append(answer)
        passed = house.delete(house.token("tyk"))
        assert (passed.status_code, passed.content) == (status, answer.body)
        assert passed.headers["content-type"] == "application/json"
        assert passed.headers.get("retry-after") == answer.headers.get("retry-after")

    def test_health_needs_no_token_and_no_serve(self, house: House) -> None:
        answer = house.call("GET", "/healthcheck")
        assert (answer.status_code, answer.text) == (200, "OK")
        assert house.serve.seen == []


GRANTS: list[tuple[tuple[str, ...], tuple[TokenPermission, ...]]] = [
    (repositories, verbs)
    for repositories in [("tyk",), ("tyk-pump",), ("tyk", "tyk-pump"), ("*",)]
    for verbs in [*((verb,) for verb in TokenPermission), tuple(TokenPermission)]
]


def test_token_by_repository_by_verb_is_the_table_that_was_granted(house: House) -> None:
    for repositories, verbs in GRANTS:
        token = house.token(*repositories, verbs=verbs)
        for repository, verb in itertools.product(REPOSITORIES, TokenPermission):
            house.serve.seen.clear()
            if verb is TokenPermission.NEWBUILD:
                answer = house.newbuild(token, {**BUILD, "repo": f"TykTechnologies/{repository}"})
            elif verb is TokenPermission.SWEEP:
                answer = house.sweep(token, repository)
            elif verb is TokenPermission.READ:
                answer = house.read(token, f"app-test?repo={repository}")
            else:
                answer = house.delete(token, x_gromit_repository=repository)
            named = repositories == ("*",) or repository in repositories
            is_of_one = verb in {TokenPermission.DELETE, TokenPermission.READ}
            alone = is_of_one and len(repositories) == 1 and repositories != ("*",)
            allowed = verb in verbs and (named or alone)
            where = (repositories, verbs, repository, verb)
            good = 202 if verb is TokenPermission.DELETE else 200
            assert answer.status_code == (good if allowed else 403), where
            vouched = repositories[0] if alone else repository
            assert [seen.repository for seen in house.serve.seen] == (
                [vouched] if allowed else []
            ), where
            if not allowed:
                assert set(answer.json()) == {"error"}, where


class TestReading:
    """The permission `read`: which paths, and in whose words they go on."""

    @pytest.mark.parametrize("below", ["", "/events", "/explanation", "/logs"])
    def test_the_paths_of_an_environment_go_on_with_the_repository(
        self, house: House, below: str
    ) -> None:
        assert house.read(house.token("tyk"), f"app-test{below}").status_code == 200
        (seen,) = house.serve.seen
        assert (seen.method, seen.raw_path) == ("GET", f"/v1/environments/app-test{below}")
        assert (seen.repository, seen.role, seen.body) == ("tyk", Role.GATEWAY, None)

    @pytest.mark.parametrize(
        "path",
        ["", "app-test/", "app-test/protect", "app-test/diff", "a/b/events", "../changes", ".."],
    )
    def test_other_paths_are_not_found(self, house: House, path: str) -> None:
        answer = house.read(house.token("*"), path)
        assert (answer.status_code, house.serve.seen) == (404, []), answer.text

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_nothing_but_get_is_possible(self, house: House, method: str) -> None:
        answer = house.call(method, "/v1/environments/app-test", house.token("*"))
        assert (answer.status_code, house.serve.seen) == (405, [])

    def test_known_parameters_go_on_and_unknown_ones_are_refused(self, house: House) -> None:
        token = house.token("tyk")
        assert house.read(token, "app-test/logs?component=tyk&since=5m%26x&repo=tyk").is_success
        (seen,) = house.serve.seen
        assert seen.raw_path == "/v1/environments/app-test/logs"
        assert seen.query == "component=tyk&since=5m%26x"
        for path in ("app-test?phase=all", "app-test/events?cursor=1", "app-test/logs?x=1"):
            answer = house.read(token, path)
            assert (answer.status_code, len(house.serve.seen)) == (400, 1), path
        long = house.read(token, f"app-test/logs?since={'x' * 501}")
        assert (long.status_code, len(house.serve.seen)) == (400, 1)

    @pytest.mark.parametrize("name", ["%2e%2e", "%2E", "%00", "a%0Ab", "!!"])
    def test_names_that_no_environment_has_are_refused(self, house: House, name: str) -> None:
        assert house.read(house.token("tyk"), name).status_code in {400, 404}
        assert house.serve.seen == []

    def test_a_token_of_several_repositories_says_for_which_one_it_asks(self, house: House) -> None:
        token = house.token("tyk", "tyk-pump")
        answer = house.read(token)
        assert answer.status_code == 400
        assert "does not say which one reads" in answer.json()["error"]
        assert house.read(token, "app-test?repo=tyk-pump").is_success
        assert house.read(token, **{"X-Gromit-Repository": "tyk"}).is_success
        assert house.read(token, "app-test?repo=tyk-sink").status_code == 403
        assert [seen.repository for seen in house.serve.seen] == ["tyk-pump", "tyk"]

    def test_headers_of_people_do_not_pass(self, house: House) -> None:
        forged = {"X-Gromit-Person": "ada", "X-Gromit-Person-Role": "operator"}
        assert house.read(house.token("tyk"), **forged).is_success
        assert not {"x-gromit-person", "x-gromit-person-role"} & set(house.serve.seen[0].headers)

    def test_reading_does_not_use_up_the_budget_of_builds(self, tmp_path: Path) -> None:
        with House(tmp_path, rate=2).open() as house:
            token = house.token("tyk")
            assert [house.read(token).status_code for _ in range(3)] == [200, 200, 429]
            assert house.newbuild(token).status_code == 200


class TestWhoMay:
    """Tokens, and the repositories that they are good for."""

    def test_without_a_known_token_nothing_goes_through(self, house: House) -> None:
        token = house.token("tyk")
        wrong = [
            None,
            "",
            "gromit_",
            token[:-1],
            token + "x",
            token.upper(),
            f"Basic {token}",
            f"Bearer {token} {token}",
            "x" * 5000,
        ]
        for each in wrong:
            answer = house.newbuild(each)
            assert (answer.status_code, answer.json()) == (401, {"error": "no valid token"}), each
            assert answer.headers["www-authenticate"] == "Bearer"
        assert house.serve.seen == []

    def test_two_tokens_are_none(self, house: House) -> None:
        token = house.token("tyk")
        head = f"authorization: {token}\r\nauthorization: {token}\r\n"
        with connection(house.address) as stream:
            request = "DELETE /gromit/env/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            stream.sendall(f"{request}{head}\r\n".encode())
            assert read_all(stream).startswith(b"HTTP/1.1 401 ")

    def test_an_expired_token_is_unknown(self, house: House) -> None:
        token = house.token("tyk", life=timedelta(hours=1))
        assert house.newbuild(token).status_code == 200
        house.now += 3_600_000
        assert house.newbuild(token).status_code == 401

    def test_a_revoked_token_is_unknown_with_its_next_request(self, house: House) -> None:
        token, entry = house.tokens.new(make_grant(["tyk"], list(TokenPermission)))
        assert house.newbuild(token).status_code == 200
        house.tokens.revoke(entry.id)
        assert house.newbuild(token).status_code == 401

    def test_while_tokens_cannot_be_read_no_request_is_let_in(self, house: House) -> None:
        token = house.token("tyk")
        good = house.book.read_text()
        house.book.write_text("{")
        answer = house.newbuild(token)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert str(house.book) not in answer.text
        house.book.write_text(good)
        assert house.newbuild(token).status_code == 200

    def test_a_token_of_one_repository_speaks_for_it_whatever_is_said(self, house: House) -> None:
        token = house.token("tyk")
        assert (
            house.delete(
                token, query="?repo=tyk-pump", x_gromit_repository="tyk-analytics"
            ).status_code
            == 202
        )
        assert [seen.repository for seen in house.serve.seen] == ["tyk"]

    def test_a_token_of_every_repository_deletes_the_whole_unless_one_is_named(
        self, house: House
    ) -> None:
        token = house.token("*")
        assert house.delete(token).status_code == 202
        assert house.delete(token, query="?repo=tyk").status_code == 202
        assert [seen.repository for seen in house.serve.seen] == [None, "tyk"]

    @pytest.mark.parametrize("repositories", [("tyk", "tyk-pump"), ("*",)])
    def test_a_token_of_several_must_say_for_whom(
        self, house: House, repositories: tuple[str, ...]
    ) -> None:
        token = house.token(*repositories)
        silence: list[tuple[str, dict[str, str]]] = [] if repositories == ("*",) else [("", {})]
        for query, headers in [
            *silence,
            ("?repo=tyk&repo=tyk-pump", {}),
            ("?repo=tyk", {"x_gromit_repository": "tyk-pump"}),
        ]:
            unclear = house.delete(token, "app-test", query, **headers)
            assert unclear.status_code == 400
            assert "?repo=" in unclear.json()["error"]
        assert house.serve.seen == []
        assert house.delete(token, query="?repo=TykTechnologies%2Ftyk").status_code == 202
        assert house.delete(token, query="?repo=tyk", x_gromit_repository="tyk").status_code == 202
        assert house.delete(token, x_gromit_repository="tyk-pump").status_code == 202
        assert [seen.repository for seen in house.serve.seen] == ["tyk", "tyk", "tyk-pump"]

    def test_only_the_routes_of_the_wire_exist(self, house: House) -> None:
        token = house.token("*")
        for method, path, status in [
            ("GET", "/", 404),
            ("GET", "/docs", 404),
            ("POST", "/openapi.json", 405),
            ("GET", "/gromit/env/app-test", 405),
            ("PUT", "/gromit/env/app-test", 405),
            ("PATCH", "/gromit/env/app-test", 405),
            ("GET", "/gromit/newbuild", 405),
            ("POST", "/gromit/newbuild/", 404),
            ("POST", "/newbuild", 404),
            ("DELETE", "/env/app-test", 404),
            ("POST", "/gromit/v1/claims", 404),
            ("POST", "/gromit/loglevel/debug", 404),
            ("POST", "/healthcheck", 405),
        ]:
            answer = house.call(method, path, token)
            assert (answer.status_code, set(answer.json())) == (status, {"error"}), (method, path)
        assert house.serve.seen == []

    def test_so_many_requests_a_minute_and_no_more(self, tmp_path: Path) -> None:
        house = House(tmp_path, rate=3)
        token, other = house.token("tyk"), house.token("tyk")
        with house.open():
            assert [house.newbuild(token).status_code for _ in range(4)] == [200, 200, 200, 429]
            answer = house.newbuild(token)
            assert (answer.headers["retry-after"], answer.json()) == (
                "20",
                {"error": "too many requests with this token"},
            )
            assert house.newbuild(other).status_code == 200
            house.now += 20_000
            assert house.newbuild(token).status_code == 200
        assert len(house.serve.seen) == 5


BAD_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"repo=tyk&ref=x&sha=y",
    "a list": b"[]",
    "a string": b'"x"',
    "half": b'{"repo": "tyk"',
    "a key twice": b'{"repo": "tyk", "repo": "tyk-pump", "ref": "x", "sha": "y"}',
    "NaN": b'{"repo": "tyk", "ref": "x", "sha": "y", "n": NaN}',
    "infinity": b'{"repo": "tyk", "ref": "x", "sha": "y", "n": -Infinity}',
    "a number": b'{"repo": "tyk", "ref": "x", "sha": 1}',
    "null": b'{"repo": "tyk", "ref": null, "sha": "y"}',
    "an object": b'{"repo": {"name": "tyk"}, "ref": "x", "sha": "y"}',
    "no repo": b'{"ref": "x", "sha": "y"}',
    "empty ref": b'{"repo": "tyk", "ref": "", "sha": "y"}',
    "bad repo": b'{"repo": "a b", "ref": "x", "sha": "y"}',
    "repo encoded twice": b'{"repo": "a%252Ftyk", "ref": "x", "sha": "y"}',
    "line break in the repo": b'{"repo": "tyk\\r\\nx: y", "ref": "x", "sha": "y"}',
    "half a character": b'{"repo": "tyk\\ud800", "ref": "x", "sha": "y"}',
    "half a character in the ref": b'{"repo": "tyk", "ref": "x\\ud800", "sha": "y"}',
    "not UTF-8": b'{"repo": "tyk", "ref": "\xff", "sha": "y"}',
    "UTF-16": '{"repo": "tyk", "ref": "x", "sha": "y"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"repo": "tyk", "ref": "x", "sha": "y"}',
    "deep": b'{"a":' * 9000 + b"1" + b"}" * 9000,
    "a huge number": b'{"repo": "tyk", "ref": "x", "sha": "y", "n": ' + b"9" * 50_000 + b"}",
}


class TestBadInput:
    """Requests that the gateway refuses itself."""

    @pytest.mark.parametrize("case", BAD_BODIES)
    def test_a_body_that_is_not_a_build_is_refused_with_the_reason(
        self, house: House, case: str
    ) -> None:
        answer = house.newbuild(house.token("*"), BAD_BODIES[case])
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert house.serve.seen == []

    def test_what_is_odd_but_a_string_is_for_serve_to_judge(self, house: House) -> None:
        odd = {"repo": "tyk", "ref": "x\u0000\u202e", "sha": "../..\r\n"}
        assert house.newbuild(house.token("tyk"), odd).status_code == 200
        assert house.serve.seen[0].body == odd

    def test_a_body_beyond_64_kib_is_413(self, house: House) -> None:
        token = house.token("tyk")
        rest = len(json.dumps({**BUILD, "more": ""}))
        assert house.newbuild(token, {**BUILD, "more": "x" * (65536 - rest)}).status_code == 200
        assert house.newbuild(token, {**BUILD, "more": "x" * (65537 - rest)}).status_code == 413
        assert len(house.serve.seen) == 1

    @pytest.mark.parametrize(
        "name",
        [
            "",
            ".",
            "..",
            "%2E%2E",
            "a/../b",
            "a%2F..%2Fnewbuild",
            "a//b",
            "/a",
            "a/",
            "%2F",
            "%00",
            "%0d%0a",
            "---",
        ],
    )
    def test_a_path_that_leads_elsewhere_is_refused(self, house: House, name: str) -> None:
        with connection(house.address) as stream:
            head = (
                f"DELETE /gromit/env/{name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
                f"authorization: {house.token('tyk')}\r\n\r\n"
            )
            stream.sendall(head.encode())
            answer = read_all(stream)
        assert answer.split(b" ")[1] in {b"400", b"404"}
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
        assert house.serve.seen == []

    @pytest.mark.parametrize(
        "line",
        [
            "POST http://169.254.169.254/gromit/newbuild",
            "POST //gromit/newbuild",
            "POST //elsewhere/gromit/newbuild",
            "POST /gromit//newbuild",
            "POST /gromit%2Fnewbuild/",
            "POST /gromit/%6Eewbuild/x",
            "POST /gromit/../gromit/newbuild",
            "POST @elsewhere/gromit/newbuild",
            "CONNECT serve.internal:443",
            "POST /gromit/newbuild%0d%0aX-Gromit-Repository:tyk",
            "POST /gromit/newbuild;x",
            "TRACE /gromit/newbuild",
        ],
    )
    def test_a_request_line_of_another_form_is_not_forwarded(self, house: House, line: str) -> None:
        body = json.dumps(BUILD)
        token = house.token("tyk")
        head = f"{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: {token}\r\n"
        with connection(house.address) as stream:
            stream.sendall(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
            assert read_all(stream).split(b" ")[1] in {b"400", b"404", b"405"}
        assert house.serve.seen == []

    def test_a_second_request_hidden_in_a_body_is_not_forwarded(self, house: House) -> None:
        token = house.token("tyk")
        hidden = f"DELETE /gromit/env/master HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\n\r\n"
        body = json.dumps(BUILD)
        short = f"content-length: {len(body)}\r\n"
        long = f"content-length: {len(body) + len(hidden)}\r\n"
        chunked = "transfer-encoding: chunked\r\n"
        chunks = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
        smuggling = [
            f"{short}{chunked}\r\n{chunks}{hidden}",
            f"{chunked}{long}\r\n0\r\n\r\n{hidden}",
            f"{short}{long}\r\n{body}{hidden}",
            f"transfer-encoding : chunked\r\n{short}\r\n{body}{hidden}",
        ]
        head = f"POST /gromit/newbuild HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\n"
        for text in smuggling:
            with connection(house.address) as stream:
                stream.sendall(f"{head}{text}".encode())
                answer = read_all(stream)
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert answer.count(b"HTTP/1.1 ") == 1
        assert house.serve.seen == []


class TestUpstreamFaults:
    """A serve that is away, slow, or not serve."""

    def test_an_unreachable_serve_is_502(self, tmp_path: Path) -> None:
        house = House(tmp_path)
        token = house.token("tyk")
        with house.open(url="https://127.0.0.1:9"):
            answer = house.newbuild(token)
        assert (answer.status_code, answer.json()) == (502, {"error": "serve cannot be reached"})

    def test_a_serve_that_takes_too_long_is_504(self, tmp_path: Path) -> None:
        # Enough for a serve that does answer, also on a slow machine.
        house = House(tmp_path, timeout_s=2)
        token = house.token("tyk")

        async def never() -> AsyncIterator[bytes]:
            yield b"{"
            await anyio.sleep(600)

        with house.open():
            house.serve.answers.append(StreamingResponse(never()))
            answer = house.newbuild(token)
            assert (answer.status_code, answer.json()) == (
                504,
                {"error": "serve did not answer in time"},
            )
            assert house.newbuild(token).status_code == 200

    def test_a_server_with_another_certificate_is_502_and_gets_no_request(
        self, tmp_path: Path
    ) -> None:
        house, other = House(tmp_path), StandIn(TestCa(tmp_path / "other", "other"))
        token = house.token("tyk")
        with other.running(), house.open(url=other.url):
            assert house.newbuild(token).status_code == 502
        assert other.seen == []

    @pytest.mark.parametrize("alert", ["UNKNOWN_CA", "CERTIFICATE_EXPIRED"])
    def test_a_gateway_whose_certificate_serve_refuses_says_so_in_its_log(
        self, tmp_path: Path, alert: str
    ) -> None:
        house = House(tmp_path)
        foreign = TestCa(tmp_path / "other", "other").leaf("gateway", Role.GATEWAY)
        expired = house.ca.leaf("gateway", Role.GATEWAY, at=now() - timedelta(days=3))
        token = house.token("tyk")
        with (
            house.open(files=foreign if alert == "UNKNOWN_CA" else expired),
            capture_logs() as logs,
        ):
            assert house.newbuild(token).status_code == 502
        (failure,) = [entry for entry in logs if entry["event"] == "gateway.upstream_failed"]
        assert alert in failure["error"]
        assert failure["hint"] == REFUSED

    def test_what_breaks_otherwise_is_not_put_down_to_the_certificate(self, tmp_path: Path) -> None:
        house = House(tmp_path)
        token = house.token("tyk")

        async def half() -> AsyncIterator[bytes]:
            yield b"{"
            raise RuntimeError("the end")

        with house.open(), capture_logs() as logs:
            house.serve.answers.append(StreamingResponse(half()))
            assert house.newbuild(token).status_code == 502
        with house.open(url="https://127.0.0.1:9"), capture_logs() as more:
            assert house.newbuild(token).status_code == 502
        failures = [
            entry for entry in [*logs, *more] if entry["event"] == "gateway.upstream_failed"
        ]
        assert [entry["hint"] for entry in failures] == [None, None]

    @pytest.mark.parametrize("status", [301, 302, 307, 308, 304])
    def test_a_redirect_is_not_followed(self, house: House, status: int) -> None:
        house.serve.answers.append(
            PlainTextResponse("", status, {"Location": f"{house.serve.url}/loglevel/debug"})
        )
        answer = house.newbuild(house.token("tyk"))
        assert answer.status_code == 502
        assert "location" not in answer.headers
        assert [seen.path for seen in house.serve.seen] == ["/newbuild"]

    def test_an_answer_without_end_is_502(self, house: House) -> None:
        async def flood() -> AsyncIterator[bytes]:
            for _ in range(ANSWER_BYTES // 65536 + 100):
                yield b"x" * 65536

        house.serve.answers.append(StreamingResponse(flood()))
        assert house.newbuild(house.token("tyk")).status_code == 502

    def test_our_own_certificate_is_renewed_on_the_way(self, tmp_path: Path) -> None:
        house = House(tmp_path)
        token = house.token("tyk")
        with house.open():
            assert house.newbuild(token).status_code == 200
            house.ca.leaf("gateway", Role.OPERATOR)
            house.serve.answers.append(JSONResponse({}, headers={"Connection": "close"}))
            assert house.newbuild(token).status_code == 200
            assert house.newbuild(token).status_code == 200
        assert [seen.role for seen in house.serve.seen] == [
            Role.GATEWAY,
            Role.GATEWAY,
            Role.OPERATOR,
        ]

    def test_proxies_of_the_environment_are_not_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        house = House(tmp_path)
        token = house.token("tyk")
        with house.open():
            assert house.newbuild(token).status_code == 200

    @pytest.mark.parametrize(
        "url",
        [
            "http://serve.internal",
            "serve.internal",
            "https://",
            "https://a b",
            "https://u:p@serve",
            "https://serve?x",
            "https://serve:x",
            "https://[x",
        ],
    )
    def test_serve_is_reached_by_https_alone(self, tmp_path: Path, url: str) -> None:
        ca = TestCa(tmp_path)
        files = ca.leaf("gateway", Role.GATEWAY)
        with pytest.raises(ConfigError, match=r"serve\.url"):
            upstream_client(url, ClientTls(CertificateFiles(files.cert, files.key, files.ca)))


def test_a_bug_is_answered_as_json_and_logged_without_the_token(tmp_path: Path) -> None:
    house = House(tmp_path)
    files = house.ca.leaf("gateway", Role.GATEWAY)
    upstream = Upstream(
        upstream_client(
            "https://127.0.0.1:9", ClientTls(CertificateFiles(files.cert, files.key, files.ca))
        ),
        timedelta(seconds=1),
    )

    def broken(_authorization: str) -> None:
        raise RuntimeError("unforeseen")

    app = build_gateway(GatewayDeps(broken, upstream, RateLimit(1), house.now_ms))
    server = Server(Listener(app, "127.0.0.1:0", around=with_access_log(house.now_ms)), grace_s=1)
    with capture_logs() as logs, server.running():
        house.address = server.address()
        answer = house.newbuild("gromit_secret")
    assert (answer.status_code, set(answer.json())) == (500, {"error"})
    assert "unforeseen" not in answer.text
    assert [line["status"] for line in logs if line["event"] == "gateway.request"] == [500]
    assert "gromit_secret" not in repr(logs)


def test_the_access_log_names_the_token_and_never_holds_it(new_house: House) -> None:
    house = new_house  # whose budget of lines no other test has used
    token, entry = house.tokens.new(make_grant(["tyk"], [TokenPermission.NEWBUILD]))
    with captured_lines("gateway.request", 5) as logs:
        house.newbuild(token)
        house.newbuild(token, {**BUILD, "repo": "tyk-pump"})
        house.delete(token)
        house.newbuild("wrong")
        house.newbuild(token, b"{")
    lines = [
        {k: line[k] for k in ("token", "repository", "verb", "status")}
        for line in logs
        if line["event"] == "gateway.request"
    ]
    assert lines == [
        {"token": entry.id, "repository": "tyk", "verb": "newbuild", "status": 200},
        {"token": entry.id, "repository": None, "verb": "newbuild", "status": 403},
        {"token": entry.id, "repository": None, "verb": "delete", "status": 403},
        {"token": None, "repository": None, "verb": "newbuild", "status": 401},
        {"token": entry.id, "repository": None, "verb": "newbuild", "status": 400},
    ]
    assert all(
        line["ms"] == 0 and line["client"] == "127.0.0.1"
        for line in logs
        if line["event"] == "gateway.request"
    )
    assert token not in repr(logs)


def test_the_access_log_has_every_request_also_those_that_a_limit_refused(
    new_house: House,
) -> None:
    house = new_house  # whose budget of lines no other test has used
    token = house.token("tyk")
    with (
        captured_lines("gateway.request", 5) as logs,
        httpx2.Client(
            base_url=f"http://{house.address}", headers={"Authorization": token}, timeout=PATIENCE_S
        ) as http,
    ):
        http.get("/evil/%0a?token=x")
        http.put("/gromit/newbuild", json=BUILD)
        http.post("/gromit/newbuild", content=b"x" * 70_000)
        http.post("/gromit/newbuild", content=iter([b"x" * 40_000, b"x" * 40_000]))
        http.get("/healthcheck")
        http.post("/healthcheck")
    with captured_lines("gateway.request", 1) as more, connection(house.address) as stream:
        stream.sendall(b"POST /gromit/newbuild HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
    own = lines_about("gateway", [*logs, *more])
    lines = [
        (line["method"], line["path"], line["status"], line["token"])
        for line in own
        if line["event"] == "gateway.request"
    ]
    assert lines == [
        ("GET", "/evil/%0a", 404, None),
        ("PUT", "/gromit/newbuild", 405, None),
        ("POST", "/gromit/newbuild", 413, None),
        ("POST", "/gromit/newbuild", 413, None),
        ("POST", "/healthcheck", 405, None),
        ("POST", "/gromit/newbuild", None, None),
    ]
    assert {line["event"] for line in own} == {"gateway.request", "gateway.checked"}
    assert token not in repr(logs)
