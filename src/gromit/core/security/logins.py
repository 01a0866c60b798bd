"""Rules of a login: from the claims of an ID token to a person.

The provider has signed the claims, and `web/gateway/provider.py` has checked that. A pattern is
`claim=value`, where `*` in the value matches any text:

    email=*@example.com      the address, if the provider has verified it
    groups=platform          a member of a list
    realm_access.roles=dev   a claim inside another one
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from gromit.core.names import parse_repository
from gromit.core.security.oidc import Claims
from gromit.core.security.people import REPOSITORIES_MAX, Person
from gromit.core.security.roles import Role
from gromit.errors import InvalidInput, TrustError

EVERY = "*"
"""All repositories."""
VALUE_MAX = 1024
"""Characters of a value that can match."""
VALUES_MAX = 2000
"""Values of one claim that are looked at."""
_ADDRESS = "email"
_VERIFIED = "email_verified"


@dataclass(frozen=True)
class ClaimPattern:
    """A claim, and the value that it has to have."""

    claim: str
    value: str
    """With `*` for any text."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the pattern that a text `claim=value` means. Raises `InvalidInput`."""
        claim, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not claim or not value:
            raise InvalidInput(
                f"{text!r} is not a pattern", hint="write claim=value, such as groups=platform"
            )
        return cls(claim, value)

    def matches(self, claims: Claims) -> bool:
        """Whether the claim has a value that fits."""
        return any(self._form.fullmatch(value) for value in claim_values(claims, self.claim))

    @cached_property
    def _form(self) -> re.Pattern[str]:
        text = ".*".join(re.escape(part) for part in self.value.split("*"))
        # A mail domain has no case, and hardly any provider distinguishes mailboxes by it.
        return re.compile(text, re.IGNORECASE if self.claim == _ADDRESS else re.NOFLAG)


@dataclass(frozen=True)
class RepositoryRule:
    """Repository whose environments some developers, or all of them, may delete."""

    repository: str
    """Its name, or `*` for all."""
    pattern: ClaimPattern | None = None
    """Developers to whom the rule applies; None: all."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rule `repository` or `claim=value:repository`. Raises `InvalidInput`."""
        condition, _, name = text.rpartition(":")
        repository = EVERY if name.strip() == EVERY else parse_repository(name.strip())
        return cls(repository, ClaimPattern.parse(condition) if condition else None)

    def applies(self, claims: Claims) -> bool:
        """Whether the rule applies to the owner of these claims."""
        return self.pattern is None or self.pattern.matches(claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRules:
    """Rules that make a person of claims."""

    viewers: tuple[ClaimPattern, ...] = ()
    developers: tuple[ClaimPattern, ...] = ()
    operators: tuple[ClaimPattern, ...] = ()
    repositories: tuple[RepositoryRule, ...] = ()
    repositories_claim: str | None = None
    """Claim that lists repositories whose environments the developer may delete."""
    name_claim: str = _ADDRESS
    denied: frozenset[str] = frozenset()
    """Subjects and names of people whose logins are refused."""

    def denies(self, subject: str, name: str) -> bool:
        """Whether a person may not log in any more."""
        return subject in self.denied or name.casefold() in {d.casefold() for d in self.denied}

    def person(self, claims: Claims) -> Person:
        """Return the person of verified claims.

        Raises `TrustError` if no rule gives a role, and for a denied person.
        """
        subject = subject_of(claims)
        name = next(claim_values(claims, self.name_claim), subject)
        if self.denies(subject, name):
            raise TrustError(f"{name} may not log in", hint="gateway.login.denied lists them")
        role = self._role(claims)
        if role is None:
            raise TrustError(
                f"{name} has no role here",
                hint="gateway.login.viewers, developers and operators say who has one",
            )
        return Person.checked(name, role, self._repositories(claims, role))

    def _role(self, claims: Claims) -> Role | None:
        by_role = {
            Role.OPERATOR: self.operators,
            Role.DEVELOPER: self.developers,
            Role.VIEWER: self.viewers,
        }
        for role, patterns in by_role.items():
            if any(pattern.matches(claims) for pattern in patterns):
                return role
        return None

    def _repositories(self, claims: Claims, role: Role) -> frozenset[str] | None:
        """Return the repositories of a developer; the other roles do not need any."""
        if role is not Role.DEVELOPER:
            return frozenset()
        named = {rule.repository for rule in self.repositories if rule.applies(claims)}
        if EVERY in named:
            return None
        return frozenset({*named, *self._claimed(claims)})

    def _claimed(self, claims: Claims) -> Iterator[str]:
        """Yield the repositories that the claims list, if they are names of some."""
        if self.repositories_claim is None:
            return
        values = [v for v in claim_values(claims, self.repositories_claim) if v != EVERY]
        if len(values) > REPOSITORIES_MAX:
            raise TrustError(
                f"the claim {self.repositories_claim} lists {len(values)} repositories",
                hint=f"{REPOSITORIES_MAX} are possible; "
                "let the provider list fewer, or use gateway.login.repositories",
            )
        for value in values:
            try:
                yield parse_repository(value)
            except InvalidInput:
                continue  # another system's name, which is no repository here


def login_rules(  # noqa: PLR0913 - one parameter for each setting
    *,
    viewers: Iterable[str] = (),
    developers: Iterable[str] = (),
    operators: Iterable[str] = (),
    repositories: Iterable[str] = (),
    repositories_claim: str | None = None,
    name_claim: str = _ADDRESS,
    denied: Iterable[str] = (),
) -> LoginRules:
    """Return the rules that settings mean. Raises `InvalidInput`."""
    return LoginRules(
        viewers=tuple(map(ClaimPattern.parse, viewers)),
        developers=tuple(map(ClaimPattern.parse, developers)),
        operators=tuple(map(ClaimPattern.parse, operators)),
        repositories=tuple(map(RepositoryRule.parse, repositories)),
        repositories_claim=repositories_claim,
        name_claim=name_claim,
        denied=frozenset(denied),
    )


def subject_of(claims: Claims) -> str:
    """Return the subject: the provider's own name of the person. Raises `TrustError`."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
        raise TrustError("the provider does not say who logs in: its claim sub is not usable")
    return subject


def claim_values(claims: Claims, claim: str) -> Iterator[str]:
    """Yield the texts of a claim: its value, or the members of its list.

    An address counts only if the provider says that it has verified it. Otherwise people could take
    the addresses of others.
    """
    if claim == _ADDRESS and claims.get(_VERIFIED) is not True:
        return
    value = _value(claims, claim)
    for found in (value if isinstance(value, list) else [value])[:VALUES_MAX]:
        if isinstance(found, str) and 0 < len(found) <= VALUE_MAX:
            yield found


def _value(claims: Claims, claim: str) -> object:
    """Return the value of a claim, which may be inside others: `realm_access.roles`."""
    # The name of a claim may be a URL, and so contain points itself.
    if claim in claims:
        return claims[claim]
    found: object = claims
    for name in claim.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
