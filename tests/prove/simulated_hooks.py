"""Tasks of hooks in memory, whose programs create and remove the data of an environment.

A task ends soon while a worker looks at it. One that a killed worker has left goes on for hours,
and has its effect at the end: whatever follows must end it first.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gromit.core.stack.hooks import HookKind, HookOutcome, HookTask
from gromit.core.stack.resources import Resource, ResourceKind
from tests.prove.simulated_cloud import SimulatedCloud

LOOKS = 3
"""Looks of a worker at a task until it ends."""
LEFT_MS = 8 * 3_600_000
"""Duration of a task at which no worker looks."""


@dataclass(slots=True)
class _Running:
    task: HookTask
    resource: Resource
    end_ms: int
    looks: int = 0


@dataclass(slots=True)
class SimulatedHooks:
    """The port `HookTasks`, and the data of environments."""

    cloud: SimulatedCloud
    now_ms: Callable[[], int]
    data: set[str] = field(default_factory=set)
    """Environments with data."""
    _running: dict[str, _Running] = field(default_factory=dict)
    _ended: dict[str, HookOutcome] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.cloud.settle = self.settle

    def start(self, task: HookTask) -> str:
        """Start a task in the environment's cluster."""
        self.settle()
        if self.running(task):
            self.cloud.violations.append(f"two tasks of the {task} at once")
        id_ = f"task-{task.environment}-{next(self._numbers)}"
        resource = Resource(
            kind=ResourceKind.TASK,
            id=id_,
            component=task.component,
            hook=task.kind,
            parent=task.environment,
        )
        self.cloud.add(task.environment, resource)
        self._running[id_] = _Running(task, resource, self.now_ms() + LEFT_MS)
        return id_

    def running(self, task: HookTask) -> Sequence[str]:
        """Return the tasks of the same hook."""
        self.settle()
        return [id_ for id_, found in self._running.items() if found.task.family == task.family]

    def look(self, _task: HookTask, id_: str) -> HookOutcome | None:
        """Return how a task has ended."""
        if id_ in self._running:
            self._running[id_].looks += 1
        self.settle()
        return self._ended.get(id_)

    def stop(self, task: HookTask, id_: str, _reason: str) -> None:
        """End a task without its effect."""
        self.settle()
        if id_ in self._running:
            self.cloud.discard(task.environment, self._running[id_].resource)
        self.settle()

    def settle(self) -> None:
        """End the tasks whose time has come, and those that were removed."""
        for id_, found in list(self._running.items()):
            name = found.task.environment
            if found.resource not in self.cloud.existing(name):
                self._ended[id_] = HookOutcome(137, "stopped")
                del self._running[id_]
            elif found.looks >= LOOKS or self.now_ms() >= found.end_ms:
                self._ended[id_] = HookOutcome(0, "ended")
                self.cloud.discard(name, found.resource)
                del self._running[id_]
                if found.task.kind is HookKind.ON_CREATE:
                    self.data.add(name)
                else:
                    self.data.discard(name)
