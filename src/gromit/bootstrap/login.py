"""Logins of the command line at a gateway, and the client of serve that they give."""

import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gromit.adapters.security.login_file import LoginFile
from gromit.bootstrap.machine import now_ms
from gromit.config.login import read_origin
from gromit.config.schema import Settings
from gromit.config.values import InvalidValue
from gromit.core.security.kept_login import KeptLogin
from gromit.core.time import Millis, parse_iso
from gromit.errors import ConfigError, GromitError, TrustError
from gromit.web.clients.connections import HttpConnections
from gromit.web.clients.loopback import loopback_redirect
from gromit.web.clients.oauth import LoginPlace, LoginRequest, LoginWeb
from gromit.web.clients.serve import ServeClient


@dataclass(frozen=True, slots=True)
class GatewayTls:
    """TLS of a gateway: public CAs, and gromit's own if the settings name it."""

    context: ssl.SSLContext

    def refresh(self) -> bool:
        """Return that nothing has changed: no file is followed."""
        return False


def login_file(settings: Settings) -> LoginFile:
    """File of the login: the setting's, or the one in the folder for states of programs."""
    if settings.client.login is not None:
        return LoginFile(settings.client.login)
    home = Path(os.environ.get("HOME") or "/")
    state = Path(os.environ.get("XDG_STATE_HOME") or home / ".local/state")
    return LoginFile(state / "gromit/login.json")


def kept_login(settings: Settings) -> KeptLogin | None:
    """Return the login for the gateway of the settings; None if there is none."""
    found, url = login_file(settings).read(), settings.gateway.url
    return found if found is None or url in {None, found.gateway} else None


def log_in(settings: Settings, url: str | None, opens: Callable[[str], None]) -> KeptLogin:
    """Log in with a browser: `opens` shows it the address. Keep the login and return it."""
    web = LoginWeb(_context(settings))
    place = web.find_place(_gateway(settings, url))
    request = LoginRequest.draw()
    with loopback_redirect() as redirect:
        opens(request.url(place, redirect.url))
        code = redirect.wait(request.state)
        tokens = web.redeem(place, code, request, redirect.url)
    return _keep(settings, web, place, tokens, request.nonce)


def log_in_elsewhere(
    settings: Settings,
    url: str | None,
    show: Callable[[str, str], None],
    pause: Callable[[float], None] = time.sleep,
) -> KeptLogin:
    """Log in with a browser of another machine: `show` gets its address and code."""
    web = LoginWeb(_context(settings))
    place = web.find_place(_gateway(settings, url))
    device = web.begin_device(place)
    show(device.url, device.user_code)
    return _keep(settings, web, place, web.await_device(place, device, pause), None)


def log_out(settings: Settings) -> KeptLogin | None:
    """Remove the login, and ask the provider to forget it. Return what it was."""
    file = login_file(settings)
    try:
        kept = file.read()
    except ConfigError:
        kept = None  # it is removed all the same
    file.remove()
    if kept is not None and kept.refresh_token and kept.revocation_endpoint:
        try:
            LoginWeb().revoke(kept.revocation_endpoint, kept.client_id, kept.refresh_token)
        except GromitError:
            return kept  # the provider forgets it at its end
    return kept


def gateway_client(settings: Settings, kept: KeptLogin) -> ServeClient:
    """Client of serve through the gateway of a login."""
    tokens = login_tokens(settings)
    hint = (
        f"check the way to the gateway, or log in at another one with `gromit login {kept.gateway}`"
    )
    tls = GatewayTls(gateway_context(settings))
    return ServeClient(HttpConnections(kept.gateway, tls, token=tokens.current, hint=hint))


def login_tokens(settings: Settings) -> "LoginTokens":
    """Tokens of the login that is kept."""
    return LoginTokens(login_file(settings), LoginWeb(_context(settings)), now_ms)


def gateway_context(settings: Settings) -> ssl.SSLContext:
    """TLS for a gateway."""
    return _context(settings) or ssl.create_default_context()


