"""Turns of repositories when serve hands out work: with one process and two, and behind a page."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Work
from gromit.core.environments.queue_place import RunSample, queue_place, queue_positions
from gromit.core.environments.row_writes import Row
from gromit.core.environments.turns import DueRows
from gromit.core.stack.made import MadeStack
from gromit.errors import Denied
from gromit.services.leases import Leases
from gromit.services.ledger import Ledger
from gromit.services.turns import ASK_AGAIN_MS, LOOKED_UP
from tests.services.registry import MeddledStore, Registry

FLOOD = 200
QUIET = "quiet"


def flooded(store: MeddledStore | None = None, flood: int = FLOOD) -> Registry:
    """Many pending environments of one repository, and a later one of another."""
    registry = Registry(store=store or MeddledStore())
    for number in range(flood):
        registry.report(repository="tyk", ref=f"flood-{number:04}")
    registry.now_ms += 1
    registry.report(repository="tyk-analytics", ref=QUIET)
    registry.now_ms += 1
    return registry


def another_serve(registry: Registry) -> Leases:
    """A second process of serve on the same table, which knows nothing yet."""
    return Leases(Ledger(registry.store, registry.announcer), registry.leases.policy, lambda: 1.0)


def claim(registry: Registry, leases: Leases, number: int) -> Environment:
    found = leases.claim(Work.SOW, Claimant(f"worker-{number}", f"nonce-{number}"), registry.now_ms)
    assert isinstance(found, Environment)
    return found


def finish(registry: Registry, environment: Environment) -> None:
    fence = registry.fence(environment)
    made = MadeStack("hash", "recipe", ())
    registry.leases.sown(environment.name, fence, "", made, registry.stamp())


@pytest.mark.parametrize("workers", [1, 4])
def test_a_flood_delays_another_repository_by_no_more_than_the_runs_in_progress(
    workers: int,
) -> None:
    registry = flooded(flood=FLOOD)
    running = [claim(registry, registry.leases, n) for n in range(workers)]
    if workers == 1:
        assert running[0].name == "flood-0000"
        finish(registry, running.pop())
        running.append(claim(registry, registry.leases, 1))
    assert QUIET in {e.name for e in running}


def test_builds_of_others_that_come_during_a_flood_get_the_next_place() -> None:
    registry = flooded()
    for number in range(8):
        finish(registry, claim(registry, registry.leases, number))
    registry.now_ms += 1
    registry.report(repository="tyk-pump", ref="late", version="sha-9")
    assert claim(registry, registry.leases, 8).name == "late"


def test_an_environment_of_several_repositories_takes_the_turn_of_its_last_build() -> None:
    registry = flooded(flood=3)
    finish(registry, claim(registry, registry.leases, 1))
    registry.now_ms += 1
    registry.report(repository="tyk", ref=QUIET, version="sha-2")
    assert registry.leases.turns.due(
        registry.leases.ledger, Work.SOW, registry.now_ms, 9
    ).names == ("flood-0001", "flood-0002", QUIET)


def test_places_in_the_queue_are_in_the_order_of_claims() -> None:
    registry = flooded(flood=12)
    ledger, turns = registry.leases.ledger, registry.leases.turns
    claim(registry, registry.leases, 0)
    names = turns.due(ledger, Work.SOW, registry.now_ms, 1000).names
    place = queue_place(QUIET, queue_positions(names), RunSample((30.0,), 1))
    assert place is not None
    assert (place.position, place.of, place.estimate_s) == (1, 12, 30)
    assert [claim(registry, registry.leases, n).name for n in range(1, 13)] == list(names)


def test_a_look_with_one_entry_asks_for_no_repository() -> None:
    registry = flooded(flood=0)
    leases = another_serve(registry)
    assert claim(registry, leases, 1).name == QUIET
    assert registry.store.looked_up == 0


def test_a_process_knows_the_repositories_of_what_it_recorded() -> None:
    registry = flooded()
    claim(registry, registry.leases, 1)
    assert registry.store.looked_up == 0


def test_another_process_looks_each_repository_up_once() -> None:
    registry = flooded(flood=LOOKED_UP - 1)
    leases = another_serve(registry)
    for number in range(3):
        claim(registry, leases, number)
    assert registry.store.looked_up == LOOKED_UP


def test_a_row_that_moves_in_the_index_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB refuses a call that names a row twice."""
    registry = flooded(flood=2)
    due, asked = registry.store.due, list[str]()
    kept = registry.store.last_builds

    def moving(kind: str, now_ms: int, limit: int, claim_id: str | None = None) -> DueRows:
        rows = due(kind, now_ms, limit, claim_id)
        before = tuple(replace(w, due_ms=w.due_ms - 1) for w in rows.work)
        return replace(rows, held=before)

    def last_builds(names: Collection[str]) -> Mapping[str, Row]:
        asked.extend(names)
        return kept(names)

    monkeypatch.setattr(registry.store, "due", moving)
    monkeypatch.setattr(registry.store, "last_builds", last_builds)
    claim(registry, another_serve(registry), 0)
    assert sorted(asked) == ["flood-0000", "flood-0001", QUIET]


