"""A fake of GitHub's OIDC issuer: its key, its JWKS, and the address where jobs ask for tokens."""

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gromit.web.server.server import Listener, Server

AUDIENCE = "https://gateway.example.com"
OWNER, OWNER_ID = "TykTechnologies", "14286345"
SHA = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"


@cache
def rsa_key(name: str, bits: int = 2048) -> RSAPrivateKey:
    """The key of that name, the same for the whole session: making one takes its time."""
    return generate_private_key(65537, bits)


def public_jwk(kid: str, key: RSAPrivateKey, **more: Any) -> dict[str, Any]:
    """A key in the form of a JWKS."""
    numbers = key.public_key().public_numbers()
    return {
        "kty": "RSA",
        "kid": kid,
        "use": "sig",
        "alg": "RS256",
        "n": _number(numbers.n),
        "e": _number(numbers.e),
        **more,
    }


def claims_of(
    event: str = "push", repository: str = "tyk", *, now: float, **more: Any
) -> dict[str, Any]:
    """The claims of a job's token that gromit reads; None removes one."""
    claims = {
        "aud": AUDIENCE,
        "sub": f"repo:{OWNER}/{repository}:ref:refs/heads/app-test",
        "jti": secrets.token_hex(8),
        "nbf": int(now) - 600,
        "iat": int(now),
        "exp": int(now) + 300,
        "repository": f"{OWNER}/{repository}",
        "repository_owner": OWNER,
        "repository_owner_id": OWNER_ID,
        "event_name": event,
        "ref": "refs/heads/master" if event == "delete" else "refs/heads/app-test",
        "sha": SHA,
        "head_ref": "",
        "base_ref": "",
        "run_id": "8412",
        **more,
    }
    return {name: value for name, value in claims.items() if value is not None}


@dataclass(slots=True)
class Issuer:
    """Signs any claims, and counts requests for its keys."""

    url: str = ""
    kid: str = "key-1"
    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [public_jwk("key-1", rsa_key("key-1"))]
    )
    answers: list[Response] = field(default_factory=list)
    """Answers instead of the keys, once each."""
    looks: int = 0
    job: Mapping[str, Any] = field(default_factory=dict)
    """The claims that the next token for a job is made of."""
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    """Credential that a job shows to get a token."""
    audiences: list[str] = field(default_factory=list)
    life_s: float | None = None
    """Life of a job's token, in place of the claim's."""
    is_away: bool = False
    """Whether it gives no job a token."""

    @contextmanager
    def running(self) -> Iterator["Issuer"]:
        """Answer for the length of a `with`."""
        routes = [Route("/.well-known/jwks", self._jwks), Route("/token", self._token)]
        server = Server(Listener(Starlette(routes=routes), "127.0.0.1:0"), grace_s=1)
        with server.running():
            self.url = f"http://{server.address()}"
            yield self

    def token(
        self, claims: Mapping[str, Any], *, key: Any = None, algorithm: str = "RS256", **header: Any
    ) -> str:
        """A token with these claims, signed with our key or another one.

        Without an issuer among the claims, the token names this one.
        """
        heading = {"kid": self.kid, **header}
        signed_with = rsa_key(self.kid) if key is None else key
        return jwt.encode(
            {"iss": self.url, **claims},
            signed_with,
            algorithm,
            {k: v for k, v in heading.items() if v is not None},
        )

    def rotate(self, kid: str) -> None:
        """Sign with a new key from now on, and forget the old one."""
        self.kid, self.keys = kid, [public_jwk(kid, rsa_key(kid))]

    async def _jwks(self, _request: Request) -> Response:
        self.looks += 1
        return self.answers.pop(0) if self.answers else JSONResponse({"keys": self.keys})

    async def _token(self, request: Request) -> Response:
        if self.is_away:
            return JSONResponse({"message": "Service Unavailable"}, 503)
        if request.headers.get("authorization") != f"bearer {self.secret}":
            return JSONResponse({"message": "no"}, 401)
        self.audiences.append(request.query_params["audience"])
        claims = {**self.job, "aud": self.audiences[-1]}
        if self.life_s is not None:
            claims["exp"] = int(time.time() + self.life_s)
        return JSONResponse({"value": self.token(claims)})


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes = b"") -> str:
    """A token as made without the key."""
    return ".".join(
        _encoded(part)
        for part in (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    )


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
