"""The Fargate simulator: ECS services of the emulator get tasks, and each task a real process on real addresses.

It works inside the emulator, under its lock, in one thread that sleeps until something happens: a request that changed something, a
container that listens or has ended, a retry that is due. What to do for a service is decided in `rollout`, how a task runs in
`placement`; this module does it.
"""

import threading
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import structlog
from moto.core.utils import utcnow
from moto.ecs.models import Service, Task, ecs_backends

from gromit.local.aws import emulator
from gromit.local.aws.containers import ContainerExited, ContainerReady, Containers
from gromit.local.aws.moto_patches.services import has_circuit_breaker, running_tasks
from gromit.local.aws.moto_patches.tasks import mark_stopped
from gromit.local.aws.placement import Host, TaskCannotStart, give_public_address, plan_container
from gromit.local.aws.registration import deregister, register
from gromit.local.aws.rollout import Deployment, RolloutActions, TaskStage, TaskView, next_actions

_STAGES = {"RUNNING": TaskStage.RUNNING, "STOPPING": TaskStage.STOPPING}
_KEPT = 3600
"""Seconds that stopped tasks stay listed."""

_EVENTS = 100
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
"""Seconds before a failed task is tried again; they double with each failure."""

_HEALTHY = 10.0
"""Seconds after which a task counts as one that runs."""

_PATIENCE = 2.0
"""Seconds that a container has to end by itself."""

log = structlog.get_logger(__name__)


