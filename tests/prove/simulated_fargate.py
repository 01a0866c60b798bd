"""Tasks of Fargate in memory, whose starts and ends take their time.

A task runs the image that its service has at its launch, and never runs if that image is gone.
It has its public address from its launch until it has stopped. Then the address is free, and
the next task gets the lowest free one: AWS gives it to the next customer who asks.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from gromit.core.dns.tasks import PublicTask, TaskListing
from gromit.core.stack.clusters import ClusterState
from gromit.core.stack.contract import ServiceState
from gromit.core.stack.resources import Resource, ResourceKind
from tests.prove.simulated_cloud import RunningService, SimulatedCloud

START_S = (20, 60)
"""Shortest and longest time between the launch of a task and its run."""
STOP_S = (2, 30)
"""Shortest and longest time that a task takes to stop."""
NEVER_MS = 1 << 60


@dataclass(slots=True)
class FargateTask:
    """One task, with the instants of its life in ms."""

    environment: str
    component: str
    definition: str
    image: str
    address: str
    running_ms: int
    """Instant at which it runs, or `NEVER_MS`."""
    stopping_ms: int | None = None
    """Instant at which it is asked to stop."""
    stopped_ms: int | None = None

    def holds_address(self, now_ms: int) -> bool:
        """Whether its address is not free yet."""
        return self.stopped_ms is None or now_ms < self.stopped_ms

    def is_running(self, now_ms: int) -> bool:
        """Whether ECS calls it running, and goes on with it."""
        is_stopping = self.stopping_ms is not None and self.stopping_ms <= now_ms
        return self.running_ms <= now_ms and not is_stopping


@dataclass(slots=True, kw_only=True)
class SimulatedFargate(SimulatedCloud):
    """The world of `SimulatedCloud`, with tasks that live in time."""

    now_ms: Callable[[], int]
    random: Random
    changed: Callable[[int], None] = lambda _at_ms: None
    """Called with each instant at which a task will run, or will have stopped."""
    has_image: Callable[[str], bool] = lambda _image: True
    """Whether a registry has an image."""
    refused: list[str] = field(default_factory=list)
    """Tasks that could not start, because their images are gone."""
    tasks: list[FargateTask] = field(default_factory=list)

    # ── the ports ────────────────────────────────────────────────────────────────────────────────

    def describe(
        self, environment: str, components: Collection[str] | None = None
    ) -> Sequence[ServiceState]:
        """Return the services, each in progress until its newest task alone is left."""
        now = self.now_ms()
        return [
            ServiceState(
                component=component,
                task_definition=service.task_definition,
                rollout="COMPLETED" if self._is_settled(environment, component) else "IN_PROGRESS",
                running=sum(t.is_running(now) for t in self._alive(environment, component)),
                desired=service.desired,
            )
            for (env, component), service in sorted(self.services.items())
            if env == environment and (components is None or component in components)
        ]

    def clusters(self, names: Collection[str]) -> Sequence[ClusterState]:
        """Return the clusters that exist among the named ones."""
        now = self.now_ms()
        return [
            ClusterState(name, len(running), sum(running), 0, is_ours=True)
            for name in sorted(names)
            if self.named(name, ResourceKind.CLUSTER, None)
            for running in [
                [
                    any(t.is_running(now) for t in self._alive(name, component))
                    for env, component in self.services
                    if env == name
                ]
            ]
        ]

    def restart(self, environment: str, component: str) -> None:
        """Replace the task of a service."""
        service = self.services[environment, component]
        self._launch(environment, component, service.image, service.task_definition)

    def public_tasks(self, environment: str | None = None) -> TaskListing:
        """Return all tasks that have an address: those that start, run or stop."""
        now = self.now_ms()
        return self._listing(
            t for t in self.tasks if environment in {None, t.environment} and t.holds_address(now)
        )

    def running_tasks(self, environments: Collection[str]) -> TaskListing:
        """Return the running public tasks of these environments."""
        now = self.now_ms()
        return self._listing(
            t for t in self.tasks if t.environment in environments and t.is_running(now)
        )

    def tasks_of(self, environment: str) -> TaskListing:
        """Return the running public tasks of one environment."""
        return self.running_tasks([environment])

    # ── what happens to tasks ────────────────────────────────────────────────────────────────────

    def run(
        self, environment: str, component: str, image: str, definition: str, *, desired: int
    ) -> None:
        """Let a service run a task definition. A changed one replaces the task."""
        before = self.services.get((environment, component))
        if desired == 0:
            self.services[environment, component] = RunningService(image, definition, "", 0)
            for task in self._alive(environment, component):
                self._stop(task, self.now_ms())
        elif before is None or not before.desired or before.task_definition != definition:
            self._launch(environment, component, image, definition)

    def retire(self, task: FargateTask) -> None:
        """Stop a running task, as AWS does for its maintenance; its service starts another one."""
        self._stop(task, self.now_ms())
        service = self.services[task.environment, task.component]
        self._launch(task.environment, task.component, service.image, service.task_definition)

    def owners(self, address: str) -> list[FargateTask]:
        """Return all tasks that have or had an address, the newest last."""
        return [t for t in self.tasks if t.address == address]

    def running(self) -> list[FargateTask]:
        """Return all running tasks."""
        return [t for t in self.tasks if t.is_running(self.now_ms())]

    def _launch(self, environment: str, component: str, image: str, definition: str) -> None:
        """Start a task. The older ones stop as soon as it runs."""
        older = self._alive(environment, component)
        running_ms = self.now_ms() + self.random.randint(*START_S) * 1000
        address = self._address() if component in self.public else ""
        task = FargateTask(environment, component, definition, image, address, running_ms)
        self.tasks.append(task)
        self.services[environment, component] = RunningService(image, definition, address)
        if not self.has_image(image):
            self.refused.append(f"{component} of {environment} cannot start: {image} is gone")
            task.running_ms, task.address = NEVER_MS, ""
            return
        self.changed(running_ms)
        for task in older:
            if task.stopping_ms is None or task.stopping_ms > running_ms:
                self._stop(task, running_ms)

    def _stop(self, task: FargateTask, at_ms: int) -> None:
        task.stopping_ms = at_ms
        task.stopped_ms = at_ms + self.random.randint(*STOP_S) * 1000
        self.changed(task.stopped_ms)

    def _drop(self, environment: str, resource: Resource) -> None:
        SimulatedCloud._drop(self, environment, resource)
        if resource.kind is ResourceKind.SERVICE and resource.component:
            for task in self._alive(environment, resource.component):
                self._stop(task, self.now_ms())

    def _address(self) -> str:
        """Return the lowest free address."""
        taken = {t.address for t in self.tasks if t.holds_address(self.now_ms())}
        return next(a for a in map("198.18.0.{}".format, range(256)) if a not in taken)

    def _alive(self, environment: str, component: str) -> list[FargateTask]:
        now = self.now_ms()
        return [
            t
            for t in self.tasks
            if (t.environment, t.component) == (environment, component) and t.holds_address(now)
        ]

    def _is_settled(self, environment: str, component: str) -> bool:
        alive = self._alive(environment, component)
        desired = self.services[environment, component].desired
        return len(alive) == desired and all(task.is_running(self.now_ms()) for task in alive)

    def _listing(self, tasks: Iterator[FargateTask]) -> TaskListing:
        found = tuple(PublicTask(t.environment, t.component, t.address) for t in tasks if t.address)
        return TaskListing(found, complete=True)
