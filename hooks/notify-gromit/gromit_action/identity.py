"""The token that a job shows to the gateway: the input's, or an OIDC token of the job."""

from __future__ import annotations

import base64
import binascii
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote
from urllib.request import Request

from gromit_action.exchange import Busy, Wrong, send
from gromit_action.job_log import keep_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

SPARE_S = 60.0
"""An OIDC token is used until this long before its end."""


def token_of(variables: Mapping[str, str], audience: str) -> str:
    """Return the token of the input, or else a new OIDC token of this job.

    Raises `Wrong` if there is neither, and `Busy` if GitHub is.
    """
    given = variables.get("NOTIFY_TOKEN", "").strip()
    if given:
        return sendable(given)
    url, secret = (
        variables.get("ACTIONS_ID_TOKEN_REQUEST_URL"),
        variables.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
    )
    if not url or not secret:
        raise Wrong(
            "there is no token: give the job `permissions: {id-token: write}`,"
            " or set the input token"
        )
    keep_secret(secret)
    joint = "&" if "?" in url else "?"
    answer = send(
        Request(
            f"{url}{joint}audience={quote(audience, safe='')}",
            headers={"Authorization": f"bearer {secret}"},
        )
    )
    value = answer.json().get("value")
    if answer.status != 200 or not isinstance(value, str):
        raise Wrong(f"GitHub issued no OIDC token for this job (status {answer.status})")
    return sendable(value)


def sendable(token: str) -> str:
    """Return a token that fits into a header, and keep it out of the log. Raises `Wrong`."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Wrong("the token contains blanks or characters that no token has")
    keep_secret(token)
    return token


class NoToken(Busy):
    """GitHub gives the job no token at present."""


class JobToken:
    """Token for many requests: it is kept until shortly before its end."""

    def __init__(self, variables: Mapping[str, str], audience: str) -> None:
        self._variables = variables
        self._audience = audience
        self._token = ""
        self._until = 0.0

    def header(self) -> str:
        """Return the value of the header `Authorization`. Raises `Wrong` and `NoToken`."""
        if not self._token or time.time() > self._until - SPARE_S:
            try:
                self._token = token_of(self._variables, self._audience)
            except Busy as error:
                raise NoToken(str(error), error.wait_s) from None
            self._until = _end_of(self._token)
        return f"Bearer {self._token}"

    def forget(self) -> None:
        """Get a new token for the next request."""
        self._token = ""


def _end_of(token: str) -> float:
    """Return when a JWT expires; a token of gromit's own has no end that its holder can see."""
    parts = token.split(".")
    if len(parts) != 3:
        return float("inf")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, TypeError, KeyError, binascii.Error):
        return 0.0  # unknown: each request gets a new one
