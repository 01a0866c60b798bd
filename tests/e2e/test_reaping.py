"""Environments are destroyed in a safe order, even if reap is killed; protected ones stay."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.stage import Stage
from tests.e2e.strikes import kill_at

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


@dataclass(frozen=True, slots=True)
class Left:
    """Remains of an environment."""

    records: bool
    services: bool
    state: bool
    config: bool
    lock: bool


WHOLE = Left(records=True, services=True, state=True, config=True, lock=True)
NOTHING = Left(records=False, services=False, state=False, config=False, lock=False)

MOMENTS = {
    "before:AcquireLock": Left(records=True, services=True, state=True, config=True, lock=False),
    "before:Verify": WHOLE,
    "before:Execute": WHOLE,
    "after:retire_records": Left(records=False, services=True, state=True, config=True, lock=True),
    "after:destroy": Left(records=False, services=False, state=True, config=True, lock=True),
    "after:delete": Left(records=False, services=False, state=False, config=True, lock=True),
    "after:remove": Left(records=False, services=False, state=False, config=False, lock=True),
    "before:ReportDone": Left(records=False, services=False, state=False, config=False, lock=True),
}
"""Moments at which reap is killed, and what then remains.

The order is DNS, resources, state, config.
"""


def left(stage: Stage, name: str) -> Left:
    return Left(
        records=stage.records(name) != {},
        services=stage.services(name) != [],
        state=stage.state(name) is not None,
        config=stage.config_folder(name),
        lock=stage.lock(name) is not None,
    )


@pytest.mark.long
def test_a_reaper_that_is_killed_at_each_step_is_followed_up_by_the_next_until_nothing_is_left(
    install: Callable[..., Stage],
) -> None:
    stage = install(GROMIT_LEASE_TTL="6s", GROMIT_LEASE_RENEW="0.5s")
    stage.serve()
    name = stage.build("alpha", stage.env("app")).environment
    stage.work("sow")
    stage.work("chitragupta")
    assert left(stage, name) == MOMENTS["before:AcquireLock"]
    stage.delete(name)
    for moment, expected in MOMENTS.items():
        stage.until_phase(name, "deleting")
        kill_at(stage, "reap", (moment,))
        assert (moment, left(stage, name)) == (moment, expected)
        assert stage.phase(name) in {"reaping", "deleting"}, "the row stays until all is gone"
    stage.until_phase(name, "deleting")
    reap = stage.start("reap", stage.root).ended(0)
    assert len(reap.events("lock.replaced", env=name)) == 1
    assert (stage.phase(name), left(stage, name)) == ("gone", NOTHING)
    assert stage.records() == {}


def test_a_lock_that_a_reaper_left_after_its_work_is_recovered_by_who_comes_next(
    install: Callable[..., Stage],
) -> None:
    stage = install(GROMIT_LEASE_TTL="6s", GROMIT_LEASE_RENEW="0.5s")
    stage.serve()
    name = stage.build("alpha", stage.env("app")).environment
    stage.delete(name)
    kill_at(stage, "reap", ("before:Unlock",))
    assert (stage.phase(name), stage.lock(name) is None) == ("gone", False), (
        "no other worker takes it over"
    )
    stage.build("alpha", name)
    stage.delete(name)
    reap = stage.start("reap", stage.root).ended(0)
    assert len(reap.events("lock.replaced", env=name)) == 1
    assert (stage.phase(name), stage.lock(name)) == ("gone", None)


@pytest.mark.long
def test_nothing_is_destroyed_within_the_grace_and_a_build_revives(
    install: Callable[..., Stage],
) -> None:
    stage = install(GROMIT_REAP_GRACE="1h")
    stage.serve()
    name = stage.env("app")
    first, other = stage.build("alpha", name), stage.build("beta", name)
    stage.work("sow")
    task = stage.ask("alpha", name)["task"]
    stage.delete(name)
    assert stage.work("reap").json == []
    assert plan(stage, "reap")[name]["why"].startswith(
        "it is deleted, but a build can revive it for 3"
    )
    assert (stage.phase(name), stage.services(name)) == ("deleting", ["alpha", "beta"])
    newer = stage.build("beta", name)
    assert stage.work("sow").endings == {name: "done"}
    assert (stage.running("alpha", name), stage.running("beta", name)) == (first.sha, newer.sha)
    assert other.sha != newer.sha
    assert stage.ask("alpha", name)["task"] == task, "what had not changed was left running"
    assert stage.work("reap").json == []


def test_what_is_protected_is_neither_deleted_nor_reaped(stage: Stage) -> None:
    stage.build("alpha", "master")
    refused = stage.gromit("env", "delete", "master", code=1)
    assert "master is protected" in refused.err
    assert "gromit env unprotect master" in refused.err
    app, table = stage.env("app"), stage.client("dynamodb")
    stage.build("alpha", app)
    stage.gromit("env", "protect", app)
    stage.gromit("env", "delete", app, code=1)
    # No version of serve writes such a row: a protected environment that is to be destroyed.
    table.update_item(
        TableName=stage.name,
        Key={"name": {"S": app}},
        UpdateExpression="SET want = :gone, #work = :reap, due = :now, "
        "generation = generation + :one",
        ExpressionAttributeNames={"#work": "work"},
        ExpressionAttributeValues={
            ":gone": {"S": "gone"},
            ":reap": {"S": "reap"},
            ":now": {"N": "0"},
            ":one": {"N": "1"},
        },
    )
    assert stage.phase(app) == "deleting"
    assert "protected" in plan(stage, "reap")[app]["why"]
    assert stage.work("reap").json == []
    assert stage.phase(app) == "deleting"


def test_a_run_destroys_only_so_many(install: Callable[..., Stage]) -> None:
    stage = install(GROMIT_REAP_LIMIT="2")
    stage.serve()
    names = [stage.build("alpha", stage.env(f"app{n}")).environment for n in range(3)]
    for name in names:
        stage.delete(name)
    planned = plan(stage, "reap")
    assert sorted(planned[name]["action"] for name in names) == ["none", "reap", "reap"]
    assert set(stage.work("reap").endings.values()) == {"done"}
    assert sorted(stage.phase(name) for name in names) == ["deleting", "gone", "gone"]
    assert len(stage.work("reap").endings) == 1
    assert {stage.phase(name) for name in names} == {"gone"}


def plan(stage: Stage, command: str) -> dict[str, dict[str, Any]]:
    """Return the planned action of each environment in a dry run."""
    return {row["name"]: row for row in stage.work(command, "--dry-run").json}
