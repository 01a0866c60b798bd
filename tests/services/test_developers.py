"""Developers: what they may protect, unprotect and delete, also while others change the same."""

import pytest

from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Want
from gromit.errors import Conflict, NotFound, TrustError
from gromit.services.developers import Developers
from gromit.services.ledger import Ledger
from tests.services.registry import GRACE_MS, Registry

ADA, BOB, OPERATOR = "developer:ada@example.com", "developer:bob@example.com", "operator:olga"


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def developers(registry: Registry) -> Developers:
    return Developers(Ledger(registry.store, registry.announcer), GRACE_MS, limit=2)


def _protected(registry: Registry, name: str, by: str = OPERATOR) -> Environment:
    stamp = registry.stamp(by)
    return registry.environments.protect(name, protected=True, stamp=stamp)


# ── protection ────────────────────────────────────────────────────────────────────────────────────


def test_a_developer_protects_up_to_the_limit_and_then_has_to_choose(
    registry: Registry, developers: Developers
) -> None:
    for ref in ("one", "two", "three"):
        registry.report(ref=ref)
    for name in ("one", "two", "two"):  # a repeated call counts once
        assert developers.protect(name, registry.stamp(ADA)).protected_by == ADA
    with pytest.raises(Conflict, match="protects 2 environments, and 2 are allowed: one, two"):
        developers.protect("three", registry.stamp(ADA))
    assert not registry.environments.get("three").protected
    assert developers.protect("three", registry.stamp(BOB)).protected
    developers.unprotect("one", registry.stamp(ADA))
    developers.unprotect("three", registry.stamp(BOB))
    assert developers.protect("three", registry.stamp(ADA)).protected_by == ADA


def test_what_is_deleted_or_protected_by_others_does_not_count(
    registry: Registry, developers: Developers
) -> None:
    for ref in ("one", "two", "three", "release-1", "mine"):
        registry.report(ref=ref)
    _protected(registry, "one")
    for name in ("two", "three"):
        developers.protect(name, registry.stamp(ADA))
    _protected(registry, "mine", BOB)
    registry.environments.protect("two", protected=False, stamp=registry.stamp(OPERATOR))
    assert registry.environments.get("two").protected_by is None
    registry.environments.delete("two", registry.stamp(OPERATOR))
    assert developers.protect("release-1", registry.stamp(ADA)).protected_by is None
    registry.report(ref="four")
    assert developers.protect("four", registry.stamp(ADA)).protected


def test_without_a_limit_there_is_none(registry: Registry) -> None:
    developers = Developers(Ledger(registry.store, registry.announcer), GRACE_MS)
    for i in range(8):
        registry.report(ref=f"e-{i}")
        assert developers.protect(f"e-{i}", registry.stamp(ADA)).protected


@pytest.mark.parametrize("by", [OPERATOR, BOB])
def test_a_developer_unprotects_only_what_they_have_protected(
    registry: Registry, developers: Developers, by: str
) -> None:
    registry.report()
    _protected(registry, "app-test", by)
    with pytest.raises(TrustError, match=f"app-test is protected by {by}"):
        developers.unprotect("app-test", registry.stamp(ADA))
    assert registry.environments.get("app-test").protected


def test_what_was_protected_at_its_creation_is_an_operators(
    registry: Registry, developers: Developers
) -> None:
    registry.report(ref="master")
    with pytest.raises(TrustError, match="protected by the setting environments"):
        developers.unprotect("master", registry.stamp(ADA))


def test_an_operator_who_protects_it_meanwhile_is_not_undone(
    registry: Registry, developers: Developers
) -> None:
    registry.report()
    developers.protect("app-test", registry.stamp(ADA))

    def meddle() -> None:
        for is_on in (False, True):
            registry.environments.protect(
                "app-test", protected=is_on, stamp=registry.stamp(OPERATOR)
            )

    registry.store.meddling = [meddle]
    with pytest.raises(TrustError, match="protected by operator:olga"):
        developers.unprotect("app-test", registry.stamp(ADA))
    assert registry.environments.get("app-test").protected_by == OPERATOR


def test_a_new_incarnation_is_not_protected_by_the_last_ones_actor(
    registry: Registry, developers: Developers
) -> None:
    registry.report()
    row = dict(registry.environments.get("app-test").row)
    registry.store.put({**row, "want": "gone", "gone_at": 1, "protected_by": ADA})
    _, environment = registry.report(version="sha-2")
    assert environment.protected_by is None


# ── deletion ──────────────────────────────────────────────────────────────────────────────────────


def test_a_developer_deletes_where_one_of_their_repositories_has_reported(
    registry: Registry, developers: Developers
) -> None:
    registry.report("tyk")
    registry.report("tyk-pump", "sha-pump")
    for _ in range(2):
        gone = developers.delete("app-test", registry.stamp(ADA), {"tyk-pump", "tyk-sink"})
        assert (gone.want, gone.events[-1].actor) == (Want.GONE, ADA)


@pytest.mark.parametrize(
    ("repositories", "says", "hint"),
    [
        (set[str](), "you may not delete app-test: no repository is yours", "names no repo"),
        ({"tyk-pump"}, "app-test has no reported version of your repositories", "yours are tyk-p"),
    ],
)
def test_other_environments_stay(
    registry: Registry, developers: Developers, repositories: set[str], says: str, hint: str
) -> None:
    registry.report("tyk")
    with pytest.raises(TrustError, match=says) as refused:
        developers.delete("app-test", registry.stamp(ADA), repositories)
    assert hint in (refused.value.hint or "")
    assert registry.environments.get("app-test").want is Want.UP


def test_a_protected_or_unknown_environment_is_not_deleted(
    registry: Registry, developers: Developers
) -> None:
    registry.report(ref="master")
    with pytest.raises(Conflict, match="master is protected"):
        developers.delete("master", registry.stamp(ADA), {"tyk"})
    with pytest.raises(NotFound, match="could not find env nowhere"):
        developers.delete("nowhere", registry.stamp(ADA), {"tyk"})


def test_a_repository_that_is_retired_meanwhile_gives_no_right_any_more(
    registry: Registry, developers: Developers
) -> None:
    registry.report("tyk")
    registry.report("tyk-pump", "sha-pump")
    registry.store.meddling = [
        lambda: registry.environments.retire("app-test", "tyk-pump", registry.stamp())
    ]
    with pytest.raises(TrustError, match="no reported version of your repositories"):
        developers.delete("app-test", registry.stamp(ADA), {"tyk-pump"})
    assert registry.environments.get("app-test").want is Want.UP