class LoginTokens:
    """Token of a login, renewed through the provider shortly before its end."""

    def __init__(self, file: LoginFile, web: LoginWeb, now_ms: Callable[[], Millis]) -> None:
        self._file = file
        self._web = web
        self._now_ms = now_ms
        self._known: KeptLogin | None = None

    def current(self) -> str:
        """Return a token that is valid now. Raises `TrustError` if a new login is needed."""
        if self._known is None or not self._known.is_fresh(self._now_ms()):
            self._known = self._renewed()
        return self._known.token

    def _renewed(self) -> KeptLogin:
        found = self._file.read()
        if found is not None and found.is_fresh(self._now_ms()):
            return found
        with self._file.changing():
            found = self._file.read()  # another command may have renewed it meanwhile
            if found is None:
                raise TrustError("you are logged out", hint="run `gromit login URL`")
            if found.is_fresh(self._now_ms()):
                return found
            renewed = self._renew(found)
            self._file.write(renewed)
            return renewed

    def _renew(self, kept: KeptLogin) -> KeptLogin:
        again = f"run `gromit login {kept.gateway}`"
        if kept.refresh_token is None:
            raise TrustError(f"your login at {kept.gateway} has ended", hint=again)
        try:
            tokens = self._web.refresh(kept.token_endpoint, kept.client_id, kept.refresh_token)
            found = self._web.exchange(kept.gateway, tokens, None)
        except TrustError as error:
            raise TrustError(
                f"your login at {kept.gateway} has ended: {error.message}", hint=again
            ) from error
        return replace(kept, **_facts(found, tokens, kept.refresh_token))


def _keep(
    settings: Settings,
    web: LoginWeb,
    place: LoginPlace,
    tokens: Mapping[str, Any],
    nonce: str | None,
) -> KeptLogin:
    found = web.exchange(place.gateway, tokens, nonce)
    kept = KeptLogin(
        gateway=place.gateway,
        client_id=place.client_id,
        token_endpoint=place.token_endpoint,
        revocation_endpoint=place.revocation_endpoint,
        **_facts(found, tokens, None),
    )
    login_file(settings).write(kept)
    return kept


def _facts(
    found: Mapping[str, Any], tokens: Mapping[str, Any], refresh_token: str | None
) -> dict[str, Any]:
    """Return what the gateway and the provider gave; a refresh token stays unless it is new."""
    try:
        return {
            "name": str(found["name"]),
            "token": str(found["token"]),
            "expires_ms": parse_iso(str(found["expires"])),
            "refresh_token": tokens.get("refresh_token") or refresh_token,
        }
    except (KeyError, ValueError):
        raise TrustError("the gateway's answer is not one of a login") from None


def _gateway(settings: Settings, url: str | None) -> str:
    """Return the URL to log in at. Raises `ConfigError` without one, and for an unsafe one."""
    kept = login_file(settings).read() if url is None and settings.gateway.url is None else None
    text = url or settings.gateway.url or (kept and kept.gateway)
    if not text:
        raise ConfigError(
            "there is no gateway to log in at",
            hint="run `gromit login https://gateway.example.com`, or set GROMIT_GATEWAY_URL",
        )
    try:
        return str(read_origin(text))
    except InvalidValue as error:
        raise ConfigError(f"{text!r} is not the URL of a gateway", hint=error.reason) from error


def _context(settings: Settings) -> ssl.SSLContext | None:
    """TLS for the gateway, if gromit's own CA may have signed its certificate."""
    if settings.ca is None:
        return None
    context = ssl.create_default_context()
    pem = settings.ca if settings.ca.lstrip().startswith("-----") else None
    try:
        context.load_verify_locations(cadata=pem, cafile=None if pem else settings.ca)
    except OSError as error:
        raise ConfigError(f"cannot read the CA's certificate: {error}", hint="check ca") from error
    return context