class Fargate:
    """Runs the tasks of all ECS services of one account and region of the emulator in this process."""

    def __init__(self, ground: Host, changed: Callable[[], None]) -> None:
        self._ground, self._changed = ground, changed
        self._containers = Containers()
        self._thread = threading.Thread(target=self._run, name="fargate", daemon=True)
        self._stopped = False
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._kill_at: dict[str, float] = {}
        self._why: dict[str, str] = {}

    def start(self) -> None:
        """Start the tasks that the state says should run, and go on from there."""
        self._thread.start()

    def wake(self) -> None:
        """Something may have changed; returns at once."""
        self._containers.wake()

    def stop(self) -> None:
        """End all containers. The state still says that the tasks run: the next simulator starts them again."""
        self._stopped = True
        self._containers.wake()
        self._thread.join()

    def _run(self) -> None:
        happened: list[ContainerReady | ContainerExited] = []
        try:
            with emulator.lock:
                self._match_tasks()
            while not self._stopped:
                with emulator.lock:
                    pause = self._step(happened)
                happened = self._containers.wait(pause)
        finally:
            self._containers.close()

    def _step(self, happened: list[ContainerReady | ContainerExited]) -> float | None:
        """Take in what happened, then do what every service needs; gives the seconds until something is due."""
        tasks = {t.id: t for cluster in self._ecs.tasks.values() for t in cluster.values()}
        for event in happened:
            self._take_in(event, tasks.get(event.name))
        for service in list(self._ecs.services.values()):
            try:
                self._serve(service)
            except Exception:  # one service that cannot be worked on must not stop the others
                log.exception("fargate.service_failed", service=service.arn)
        self._match_tasks()
        self._match_containers()
        return self._next_due()

    @property
    def _ecs(self) -> Any:
        return ecs_backends[self._ground.account][self._ground.region]

    # ── what containers say ──

    def _take_in(self, event: ContainerReady | ContainerExited, task: Task | None) -> None:
        self._kill_at.pop(event.name, None)
        if task is None:
            return
        self._changed()
        service = self._service_of(task)
        if task.last_status == "STOPPED":  # by StopTask, which knows nothing of Cloud Map
            if service:
                deregister(service, task)
        elif isinstance(event, ContainerExited):
            self._end(service, task, event)
        elif task.desired_status == "RUNNING":
            _mark_running(service, task)

    def _end(self, service: Service | None, task: Task, event: ContainerExited) -> None:
        ran = task.last_status == "RUNNING"
        healthy = ran and (utcnow() - task.started_at).total_seconds() > _HEALTHY
        for container in task.containers:
            container.exitCode, container.reason = event.code, event.words or None
        asked = task.desired_status == "STOPPED"
        reason, code = ("Essential container in task exited", "EssentialContainerExited")
        if asked:
            reason, code = self._why.pop(task.id, "Task stopped"), "ServiceSchedulerInitiated"
        if service:
            deregister(service, task)
            if not asked:
                self._count_failure(service, task, fresh=healthy)
        mark_stopped(task, reason, code)

    def _count_failure(self, service: Service, task: Task, *, fresh: bool) -> None:
        deployment = _deployment(service, task.started_by)
        if not deployment.get("succeeded"):
            deployment["failedTasks"] = deployment.get("failedTasks", 0) + 1
        count = self._failures[service.arn] = 1 if fresh else self._failures.get(service.arn, 0) + 1
        self._not_before[service.arn] = time.monotonic() + min(
            _FIRST_PAUSE * 2 ** (count - 1), _LONGEST_PAUSE
        )

    # ── what services need ──

    def _serve(self, service: Service) -> None:
        live = running_tasks(self._ecs, service)
        if not service.deployments or (service.status == "INACTIVE" and not live):
            return
        primary, *older = (_view(d, live) for d in service.deployments)
        moves = next_actions(
            service.desired_count,
            primary,
            older,
            active=service.status == "ACTIVE",
            breaker=has_circuit_breaker(service),
        )
        for name in moves.stop:
            self._stop_task(service, next(t for t in live if t.id == name))
        if time.monotonic() >= self._not_before.get(service.arn, 0):
            for _ in range(moves.launch):
                self._launch(service)
        self._write(service, moves)

    def _launch(self, service: Service) -> None:
        """Start one task of the PRIMARY deployment; one that cannot start is STOPPED at once, and says why."""
        definition = self._ecs.describe_task_definition(service.task_definition)
        cluster = self._ecs.clusters[service.cluster_name]
        tasks = self._ecs.tasks.setdefault(cluster.name, {})
        network = deepcopy(service.network_configuration)
        subnets = network["awsvpcConfiguration"]["subnets"]
        network["awsvpcConfiguration"]["subnets"] = (
            subnets[len(tasks) % len(subnets) :] + subnets[: len(tasks) % len(subnets)]
        )
        task = Task(
            cluster,
            definition,
            None,
            {},
            self._ecs,
            f"service:{service.name}",
            launch_type="FARGATE",
            started_by=service.deployments[0]["id"],
            tags=list(service.tags) if service.propagate_tags == "SERVICE" else [],
            networking_configuration=network,
            platform_version=service.platform_version,
        )
        tasks[task.task_arn] = task
        _add_event(service, f"has started 1 tasks: (task {task.id}).")
        self._changed()
        self._start_container(task)

    def _start_container(self, task: Task) -> None:
        task.last_status = "PENDING"
        try:
            give_public_address(task, self._ground)
            spec = plan_container(
                task, self._ecs.describe_task_definition(task.task_definition_arn), self._ground
            )
        except TaskCannotStart as error:
            service = self._service_of(task)
            if service:
                deregister(service, task)
                self._count_failure(service, task, fresh=False)
            mark_stopped(task, str(error), "TaskFailedToStart")
        else:
            self._containers.start(task.id, spec)

    def _stop_task(self, service: Service, task: Task) -> None:
        task.last_status, task.desired_status = "STOPPING", "STOPPED"
        self._why[task.id] = f"Scaling activity initiated by (deployment {task.started_by})"
        deregister(service, task)
        _add_event(service, f"has stopped 1 running tasks: (task {task.id}).")
        self._stop_container(task.id)
        self._changed()

    def _stop_container(self, name: str) -> None:
        self._kill_at[name] = time.monotonic() + _PATIENCE
        self._containers.stop(name)

    def _write(self, service: Service, moves: RolloutActions) -> None:
        """Bring the service's and its deployments' numbers and states up to date."""
        live = running_tasks(self._ecs, service)
        service.deployments[:] = [d for d in service.deployments if d["id"] not in moves.forget]
        for deployment in service.deployments:
            view = _view(deployment, live)
            deployment["runningCount"], deployment["pendingCount"] = (
                view.count(TaskStage.RUNNING),
                view.count(TaskStage.STARTING),
            )
        service.running_count = sum(t.last_status == "RUNNING" for t in live)
        service.pending_count = sum(t.last_status == "PENDING" for t in live)
        primary = service.deployments[0]
        if moves.rollout != primary["rolloutState"]:
            primary.update(
                rolloutState=moves.rollout,
                rolloutStateReason=_rollout_reason(primary["id"], moves.rollout),
            )
            primary["updatedAt"] = utcnow()
            _add_event(service, _rollout_event(primary["id"], moves.rollout))
            self._changed()
        if service.status == "DRAINING" and not live:
            service.status = "INACTIVE"
            self._changed()

    # ── containers and tasks brought together ──

    def _match_tasks(self) -> None:
        """Give every task that has not stopped its container; end those that were stopping without one; forget old ones."""
        now = utcnow()
        for tasks in self._ecs.tasks.values():
            for arn, task in list(tasks.items()):
                if task.last_status == "STOPPED":
                    if (now - task.stopped_at).total_seconds() > _KEPT:
                        del tasks[arn]
                elif task.id not in self._containers and task.desired_status == "RUNNING":
                    self._start_container(task)
                elif task.id not in self._containers:
                    self._end(self._service_of(task), task, ContainerExited(task.id, 0, ""))

    def _match_containers(self) -> None:
        """Stop containers whose task has stopped or is gone, and kill those that do not end."""
        now = time.monotonic()
        live = {
            t.id
            for tasks in self._ecs.tasks.values()
            for t in tasks.values()
            if t.last_status != "STOPPED"
        }
        for name in self._containers.names:
            if name not in live and name not in self._kill_at:
                self._stop_container(name)
            elif now >= self._kill_at.get(name, now + 1):
                self._containers.stop(name, at_once=True)

    def _next_due(self) -> float | None:
        now = time.monotonic()
        due = [at for at in (*self._not_before.values(), *self._kill_at.values()) if at > now]
        return min(due) - now if due else None

    def _service_of(self, task: Task) -> Service | None:
        name = task.group.removeprefix("service:") if task.group.startswith("service:") else ""
        return self._ecs.services.get(f"{task.cluster_name}:{name}")