def test_another_process_sees_whose_work_runs() -> None:
    """As after a restart: what is held counts as the turn of its repository."""
    registry = flooded(flood=LOOKED_UP - 1)
    claim(registry, registry.leases, 0)
    assert claim(registry, another_serve(registry), 1).name == QUIET


def test_nothing_stays_unseen_behind_a_full_page() -> None:
    registry = flooded()
    registry.store.page_size = 20
    for number in range(FLOOD // 20 + 1):
        if claim(registry, registry.leases, number).name == QUIET:
            return
    pytest.fail("the work behind the pages was never seen")


def test_what_another_request_takes_is_tried_last() -> None:
    """The index may still show it as due, and a refused write costs as much as another one."""
    registry = flooded(flood=2)
    leases = registry.leases
    with leases.turns.trying("flood-0000"):
        assert claim(registry, leases, 1).name == QUIET
    shown = registry.store.read("flood-0000")
    assert shown is not None
    assert claim(registry, leases, 2).name == "flood-0000"
    registry.store.put(shown)  # as an index that lags behind shows it
    writes = registry.store.writes
    assert claim(registry, leases, 3).name == "flood-0001"
    assert registry.store.writes == writes + 1


def test_what_looked_taken_is_tried_if_there_is_nothing_else() -> None:
    registry = flooded(flood=1)
    leases = registry.leases
    shown = registry.store.read("flood-0000")
    assert shown is not None
    assert {claim(registry, leases, n).name for n in (1, 2)} == {"flood-0000", QUIET}
    registry.store.put(shown)  # another process has given it back
    assert claim(registry, leases, 3).name == "flood-0000"


class DeniedStore(MeddledStore):
    """A table whose policy is of an earlier release."""

    asked = 0
    is_allowed = False

    def last_builds(self, names: Collection[str]) -> Mapping[str, Row]:
        """Refuse, until it is allowed."""
        self.asked += 1
        if self.is_allowed:
            return super().last_builds(names)
        raise Denied(f"read builds of {len(names)}")


def test_without_the_right_to_look_repositories_up_age_decides() -> None:
    store = DeniedStore()
    registry = flooded(store, flood=3)
    leases = another_serve(registry)
    assert [claim(registry, leases, n).name for n in range(4)] == [
        "flood-0000",
        "flood-0001",
        "flood-0002",
        QUIET,
    ]
    assert store.asked == 1


def test_a_right_that_is_granted_counts_without_a_restart() -> None:
    store = DeniedStore()
    registry = flooded(store, flood=2)
    leases = another_serve(registry)

    def look(after_ms: int) -> tuple[int, int]:
        """Return how often it has asked and complained so far."""
        registry.now_ms += after_ms
        leases.turns.due(leases.ledger, Work.SOW, registry.now_ms, 9)
        return store.asked, [line["event"] for line in lines].count("turns.unknown")

    with capture_logs() as lines:
        assert look(0) == (1, 1)
        assert look(ASK_AGAIN_MS - 1) == (1, 1)
        assert look(1) == (2, 1)
        store.is_allowed = True
        assert look(ASK_AGAIN_MS) == (3, 1)
        store.is_allowed = False
        registry.report(repository="tyk-pump", ref="later")
        assert look(0) == (4, 2)


def test_a_damaged_repository_hides_nothing() -> None:
    registry = flooded(flood=2)
    row = registry.store.read("flood-0000")
    assert row is not None
    registry.store.put({**row, "last_build": 7})
    leases = replace(another_serve(registry))
    due = leases.turns.due(leases.ledger, Work.SOW, registry.now_ms, 9)
    assert sorted(due.names) == ["flood-0000", "flood-0001", QUIET]
