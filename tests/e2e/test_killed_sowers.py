"""A sow is killed at any moment: one more run reaches the desired state."""

from collections.abc import Callable

import pytest

from tests.e2e.stage import Stage
from tests.e2e.strikes import kill_at
from tests.waiting import wait_for

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]

STEPS = ("AcquireLock", "Verify", "Execute", "ReportDone", "Unlock")
"""Before each of these a worker is killed. Execute is the apply."""
LOCKED = frozenset(STEPS) - {"AcquireLock"}
APPLIED = frozenset({"ReportDone", "Unlock"})


def test_one_more_run_after_a_kill_at_each_step_makes_everything_as_wanted(
    install: Callable[..., Stage],
) -> None:
    stage = install(GROMIT_LEASE_TTL="10s", GROMIT_LEASE_RENEW="1s", GROMIT_SOW_PARALLEL="5")
    stage.serve()
    builds = {
        b.environment: b
        for b in (stage.build("alpha", stage.env(f"app{n}")) for n in range(len(STEPS)))
    }
    found = kill_at(stage, "sow", tuple(f"before:{step}" for step in STEPS))
    at = {step: found[f"before:{step}"] for step in STEPS}
    assert {step for step in STEPS if stage.lock(at[step])} == LOCKED
    assert {step for step in STEPS if stage.services(at[step])} == APPLIED
    before = {step: stage.ask("alpha", at[step])["task"] for step in APPLIED}

    # The one killed after its report left only its lock, so it needs new work.
    newer = stage.build("beta", at["Unlock"])
    wait_for(
        "the end of all leases", lambda: all(stage.phase(name) == "pending" for name in builds)
    )
    sow = stage.start("sow", stage.root).ended(0)

    assert {e["env"] for e in sow.events("run.finished", ending="done")} == set(builds)
    assert {e["env"] for e in sow.events("lock.judged", dead=True)} == {at[step] for step in LOCKED}
    assert {e["env"] for e in sow.events("lock.replaced")} == {at[step] for step in LOCKED}
    for name, build in builds.items():
        assert (stage.phase(name), stage.lock(name)) == ("ready", None)
        assert stage.running("alpha", name) == build.sha
    assert stage.running("beta", at["Unlock"]) == newer.sha
    assert {step: stage.ask("alpha", at[step])["task"] for step in APPLIED} == before, (
        "what ran already was left running"
    )
