"""Requests of the command line's login: to the provider, and to the gateway.

It asks for an authorization code with a redirect to this machine (RFC 8252), or for a code that a
person enters on another device (RFC 8628). The answers are small, and read up to a limit.
"""

import base64
import hashlib
import http.client
import json
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gromit.core.security.loopback import is_safe_url
from gromit.errors import BackendError, ConfigError, Temporary, TrustError

ANSWER_BYTES = 256 * 1024
TIMEOUT_S = 15.0
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SLOWER_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPlace:
    """Addresses of a login, as a gateway names them."""

    gateway: str
    client_id: str
    scopes: tuple[str, ...]
    authorization_endpoint: str
    token_endpoint: str
    device_endpoint: str | None
    revocation_endpoint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """Code that a person enters at the provider, in any browser."""

    device_code: str
    user_code: str
    url: str
    expires_s: float
    interval_s: float


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """Random values of one login."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def draw(cls) -> "LoginRequest":
        """Return values of a new login."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    def url(self, place: LoginPlace, redirect_uri: str) -> str:
        """Return the address at which the person logs in."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": place.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(place.scopes),
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            # Without it, some providers give no refresh token.
            "prompt": "consent",
        }
        joint = "&" if "?" in place.authorization_endpoint else "?"
        return f"{place.authorization_endpoint}{joint}{urlencode(query)}"


class LoginWeb:
    """Sends the requests of logins."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """`context` says which certificates a gateway may have; None: those of public CAs."""
        self._context = context

    def find_place(self, gateway: str) -> LoginPlace:
        """Ask a gateway where its people log in. Raises `ConfigError` if it has no logins."""
        status, found = self._send(f"{gateway}/login/command", None, self._context)
        if status == 404 or "client_id" not in found:
            raise ConfigError(
                f"{gateway} has no logins for the command line",
                hint=str(found.get("hint") or "check the URL; its operator sets gateway.login"),
            )
        urls = {
            name: found.get(name)
            for name in (
                "authorization_endpoint",
                "token_endpoint",
                "device_authorization_endpoint",
                "revocation_endpoint",
            )
        }
        if not all(url is None or is_safe_url(str(url)) for url in urls.values()):
            raise TrustError(f"{gateway} names a login provider whose address is not https")
        return LoginPlace(
            gateway=gateway,
            client_id=str(found["client_id"]),
            scopes=tuple(map(str, found["scopes"])),
            authorization_endpoint=str(urls["authorization_endpoint"]),
            token_endpoint=str(urls["token_endpoint"]),
            device_endpoint=urls["device_authorization_endpoint"],
            revocation_endpoint=urls["revocation_endpoint"],
        )

    def redeem(
        self, place: LoginPlace, code: str, request: LoginRequest, redirect_uri: str
    ) -> Mapping[str, Any]:
        """Exchange a code for the provider's tokens. Raises `TrustError`."""
        form = {
            "grant_type": "authorization_code",
            "client_id": place.client_id,
            "code": code,
            "code_verifier": request.verifier,
            "redirect_uri": redirect_uri,
        }
        return self._tokens(place.token_endpoint, form)

    def refresh(self, endpoint: str, client_id: str, refresh_token: str) -> Mapping[str, Any]:
        """Renew a login at the provider. Raises `TrustError` if the provider refuses."""
        form = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "refresh_token": refresh_token,
        }
        return self._tokens(endpoint, form)

    def revoke(self, endpoint: str, client_id: str, refresh_token: str) -> None:
        """Ask the provider to forget a refresh token."""
        self._send(endpoint, {"client_id": client_id, "token": refresh_token}, None)

    def begin_device(self, place: LoginPlace) -> DeviceCode:
        """Ask for a code that the person enters. Raises `ConfigError` if there is none."""
        if place.device_endpoint is None:
            raise ConfigError(
                "the login provider has no logins on another device",
                hint="run `gromit login` without --device, on a machine with a browser",
            )
        form = {"client_id": place.client_id, "scope": " ".join(place.scopes)}
        status, found = self._send(place.device_endpoint, form, None)
        try:
            return DeviceCode(
                device_code=str(found["device_code"]),
                user_code=str(found["user_code"]),
                url=str(found.get("verification_uri_complete") or found["verification_uri"]),
                expires_s=float(found["expires_in"]),
                interval_s=max(1.0, float(found.get("interval", 5))),
            )
        except (KeyError, TypeError, ValueError):
            raise _refused(status, found) from None

    def await_device(
        self, place: LoginPlace, device: DeviceCode, pause: Callable[[float], None]
    ) -> Mapping[str, Any]:
        """Wait until the person has logged in; return the provider's tokens."""
        form = {
            "grant_type": DEVICE_GRANT,
            "client_id": place.client_id,
            "device_code": device.device_code,
        }
        waited_s, interval_s = 0.0, device.interval_s
        while waited_s < device.expires_s:
            pause(interval_s)
            waited_s += interval_s
            status, found = self._send(place.token_endpoint, form, None)
            match found.get("error"):
                case "authorization_pending":
                    continue
                case "slow_down":
                    interval_s += _SLOWER_S
                case _:
                    return _accepted(status, found)
        raise TrustError("the code was not entered in time", hint="run `gromit login` again")

    def exchange(
        self, gateway: str, tokens: Mapping[str, Any], nonce: str | None
    ) -> Mapping[str, Any]:
        """Give the gateway an ID token, and return its own token. Raises `TrustError`."""
        body = {"id_token": tokens.get("id_token"), **({"nonce": nonce} if nonce else {})}
        status, found = self._send(
            f"{gateway}/login/token", json.dumps(body).encode(), self._context
        )
        if status == 200 and "token" in found:
            return found
        if status >= 500 or status == 429:
            raise Temporary(
                f"the gateway at {gateway} answers {status}", hint="try again in a minute"
            )
        hint = found.get("hint")
        raise TrustError(
            str(found.get("error", f"the gateway answers {status}")),
            hint=None if hint is None else str(hint),
        )

    def _tokens(self, endpoint: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        return _accepted(*self._send(endpoint, form, None))

    def _send(
        self, url: str, body: Mapping[str, str] | bytes | None, context: ssl.SSLContext | None
    ) -> tuple[int, Mapping[str, Any]]:
        """Send a request; return the status and the JSON of its answer. Raises `Temporary`."""
        headers = {"Accept": "application/json", "User-Agent": "gromit"}
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/json"
        content = body if body is None or isinstance(body, bytes) else urlencode(body).encode()
        request = urllib.request.Request(url, content, headers)  # noqa: S310 - checked before
        opener = urllib.request.build_opener(
            _NoRedirects, urllib.request.HTTPSHandler(context=context)
        )
        try:
            try:
                answer = opener.open(request, timeout=TIMEOUT_S)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                return int(answer.status), _parsed(answer.read(ANSWER_BYTES + 1))
        except (OSError, http.client.HTTPException) as error:
            raise Temporary(
                f"could not ask {url}: {getattr(error, 'reason', error)}",
                hint="check the address and this machine's way to it",
            ) from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a code or token goes only where it was meant to go."""

    def redirect_request(self, *_args: Any) -> None:
        return None


def _parsed(raw: bytes) -> Mapping[str, Any]:
    if len(raw) > ANSWER_BYTES:
        raise BackendError("the answer of a login is too long")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _accepted(status: int, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the provider's tokens. Raises `TrustError` or `Temporary`."""
    if status == 200 and isinstance(found.get("id_token"), str):
        return found
    raise _refused(status, found)


def _refused(status: int, found: Mapping[str, Any]) -> TrustError | Temporary:
    if status >= 500 or status == 429:
        return Temporary(f"the login provider answers {status}", hint="try again in a minute")
    reason = str(found.get("error_description") or found.get("error") or f"status {status}")
    return TrustError(f"the login provider refused the login: {reason[:200]}")
