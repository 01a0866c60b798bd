"""Jobs of GitHub Actions at the gateway, with a running issuer, signatures and mutual TLS."""

import asyncio
import base64
import hmac
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from structlog.testing import capture_logs

from gromit.bootstrap.tokens import build_tokens
from gromit.config.load import load_settings
from gromit.core.security.tokens import TokenPermission, make_grant
from gromit.core.time import Millis
from gromit.errors import ConfigError, Temporary
from gromit.web.gateway import issuer as issuers
from gromit.web.gateway.issuer import (
    ANSWER_BYTES,
    FRESH_MS,
    KEPT_MS,
    PAUSE_MS,
    IssuerKeyCache,
    keys_url,
)
from tests.fakes.issuer import (
    AUDIENCE,
    OWNER,
    SHA,
    Issuer,
    claims_of,
    public_jwk,
    rsa_key,
    unsigned,
)
from tests.fakes.refs import NO_BRANCHES
from tests.logs import captured_lines, lines_about
from tests.web.gateway.test_app import House

BUILD = {"repo": f"{OWNER}/tyk", "ref": "refs/heads/app-test", "sha": SHA}
Forge = Callable[[Issuer, dict[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Street:
    """An issuer, and a gateway that trusts it."""

    issuer: Issuer
    house: House

    def token(self, event: str = "push", repository: str = "tyk", **more: Any) -> str:
        return self.issuer.token(self.claims(event, repository, **more))

    def claims(self, event: str = "push", repository: str = "tyk", **more: Any) -> dict[str, Any]:
        return claims_of(event, repository, now=self.house.now / 1000, **more)

    def newbuild(self, token: str, **build: str) -> httpx2.Response:
        return self.house.newbuild(f"Bearer {token}", {**BUILD, **build})

    def delete(self, token: str, name: str = "app-test", query: str = "") -> httpx2.Response:
        return self.house.delete(f"Bearer {token}", name, query)

    @property
    def arrived(self) -> list[tuple[str, str | None]]:
        return [(seen.path, seen.repository) for seen in self.house.serve.seen]


@contextmanager
def _street(folder: Path, *, rate: int = 1000) -> Iterator[Street]:
    with Issuer().running() as issuer:
        house = House(folder, issuer=issuer, rate=rate)
        house.token("nothing")  # creates the file
        with house.open():
            yield Street(issuer, house)


@pytest.fixture(scope="module")
def shared_street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with _street(tmp_path_factory.mktemp("street")) as street:
        yield street


@pytest.fixture
def street(shared_street: Street) -> Street:
    """A street for all tests that change neither keys nor time, without recorded requests."""
    shared_street.house.serve.seen.clear()
    shared_street.house.now += 60_000  # a full bucket again
    shared_street.issuer.looks = 0
    return shared_street


@pytest.fixture
def new_street(tmp_path: Path) -> Iterator[Street]:
    """A street whose gateway has not fetched the issuer's keys yet."""
    with _street(tmp_path) as street:
        yield street


class TestWhatAJobMayDo:
    """Genuine tokens, and what they are good for."""

    def test_a_build_of_the_job_arrives_with_its_repository(self, street: Street) -> None:
        answer = street.newbuild(street.token())
        assert (answer.status_code, answer.json()) == (200, {"name": "app-test", "state": "new"})
        (seen,) = street.house.serve.seen
        assert (seen.body, seen.repository) == ({**BUILD, "repo": "tyk"}, "tyk")

    @pytest.mark.parametrize(
        ("build", "reason"),
        [
            ({"repo": "tyk-pump"}, "not good for newbuild of tyk-pump"),
            ({"repo": "stranger/tyk"}, "and not of stranger"),
            ({"ref": "refs/heads/master"}, "of another ref"),
            ({"sha": "latest"}, "of another one"),
        ],
    )
    def test_a_build_that_the_job_has_not_made_is_403_with_the_reason(
        self, street: Street, build: dict[str, str], reason: str
    ) -> None:
        answer = street.newbuild(street.token(), **build)
        assert answer.status_code == 403
        assert reason in answer.json()["error"]
        assert street.arrived == []

    @pytest.mark.parametrize("ref", NO_BRANCHES)
    def test_a_ref_that_is_no_branch_is_400_with_what_to_send(
        self, street: Street, ref: str
    ) -> None:
        for token in (street.token(), street.token("pull_request", head_ref="app-test")):
            answer = street.newbuild(token, ref=ref)
            assert answer.status_code == 400
            assert NO_BRANCHES[ref] in answer.json()["error"]
        assert street.arrived == []

    def test_a_build_has_the_place_of_its_job_in_the_order(self, street: Street) -> None:
        token = street.token(run_id="58", run_attempt="1")
        answers = [
            street.house.newbuild(f"Bearer {token}", {**BUILD, "sequence": sequence})
            for sequence in (58_001, 57_001, 2**53 - 1)
        ]
        assert [answer.status_code for answer in answers] == [200, 403, 403]
        assert "whose sequence is 58001" in answers[1].json()["error"]
        assert [seen.body["sequence"] for seen in street.house.serve.seen] == [58_001]

    def test_a_job_on_a_tag_is_refused_and_cannot_report_a_branch(self, street: Street) -> None:
        token = street.token(ref="refs/tags/app-test")
        answers = [street.newbuild(token, ref=ref) for ref in ("refs/tags/app-test", "app-test")]
        assert [answer.status_code for answer in answers] == [400, 403]
        assert street.arrived == []

    def test_a_deletion_retires_only_its_own_repository_whatever_the_request_says(
        self, street: Street
    ) -> None:
        token = street.token("delete")
        assert street.delete(token, "feature%2Fapp-test").status_code == 202
        assert street.delete(token, query="?repo=tyk-pump").status_code == 202
        assert street.arrived == [("/env/feature/app-test", "tyk"), ("/env/app-test", "tyk")]

    @pytest.mark.parametrize(
        "event", ["push", "pull_request", "workflow_dispatch", "pull_request_target"]
    )
    def test_no_other_event_retires_anything(self, street: Street, event: str) -> None:
        answer = street.delete(street.token(event, head_ref="app-test"))
        assert (answer.status_code, street.arrived) == (403, [])
        assert f"not good for delete: it is of the event {event}" in answer.json()["error"]

    def test_a_deletion_reports_nothing(self, street: Street) -> None:
        assert street.newbuild(street.token("delete"), ref="master").status_code == 403
        assert street.arrived == []

    @pytest.mark.parametrize("event", ["push", "pull_request", "delete", "schedule", "release"])
    def test_every_job_reads_environments_of_its_own_repository(
        self, street: Street, event: str
    ) -> None:
        token = street.token(event, head_ref="app-test")
        headers = {"authorization": f"Bearer {token}", "X-Gromit-Repository": "pump"}
        path = "/v1/environments/app-test/events?repo=tyk-pump"
        assert street.house.call("GET", path, headers=headers).status_code == 200
        (seen,) = street.house.serve.seen
        assert (seen.path, seen.repository) == ("/v1/environments/app-test/events", "tyk")

    def test_a_stranger_is_403(self, street: Street) -> None:
        more = {
            "repository": "stranger/tyk",
            "repository_owner": "stranger",
            "repository_owner_id": "1",
        }
        answer = street.newbuild(street.issuer.token(street.claims() | more), repo="tyk")
        assert (answer.status_code, street.arrived) == (403, [])
        assert "stranger is not an owner" in answer.json()["error"]

    def test_the_same_token_serves_again_as_a_job_does_when_an_answer_was_lost(
        self, street: Street
    ) -> None:
        token = street.token()
        assert [street.newbuild(token).status_code for _ in range(3)] == [200, 200, 200]

    def test_tokens_of_ours_work_beside_them(self, street: Street) -> None:
        answer = street.house.newbuild(street.house.token("tyk"), {**BUILD, "sha": "anything"})
        assert answer.status_code == 200

    def test_jobs_of_one_repository_share_a_rate_and_leave_others_theirs(
        self, tmp_path: Path
    ) -> None:
        with _street(tmp_path, rate=2) as street:
            statuses = [street.newbuild(street.token(run_id=str(n))).status_code for n in range(3)]
            assert statuses == [200, 200, 429]
            assert (
                street.newbuild(street.token(repository="tyk-pump"), repo="tyk-pump").status_code
                == 200
            )

    def test_without_oidc_such_a_token_is_none(self, tmp_path: Path) -> None:
        house = House(tmp_path)
        house.token("nothing")
        with house.open():
            answer = house.newbuild(
                "Bearer " + unsigned({"alg": "RS256", "kid": "key-1"}, {}, b"x")
            )
        assert (answer.status_code, answer.json()) == (401, {"error": "no valid token"})


def _with_public_key_as_secret(issuer: Issuer, claims: dict[str, Any]) -> str:
    """HS256 with the public key as the shared secret: the classic confusion."""
    pem = (
        rsa_key("key-1").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    head, body, _ = unsigned({"alg": "HS256", "kid": "key-1"}, {"iss": issuer.url, **claims}).split(
        "."
    )
    signature = hmac.new(pem, f"{head}.{body}".encode(), sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _with_its_own_key_inside(issuer: Issuer, claims: dict[str, Any]) -> str:
    mine = rsa_key("mine")
    return issuer.token(
        claims,
        key=mine,
        jwk=public_jwk("key-1", mine),
        jku="http://127.0.0.1:9/jwks",
        x5u="http://127.0.0.1:9/",
    )


def _changed_afterwards(issuer: Issuer, claims: dict[str, Any]) -> str:
    head, _, signature = issuer.token(claims).split(".")
    body = unsigned({}, {"iss": issuer.url, **claims, "ref": "refs/heads/master"}).split(".")[1]
    return f"{head}.{body}.{signature}"


def _elliptic(issuer: Issuer, claims: dict[str, Any]) -> str:
    return issuer.token(claims, key=ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")


def _claims_twice(issuer: Issuer, claims: dict[str, Any]) -> str:
    text = json.dumps({"iss": issuer.url, **claims})
    return jwt.PyJWS().encode(
        f'{text[:-1]}, "ref": "refs/heads/master"}}'.encode(),
        rsa_key("key-1"),
        "RS256",
        {"kid": "key-1"},
    )


FORGED: dict[str, tuple[Forge, str]] = {
    "unsigned": (
        lambda i, c: unsigned({"alg": "none", "kid": "key-1"}, {"iss": i.url, **c}),
        "not signed with RS256",
    ),
    "unsigned in capitals": (
        lambda i, c: unsigned({"alg": "NONE", "kid": "key-1"}, {"iss": i.url, **c}),
        "not signed with RS256",
    ),
    "said to be signed": (
        lambda i, c: unsigned({"alg": "RS256", "kid": "key-1"}, {"iss": i.url, **c}),
        "signature is wrong",
    ),
    "the public key as a secret": (_with_public_key_as_secret, "not signed with RS256"),
    "another algorithm of the same key": (
        lambda i, c: i.token(c, algorithm="PS256"),
        "not signed with RS256",
    ),
    "a longer hash": (lambda i, c: i.token(c, algorithm="RS512"), "not signed with RS256"),
    "an elliptic curve": (_elliptic, "not signed with RS256"),
    "another key": (lambda i, c: i.token(c, key=rsa_key("mine")), "signature is wrong"),
    "another key inside": (_with_its_own_key_inside, "signature is wrong"),
    "claims changed afterwards": (_changed_afterwards, "signature is wrong"),
    "an unknown key": (
        lambda i, c: i.token(c, key=rsa_key("mine"), kid="key-9"),
        "a key that the issuer does not have",
    ),
    "no key": (lambda i, c: i.token(c, kid=None), "named key"),
    "an endless name of a key": (lambda i, c: i.token(c, kid="k" * 300), "named key"),
    "an extension that must be understood": (
        lambda i, c: i.token(c, crit=["b64"], b64=True),
        "not a JWT",
    ),
    "claims twice": (_claims_twice, "cannot be parsed"),
    "another issuer": (
        lambda i, c: i.token({**c, "iss": "https://token.actions.githubusercontent.com"}),
        "another issuer",
    ),
    "another audience": (
        lambda i, c: i.token({**c, "aud": "sts.amazonaws.com"}),
        "another audience",
    ),
    "expired": (lambda i, c: i.token({**c, "exp": c["iat"] - 31}), "expired"),
    "of the future": (lambda i, c: i.token({**c, "nbf": c["iat"] + 31}), "not valid yet"),
    "without an end": (
        lambda i, c: i.token({k: v for k, v in c.items() if k != "exp"}),
        "when it expires",
    ),
    "three words": (lambda _i, _c: "one.two.three", "not a JWT"),
    "dots": (lambda _i, _c: "..", "not a JWT"),
    "a list for a head": (lambda _i, _c: "W10.W10.W10", "not a JWT"),
    "a deep head": (
        lambda _i, _c: base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.e30",
        "not a JWT",
    ),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_token_that_is_not_genuine_is_401_with_the_reason(street: Street, case: str) -> None:
    forge, reason = FORGED[case]
    token = forge(street.issuer, street.claims())
    for answer in (street.newbuild(token), street.delete(token)):
        assert answer.status_code == 401
        assert answer.json()["error"].startswith("no valid token: ")
        assert reason in answer.json()["error"]
        assert answer.headers["www-authenticate"] == "Bearer"
    assert street.arrived == []


@pytest.mark.parametrize(("length", "status"), [(8193, 401), (20_000, 401), (40_000, 431)])
def test_a_huge_token_is_refused_unread(street: Street, length: int, status: int) -> None:
    token = street.issuer.token({**street.claims(), "more": "x" * length})
    assert street.newbuild(token).status_code == status
    assert (street.arrived, street.issuer.looks) == ([], 0)


class TestKeys:
    """The issuer's keys: fetched on demand, cached for their time, never fetched too often."""

    def test_they_are_fetched_once_for_many_requests(self, new_street: Street) -> None:
        token = new_street.token()
        with ThreadPoolExecutor(8) as pool:
            assert {
                answer.status_code
                for answer in pool.map(lambda _: new_street.newbuild(token), range(16))
            } == {200}
        assert new_street.issuer.looks == 1

    def test_a_new_key_is_found_with_the_first_token_that_it_has_signed_and_an_old_one_forgotten(
        self, new_street: Street
    ) -> None:
        old = new_street.token()
        assert new_street.newbuild(old).status_code == 200
        new_street.issuer.rotate("key-2")
        new_street.house.now += PAUSE_MS
        assert new_street.newbuild(new_street.token()).status_code == 200
        assert new_street.newbuild(old).status_code != 200
        assert new_street.issuer.looks == 2

    def test_unknown_keys_do_not_cause_more_fetches(self, new_street: Street) -> None:
        assert new_street.newbuild(new_street.token()).status_code == 200
        new_street.house.now += 1
        strange = [
            new_street.issuer.token(new_street.claims(), key=rsa_key("mine"), kid=f"strange-{n}")
            for n in range(20)
        ]
        refused = [new_street.newbuild(token) for token in strange]
        assert {answer.status_code for answer in refused} == {
            503
        }  # not fetched now: it might be a new key of the issuer
        assert {answer.headers["retry-after"] for answer in refused} == {"5"}
        assert new_street.issuer.looks == 1
        assert new_street.newbuild(new_street.token()).status_code == 200
        new_street.house.now += PAUSE_MS
        assert [new_street.newbuild(token).status_code for token in strange[:2]] == [401, 401]
        assert new_street.issuer.looks == 2

    def test_they_are_fetched_again_after_an_hour(self, new_street: Street) -> None:
        assert new_street.newbuild(new_street.token()).status_code == 200
        new_street.issuer.keys.clear()
        new_street.issuer.keys.append(public_jwk("key-1", rsa_key("mine")))
        new_street.house.now += FRESH_MS - 1
        assert new_street.newbuild(new_street.token()).status_code == 200
        new_street.house.now += 1
        assert new_street.newbuild(new_street.token()).status_code == 401

    def test_an_issuer_that_is_away_is_bridged_for_a_day_and_then_no_token_is_accepted(
        self, new_street: Street
    ) -> None:
        assert new_street.newbuild(new_street.token()).status_code == 200
        new_street.issuer.answers.extend(PlainTextResponse("", 500) for _ in range(9))
        new_street.house.now += KEPT_MS - 1
        assert new_street.newbuild(new_street.token()).status_code == 200
        new_street.house.now += 1
        answer = new_street.newbuild(new_street.token())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "keys cannot be fetched" in answer.json()["error"]
        new_street.issuer.answers.clear()
        new_street.house.now += PAUSE_MS
        assert new_street.newbuild(new_street.token()).status_code == 200

    def test_an_answer_that_holds_no_keys_is_503_and_says_so_in_the_log(
        self, new_street: Street
    ) -> None:
        async def flood() -> Any:
            for _ in range(ANSWER_BYTES // 65536 + 10):
                yield b" " * 65536
            yield json.dumps({"keys": new_street.issuer.keys}).encode()

        small = public_jwk("key-1", rsa_key("small", 1024))
        private = {"kty": "oct", "kid": "key-1", "k": "c2VjcmV0", "alg": "HS256"}
        answers: list[Response] = [
            PlainTextResponse("no", 404),
            PlainTextResponse("<html>"),
            JSONResponse([]),
            JSONResponse({"keys": {}}),
            JSONResponse({"keys": []}),
            JSONResponse(
                {
                    "keys": [
                        small,
                        private,
                        7,
                        {"kty": "RSA"},
                        {"kty": "RSA", "kid": "key-1", "n": "!", "e": "AQAB"},
                    ]
                }
            ),
            JSONResponse({"keys": [{**public_jwk("key-1", rsa_key("key-1")), "use": "enc"}]}),
            JSONResponse({"keys": [{**public_jwk("key-1", rsa_key("key-1")), "alg": "RS512"}]}),
            RedirectResponse("/token"),
            StreamingResponse(flood()),
        ]
        token = new_street.issuer.token(new_street.claims(exp=new_street.house.now // 1000 + 10**6))
        for answer in answers:
            new_street.issuer.answers.append(answer)
            with capture_logs() as logs:
                assert new_street.newbuild(token).status_code == 503
            own = lines_about("gateway", logs)
            assert [line["event"] for line in own if line["log_level"] == "warning"] == [
                "gateway.keys_unavailable"
            ]
            new_street.house.now += PAUSE_MS
        assert new_street.arrived == []
        assert new_street.newbuild(token).status_code == 200

    def test_an_issuer_that_is_slow_or_not_there_cannot_be_asked(self) -> None:
        async def look(url: str) -> None:
            keys = IssuerKeyCache(issuers.issuer_client(), url, lambda: Millis(1))
            try:
                with pytest.raises(Temporary):
                    await keys.find("key-1")
            finally:
                await keys.close()

        async def never() -> Any:
            yield b"{"
            await anyio.sleep(600)

        asyncio.run(look("http://127.0.0.1:9/"))
        with Issuer().running() as issuer, pytest.MonkeyPatch.context() as patched:
            patched.setattr(issuers, "FETCH_S", 0.2)
            issuer.answers.append(StreamingResponse(never()))
            asyncio.run(look(f"{issuer.url}/.well-known/jwks"))


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example.com",
        "ftp://x",
        "issuer",
        "",
        "https://",
        "http://localhost.example.com",
        "https://x:y",
    ],
)
def test_keys_are_fetched_only_where_they_cannot_be_replaced(url: str) -> None:
    with pytest.raises(ConfigError, match="cannot be fetched safely"):
        keys_url(url, None)


@pytest.mark.parametrize(
    ("issuer", "keys", "url"),
    [
        ("https://a.example.com", None, "https://a.example.com/.well-known/jwks"),
        (
            "https://a.example.com/_services/token/",
            None,
            "https://a.example.com/_services/token/.well-known/jwks",
        ),
        ("https://a.example.com", "https://b.example.com/keys", "https://b.example.com/keys"),
        ("http://127.0.0.1:80", None, "http://127.0.0.1:80/.well-known/jwks"),
    ],
)
def test_keys_are_below_the_issuer_unless_a_setting_says_where(
    issuer: str, keys: str | None, url: str
) -> None:
    assert keys_url(issuer, keys) == url


def test_an_audience_without_owners_would_open_the_gateway_to_all_of_github() -> None:
    with pytest.raises(ConfigError, match=r"gateway\.oidc.*owners is empty"):
        load_settings({"HOME": "/nonexistent", "GROMIT_GATEWAY_OIDC_AUDIENCE": AUDIENCE})


def test_a_gateway_with_oidc_needs_no_file_of_tokens_and_takes_one_that_comes_later(
    tmp_path: Path,
) -> None:
    environ = {"HOME": "/nonexistent", "GROMIT_GATEWAY_TOKENS": str(tmp_path / "tokens.json")}
    on = {"GROMIT_GATEWAY_OIDC_AUDIENCE": AUDIENCE, "GROMIT_GATEWAY_OIDC_OWNERS": OWNER}
    tokens = build_tokens(load_settings({**environ, **on}).settings)
    assert tokens.recognise("gromit_x") is None
    token, entry = tokens.new(make_grant(["tyk"], [TokenPermission.NEWBUILD]))
    assert (found := tokens.recognise(token)) is not None
    assert found.id == entry.id
    (tmp_path / "tokens.json").unlink()
    assert tokens.recognise(token) is None
    with pytest.raises(ConfigError, match="cannot read"):
        build_tokens(load_settings(environ).settings).recognise(token)


def test_the_log_names_repository_and_run_and_never_holds_the_token(new_street: Street) -> None:
    street = new_street  # whose budget of lines no other test has used
    good, bad = street.token(), street.issuer.token(street.claims(), key=rsa_key("mine"))
    with captured_lines("gateway.request", 3) as logs:
        street.newbuild(good)
        street.newbuild(bad)
        street.newbuild(good, sha="latest")
    lines = [
        (line["token"], line["repository"], line["status"])
        for line in logs
        if line["event"] == "gateway.request"
    ]
    assert lines == [
        (f"{OWNER}/tyk run 8412", "tyk", 200),
        (None, None, 401),
        (f"{OWNER}/tyk run 8412", "tyk", 403),
    ]
    assert [line["reason"] for line in logs if line["event"] == "gateway.job_refused"] == [
        "its signature is wrong"
    ]
    for token in (good, bad):
        assert not any(part in repr(logs) for part in token.split("."))
