"""Terraform in memory: an apply changes a `FakeServices` and a `FakeStates` at once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.contract import (
    AppliedStack,
    ServiceState,
    StackInput,
    StateHead,
    StateMark,
)
from gromit.ports import Progress
from tests.fakes.services import FakeServices
from tests.fakes.states import FakeStates

if TYPE_CHECKING:
    from collections.abc import Callable

    from gromit.errors import GromitError


class FakeTerraform:
    """The port `TerraformRunner`. Each call first raises the next of `faults`."""

    def __init__(self, services: FakeServices, states: FakeStates) -> None:
        self._services, self._states = services, states
        self.faults: list[GromitError] = []
        self.applied: list[StackInput] = []
        self.imported: list[Mapping[str, str]] = []
        """Imports of each apply."""
        self.refreshed: list[bool] = []
        """Whether each apply compared everything with AWS."""
        self.destroyed: list[str] = []
        self.locks: list[Lock] = []
        self._definitions: dict[str, dict[str, str]] = {}
        self.rolled_out: Callable[[ServiceState], ServiceState] = lambda state: state
        """State of a service after an apply; by default it runs at once."""

    def apply(
        self,
        stack: StackInput,
        lock: Lock,
        progress: Progress,
        imports: Mapping[str, str],
        *,
        refresh: bool = True,
    ) -> AppliedStack:
        """Apply: changed components get new task definitions, and the others stay as they are."""
        self._called(lock)
        before = next(
            (past.components for past in reversed(self.applied) if past.name == stack.name), {}
        )
        self.applied.append(stack)
        self.imported.append(imports)
        self.refreshed.append(refresh)
        definitions = self._definitions.setdefault(stack.name, {})
        changed = {c for c, wanted in stack.components.items() if before.get(c) != wanted}
        for component in sorted(changed):
            arn = f"arn:aws:ecs:::task-definition/{stack.name}--{component}:{len(self.applied)}"
            definitions[component] = arn
            state = ServiceState(
                component=component, task_definition=arn, rollout="COMPLETED", running=1, desired=1
            )
            self._services.put(stack.name, self.rolled_out(state))
        for state in self._services.describe(stack.name):
            if stack.parked or not state.desired:
                tasks = 0 if stack.parked else 1
                self._services.put(stack.name, replace(state, running=tasks, desired=tasks))
                changed.add(state.component)
        self._save(stack.name, len(definitions))
        progress("applied")
        return AppliedStack(dict(definitions), "terraform 1.11.4", frozenset(changed))

    def destroy(self, stack: StackInput, lock: Lock, progress: Progress) -> None:
        """Destroy the resources in the state."""
        self._called(lock)
        self.destroyed.append(stack.name)
        self._services.drop(stack.name)
        self._save(stack.name, 0)
        progress("destroyed")

    def _save(self, name: str, resources: int) -> None:
        before = self._states.heads.get(name)
        # A state keeps the lineage that it was created with.
        mark = before.mark if before else StateMark(f"lineage-{len(self.locks)}", 0)
        owners = frozenset({name}) if resources else frozenset[str]()
        self._states.heads[name] = StateHead(
            resources, StateMark(mark.lineage, mark.serial + 1), owners
        )

    def _called(self, lock: Lock) -> None:
        self.locks.append(lock)
        if self.faults:
            raise self.faults.pop(0)
