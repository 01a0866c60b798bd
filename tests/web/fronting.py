"""A gateway as `gromit gateway` wires it, before a real serve."""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx2

from gromit.bootstrap.gateway import gateway_server
from gromit.bootstrap.machine import now_ms
from gromit.bootstrap.tokens import build_tokens
from gromit.config.load import load_settings
from gromit.core.security.roles import Role
from gromit.core.security.tokens import TokenPermission, make_grant
from gromit.core.time import Millis
from gromit.services.tokens import Tokens
from gromit.web.server.server import Server
from tests.waiting import PATIENCE_S
from tests.web.serving import Serve


@dataclass(frozen=True, slots=True)
class Front:
    """A gateway and its tokens."""

    http: httpx2.Client
    tokens: Tokens
    server: Server

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def token(
        self,
        *repositories: str,
        verbs: tuple[TokenPermission, ...] = tuple(TokenPermission),
        life: timedelta | None = None,
    ) -> str:
        return self.tokens.new(make_grant(repositories, verbs), life=life)[0]

    def build(self, token: str, repo: str, ref: str, sha: str) -> httpx2.Response:
        """Send a request as curl does in the workflows: JSON with a form's Content-Type."""
        headers = {"Authorization": token, "Content-Type": "application/x-www-form-urlencoded"}
        body = json.dumps({"repo": repo, "ref": ref, "sha": sha})
        return self.http.post("/gromit/newbuild", content=body, headers=headers)

    def delete(self, token: str, name: str, **query: str) -> httpx2.Response:
        return self.http.delete(
            f"/gromit/env/{name}", headers={"Authorization": token}, params=query
        )


@contextmanager
def fronting(
    serve: Serve,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    *,
    role: Role = Role.GATEWAY,
    clock: Callable[[], Millis] = now_ms,
) -> Iterator[Front]:
    """Run a gateway with a certificate of a role, and with settings from the variables.

    It serves TLS if GROMIT_GATEWAY_CERT is set.
    """
    own = serve.certificates.of(role)
    settings = load_settings(
        {
            "HOME": "/nonexistent",
            "GROMIT_GATEWAY_LISTEN": "127.0.0.1:0",
            "GROMIT_GATEWAY_TOKENS": str(folder / "tokens.json"),
            "GROMIT_CA": serve.certificates.ca,
            "GROMIT_CLIENT_CERT": own.cert,
            "GROMIT_CLIENT_KEY": own.key,
            "GROMIT_SERVE_URL": serve.url,
            **(variables or {}),
        }
    ).settings
    tokens = build_tokens(settings)
    if settings.gateway.oidc.audience is None:
        tokens.new(make_grant(["nothing"], list(TokenPermission)))  # creates the file
    server = gateway_server(settings, clock)
    with server.running():
        scheme = "http" if settings.gateway.cert is None else "https"
        verify = ssl.create_default_context(cafile=serve.certificates.ca)
        with httpx2.Client(
            base_url=f"{scheme}://{server.address()}",
            verify=verify,
            timeout=PATIENCE_S,
            trust_env=False,
        ) as http:
            yield Front(http, tokens, server)
