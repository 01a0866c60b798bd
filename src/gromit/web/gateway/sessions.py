"""Signed texts by which the gateway recognises people and logins, so that it keeps nothing itself.

A text is a JWS (HS256) of one purpose, and each purpose has keys of its own: no text passes for
another. The keys also depend on the rules of logins. So when an installation changes its rules, all
sessions end, and no session has a role that the rules give no more.
"""

import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

import jwt

from gromit.core.security.logins import LoginRules
from gromit.core.security.people import Person
from gromit.core.time import Millis
from gromit.errors import InvalidInput, TrustError
from gromit.web.bodies import parse_object

ALGORITHM = "HS256"
LONGEST = 3800
"""Characters of a signed text: a cookie has up to 4096 with its name and attributes."""
_ALL = "*"


class Purpose(StrEnum):
    """Use of a signed text."""

    LOGIN = "login"
    """A login in progress, in a cookie."""
    SESSION = "session"
    """A person, in a cookie."""
    TOKEN = "token"  # noqa: S105 - a name
    """A person, in an Authorization header of the command line."""


@dataclass(frozen=True, slots=True)
class PersonSession:
    """Person whom the gateway has recognised, until when, and how."""

    person: Person
    subject: str
    """The provider's own name of the person."""
    id: str
    """Id of this session."""
    expires_ms: Millis
    is_cookie: bool
    """Whether a browser sends it by itself, so that changes need more than that."""


class SessionSigner:
    """Signs texts and verifies them: the first key signs, all of them verify."""

    def __init__(self, keys: Sequence[str], scope: str, now_ms: Callable[[], Millis]) -> None:
        """Use `keys`; texts that were signed with another `scope` are not valid."""
        self._keys = tuple(key.encode() for key in keys)
        self._scope = scope.encode()
        self._now_ms = now_ms
        self._jws = jwt.PyJWS(algorithms=[ALGORITHM])

    def sign(self, purpose: Purpose, facts: Mapping[str, Any], life: timedelta) -> str:
        """Return a text that carries facts and is valid for a time."""
        now = self._now_ms()
        expires = now + int(life.total_seconds() * 1000)
        body = json.dumps({**facts, "iat": now, "exp": expires}, separators=(",", ":"))
        key = self._derived(self._keys[0], purpose)
        return self._jws.encode(body.encode(), key, ALGORITHM, {"typ": _kind(purpose)})

    def verify(self, purpose: Purpose, text: str) -> Mapping[str, Any] | None:
        """Return the facts of a text; None unless we signed it for this purpose and it is valid."""
        if not text or len(text) > LONGEST:
            return None
        for key in self._keys:
            try:
                raw = self._jws.decode(text, self._derived(key, purpose), algorithms=[ALGORITHM])
                facts = parse_object(raw)
            except (jwt.PyJWTError, InvalidInput):
                continue
            return facts if self._now_ms() < facts["exp"] else None
        return None

    def proof(self, session_id: str) -> str:
        """Return the text that a page of a session sends with each change."""
        return self._proof(self._keys[0], session_id)

    def is_proof(self, session_id: str, text: str) -> bool:
        """Whether a text is the proof of a session."""
        given = text.encode("utf-8", "surrogatepass")
        proofs = (self._proof(key, session_id).encode() for key in self._keys)
        return any(hmac.compare_digest(proof, given) for proof in proofs)

    def _proof(self, key: bytes, session_id: str) -> str:
        return hmac.new(self._derived(key, "change"), session_id.encode(), sha256).hexdigest()

    def _derived(self, key: bytes, purpose: str) -> bytes:
        return hmac.new(key, b"gromit %s\n%s" % (purpose.encode(), self._scope), sha256).digest()


class SessionBook:
    """Sessions of people: makes and recognises them. It keeps none of them."""

    def __init__(self, signer: SessionSigner, rules: LoginRules) -> None:
        self._signer = signer
        self._rules = rules

    def issue(self, purpose: Purpose, person: Person, subject: str, life: timedelta) -> str:
        """Return the text of a new session. Raises `TrustError` if it is too long for a cookie."""
        named = person.repositories
        facts = {
            "id": secrets.token_urlsafe(12),
            "sub": subject,
            "name": person.name,
            "role": str(person.role),
            "repositories": _ALL if named is None else sorted(named),
        }
        text = self._signer.sign(purpose, facts, life)
        if len(text) > LONGEST:
            raise TrustError(
                f"{person.name} has too many repositories for one session",
                hint="let gateway.login.repositories give all (*), or name fewer",
            )
        return text

    def recognise(self, purpose: Purpose, text: str) -> PersonSession | None:
        """Return the session of a text; None unless it is valid and its person not denied."""
        facts = self._signer.verify(purpose, text)
        if facts is None or self._rules.denies(facts["sub"], facts["name"]):
            return None
        named = facts["repositories"]
        person = Person.checked(facts["name"], facts["role"], None if named == _ALL else named)
        return PersonSession(
            person,
            facts["sub"],
            facts["id"],
            Millis(facts["exp"]),
            is_cookie=purpose is Purpose.SESSION,
        )


def is_person_token(text: str) -> bool:
    """Whether a text says that it is a token of a person, be it valid or not."""
    try:
        return bool(jwt.get_unverified_header(text).get("typ") == _kind(Purpose.TOKEN))
    except jwt.PyJWTError:
        return False


def _kind(purpose: Purpose) -> str:
    return f"gromit-{purpose}"


def rules_scope(*parts: object) -> str:
    """Return a digest of what a session depends on."""
    return sha256(repr(parts).encode()).hexdigest()
