"""Branches that map to the same environment: which of them gets its name, in every order."""

from collections.abc import Callable
from itertools import permutations

import pytest

from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.names import parse_ref
from gromit.core.stack.made import MadeStack
from gromit.errors import Conflict, TrustError
from gromit.services.reporting import BuildResult
from tests.services.registry import GRACE_MS, Registry

PROTECTED = ("main", "master", "release-*")
PREFIXES = ("feature/", "release/", "a/b/", "refs/heads/hotfix/", "refs%2Fheads%2Fx%2F")
WHOLE = ("login", "refs/heads/login", "Login", "log.in", "/login/")


@pytest.fixture
def registry() -> Registry:
    return Registry(PROTECTED)


def held(registry: Registry, name: str, repository: str = "tyk") -> str | None:
    return registry.environments.get(name).versions[repository].ref


# ── a whole name before a nested one ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_branch_whose_whole_name_it_is_takes_the_name_over(
    registry: Registry, prefix: str, whole: str
) -> None:
    registry.report(version="nested-1", ref=f"{prefix}login")
    receipt, environment = registry.report(version="whole-1", ref=whole)
    assert (receipt, environment.versions["tyk"].version) == (BuildResult.ACCEPTED, "whole-1")
    assert environment.phase(registry.now_ms) is Phase.PENDING
    assert environment.events[-1].text.endswith(f"in place of {parse_ref(f'{prefix}login').full}")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_nested_branch_is_refused_afterwards_with_a_clear_word(
    registry: Registry, prefix: str
) -> None:
    registry.report(version="nested-1", ref=f"{prefix}login")
    registry.report(version="whole-1", ref="login")
    with pytest.raises(Conflict, match="tyk already has 'login' in environment login") as refused:
        registry.report(version="nested-2", ref=f"{prefix}login")
    assert "comes first, being the whole name" in str(refused.value.hint)
    assert (held(registry, "login"), registry.versions("login")["tyk"]) == ("login", "whole-1")


@pytest.mark.parametrize("order", list(permutations(["login", "feature/login", "hotfix/login"])))
def test_in_every_order_the_whole_name_wins_and_nested_ones_wait_for_each_other(
    registry: Registry, order: tuple[str, ...]
) -> None:
    accepted = []
    for ref in order:
        try:
            registry.report(version=ref.replace("/", "-"), ref=ref)
        except Conflict:
            continue
        accepted.append(ref)
    assert accepted == (["login"] if order[0] == "login" else [order[0], "login"])
    assert (held(registry, "login"), registry.versions("login")["tyk"]) == ("login", "login")


def test_two_whole_names_that_are_equal_keep_their_order(registry: Registry) -> None:
    registry.report(ref="Login")
    with pytest.raises(Conflict, match="already has 'Login'") as refused:
        registry.report(version="sha-2", ref="login")
    assert "delete or rename one of the branches" in str(refused.value.hint)


def test_branches_of_other_repositories_stay_together(registry: Registry) -> None:
    registry.report("tyk", "sha-1", ref="feature/login")
    registry.report("tyk-pump", "p-1", ref="hotfix/login")
    registry.report("tyk-analytics", "a-1", ref="login")
    registry.report("tyk", "sha-2", ref="login")
    refs = {r: held(registry, "login", r) for r in ("tyk", "tyk-pump", "tyk-analytics")}
    assert refs == {"tyk": "login", "tyk-pump": "hotfix/login", "tyk-analytics": "login"}


def test_the_same_version_takes_the_name_over_too(registry: Registry) -> None:
    registry.report(version="sha-1", ref="feature/login")
    assert registry.report(version="sha-1", ref="login")[0] is BuildResult.ACCEPTED
    assert held(registry, "login") == "login"
    assert registry.report(version="sha-1", ref="login")[0] is BuildResult.DUPLICATE


@pytest.mark.parametrize("sequence", [90, None])
def test_the_order_of_builds_begins_with_the_branch_that_took_over(
    registry: Registry, sequence: int | None
) -> None:
    registry.report(version="nested-1", ref="feature/login", sequence=100)
    registry.report(version="whole-1", ref="login", sequence=sequence)
    assert registry.report(version="whole-2", ref="login", sequence=95)[0] is BuildResult.ACCEPTED
    assert registry.report(version="whole-0", ref="login", sequence=94)[0] is BuildResult.STALE


def test_the_branch_that_lost_the_name_retires_nothing(registry: Registry) -> None:
    registry.report(ref="feature/login")
    registry.report(version="sha-2", ref="login")
    with pytest.raises(TrustError, match="no reported version of 'feature/login'"):
        registry.environments.retire("refs/heads/feature/login", "tyk", registry.stamp())
    registry.environments.retire("refs/heads/login", "tyk", registry.stamp())
    assert registry.environments.get("login").want is Want.GONE


def test_in_the_grace_of_a_deletion_any_branch_may_have_the_name(registry: Registry) -> None:
    registry.report(ref="login")
    registry.environments.delete("login", registry.stamp())
    assert registry.report(version="sha-2", ref="feature/login")[0] is BuildResult.ACCEPTED
    registry.report(version="sha-3", ref="login")
    assert held(registry, "login") == "login"


