"""The next actions of ECS's scheduler for a service: a pure decision over deployments and tasks.

service      PRIMARY                      older deployments          next
-----------  ---------------------------  -------------------------  -------------------------------
not active   any                          any                        stop every task
active       fewer tasks than desired     any                        launch missing, unless FAILED
active       more tasks than desired      any                        stop the newest surplus tasks
active       all desired tasks run        have tasks                 stop these: the new ones serve
active       all desired tasks run        have none                  forget these; COMPLETED
active       3 failures, never a success  any                        FAILED, if the breaker is on
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

CIRCUIT_BREAKER_FAILURES = 3
"""Failed tasks after which the circuit breaker fails a deployment.

AWS uses half the desired count, but at least 3.
"""


class TaskStage(Enum):
    """Stage in the life of a task."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task that has not stopped."""

    name: str
    stage: TaskStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment of a service."""

    name: str
    tasks: tuple[TaskView, ...] = ()
    """Oldest first."""
    failures: int = 0
    """Number of its tasks that failed before one ever ran."""
    succeeded: bool = False
    """Whether one of its tasks has ever run."""
    rollout: str = "IN_PROGRESS"

    def count(self, *stages: TaskStage) -> int:
        """Return the number of its tasks in one of these stages."""
        return sum(task.stage in stages for task in self.tasks)


@dataclass(frozen=True, slots=True)
class RolloutActions:
    """Actions of the scheduler for one service."""

    launch: int = 0
    """Number of tasks of the PRIMARY deployment to start."""
    stop: tuple[str, ...] = ()
    """Tasks to stop."""
    forget: tuple[str, ...] = ()
    """Deployments that have been replaced entirely."""
    rollout: str = "IN_PROGRESS"
    """New rollout state of the PRIMARY deployment."""


def next_actions(
    desired: int, primary: Deployment, older: Sequence[Deployment], *, active: bool, breaker: bool
) -> RolloutActions:
    """Return the actions that bring a service closer to its desired state."""
    if not active:
        return RolloutActions(
            stop=_live(primary, *older), forget=_empty(older), rollout=primary.rollout
        )
    if primary.rollout == "FAILED" or (
        breaker and not primary.succeeded and primary.failures >= CIRCUIT_BREAKER_FAILURES
    ):
        return RolloutActions(stop=_surplus(primary, 0), forget=_empty(older), rollout="FAILED")
    live = primary.count(TaskStage.STARTING, TaskStage.RUNNING)
    all_run = primary.count(TaskStage.RUNNING) >= desired
    completed = all_run and live == desired and not any(d.tasks for d in older)
    replaced = _live(*older) if all_run else ()
    return RolloutActions(
        launch=max(0, desired - live),
        stop=_surplus(primary, desired) + replaced,
        forget=_empty(older),
        rollout="COMPLETED" if completed or primary.rollout == "COMPLETED" else "IN_PROGRESS",
    )


def _live(*deployments: Deployment) -> tuple[str, ...]:
    """Names of the tasks that are not stopping, oldest first."""
    tasks = [task for deployment in deployments for task in deployment.tasks]
    return tuple(task.name for task in tasks if task.stage is not TaskStage.STOPPING)


def _surplus(deployment: Deployment, desired: int) -> tuple[str, ...]:
    return _live(deployment)[desired:]


def _empty(deployments: Sequence[Deployment]) -> tuple[str, ...]:
    return tuple(d.name for d in deployments if not d.tasks)
