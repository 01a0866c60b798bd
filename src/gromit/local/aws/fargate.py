"""The Fargate simulator: runs the tasks of the emulator's ECS services as processes.

Each task is a real process on real addresses. The simulator works inside the emulator, under its
lock, in one thread. The thread sleeps until a request has changed something, a container listens or
has exited, or a retry is due. `rollout` decides what to do for a service, `placement` how a task
runs; this module does it.
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
from gromit.local.aws.containers import (
    ContainerEvent,
    ContainerExited,
    ContainerOutput,
    Containers,
)
from gromit.local.aws.moto_patches.exec_command import connect_agent, switch_exec
from gromit.local.aws.moto_patches.services import has_circuit_breaker, running_tasks
from gromit.local.aws.moto_patches.tasks import mark_stopped
from gromit.local.aws.placement import Host, TaskCannotStart, give_public_address, plan_container
from gromit.local.aws.registration import Departures, register
from gromit.local.aws.rollout import Deployment, RolloutActions, TaskStage, TaskView, next_actions
from gromit.local.aws.task_log import forget_log, open_log, write_log

_STAGES = {"RUNNING": TaskStage.RUNNING, "STOPPING": TaskStage.STOPPING}
_KEPT = 3600
"""Seconds for which a stopped task stays in listings."""

_EVENTS = 100
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
"""Pause in seconds before a failed task starts again; it doubles with each failure."""

_HEALTHY = 30.0
"""Seconds after which a running task counts as healthy, longer than programs wait for a peer."""

log = structlog.get_logger(__name__)


class Fargate:
    """Runs the tasks of all ECS services in one account and region of the emulator."""

    def __init__(
        self,
        host: Host,
        changed: Callable[[], None],
        *,
        publish: Callable[[], None] = lambda: None,
    ) -> None:
        """`publish` is called under the lock after each step, when names may have changed."""
        self._host, self._changed, self._publish = host, changed, publish
        self._containers = Containers()
        self._departures = Departures(host.departure_s)
        self._thread = threading.Thread(target=self._run, name="fargate", daemon=True)
        self._stopped = False
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._kill_at: dict[str, float] = {}
        self._stop_reasons: dict[str, str] = {}

    def start(self) -> None:
        """Start the tasks that run according to the state, and keep simulating."""
        self._thread.start()

    @property
    def containers(self) -> Containers:
        """Containers of all tasks."""
        return self._containers

    def wake(self) -> None:
        """Note that something may have changed; return at once."""
        self._containers.wake()

    def stop(self) -> None:
        """End all containers.

        In the state their tasks still run, so the next simulator starts them again.
        """
        self._stopped = True
        self._containers.wake()
        self._thread.join()

    def _run(self) -> None:
        events: list[ContainerEvent] = []
        try:
            with emulator.lock:
                self._publish()
                self._resume_departures()
                self._match_tasks()
            while not self._stopped:
                with emulator.lock:
                    pause = self._step(events)
                    self._publish()
                # Without the lock: requests must not wait for containers.
                events = self._containers.wait(pause)
        finally:
            self._containers.close()

    def _step(self, events: list[ContainerEvent]) -> float | None:
        """Handle events, then schedule every service.

        Return the seconds until something is due; None if nothing is.
        """
        tasks = {task.id: task for task in self._tasks()}
        for event in events:
            self._handle(event, tasks.get(event.name))
        for service in list(self._ecs.services.values()):
            try:
                self._schedule(service)
            except Exception:  # one broken service must not stop the others
                log.exception("fargate.service_failed", service=service.arn)
        self._match_tasks()
        self._match_containers()
        return self._next_due()

    @property
    def _ecs(self) -> Any:
        return ecs_backends[self._host.account][self._host.region]

    def _tasks(self) -> list[Task]:
        """All tasks of all clusters."""
        return [task for tasks in self._ecs.tasks.values() for task in tasks.values()]

    # ── events of containers ──

    def _handle(self, event: ContainerEvent, task: Task | None) -> None:
        if isinstance(event, ContainerOutput):
            if task is not None:
                write_log(task, self._container_of(task), event.lines)
            return
        self._kill_at.pop(event.name, None)
        if task is None:
            return
        self._changed()
        service = self._service_of(task)
        if task.last_status == "STOPPED":
            # The client called StopTask, and moto's StopTask does not change Cloud Map.
            if service:
                self._departures.deregister(service, task, time.monotonic())
        elif isinstance(event, ContainerExited):
            self._end(service, task, event)
        elif task.desired_status == "RUNNING":
            _mark_running(service, task)

    def _end(self, service: Service | None, task: Task, event: ContainerExited) -> None:
        ran = task.last_status == "RUNNING"
        healthy = ran and (utcnow() - task.started_at).total_seconds() > _HEALTHY
        for container in task.containers:
            container.exitCode, container.reason = event.code, event.output or None
        requested = task.desired_status == "STOPPED"
        reason, code = ("Essential container in task exited", "EssentialContainerExited")
        if requested:
            reason = self._stop_reasons.pop(task.id, "Task stopped")
            code = "ServiceSchedulerInitiated"
        if service:
            self._departures.deregister(service, task, time.monotonic())
            if not requested:
                self._count_failure(service, task, fresh=healthy)
        mark_stopped(task, reason, code)

    def _count_failure(self, service: Service, task: Task, *, fresh: bool) -> None:
        deployment = _deployment(service, task.started_by)
        if not deployment.get("succeeded"):
            deployment["failedTasks"] = deployment.get("failedTasks", 0) + 1
        # The first failure after a healthy run starts the backoff again.
        count = 1 if fresh else self._failures.get(service.arn, 0) + 1
        self._failures[service.arn] = count
        pause = min(_FIRST_PAUSE * 2 ** (count - 1), _LONGEST_PAUSE)
        self._not_before[service.arn] = time.monotonic() + pause

    # ── scheduling of services ──

    def _schedule(self, service: Service) -> None:
        live = running_tasks(self._ecs, service)
        if not service.deployments or (service.status == "INACTIVE" and not live):
            return
        primary, *older = (_view(d, live) for d in service.deployments)
        actions = next_actions(
            service.desired_count,
            primary,
            older,
            active=service.status == "ACTIVE",
            breaker=has_circuit_breaker(service),
        )
        for name in actions.stop:
            self._stop_task(service, next(t for t in live if t.id == name))
        if time.monotonic() >= self._not_before.get(service.arn, 0):
            for _ in range(actions.launch):
                self._launch(service)
        self._update(service, actions)

    def _launch(self, service: Service) -> None:
        """Start one task of the PRIMARY deployment.

        A task that cannot start is STOPPED at once, with the reason.
        """
        definition = self._ecs.describe_task_definition(service.task_definition)
        cluster = self._ecs.clusters[service.cluster_name]
        tasks = self._ecs.tasks.setdefault(cluster.name, {})
        network = deepcopy(service.network_configuration)
        # Moto takes the first subnet. Rotate them, so that tasks spread over all.
        subnets = network["awsvpcConfiguration"]["subnets"]
        first = len(tasks) % len(subnets)
        network["awsvpcConfiguration"]["subnets"] = subnets[first:] + subnets[:first]
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
        switch_exec(task, on=getattr(service, "enable_execute_command", False))
        tasks[task.task_arn] = task
        _add_event(service, f"has started 1 tasks: (task {task.id}).")
        self._changed()
        self._start_container(task)

    def _start_container(self, task: Task) -> None:
        # Only a task that an earlier simulator has run already is running by now.
        pulled = getattr(task, "is_pulled", False)
        task.last_status = "PENDING"
        try:
            give_public_address(task, self._host, self._containers.addresses)
            definition = self._ecs.describe_task_definition(task.task_definition_arn)
            pins = self._pins(task)
            spec = plan_container(task, definition, self._host, pins, pulled=pulled)
            open_log(task, self._container_of(task))
        except TaskCannotStart as error:
            service = self._service_of(task)
            if service:
                self._departures.deregister(service, task, time.monotonic())
                self._count_failure(service, task, fresh=False)
            mark_stopped(task, str(error), "TaskFailedToStart")
        else:
            self._containers.start(task.id, spec)

    def _pins(self, task: Task) -> dict[str, str]:
        """Digests of the images of a task's deployment; none for a task without a service."""
        service = self._service_of(task)
        deployment = _deployment(service, task.started_by) if service else {}
        pins: dict[str, str] = deployment.setdefault("images", {})
        return pins

    def _stop_task(self, service: Service, task: Task) -> None:
        task.last_status, task.desired_status = "STOPPING", "STOPPED"
        reason = f"Scaling activity initiated by (deployment {task.started_by})"
        self._stop_reasons[task.id] = reason
        self._departures.deregister(service, task, time.monotonic())
        _add_event(service, f"has stopped 1 running tasks: (task {task.id}).")
        self._stop_container(task.id)
        self._changed()

    def _stop_container(self, name: str) -> None:
        self._kill_at[name] = time.monotonic() + self._containers.grace_s(name)
        self._containers.stop(name)

    def _update(self, service: Service, actions: RolloutActions) -> None:
        """Update the counts and states of the service and its deployments."""
        live = running_tasks(self._ecs, service)
        service.deployments[:] = [d for d in service.deployments if d["id"] not in actions.forget]
        for deployment in service.deployments:
            view = _view(deployment, live)
            deployment["runningCount"] = view.count(TaskStage.RUNNING)
            deployment["pendingCount"] = view.count(TaskStage.STARTING)
        service.running_count = sum(t.last_status == "RUNNING" for t in live)
        service.pending_count = sum(t.last_status == "PENDING" for t in live)
        primary = service.deployments[0]
        if actions.rollout != primary["rolloutState"]:
            primary.update(
                rolloutState=actions.rollout,
                rolloutStateReason=_rollout_reason(primary["id"], actions.rollout),
            )
            primary["updatedAt"] = utcnow()
            _add_event(service, _rollout_event(primary["id"], actions.rollout))
            self._changed()
        if service.status == "DRAINING" and not live:
            service.status = "INACTIVE"
            self._changed()

    # ── tasks and their containers ──

    def _match_tasks(self) -> None:
        """Give each task that should run a container, and remove old stopped tasks.

        A task that was stopping and has no container is stopped.
        """
        now = utcnow()
        for tasks in self._ecs.tasks.values():
            for arn, task in list(tasks.items()):
                if task.last_status == "STOPPED":
                    if (now - task.stopped_at).total_seconds() > _KEPT:
                        forget_log(task, self._container_of(task))
                        del tasks[arn]
                elif task.id not in self._containers and task.desired_status == "RUNNING":
                    self._start_container(task)
                elif task.id not in self._containers:
                    # Stopping, and its container ended with an earlier simulator.
                    self._end(self._service_of(task), task, ContainerExited(task.id, 0, ""))

    def _resume_departures(self) -> None:
        """Deregister the tasks that had stopped before an earlier simulator ended."""
        for task in self._tasks():
            service = self._service_of(task)
            if service and task.last_status == "STOPPED":
                self._departures.deregister(service, task, time.monotonic())

    def _match_containers(self) -> None:
        """Stop containers without a running task, and kill those that do not exit in time."""
        now = time.monotonic()
        live = {task.id for task in self._tasks() if task.last_status != "STOPPED"}
        for name in self._containers.names:
            if name not in live and name not in self._kill_at:
                self._stop_container(name)
            elif now >= self._kill_at.get(name, now + 1):
                self._containers.stop(name, at_once=True)

    def _next_due(self) -> float | None:
        now = time.monotonic()
        due = [at for at in (*self._not_before.values(), *self._kill_at.values()) if at > now]
        pauses = [at - now for at in due]
        departure = self._departures.settle(now)
        return min([*pauses, *([] if departure is None else [departure])], default=None)

    def _container_of(self, task: Task) -> dict[str, Any]:
        """Definition of a task's container."""
        definition = self._ecs.describe_task_definition(task.task_definition_arn)
        container: dict[str, Any] = definition.container_definitions[0]
        return container

    def _service_of(self, task: Task) -> Service | None:
        name = task.group.removeprefix("service:") if task.group.startswith("service:") else ""
        return self._ecs.services.get(f"{task.cluster_name}:{name}")


def _mark_running(service: Service | None, task: Task) -> None:
    task.last_status, task.started_at, task.is_pulled = "RUNNING", utcnow(), True
    for container in task.containers:
        container.last_status = "RUNNING"
    connect_agent(task)
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
    """Add an event to the service, newest first."""
    number = f"{len(service.events)}-{time.monotonic_ns()}"
    service.events.insert(
        0, {"id": number, "createdAt": utcnow(), "message": f"(service {service.name}) {message}"}
    )
    del service.events[_EVENTS:]
