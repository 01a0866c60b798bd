"""Creation, use and end of tokens, in a real file."""

import itertools
import json
from datetime import timedelta
from pathlib import Path

import pytest

from gromit.adapters.security.token_file import TokenFile
from gromit.core.security import tokens as core
from gromit.core.security.tokens import TokenPermission, make_grant
from gromit.core.time import Millis
from gromit.errors import ConfigError, InvalidInput, NotFound
from gromit.services.tokens import TokenInputs, Tokens

GRANT = make_grant(["tyk"], [TokenPermission.NEWBUILD])
START = 1_770_000_000_000


class Desk:
    """Tokens with a clock that the test sets."""

    def __init__(self, path: Path, ids: tuple[str, ...] = ()) -> None:
        self.now = START
        self.path = path
        secrets = itertools.count(1)
        names = itertools.chain(ids, (f"id{n}" for n in itertools.count()))
        sources = TokenInputs(
            lambda: Millis(self.now), lambda: next(secrets).to_bytes(32, "big"), lambda: next(names)
        )
        self.tokens = Tokens(TokenFile(path), sources)

    def works(self, token: str) -> bool:
        return self.tokens.recognise(token) is not None


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "tokens.json")


def test_a_new_token_is_recognised_bare_and_as_bearer_and_kept_nowhere(desk: Desk) -> None:
    token, entry = desk.tokens.new(GRANT, label="ci")
    assert desk.tokens.recognise(token) == desk.tokens.recognise(f"Bearer {token}") == entry
    assert token not in desk.path.read_text()
    assert token.removeprefix("gromit_") not in desk.path.read_text()
    assert desk.path.stat().st_mode & 0o777 == 0o600


def test_what_is_kept_survives_as_it_was(desk: Desk) -> None:
    _, one = desk.tokens.new(make_grant(["*"], list(TokenPermission)), label="ci")
    _, two = desk.tokens.new(
        make_grant(["tyk", "tyk-pump"], [TokenPermission.DELETE]), life=timedelta(days=90)
    )
    assert list(TokenFile(desk.path).entries()) == [one, two]
    assert desk.tokens.list() == [(one, True), (two, True)]


def test_an_expired_token_is_refused_but_still_listed(desk: Desk) -> None:
    token, entry = desk.tokens.new(GRANT, life=timedelta(hours=1))
    desk.now += 3_599_999
    assert desk.works(token)
    desk.now += 1
    assert not desk.works(token)
    assert desk.tokens.list() == [(entry, False)]


def test_a_revoked_token_is_refused_at_once_by_all_readers_of_the_file(desk: Desk) -> None:
    token, entry = desk.tokens.new(GRANT)
    kept, _ = desk.tokens.new(GRANT)
    other = Desk(desk.path)
    assert other.works(token)
    assert desk.tokens.revoke(entry.id) == entry
    assert (other.works(token), other.works(kept)) == (False, True)
    with pytest.raises(NotFound):
        desk.tokens.revoke(entry.id)


def test_ids_are_not_used_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "tokens.json", ids=("a", "a", "b"))
    assert [desk.tokens.new(GRANT)[1].id for _ in range(2)] == ["a", "b"]


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=-1), timedelta(days=4000)])
def test_a_life_that_makes_no_sense_is_refused(desk: Desk, life: timedelta) -> None:
    with pytest.raises(InvalidInput):
        desk.tokens.new(GRANT, life=life)
    assert not desk.path.exists()


def test_without_a_file_there_are_no_tokens_and_none_is_recognised(desk: Desk) -> None:
    assert desk.tokens.list() == []
    with pytest.raises(ConfigError, match="cannot read"):
        desk.tokens.recognise("gromit_x")


def test_a_file_that_becomes_invalid_recognises_no_token(desk: Desk) -> None:
    token, _ = desk.tokens.new(GRANT)
    assert desk.works(token)
    good = desk.path.read_text()
    line = json.loads(good)["tokens"][0]
    spoiled = [
        {**line, key: value}
        for key, value in (
            ("sha256", "ab"),
            ("verbs", ["admin"]),
            ("repositories", []),
            ("created", 7),
        )
    ]
    bad = ["", "{", "[]", '{"tokens": [1]}', *(json.dumps({"tokens": [each]}) for each in spoiled)]
    for text in bad:
        desk.path.write_text(text)
        with pytest.raises(ConfigError, match="cannot be understood"):
            desk.tokens.recognise(token)
        with pytest.raises(ConfigError, match="cannot be understood"):
            desk.tokens.new(GRANT)
        assert desk.path.read_text() == text
    desk.path.write_text(good)
    assert desk.works(token)


def test_what_cannot_be_a_token_is_not_even_looked_for(desk: Desk) -> None:
    assert desk.tokens.recognise("Basic abc") is None
    assert core.bearer_token("") is None
