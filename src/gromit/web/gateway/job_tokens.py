"""OIDC tokens of GitHub Actions: is one genuine, and whose is it? What its claims mean is decided in `core/security/oidc.py`.

No used token is remembered: a job sends the same one again when an answer got lost. Whoever has stolen one can for some minutes say
what its job could, and no more: that one build of that one branch, or, in an event `delete`, that a branch is gone.
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

log = structlog.get_logger(__name__)

_KID_MAX = 200


class JobTokenVerifier:
    """The tokens of one issuer's jobs."""

    def __init__(
        self, keys: IssuerKeyCache, terms: OidcPolicy, now_ms: Callable[[], Millis]
    ) -> None:
        self._keys = keys
        self._terms = terms
        self._now_ms = now_ms
        self._jws = jwt.PyJWS(algorithms=[ALGORITHM])

    async def close(self) -> None:
        """Close all connections."""
        await self._keys.close()

    async def recognise(self, token: str) -> GithubJob | InvalidToken:
        """The job that a token speaks for, or why it speaks for none.

        Raises `TrustError` for a job that has no business here, `Temporary` if the issuer's keys cannot be had.
        """
        found = await self._recognise(token)
        if isinstance(found, InvalidToken):
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
        return (
            claims
            if isinstance(claims, InvalidToken)
            else judge_claims(claims, self._terms, self._now_ms())
        )

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any] | InvalidToken:
        """The claims of a token that this key has signed. Times, issuer and audience are judged later, by our own clock."""
        try:
            return parse_object(self._jws.decode(token, key, algorithms=[ALGORITHM]))
        except jwt.PyJWTError:
            return InvalidToken("its signature is wrong")
        except InvalidInput:
            return InvalidToken("its claims cannot be understood")
