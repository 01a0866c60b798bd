"""OpenID Connect provider of a local cloud.

Authlib answers by the protocol, and Flask serves it. There is no password: a page has one button
for each person, and a visitor logs in as any of them. It is for loopback addresses only.
"""

from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core.grants import OpenIDCode
from authlib.oidc.core.grants.code import OpenIDToken
from flask import Flask, Response, abort, jsonify, render_template_string, request
from joserfc.jwk import RSAKey

from gromit.local.login import grants
from gromit.local.login.grants import SCOPES, LocalClient, LoginState

_KEY = "local"
_LIFE_S = 600
"""Seconds for which an ID token is valid."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Log in to the local cloud</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; }
main { max-width: 26rem; margin: 3rem auto; padding: 0 1rem; }
button, input { font: inherit; padding: .5rem 1rem; margin: .25rem 0; width: 100%;
  box-sizing: border-box; text-align: left; }
</style>
<main>
<h1>Log in to the local cloud</h1>
{% if done %}
<p>You are logged in on the other device, {{ done }}. You can close this page.</p>
{% else %}
<p>These people are made up. They have no password, and exist on your machine only.</p>
<form method="post">
{% if device %}
<p><label>Code of the device <input name="user_code" value="{{ code }}" required></label></p>
{% endif %}
{% if wrong %}<p role="alert">No device waits for this code.</p>{% endif %}
{% for name, role in people.items() %}
<button name="person" value="{{ name }}">{{ name }}, {{ role }}</button>
{% endfor %}
</form>
{% endif %}
</main>
</html>
"""


def provider_app(issuer: str, state: LoginState) -> Flask:
    """Return the application of the provider that names itself `issuer`."""
    app = Flask(__name__)
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    key = RSAKey.generate_key(2048, {"kid": _KEY, "use": "sig", "alg": "RS256"})
    server = _authorization_server(app, issuer, state, key)
    pages = _Pages(server, state)

    def check_host() -> None:
        # A website whose name leads to a loopback address has another host here.
        if request.host_url.rstrip("/") != issuer:
            abort(403)

    app.before_request(check_host)
    app.after_request(_with_headers)
    get, post = ["GET"], ["POST"]
    views = (
        ("/.well-known/openid-configuration", lambda: jsonify(_document(issuer)), get),
        ("/jwks", lambda: jsonify(keys=[key.as_dict(private=False)]), get),
        ("/authorize", pages.authorize, get + post),
        ("/device", pages.device, get + post),
        ("/token", server.create_token_response, post),
        ("/revoke", lambda: server.create_endpoint_response("revocation"), post),
        ("/device/code", lambda: server.create_endpoint_response("device_authorization"), post),
    )
    for path, view, methods in views:
        app.add_url_rule(path, path, view, methods=methods)
    return app


class _Pages:
    """Pages on which a person is chosen."""

    def __init__(self, server: AuthorizationServer, state: LoginState) -> None:
        self._server = server
        self._state = state

    def authorize(self) -> Any:
        """Ask who logs in, and send the browser back to the client with a code."""
        person = self._person()
        try:
            grant = self._server.get_consent_grant(end_user=person)
        except OAuth2Error as error:
            return self._server.handle_error_response(None, error)
        if person is None:
            return self._ask()
        return self._server.create_authorization_response(grant_user=person, grant=grant)

    def device(self) -> Any:
        """Ask who logs in on another device, and for its code."""
        code, person = request.values.get("user_code", "").strip().upper(), self._person()
        if person is None:
            return self._ask(device=True, code=code)
        if not self._state.has_device(code):
            return self._ask(device=True, code=code, wrong=True)
        self._state.approved[code] = person
        return self._ask(done=person)

    def _ask(self, **shown: Any) -> str:
        return render_template_string(_PAGE, people=self._state.people, **shown)

    def _person(self) -> str | None:
        """Return the person that was chosen with a button; None before."""
        name = request.form.get("person")
        return name if name in self._state.people else None


def _authorization_server(
    app: Flask, issuer: str, state: LoginState, key: RSAKey
) -> AuthorizationServer:
    class IdToken(OpenIDCode):
        DEFAULT_EXPIRES_IN = _LIFE_S

        def exists_nonce(self, _nonce: str, _request: Any) -> bool:
            return False

        def resolve_client_private_key(self, _client: LocalClient) -> RSAKey:
            return key

        def get_encode_header(self, _client: LocalClient) -> dict[str, str]:
            return {"alg": "RS256", "kid": _KEY}

        def get_client_claims(self, client: LocalClient) -> dict[str, Any]:
            return {"iss": issuer, "aud": client.id}

        def generate_user_info(self, person: str, _scope: str) -> dict[str, Any]:
            return {
                "sub": f"local-{person}",
                "name": person,
                "email": f"{person}@example.test",
                "email_verified": True,
                "groups": [state.people[person]],
            }

    class Named(IssuerParameter):
        def get_issuer(self) -> str:
            return issuer

    class LaterToken(IdToken):
        """The ID token of a login that was begun without a browser of this machine."""

        __call__ = OpenIDToken.__call__

    server = AuthorizationServer(app, state.clients.get, state.save_token)
    server.register_grant(grants.code_grant(state), [IdToken(), CodeChallenge(required=True)])
    server.register_grant(grants.refresh_grant(state), [LaterToken()])
    server.register_grant(grants.device_grant(state), [LaterToken()])
    server.register_endpoint(grants.revocation(state))
    server.register_endpoint(grants.device_endpoint(state, f"{issuer}/device"))
    server.register_extension(Named())
    return server


def _document(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "device_authorization_endpoint": f"{issuer}/device/code",
        "revocation_endpoint": f"{issuer}/revoke",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
        "scopes_supported": list(SCOPES),
        "authorization_response_iss_parameter_supported": True,
    }


def _with_headers(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = _POLICY
    return response
