"""Settings of logins at the gateway.

What reads their values is imported with the first value: most commands have none.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Annotated

from gromit.config.group import SettingsGroup, setting
from gromit.config.values import (
    InvalidValue,
    NameList,
    SecretText,
    read_names,
    read_positive_duration,
    read_text,
)
from gromit.errors import GromitError

KEY_CHARACTERS = 32
"""Shortest key that signs sessions; 32 random characters cannot be guessed."""
KEYS_MAX = 5
SESSION_MAX = timedelta(days=7)
_HOUR = timedelta(hours=1)


def read_safe_url(value: object) -> str | None:
    """Return an address of HTTPS, or of HTTP on loopback, without query, fragment and user."""
    from gromit.core.security.loopback import is_safe_url  # noqa: PLC0415 - see the module

    if value is None:
        return None
    text = read_text(value)
    if not is_safe_url(text):
        raise InvalidValue("write it like https://host.example.com; http is only for 127.0.0.1")
    return text


def read_origin(value: object) -> str | None:
    """Return such an address without a path."""
    url = read_safe_url(value)
    origin = None if url is None else url.removesuffix("/")
    if origin is not None and origin.count("/") > 2:
        raise InvalidValue("write it without a path, like https://gateway.example.com")
    return origin


def read_patterns(value: object) -> tuple[str, ...]:
    """Return patterns `claim=value`."""
    from gromit.core.security.logins import ClaimPattern  # noqa: PLC0415 - see the module

    return _checked(read_names(value), ClaimPattern.parse)


def read_repository_rules(value: object) -> tuple[str, ...]:
    """Return repositories, each for all developers or for those of a pattern."""
    from gromit.core.security.logins import RepositoryRule  # noqa: PLC0415 - see the module

    return _checked(read_names(value), RepositoryRule.parse)


def read_session_length(value: object) -> timedelta:
    """Return a duration of up to a week."""
    length = read_positive_duration(value)
    if length > SESSION_MAX:
        raise InvalidValue("input should be at most 7d: nothing ends a stolen session before")
    return length


def read_word(value: object) -> str:
    """Return a text that is not empty."""
    text = read_text(value)
    if not text.strip():
        raise InvalidValue("input is empty")
    return text


def _checked(values: tuple[str, ...], parse: Callable[[str], object]) -> tuple[str, ...]:
    """Return texts that `parse` understands."""
    for value in values:
        try:
            parse(value)
        except GromitError as error:
            reason = ": ".join(filter(None, (error.message, error.hint)))
            raise InvalidValue(reason) from error
    return values


ProviderUrl = Annotated[str | None, read_safe_url]
OriginUrl = Annotated[str | None, read_origin]
PatternList = Annotated[tuple[str, ...], read_patterns]
RepositoryRuleList = Annotated[tuple[str, ...], read_repository_rules]
SessionLength = Annotated[timedelta, read_session_length]
Word = Annotated[str, read_word]


class LoginSettings(SettingsGroup):
    """Logins of people at the gateway, by OpenID Connect."""

    issuer: ProviderUrl = setting(
        default=None,
        description="URL of the OpenID Connect provider, as it names itself; "
        "unset: people cannot log in",
    )
    client_id: Word | None = setting(
        default=None, description="id of the gateway's client at the provider"
    )
    client_secret: SecretText | None = setting(
        default=None, description="secret of that client; unset: it is a public client"
    )
    command_client_id: Word | None = setting(
        default=None,
        description="id of the public client for `gromit login`, "
        "whose redirect URI is http://127.0.0.1/callback with any port; "
        "unset: gateway.login.client_id, if that client has no secret",
    )
    scopes: NameList = setting(
        default=("openid", "profile", "email"),
        description="scopes to ask for; some providers put groups into the ID token "
        "only for a scope of their own",
    )
    command_scopes: NameList = setting(
        default=("openid", "profile", "email", "offline_access"),
        description="scopes that `gromit login` asks for; "
        "with offline_access most providers give a refresh token",
    )
    viewers: PatternList = setting(
        default=(),
        description="people with the role viewer, as patterns claim=value with * as wildcard, "
        "for example email=*@example.com",
    )
    developers: PatternList = setting(
        default=(),
        description="people with the role developer, as patterns like the viewers",
    )
    operators: PatternList = setting(
        default=(), description="people with the role operator, as patterns like the viewers"
    )
    repositories: RepositoryRuleList = setting(
        default=(),
        description="repositories whose environments a developer may delete, each as NAME "
        "or * for all developers, or as claim=value:NAME for some",
    )
    repositories_claim: Word | None = setting(
        default=None, description="claim that lists more such repositories of a developer"
    )
    name_claim: Word = setting(
        default="email",
        description="claim that names a person in histories and logs; people must not be able to "
        "choose it; without it the claim sub",
    )
    denied: NameList = setting(
        default=(),
        description="names and subjects of people whose logins are refused, and whose sessions end",
    )
    keys: SecretText | None = setting(
        default=None,
        description="keys that sign sessions, separated by commas, of at least 32 characters: "
        "the first one signs, all of them verify; the same for all gateways",
    )
    session: SessionLength = setting(
        default=timedelta(hours=8), description="length of a session in a browser"
    )
    token: SessionLength = setting(
        default=_HOUR,
        description="lifetime of the token that `gromit login` keeps; "
        "with a refresh token of the provider it is renewed by itself",
    )
    rate: int = setting(
        default=600,
        gt=0,
        description="requests per minute that one person may send through the gateway",
    )

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """The keys that sign sessions, the newest first."""
        text = self.keys.get_secret_value() if self.keys is not None else ""
        return tuple(key.strip() for key in text.split(",") if key.strip())

    @property
    def command_client(self) -> str | None:
        """Id of the client for the command line; None: there is none."""
        own = self.client_id if self.client_secret is None else None
        return self.command_client_id or own

    def check(self) -> None:
        """Raise `InvalidValue` if something is missing for logins, or a key is too short."""
        if self.issuer is None:
            return
        if missing := next(self._missing(), None):
            raise InvalidValue(f"issuer is set, but {missing}")
        for name, scopes in (("scopes", self.scopes), ("command_scopes", self.command_scopes)):
            if "openid" not in scopes:
                raise InvalidValue(f"{name} lacks openid: the provider would say nothing of people")
        keys = self.signing_keys
        if len(keys) > KEYS_MAX or min(map(len, keys)) < KEY_CHARACTERS:
            raise InvalidValue(
                f"keys are 1 to {KEYS_MAX} texts of at least {KEY_CHARACTERS} characters each: "
                "make one with `openssl rand -hex 32`"
            )

    def _missing(self) -> Iterator[str]:
        if self.client_id is None:
            yield "client_id is not"
        if not self.signing_keys:
            yield "keys is not: sessions could not be signed"
        if not (self.viewers or self.developers or self.operators):
            yield "viewers, developers and operators are empty: no one could log in"
