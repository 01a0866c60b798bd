"""A parked environment runs nothing, records builds, and comes back with the newest version."""

import pytest

from tests.e2e.stage import Stage
from tests.waiting import wait_for

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]


def test_a_parked_environment_runs_nothing_until_it_comes_back(stage: Stage) -> None:
    name = stage.env("parked")
    stage.build("alpha", name)
    assert stage.work("sow").endings == {name: "done"}
    assert stage.running("alpha", name, public=True), "sow publishes what it has made"

    stage.gromit("env", "park", name)
    assert stage.work("sow").endings == {name: "done"}
    assert stage.phase(name) == "parked"
    assert stage.records(name) == {}
    stage.work("chitragupta")
    assert stage.records(name) == {}
    shown = stage.gromit("cluster", "show", name, "-o", "json").json
    assert shown["services"]
    assert {(s["running"], s["desired"]) for s in shown["services"]} == {(0, 0)}

    newest = stage.build("alpha", name)
    assert stage.work("sow").endings == {}
    assert stage.phase(name) == "parked"
    waited = stage.gromit("env", "wait", name, "--timeout", "1s", code=1)
    assert "unpark it with `gromit env unpark`" in waited.err

    stage.gromit("env", "unpark", name)
    assert stage.work("sow").endings == {name: "done"}
    assert stage.phase(name) == "ready"
    assert stage.look(name)["versions"]["alpha"]["version"] == newest.sha
    assert stage.running("alpha", name, public=True) == newest.sha
    stage.work("chitragupta")
    stage.gromit("env", "wait", name, "--timeout", "120s")
    follow_a_new_task(stage, name)


def follow_a_new_task(stage: Stage, name: str) -> None:
    """Replace a task; one pass of chitragupta, as ECS's event starts it, moves the name."""
    before = _tasks(stage, name)
    ecs = stage.client("ecs")
    ecs.update_service(cluster=name, service="alpha", forceNewDeployment=True)
    wait_for("the next task alone", lambda: _is_replaced(_tasks(stage, name), before), 60)
    stage.work("chitragupta")
    assert [stage.ask("alpha", name, public=True)["task"]] == _tasks(stage, name)


def _is_replaced(tasks: list[str], before: list[str]) -> bool:
    return len(tasks) == 1 and tasks != before


def _tasks(stage: Stage, environment: str) -> list[str]:
    """Return the ids of the running tasks of a component."""
    found = stage.client("ecs").list_tasks(cluster=environment, serviceName="alpha")["taskArns"]
    return [arn.rpartition("/")[2] for arn in found]