def _mark_running(service: Service | None, task: Task) -> None:
    task.last_status, task.started_at = "RUNNING", utcnow()
    for container in task.containers:
        container.last_status = "RUNNING"
    if service:
        register(service, task)
        _deployment(service, task.started_by).update(failedTasks=0, succeeded=True)


def _view(deployment: dict[str, Any], live: list[Task]) -> Deployment:
    own = [t for t in live if t.started_by == deployment["id"]]
    return Deployment(
        name=deployment["id"],
        tasks=tuple(TaskView(t.id, _STAGES.get(t.last_status, TaskStage.STARTING)) for t in own),
        failures=deployment.get("failedTasks", 0),
        succeeded=bool(deployment.get("succeeded")),
        rollout=deployment["rolloutState"],
    )


def _deployment(service: Service, name: str) -> dict[str, Any]:
    return next((d for d in service.deployments if d["id"] == name), {})


def _rollout_reason(name: str, state: str) -> str:
    if state == "FAILED":
        return "ECS deployment circuit breaker: tasks failed to start."
    return f"ECS deployment {name} {state.lower().replace('_', ' ')}."


def _rollout_event(name: str, state: str) -> str:
    if state == "FAILED":
        return f"(deployment {name}) deployment failed: tasks failed to start."
    return f"(deployment {name}) deployment completed."


def _add_event(service: Service, message: str) -> None:
    """Add to the service's events, newest first."""
    number = f"{len(service.events)}-{time.monotonic_ns()}"
    service.events.insert(
        0, {"id": number, "createdAt": utcnow(), "message": f"(service {service.name}) {message}"}
    )
    del service.events[_EVENTS:]
