"""`gromit ui`: the page on a loopback address, with the certificate or the login of the caller."""

import secrets
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

from gromit.bootstrap.clients import serve_client
from gromit.bootstrap.login import gateway_context, kept_login, login_tokens
from gromit.bootstrap.machine import now_ms, require_setting
from gromit.config.schema import Settings
from gromit.core.security.roles import Role
from gromit.errors import TrustError
from gromit.web.gateway.upstream import Upstream, client_of_gateway, upstream_client
from gromit.web.page.app import PageApp, build_page
from gromit.web.page.backend import PageDeps, Visitor
from gromit.web.page.local_guard import LocalGuard, session_csrf
from gromit.web.page.own_certificate import OwnCertificate
from gromit.web.page.own_login import OwnLogin
from gromit.web.server.server import Listener, Server
from gromit.web.tls import CertificateFiles, ClientTls

TIMEOUT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class LocalPage:
    """The server of the page, and the one-time key that opens it."""

    server: Server
    key: str

    def bind(self) -> str:
        """Bind the port, and return the address with the key. Raises `ConfigError`."""
        self.server.bind()
        return f"http://{self.server.address()}/?key={self.key}"


def local_page(settings: Settings, port: int) -> LocalPage:
    """Build the page for the caller.

    Raises `ConfigError` if a setting is missing, and the error of serve if it refuses the caller.
    """
    session, key = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    person = _caller(settings, session_csrf(session))
    backend = _backend(settings, person)
    page = PageApp(PageDeps(backend, now_ms))
    guarded = LocalGuard(build_page(page, backend.close), key, session)
    listener = Listener(guarded, f"127.0.0.1:{port}")
    return LocalPage(Server(listener, on_stop=page.stop, grace_s=1), key)


def _backend(settings: Settings, person: Visitor) -> OwnCertificate | OwnLogin:
    """Return the way to serve: with the certificate of the settings, or else with the login."""
    if settings.client.cert is None and settings.client.key is None:
        kept = kept_login(settings)
        if kept is not None:
            http = client_of_gateway(kept.gateway, gateway_context(settings))
            return OwnLogin(Upstream(http, TIMEOUT), person, login_tokens(settings).current)
    tls = ClientTls(
        CertificateFiles(
            require_setting(settings.client.cert, "client.cert"),
            require_setting(settings.client.key, "client.key").get_secret_value(),
            require_setting(settings.ca, "ca"),
        )
    )
    http = upstream_client(require_setting(settings.serve.url, "serve.url"), tls)
    return OwnCertificate(Upstream(http, TIMEOUT), person)


def _caller(settings: Settings, csrf: str) -> Visitor:
    """Return the person of the caller's certificate or login, as serve sees it."""
    with closing(serve_client(settings)) as client:
        found = client.get("/v1/whoami")
    try:
        return Visitor(
            name=str(found["name"]),
            role=Role(found["role"]),
            csrf=csrf,
            repositories=_repositories(found.get("repositories")),
        )
    except (KeyError, TypeError, ValueError):
        raise TrustError("serve named no role of this caller") from None


def _repositories(names: Sequence[str] | None) -> frozenset[str] | None:
    """Return the repositories whose environments the person may delete; None: all."""
    return None if names is None else frozenset(names)
