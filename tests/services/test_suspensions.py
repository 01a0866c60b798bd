"""Suspensions at serve: who gets no work, what goes on, and how they end."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Phase, Work
from gromit.core.environments.suspensions import (
    EVERYTHING,
    PUT_OFF_MS,
    SUSPENSION_ROW,
    SUSPENSIONS_MAX,
    ActiveSuspension,
    FileReport,
    ScopeKind,
    SuspensionScope,
)
from gromit.core.stack.made import MadeStack
from gromit.errors import Conflict, InvalidInput, NotFound, Suspended
from gromit.services.leases import CANDIDATES, NoWorkAvailable
from gromit.services.reporting import BuildResult
from tests.services.registry import GRACE_MS, TTL_MS, Registry

A = SuspensionScope(ScopeKind.ENVIRONMENT, "a")
TYK = SuspensionScope(ScopeKind.REPOSITORY, "tyk")


@pytest.fixture
def registry() -> Registry:
    """Return a registry where `a` is due longest, then `b` of another repository."""
    registry = Registry()
    registry.report(ref="a")
    registry.now_ms += 1
    registry.report(repository="tyk-pump", ref="b")
    return registry


def suspend(
    registry: Registry,
    scope: SuspensionScope = EVERYTHING,
    until_ms: int | None = None,
    who: str = "operator:alice",
) -> ActiveSuspension:
    return registry.suspensions.suspend(scope, "mongo moves", until_ms, registry.stamp(who))


def resume(registry: Registry, scope: SuspensionScope = EVERYTHING) -> None:
    assert registry.suspensions.resume(scope, "it has moved", registry.stamp("operator:bob"))


def claim(registry: Registry, nonce: str = "n", kind: Work = Work.SOW) -> str | None:
    """Claim work, and return the name of its environment."""
    found = registry.leases.claim(kind, Claimant("w", nonce), registry.now_ms)
    return None if isinstance(found, NoWorkAvailable) else found.name


@pytest.mark.parametrize("kind", Work)
def test_no_worker_gets_work_while_everything_is_suspended(registry: Registry, kind: Work) -> None:
    registry.environments.delete("b", registry.stamp())
    registry.now_ms += GRACE_MS
    suspend(registry)
    before = registry.store.read("a"), registry.store.read("b")
    with pytest.raises(
        Suspended, match=r"processing is suspended by operator:alice since .*: mongo"
    ):
        claim(registry, kind=kind)
    assert (registry.store.read("a"), registry.store.read("b")) == before
    resume(registry)
    assert claim(registry, kind=kind) == ("a" if kind is Work.SOW else "b")


def test_builds_and_deletions_are_accepted_meanwhile(registry: Registry) -> None:
    suspend(registry)
    assert registry.report(ref="c")[0] is BuildResult.ACCEPTED
    registry.environments.delete("a", registry.stamp())
    resume(registry)
    assert {claim(registry, "1"), claim(registry, "2"), claim(registry, "3")} == {"b", "c", None}


def test_a_run_that_has_begun_is_finished(registry: Registry) -> None:
    found = registry.leases.claim(Work.SOW, Claimant("w", "n"), registry.now_ms)
    assert isinstance(found, Environment)
    suspend(registry)
    suspend(registry, A)
    fence = registry.fence(found)
    registry.leases.renew("a", fence, registry.now_ms + TTL_MS)
    registry.leases.sown("a", fence, "n", MadeStack("hash"), registry.stamp())
    assert registry.phase("a") is Phase.READY


@pytest.mark.parametrize("scope", [A, TYK])
def test_one_environment_or_repository_is_passed_over_and_the_others_go_on(
    registry: Registry, scope: SuspensionScope
) -> None:
    suspend(registry, scope)
    assert (claim(registry, "1"), claim(registry, "2")) == ("b", None)
    assert registry.phase("a") is Phase.PENDING
    resume(registry, scope)
    assert claim(registry, "3") == "a"


def test_many_suspended_environments_hide_no_other(registry: Registry) -> None:
    for number in range(3 * CANDIDATES):
        registry.report(ref=f"x{number}")
    registry.now_ms += 1
    registry.report(repository="tyk-pump", ref="last")
    suspend(registry, TYK)
    assert [claim(registry, str(n)) for n in range(3)] == ["b", "last", None]
    resume(registry, TYK)
    assert {claim(registry, f"r{n}") for n in range(3 * CANDIDATES)} >= {"a", "x0"}


def test_a_claim_whose_answer_was_lost_is_answered_also_when_it_is_suspended_now(
    registry: Registry,
) -> None:
    assert claim(registry, "same") == "a"
    suspend(registry, A)
    assert claim(registry, "same") == "a"


def test_it_ends_by_itself(registry: Registry) -> None:
    until = registry.now_ms + PUT_OFF_MS
    suspend(registry, A, until)
    assert (claim(registry, "1"), claim(registry, "2")) == ("b", None)
    suspend(registry, EVERYTHING, until)
    registry.now_ms = until - 1
    with pytest.raises(Suspended):
        claim(registry, "3")
    registry.now_ms = until
    assert claim(registry, "4") == "a"


def test_the_backoff_of_a_failure_outlasts_a_suspension(registry: Registry) -> None:
    suspend(registry, A)
    row = {**(registry.store.read("a") or {}), "attempts": 2, "due": registry.now_ms + 10**7}
    registry.store.put(row)
    resume(registry, A)
    assert (registry.store.read("a") or {})["due"] == row["due"]


def test_the_history_and_the_log_say_who_and_why(registry: Registry) -> None:
    with capture_logs() as lines:
        suspend(registry, A)
        resume(registry, A)
    events = registry.environments.inspect("a").events[-2:]
    assert [(e.kind, e.actor) for e in events] == [
        ("suspended", "operator:alice"),
        ("resumed", "operator:bob"),
    ]
    assert "mongo moves" in events[0].text
    logged = [line for line in lines if line["event"].startswith("processing.")]
    assert [(line["target"], line["by"], line["reason"]) for line in logged] == [
        ("a", "operator:alice", "mongo moves"),
        ("a", "operator:bob", "it has moved"),
    ]


@pytest.mark.parametrize("scope", [EVERYTHING, TYK])
def test_those_who_wait_hear_of_it(registry: Registry, scope: SuspensionScope) -> None:
    suspend(registry, scope)
    resume(registry, scope)
    assert registry.announcer.heard[-2:] == [
        (scope.target or "*", "suspended"),
        (scope.target or "*", "resumed"),
    ]


@pytest.mark.parametrize("scope", [EVERYTHING, TYK, A])
def test_its_end_wakes_every_watcher_because_work_was_made_due_before(
    registry: Registry, scope: SuspensionScope
) -> None:
    suspend(registry, scope)
    resume(registry, scope)
    assert registry.announcer.woken[-1] is None


def test_a_second_suspension_is_refused_with_the_first_and_its_end_frees_the_place(
    registry: Registry,
) -> None:
    suspend(registry, A, registry.now_ms + 5)
    with pytest.raises(Conflict, match="environment a is already suspended by operator:alice"):
        suspend(registry, A, who="operator:bob")
    suspend(registry)
    registry.now_ms += 5
    suspend(registry, A)


def test_the_same_suspension_again_moves_its_end(registry: Registry) -> None:
    first = suspend(registry, A, registry.now_ms + 5000)
    registry.now_ms += 1000
    again = suspend(registry, A, registry.now_ms + 9000)
    assert (again.since, again.until_ms) == (first.since, registry.now_ms + 9000)
    assert registry.suspensions.current(registry.now_ms).at(A) == again


REFUSED: dict[str, tuple[Callable[[Registry], object], type[Exception]]] = {
    "unknown environment": (
        lambda r: suspend(r, SuspensionScope(ScopeKind.ENVIRONMENT, "nowhere")),
        NotFound,
    ),
    "unknown repository": (
        lambda r: r.suspensions.scope(ScopeKind.REPOSITORY, "nothing"),
        InvalidInput,
    ),
    "no target": (lambda r: r.suspensions.scope(ScopeKind.ENVIRONMENT, None), InvalidInput),
    "needless target": (lambda r: r.suspensions.scope(ScopeKind.ALL, "a"), InvalidInput),
    "end in the past": (lambda r: suspend(r, A, r.now_ms), InvalidInput),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused(registry: Registry, case: str) -> None:
    act, error = REFUSED[case]
    with pytest.raises(error):
        act(registry)
    assert registry.store.read(SUSPENSION_ROW) is None


def test_resuming_what_runs_changes_nothing(registry: Registry) -> None:
    assert registry.suspensions.resume(EVERYTHING, "", registry.stamp()) is None
    assert registry.store.read(SUSPENSION_ROW) is None


def test_there_is_an_end_to_the_number_of_suspensions(registry: Registry) -> None:
    for number in range(SUSPENSIONS_MAX):
        registry.report(ref=f"x{number}")
        suspend(registry, SuspensionScope(ScopeKind.ENVIRONMENT, f"x{number}"))
    with pytest.raises(Conflict, match="there are 100 suspensions already"):
        suspend(registry)


def test_a_damaged_row_of_suspensions_fails_closed(registry: Registry) -> None:
    registry.store.put({"name": SUSPENSION_ROW, "all": "x"})
    with pytest.raises(Suspended, match="`all` of the row #suspensions cannot be read"):
        claim(registry)
    resume(registry)
    assert claim(registry) == "a"


def test_the_reserved_row_is_in_no_list(registry: Registry) -> None:
    suspend(registry)
    page = registry.environments.page(None, 10)
    assert ([e.name for e in page.environments], page.unreadable) == (["a", "b"], [])


def test_a_worker_that_sees_the_file_is_shown_until_another_one_asks_for_work(
    registry: Registry,
) -> None:
    registry.suspensions.worker_halted(FileReport("mongo", "alice@bastion", "T"), registry.now_ms)
    shown = registry.suspensions.current(registry.now_ms).shown_for("a", ())
    assert str(shown) == "suspended by alice@bastion since T: mongo"
    writes = registry.store.writes
    registry.suspensions.worker_halted(FileReport("mongo", "alice@bastion", "T"), registry.now_ms)
    assert registry.store.writes == writes
    assert claim(registry) == "a"
    assert registry.suspensions.current(registry.now_ms).found == ()
