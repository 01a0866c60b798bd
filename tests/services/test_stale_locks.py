"""Locks of dead workers go, also where no run would come across them."""

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.phases import Work
from gromit.core.environments.terraform_locks import FoundLock, Lock, Verdict
from gromit.errors import Denied, GromitError, Temporary
from gromit.services.stale_locks import remove_stale_locks
from tests.fakes.owners import FakeOwners, owner
from tests.fakes.states import FakeStates
from tests.services.test_workers import Crew

DEAD, ALIVE = owner(2), owner(3)


def locked(states: FakeStates) -> FakeOwners:
    """Lock three environments: one by a dead worker, one by a living one, one by this process."""
    owners = FakeOwners()
    owners.dead.add(DEAD)
    for name, holder in (("dead", DEAD), ("alive", ALIVE), ("own", owners.identify())):
        states.lock(name, holder, "apply")
    return owners


def test_only_the_locks_of_dead_owners_are_removed() -> None:
    states = FakeStates()
    owners = locked(states)
    with capture_logs() as logs:
        remove_stale_locks(states, owners)
    assert set(states.locks) == {"alive", "own"}
    assert [(e["event"], e["env"]) for e in logs] == [("lock.stale_removed", "dead")]


def test_a_lock_that_another_run_has_taken_over_since_is_left() -> None:
    states = FakeStates()
    owners = locked(states)

    class Racing(FakeOwners):
        def check_owner(self, found: FoundLock) -> Verdict:
            verdict = owners.check_owner(found)
            if verdict.dead:
                assert isinstance(states.replace_lock(found, ALIVE, "apply"), Lock)
            return verdict

    remove_stale_locks(states, Racing())
    assert states.locks["dead"].owner == ALIVE


@pytest.mark.parametrize("method", ["locked", "find_lock", "unlock"])
@pytest.mark.parametrize("error", [Temporary("S3 is slow"), Denied("may not list")])
def test_a_fault_is_logged_and_ends_no_pass(method: str, error: GromitError) -> None:
    states = FakeStates()
    owners = locked(states)
    states.faults[method] = [error]
    with capture_logs() as logs:
        remove_stale_locks(states, owners)
    assert error.message in {e.get("reason") for e in logs}
    remove_stale_locks(states, owners)
    assert set(states.locks) == {"alive", "own"}


def test_a_pass_without_work_removes_them() -> None:
    crew = Crew()
    for kind in Work:
        pool = crew.workers(kind)
        holder = owner(9)
        crew.states.lock(f"left-{kind}", holder, "apply")
        assert isinstance(pool.runner.owners, FakeOwners)
        pool.runner.owners.dead.add(holder)
        pool.once()
        assert crew.states.locks == {}
