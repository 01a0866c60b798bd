"""Clients, codes and tokens of a local provider, as Authlib asks for them.

All of them are in memory: after a restart everybody logs in again.
"""

import hmac
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc8628 import (
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    DeviceCredentialDict,
)

SCOPES = ("openid", "profile", "email", "offline_access")
_CODE_S = 300
_LOOPBACK_PATH = "/callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalClient:
    """A client of the provider; one without a secret is on this machine."""

    id: str
    secret: str | None = None
    redirects: frozenset[str] = frozenset()
    grants: tuple[str, ...] = ("authorization_code",)

    def get_client_id(self) -> str:
        """Return the id."""
        return self.id

    def get_default_redirect_uri(self) -> None:
        """Return None: requests name their address."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return the scopes that the client gets of those that it asks for."""
        return " ".join(name for name in (scope or "").split() if name in SCOPES)

    def check_redirect_uri(self, uri: str) -> bool:
        """Whether a browser may go on to an address: for a native client with any port."""
        if self.secret is not None:
            return uri in self.redirects
        try:
            parts = urlsplit(uri)
        except ValueError:
            return False
        return (parts.scheme, parts.hostname, parts.path) == ("http", "127.0.0.1", _LOOPBACK_PATH)

    def check_client_secret(self, secret: str) -> bool:
        """Whether the secret is the client's."""
        return self.secret is not None and hmac.compare_digest(secret, self.secret)

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Whether the client may show in this way who it is."""
        return (method == "none") is (self.secret is None)

    def check_response_type(self, response_type: str) -> bool:
        """Whether the client may ask for this."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the client may get tokens in this way."""
        return grant_type in self.grants


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginGrant:
    """A person who has logged in for a client: behind a code, or behind a refresh token."""

    key: str
    client: str
    person: str
    scope: str
    begun: float
    redirect: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None

    def get_redirect_uri(self) -> str | None:
        """Return the address that the code was sent to."""
        return self.redirect

    def get_scope(self) -> str:
        """Return the scopes."""
        return self.scope

    def get_nonce(self) -> str | None:
        """Return the nonce of the request."""
        return self.nonce

    def get_auth_time(self) -> int:
        """Return when the person logged in, in seconds since 1970."""
        return int(self.begun)

    def get_acr(self) -> None:
        """Return None: there is no class of logins."""

    def get_amr(self) -> None:
        """Return None: there is no method of logins."""

    def check_client(self, client: LocalClient) -> bool:
        """Whether the token is the client's."""
        return client.id == self.client


class LoginState:
    """All that a provider knows."""

    def __init__(self, people: Mapping[str, str], clients: Iterable[LocalClient]) -> None:
        self.people = people
        self.clients = {client.id: client for client in clients}
        self.codes: dict[str, LoginGrant] = {}
        self.refreshes: dict[str, LoginGrant] = {}
        self.devices: dict[str, Any] = {}
        """Requests of devices by device code."""
        self.approved: dict[str, str] = {}
        """People by the code that they entered for a device."""

    def has_device(self, user_code: str) -> bool:
        """Whether a device waits for a code to be entered."""
        return any(found["user_code"] == user_code for found in self.devices.values())

    def save_token(self, token: Mapping[str, Any], request: Any) -> None:
        """Keep a refresh token; nothing asks for the others again."""
        if refresh := token.get("refresh_token"):
            self.refreshes[refresh] = LoginGrant(
                key=refresh,
                client=request.client.id,
                person=request.user,
                scope=token["scope"],
                begun=time.time(),
            )


def code_grant(state: LoginState) -> type[AuthorizationCodeGrant]:
    """Return the grant of codes."""

    class CodeGrant(AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

        def save_authorization_code(self, code: str, request: Any) -> None:
            payload = request.payload
            state.codes[code] = LoginGrant(
                key=code,
                client=request.client.id,
                person=request.user,
                scope=payload.scope,
                begun=time.time(),
                redirect=payload.redirect_uri,
                nonce=payload.data.get("nonce"),
                code_challenge=payload.data.get("code_challenge"),
                code_challenge_method=payload.data.get("code_challenge_method"),
            )

        def query_authorization_code(self, code: str, client: LocalClient) -> LoginGrant | None:
            # A code is good for one try.
            found = state.codes.pop(code, None)
            if found is None or found.client != client.id or time.time() - found.begun > _CODE_S:
                return None
            return found

        def delete_authorization_code(self, _code: LoginGrant) -> None:
            """Do nothing: the code is gone since it was looked for."""

        def authenticate_user(self, code: LoginGrant) -> str:
            return code.person

    return CodeGrant


def refresh_grant(state: LoginState) -> type[RefreshTokenGrant]:
    """Return the grant of refresh tokens, each of which is good once."""

    class RefreshGrant(RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, token: str) -> LoginGrant | None:
            return state.refreshes.get(token)

        def authenticate_user(self, token: LoginGrant) -> str:
            return token.person

        def revoke_old_credential(self, token: LoginGrant) -> None:
            state.refreshes.pop(token.key, None)

    return RefreshGrant


def revocation(state: LoginState) -> type[RevocationEndpoint]:
    """Return the end of refresh tokens."""

    class Revocation(RevocationEndpoint):
        CLIENT_AUTH_METHODS = ("none",)

        def query_token(self, token: str, _hint: str | None) -> LoginGrant | None:
            return state.refreshes.get(token)

        def revoke_token(self, token: LoginGrant, _request: Any) -> None:
            state.refreshes.pop(token.key, None)

    return Revocation


def device_endpoint(state: LoginState, page: str) -> type[DeviceAuthorizationEndpoint]:
    """Return the beginning of logins on other devices; people enter the code on a page."""

    class DeviceEndpoint(DeviceAuthorizationEndpoint):
        INTERVAL = 1

        def get_verification_uri(self) -> str:
            return page

        def save_device_credential(self, client: str, scope: str, data: Mapping[str, Any]) -> None:
            state.devices[data["device_code"]] = DeviceCredentialDict(
                client_id=client, scope=scope, expires_at=time.time() + self.EXPIRES_IN, **data
            )

    return DeviceEndpoint


def device_grant(state: LoginState) -> type[DeviceCodeGrant]:
    """Return the grant of codes that people have entered."""

    class DeviceGrant(DeviceCodeGrant):
        def query_device_credential(self, code: str) -> Any:
            return state.devices.get(code)

        def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
            person = state.approved.get(user_code)
            return None if person is None else (person, True)

        def should_slow_down(self, _credential: Any) -> bool:
            return False

        def save_token(self, token: Mapping[str, Any]) -> None:
            state.devices.pop(self.request.payload.data["device_code"], None)
            state.approved.pop(self.request.credential.get_user_code(), None)
            super().save_token(token)

    return DeviceGrant
