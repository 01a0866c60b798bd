"""Tasks of hooks in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.hooks import HookOutcome, HookTask
from gromit.errors import GromitError
from gromit.services.clearing import Clearer
from gromit.services.hooks import HookPolicy, HookRunner
from tests.fakes.queue import FakeQueue

WELL = HookOutcome(0, "Essential container in task exited")


@dataclass
class FakeHookTasks:
    """The port `HookTasks`: tasks end as a test has planned."""

    outcomes: dict[str, list[HookOutcome | None]] = field(default_factory=dict)
    """By component: the ends of its next tasks. None never ends; without one it ends well."""
    faults: list[GromitError] = field(default_factory=list)
    """Raised by the next starts."""
    started: list[str] = field(default_factory=list)
    stopped: list[tuple[str, str]] = field(default_factory=list)
    on_start: Callable[[HookTask], None] = lambda _task: None
    stubborn: bool = False
    """Whether tasks that are stopped do not end."""
    _ends: dict[str, tuple[str, HookOutcome | None]] = field(default_factory=dict)

    def start(self, task: HookTask) -> str:
        """Start the task."""
        if self.faults:
            raise self.faults.pop(0)
        id_ = f"{task.environment}/{task.component}/{task.kind}/{len(self.started)}"
        self.started.append(f"{task.component} {task.kind}")
        planned = self.outcomes.get(task.component)
        self._ends[id_] = (task.family, planned.pop(0) if planned else WELL)
        self.on_start(task)
        return id_

    def leave(self, family: str) -> None:
        """Leave a task that never ends by itself, as a killed worker does."""
        self._ends["left"] = (family, None)

    def running(self, task: HookTask) -> Sequence[str]:
        """Return the tasks without an end."""
        return [
            id_ for id_, (family, end) in self._ends.items() if family == task.family and not end
        ]

    def look(self, _task: HookTask, id_: str) -> HookOutcome | None:
        """Return the planned end."""
        return self._ends[id_][1]

    def stop(self, task: HookTask, id_: str, reason: str) -> None:
        """End the task, unless it is stubborn."""
        self.stopped.append((id_, reason))
        if not self.stubborn:
            self._ends[id_] = (task.family, HookOutcome(137, reason))


def no_hooks(clear: Clearer) -> HookRunner:
    """Return a runner of hooks without any hook."""
    return HookRunner(
        catalogue=Catalogue({}),
        clear=clear,
        tasks=FakeHookTasks(),
        queue=FakeQueue(),
        guard=lambda: None,
        policy=HookPolicy(1.0, lambda: 0.0, lambda _: False),
    )
