"""Hooks of components: data comes with an environment, and goes with it."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.ground import CATALOGUE
from tests.e2e.stage import Stage
from tests.waiting import wait_for

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]

HOOKS = str(CATALOGUE.with_name("hooks.yaml"))


def tasks(stage: Stage, family: str) -> list[dict[str, Any]]:
    """Return the tasks of a hook, also those that have ended."""
    ecs, cluster = stage.client("ecs"), family.partition("--")[0]
    arns = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in ecs.list_tasks(cluster=cluster, family=family, desiredStatus=status)["taskArns"]
    ]
    found = ecs.describe_tasks(cluster=cluster, tasks=sorted(set(arns)))["tasks"] if arns else []
    return sorted(found, key=lambda task: task["createdAt"])


def codes(stage: Stage, family: str) -> list[int | None]:
    """Return the exit code of each task of a hook, oldest first."""
    return [task["containers"][0].get("exitCode") for task in tasks(stage, family)]


def show_a_stopped_task(stage: Stage, environment: str) -> None:
    """Let Cloud Map show a task of beta that does not run any more, for hours."""
    discovery = stage.client("servicediscovery")
    services = {s["Name"]: s["Id"] for s in discovery.list_services()["Services"]}
    discovery.register_instance(
        ServiceId=services[f"beta.{environment}"],
        InstanceId="stopped",
        Attributes={"AWS_INSTANCE_IPV4": "127.0.0.1"},
    )


def test_hooks_run_once_in_a_life_also_if_their_worker_is_killed(
    install: Callable[..., Stage],
) -> None:
    stage = install(GROMIT_CATALOGUE=HOOKS, GROMIT_LEASE_TTL="10s", GROMIT_LEASE_RENEW="1s")
    stage.serve()
    name = stage.build("alpha", stage.env("app")).environment
    seed, optional = f"{name}--alpha--on-create", f"{name}--beta--on-create"

    # A worker is killed while its hook runs. The next one ends the task that is left.
    killed = stage.start("sow", stage.root)
    wait_for("the hook", lambda: stage.services(name) != [] and tasks(stage, seed) != [], 120)
    killed.signal(signal.SIGKILL)
    wait_for("the end of the lease", lambda: stage.phase(name) == "pending")
    sow = stage.start("sow", stage.root).ended(0)
    assert codes(stage, seed)[-1] == 0
    assert stage.look(name)["phase"] == "ready"
    assert (codes(stage, optional)[-3:], len(sow.events("hook.failed"))) == ([1, 1, 1], 1)
    ran = len(tasks(stage, seed))

    # Another build is no new life.
    stage.build("beta", name)
    stage.work("sow")
    assert len(tasks(stage, seed)) == ran

    show_a_stopped_task(stage, name)
    stage.delete(name)
    reap = stage.start("reap", stage.root).ended(0)
    assert reap.events(
        "run.progress", text="something uses its resources: removing them directly"
    ), "AWS keeps a name while Cloud Map still shows a task"
    (ended,) = reap.events("hook.ended")
    assert (ended["component"], ended["hook"], ended["outcome"]) == (
        "beta",
        "on_reap",
        "exit code 0",
    )
    assert stage.phase(name) == "gone"
    active = stage.client("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    assert [arn for arn in active if f"/{name}--" in arn] == []
