"""The scheduler's next actions: its table, and that following it reaches the desired state."""

from hypothesis import given
from hypothesis import strategies as st

from gromit.local.aws.rollout import (
    CIRCUIT_BREAKER_FAILURES,
    Deployment,
    RolloutActions,
    TaskStage,
    TaskView,
    next_actions,
)

RUNNING, STARTING, STOPPING = TaskStage.RUNNING, TaskStage.STARTING, TaskStage.STOPPING


def deployment(
    name: str = "new",
    *stages: TaskStage,
    rollout: str = "IN_PROGRESS",
    failures: int = 0,
    ok: bool = False,
) -> Deployment:
    tasks = tuple(TaskView(f"{name}{n}", stage) for n, stage in enumerate(stages))
    return Deployment(
        name=name,
        tasks=tasks,
        failures=failures,
        succeeded=ok or RUNNING in stages,
        rollout=rollout,
    )


def moves(
    desired: int, primary: Deployment, *older: Deployment, active: bool = True, breaker: bool = True
) -> RolloutActions:
    return next_actions(desired, primary, older, active=active, breaker=breaker)


def test_missing_tasks_are_launched() -> None:
    assert moves(2, deployment("new", STARTING)) == RolloutActions(launch=1)


def test_the_old_task_goes_only_when_the_new_one_runs() -> None:
    old = deployment("old", RUNNING)
    assert moves(1, deployment("new", STARTING), old) == RolloutActions()
    assert moves(1, deployment("new", RUNNING), old) == RolloutActions(stop=("old0",))


def test_a_deployment_is_completed_when_nothing_of_the_old_one_is_left() -> None:
    new = deployment("new", RUNNING)
    assert moves(1, new, deployment("old", STOPPING)).rollout == "IN_PROGRESS"
    assert moves(1, new, deployment("old")) == RolloutActions(forget=("old",), rollout="COMPLETED")


def test_a_completed_one_stays_so_while_a_dead_task_is_replaced() -> None:
    assert moves(1, deployment("new", rollout="COMPLETED", ok=True)) == RolloutActions(
        launch=1, rollout="COMPLETED"
    )


def test_tasks_that_are_too_many_go_newest_first() -> None:
    assert moves(1, deployment("new", RUNNING, RUNNING, STARTING)).stop == ("new1", "new2")


def test_nothing_desired_means_nothing_runs() -> None:
    assert moves(0, deployment("new", RUNNING)).stop == ("new0",)
    assert moves(0, deployment("new")).rollout == "COMPLETED"


def test_a_deleted_service_stops_everything() -> None:
    asked = moves(0, deployment("new", RUNNING), deployment("old", RUNNING), active=False)
    assert set(asked.stop) == {"new0", "old0"}
    assert asked.launch == 0


def test_the_circuit_breaker_gives_up_and_keeps_the_old_tasks() -> None:
    broken = deployment("new", failures=CIRCUIT_BREAKER_FAILURES)
    assert moves(1, broken, deployment("old", RUNNING)) == RolloutActions(rollout="FAILED")
    assert moves(
        1, deployment("new", rollout="FAILED"), deployment("old", RUNNING)
    ) == RolloutActions(rollout="FAILED")


def test_without_the_breaker_or_after_a_success_it_is_tried_on() -> None:
    assert moves(1, deployment("new", failures=99), breaker=False).launch == 1
    assert moves(1, deployment("new", failures=99, ok=True)).launch == 1


STAGES = st.lists(st.sampled_from(list(TaskStage)), max_size=4)


@given(
    desired=st.integers(0, 4), new=STAGES, olds=st.lists(STAGES, max_size=3), active=st.booleans()
)
def test_following_the_moves_leads_to_what_is_wanted(
    desired: int, new: list[TaskStage], olds: list[list[TaskStage]], active: bool
) -> None:
    primary = deployment("new", *new)
    older = [deployment(f"old{n}-", *stages) for n, stages in enumerate(olds)]
    served = bool(desired) and RUNNING in [*new, *(s for stages in olds for s in stages)]
    for _ in range(12):
        step = next_actions(desired, primary, older, active=active, breaker=True)
        primary = _follow(primary, step, launch=step.launch)
        older = [_follow(d, step) for d in older if d.name not in step.forget]
        if active and served:
            assert any(d.count(RUNNING) for d in (primary, *older)), (
                "a rollout must not leave the service without a task"
            )
    assert primary.count(RUNNING) == (desired if active else 0)
    assert primary.rollout == ("COMPLETED" if active else "IN_PROGRESS")
    assert not older
    assert next_actions(desired, primary, older, active=active, breaker=True) == RolloutActions(
        rollout=primary.rollout
    )


def _follow(was: Deployment, step: RolloutActions, *, launch: int = 0) -> Deployment:
    """Return the deployment one round later: starting tasks run, stopping ones have stopped."""
    kept = [
        TaskView(t.name, STOPPING if t.name in step.stop else RUNNING)
        for t in was.tasks
        if t.stage is not STOPPING
    ]
    fresh = [TaskView(f"{was.name}x{len(was.tasks)}{n}", STARTING) for n in range(launch)]
    rollout = step.rollout if was.name == "new" else was.rollout
    succeeded = was.succeeded or any(t.stage is RUNNING for t in kept)
    return Deployment(name=was.name, tasks=(*kept, *fresh), succeeded=succeeded, rollout=rollout)
