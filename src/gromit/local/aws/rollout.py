"""What the scheduler of ECS does next for one service: a pure decision over its deployments and tasks.

service      PRIMARY                      older deployments          next
-----------  ---------------------------  -------------------------  ---------------------------------------------
not active   any                          any                        stop every task
active       fewer tasks than desired     any                        launch what is missing, unless it has FAILED
active       more tasks than desired      any                        stop the newest that are too many
active       all desired tasks run        have tasks                 stop those: the new ones serve
active       all desired tasks run        have none                  forget those; COMPLETED
active       3 failures, never a success  any                        FAILED, if the circuit breaker is on
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

CIRCUIT_BREAKER_FAILURES = 3
"""Failed tasks after which the circuit breaker gives a deployment up (AWS: half the desired count, at least 3)."""


class TaskStage(Enum):
    """Where a task stands."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task that has not stopped."""

    name: str
    stage: TaskStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment of a service."""

    name: str
    tasks: tuple[TaskView, ...] = ()
    """Oldest first."""
    failures: int = 0
    """Tasks of it that failed before one ever ran."""
    succeeded: bool = False
    """Whether a task of it has ever run."""
    rollout: str = "IN_PROGRESS"

    def count(self, *stages: TaskStage) -> int:
        """How many of its tasks are in one of these stages."""
        return sum(task.stage in stages for task in self.tasks)


@dataclass(frozen=True, slots=True)
class RolloutActions:
    """What to do now."""

    launch: int = 0
    """Tasks of the PRIMARY deployment to start."""
    stop: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()
    """Deployments that have been replaced entirely."""
    rollout: str = "IN_PROGRESS"
    """What the PRIMARY deployment has come to."""


def next_actions(
    desired: int, primary: Deployment, older: Sequence[Deployment], *, active: bool, breaker: bool
) -> RolloutActions:
    """The moves that bring a service nearer to what is wanted; none for a service that is there."""
    if not active:
        return RolloutActions(
            stop=_live(primary, *older), forget=_empty(older), rollout=primary.rollout
        )
    if primary.rollout == "FAILED" or (
        breaker and not primary.succeeded and primary.failures >= CIRCUIT_BREAKER_FAILURES
    ):
        return RolloutActions(stop=_surplus(primary, 0), forget=_empty(older), rollout="FAILED")
    there = primary.count(TaskStage.STARTING, TaskStage.RUNNING)
    all_run = primary.count(TaskStage.RUNNING) >= desired
    completed = all_run and there == desired and not any(d.tasks for d in older)
    return RolloutActions(
        launch=max(0, desired - there),
        stop=_surplus(primary, desired) + (_live(*older) if all_run else ()),
        forget=_empty(older),
        rollout="COMPLETED" if completed or primary.rollout == "COMPLETED" else "IN_PROGRESS",
    )


def _live(*deployments: Deployment) -> tuple[str, ...]:
    return tuple(t.name for d in deployments for t in d.tasks if t.stage is not TaskStage.STOPPING)


def _surplus(deployment: Deployment, wanted: int) -> tuple[str, ...]:
    return _live(deployment)[wanted:]


def _empty(deployments: Sequence[Deployment]) -> tuple[str, ...]:
    return tuple(d.name for d in deployments if not d.tasks)
