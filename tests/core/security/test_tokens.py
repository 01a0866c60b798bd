"""Grants of tokens, and the lookup of a presented one."""

import hmac
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit import log
from gromit.core.security import tokens
from gromit.core.security.tokens import Grant, TokenEntry, TokenPermission
from gromit.core.time import Millis
from gromit.errors import InvalidInput

REPOSITORIES = ("tyk", "tyk-analytics", "tyk-pump")
GRANTS = [
    tokens.make_grant(repositories, verbs)
    for repositories in [["tyk"], ["tyk-pump"], ["tyk", "tyk-pump"], ["*"]]
    for verbs in [[TokenPermission.NEWBUILD], [TokenPermission.DELETE], list(TokenPermission)]
]


def _entry(token: str, number: int = 0, *, expires: int | None = None) -> TokenEntry:
    return TokenEntry(
        id=f"t{number}",
        hash=tokens.hash_token(token),
        grant=GRANTS[0],
        created_ms=Millis(0),
        expires_ms=None if expires is None else Millis(expires),
    )


@pytest.mark.parametrize(
    ("grant", "repository", "verb"), list(itertools.product(GRANTS, REPOSITORIES, TokenPermission))
)
def test_a_grant_allows_what_it_names_and_nothing_else(
    grant: Grant, repository: str, verb: TokenPermission
) -> None:
    named = grant.repositories == ("*",) or repository in grant.repositories
    assert grant.allows(repository, verb) is (named and verb in grant.verbs)


def test_repositories_are_named_as_on_the_wire() -> None:
    grant = tokens.make_grant(
        ["TykTechnologies/tyk-pump", "TykTechnologies%2Ftyk", "tyk"],
        [TokenPermission.DELETE, TokenPermission.DELETE],
    )
    assert grant == Grant(repositories=("tyk", "tyk-pump"), verbs=(TokenPermission.DELETE,))


@pytest.mark.parametrize(
    ("repositories", "verbs"),
    [
        ([], [TokenPermission.DELETE]),
        (["tyk"], []),
        (["*", "tyk"], [TokenPermission.DELETE]),
        (["ty k"], [TokenPermission.DELETE]),
        (["tyk*"], [TokenPermission.DELETE]),
    ],
)
def test_a_grant_of_nothing_or_of_nonsense_is_refused(
    repositories: list[str], verbs: list[TokenPermission]
) -> None:
    with pytest.raises(InvalidInput):
        tokens.make_grant(repositories, verbs)


@pytest.mark.parametrize(
    ("grant", "only"), [(GRANTS[0], "tyk"), (GRANTS[6], None), (GRANTS[9], None)]
)
def test_only_a_token_of_one_repository_speaks_for_it_by_itself(
    grant: Grant, only: str | None
) -> None:
    assert grant.only_repository() == only


@given(st.binary(min_size=32, max_size=32))
def test_every_token_is_masked_in_logs(secret: bytes) -> None:
    token = tokens.format_token(secret)
    assert len(token) == len("gromit_") + 43
    assert token not in log.mask(f"Authorization: Bearer {token}, and more")


def test_tokens_are_made_of_256_bits_and_differ_with_them() -> None:
    assert tokens.format_token(b"a" * 32) != tokens.format_token(b"b" * 32)
    with pytest.raises(ValueError, match="32 bytes"):
        tokens.format_token(b"a" * 31)


def test_the_token_cannot_be_read_from_what_is_kept() -> None:
    token = tokens.format_token(b"a" * 32)
    assert token not in repr(_entry(token))
    assert len(_entry(token).hash) == 64


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("abc", "abc"),
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("", None),
        ("  ", None),
        ("Basic abc", None),
        ("Bearer a b", None),
        ("a" * 201, None),
        ("Bearer", "Bearer"),
    ],
)
def test_a_header_holds_the_token_bare_or_as_bearer(header: str, token: str | None) -> None:
    assert tokens.bearer_token(header) == token


def test_a_token_is_found_at_every_position() -> None:
    entries = [_entry(f"token{n}", n) for n in range(5)]
    assert [
        e and e.id for e in (tokens.find_entry(entries, f"token{n}", Millis(0)) for n in range(6))
    ] == [
        "t0",
        "t1",
        "t2",
        "t3",
        "t4",
        None,
    ]
    assert tokens.find_entry([], "token0", Millis(0)) is None


def test_an_expired_token_is_an_unknown_one() -> None:
    entries = [_entry("a", expires=1000)]
    assert tokens.find_entry(entries, "a", Millis(999)) is not None
    assert tokens.find_entry(entries, "a", Millis(1000)) is None


def test_the_hash_itself_opens_nothing() -> None:
    entry = _entry("a")
    assert tokens.find_entry([entry], entry.hash, Millis(0)) is None


class CountingDigests:
    """Replacement of the module `hmac` that records the comparisons."""

    def __init__(self) -> None:
        self.compared: list[tuple[str, str]] = []

    def compare_digest(self, left: str, right: str) -> bool:
        self.compared.append((left, right))
        return hmac.compare_digest(left, right)


def test_every_entry_is_compared_in_constant_time_at_every_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digests = CountingDigests()
    monkeypatch.setattr(tokens, "hmac", digests)
    entries = [_entry(f"token{n}", n) for n in range(4)]
    for token in ("token0", "token3", "unknown"):
        digests.compared.clear()
        tokens.find_entry(entries, token, Millis(0))
        assert digests.compared == [(entry.hash, tokens.hash_token(token)) for entry in entries]


@given(st.text(max_size=300))
def test_no_header_breaks_the_search(header: str) -> None:
    token = tokens.bearer_token(header)
    if token is not None:
        assert tokens.find_entry([_entry("secret")], token, Millis(0)) is None or token == "secret"


@pytest.mark.parametrize("label", ["a\nb", "\x1b[31m", "x" * 101])
def test_a_label_that_would_spoil_a_table_is_refused(label: str) -> None:
    with pytest.raises(InvalidInput):
        tokens.check_label(label)
