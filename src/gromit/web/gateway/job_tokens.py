"""Verifies OIDC tokens of GitHub Actions; `core/security/oidc.py` decides what the claims mean.

A token may be used twice: a job repeats its request after a lost response. A stolen token therefore
works for some minutes, but only for what its job could do: report one build of one branch or, in an
event `delete`, the deletion of a branch.
"""

from collections.abc import Callable
from typing import Any

import jwt
import structlog

from gromit.core.security.oidc import GithubJob, InvalidToken, OidcPolicy, judge_claims
from gromit.core.time import Millis
from gromit.errors import InvalidInput
from gromit.web.bodies import parse_object
from gromit.web.gateway.issuer import ALGORITHM, IssuerKeyCache
from gromit.web.server.line_budget import LineBudget

log = structlog.get_logger(__name__)

_KID_MAX = 200


class JobTokenVerifier:
    """Verifier of the tokens of one issuer's jobs."""

    def __init__(
        self, keys: IssuerKeyCache, policy: OidcPolicy, now_ms: Callable[[], Millis]
    ) -> None:
        self._keys = keys
        self._policy = policy
        self._now_ms = now_ms
        self._budget = LineBudget("gateway.job_refused")
        self._jws = jwt.PyJWS(algorithms=[ALGORITHM])

    async def close(self) -> None:
        """Close all connections."""
        await self._keys.close()

    async def recognise(self, token: str) -> GithubJob | InvalidToken:
        """Return the job of a token, or the reason why the token is invalid.

        Raises `TrustError` if the job's owner is not ours, and `Temporary` if the issuer's keys
        cannot be fetched.
        """
        found = await self._recognise(token)
        # Every stranger can send such tokens, so all clients share one budget of lines.
        if isinstance(found, InvalidToken) and self._budget.admits(None, found.reason):
            log.info("gateway.job_refused", reason=found.reason)
        return found

    async def _recognise(self, token: str) -> GithubJob | InvalidToken:
        try:
            header = self._jws.get_unverified_header(token)
        except jwt.PyJWTError:
            return InvalidToken("it is not a JWT")
        kid = header.get("kid")
        if header.get("alg") != ALGORITHM or not isinstance(kid, str) or len(kid) > _KID_MAX:
            return InvalidToken(f"it is not signed with {ALGORITHM} and a named key")
        key = await self._keys.find(kid)
        if key is None:
            return InvalidToken("it is signed with a key that the issuer does not have")
        claims = self._claims(token, key)
        if isinstance(claims, InvalidToken):
            return claims
        return judge_claims(claims, self._policy, self._now_ms())

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any] | InvalidToken:
        """Return the claims of a token after checking its signature.

        `judge_claims` checks times, issuer and audience later, against our own clock.
        """
        try:
            return parse_object(self._jws.decode(token, key, algorithms=[ALGORITHM]))
        except jwt.PyJWTError:
            return InvalidToken("its signature is wrong")
        except InvalidInput:
            return InvalidToken("its claims cannot be parsed")