def test_a_worker_at_work_does_not_keep_the_name_from_the_whole_one(registry: Registry) -> None:
    registry.report(ref="feature/login")
    claimed = registry.leases.claim(Work.SOW, Claimant("w", "n"), registry.now_ms)
    assert isinstance(claimed, Environment)
    registry.report(version="sha-2", ref="login")
    registry.leases.sown("login", Fence("w", claimed.epoch), "n", MadeStack("h"), registry.stamp())
    assert registry.phase("login") is Phase.PENDING


MEDDLING: dict[str, Callable[[Registry], object]] = {
    "another build of the nested branch": lambda r: r.report(
        version="nested-2", ref="feature/login"
    ),
    "another build of the whole one": lambda r: r.report(version="whole-0", ref="login"),
    "a build of another repository": lambda r: r.report("tyk-pump", "p-1", ref="login"),
    "a deletion": lambda r: r.environments.delete("login", r.stamp()),
    "a retirement": lambda r: r.environments.retire("feature/login", "tyk", r.stamp()),
    "versions replaced": lambda r: r.environments.put("login", {"tyk": "put"}, r.stamp()),
}


@pytest.mark.parametrize("what", MEDDLING)
@pytest.mark.parametrize("write", [1, 2])
def test_whatever_comes_between_the_whole_name_gets_it(
    registry: Registry, what: str, write: int
) -> None:
    registry.report(version="nested-1", ref="feature/login")
    registry.report("tyk-analytics", "a-1", ref="login")
    registry.images.push("tyk-pump", "login")  # a fallback that the build brings along
    steps: list[Callable[[], object]] = [lambda: None] * (write - 1)
    registry.store.meddling = [*steps, lambda: MEDDLING[what](registry)]
    registry.report(version="whole-1", ref="login")
    assert (held(registry, "login"), registry.versions("login")["tyk"]) == ("login", "whole-1")
    assert registry.environments.get("login").want is Want.UP


# ── protected names ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["main", "master", "Main", "release-3.1.0", "release-x"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_nested_branch_never_makes_an_environment_of_a_protected_name(
    registry: Registry, prefix: str, name: str
) -> None:
    with pytest.raises(Conflict, match="because that name is protected") as refused:
        registry.report(ref=f"{prefix}{name}")
    assert "rename the branch" in str(refused.value.hint)
    assert (registry.store.writes, registry.images.asked) == (0, [])


@pytest.mark.parametrize("repository", ["tyk", "tyk-pump", "tyk-analytics"])
@pytest.mark.parametrize("name", ["main", "master", "release-3.1.0"])
def test_nor_does_it_join_one_whatever_its_repository_and_its_order(
    registry: Registry, name: str, repository: str
) -> None:
    nested = (repository, "nested", f"feature/{name}")
    with pytest.raises(Conflict):
        registry.report(*nested)
    _, environment = registry.report(version="whole-1", ref=name)
    assert environment.protected
    with pytest.raises(Conflict, match="because that name is protected"):
        registry.report(*nested)
    registry.report("tyk-pump", "p-1", ref=name)
    registry.environments.protect(name, protected=False, stamp=registry.stamp())
    with pytest.raises(Conflict):
        registry.report(*nested)
    assert registry.environments.get(name).reported == {"tyk", "tyk-pump"}
    assert "nested" not in registry.versions(environment.name).values()


@pytest.mark.parametrize("ref", ["feature/x-main", "main/x", "release-3.1.0/fix", "master/login"])
def test_other_names_are_free(registry: Registry, ref: str) -> None:
    assert not registry.report(ref=ref)[1].protected


def test_an_environment_that_a_person_protects_keeps_its_branches(registry: Registry) -> None:
    registry.report(ref="feature/login")
    registry.environments.protect("login", protected=True, stamp=registry.stamp())
    registry.report("tyk-pump", "p-1", ref="hotfix/login")
    registry.report(version="sha-2", ref="feature/login")
    _, environment = registry.report(version="sha-3", ref="login")
    assert (environment.protected, held(registry, "login")) == (True, "login")


def test_a_protected_name_that_a_nested_branch_got_earlier_goes_to_the_whole_one() -> None:
    registry = Registry(protected=())
    registry.report(version="nested-1", ref="feature/main")
    registry.environments.protect("main", protected=True, stamp=registry.stamp())
    now = Registry(PROTECTED, store=registry.store, now_ms=registry.now_ms)
    with pytest.raises(Conflict, match="because that name is protected"):
        now.report(version="nested-2", ref="feature/main")
    now.report(version="whole-1", ref="main")
    assert (held(now, "main"), now.versions("main")["tyk"]) == ("main", "whole-1")
    assert now.environments.get("main").protected


def test_a_dead_environment_leaves_the_name_to_a_branch_of_any_kind(registry: Registry) -> None:
    registry.report(ref="login")
    registry.environments.delete("login", registry.stamp())
    registry.now_ms += GRACE_MS
    claimed = registry.leases.claim(Work.REAP, Claimant("w", "n"), registry.now_ms)
    assert isinstance(claimed, Environment)
    registry.leases.reaped("login", Fence("w", claimed.epoch), "n", registry.stamp())
    registry.report(version="sha-2", ref="feature/login")
    assert held(registry, "login") == "feature/login"
