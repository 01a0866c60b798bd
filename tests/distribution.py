"""Fewer messages and comparisons between the processes of pytest-xdist.

There are more than 13,000 tests. For each of them, pytest-xdist sends seven messages, and compares
all tests that have ended. Its own format of messages is written in Python, byte by byte.
"""

import marshal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController

_FEW = 2
_BUNDLE = "bundle"
_LAST = "runtest_protocol_complete"
"""The last event of each test."""
_OF_TESTS = frozenset({"logstart", "testreport", "logfinish", _LAST})


class Groups(LoadGroupScheduling):  # type: ignore[misc]  # pytest-xdist has no type information
    """Groups of tests for processes, as with `--dist loadgroup`, without those that have ended."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        self._places: dict[str, int] = {}
        """Place of each test in the list, which is the same in all processes."""

    def schedule(self) -> None:
        """Give all processes their first tests."""
        if self.collection is None:
            first = next(iter(self.registered_collections.values()))
            self._places = {test: place for place, test in enumerate(first)}
        super().schedule()

    def mark_test_complete(
        self,
        node: WorkerController,
        item_index: int,
        duration: float = 0,  # noqa: ARG002 - pytest-xdist passes it by name
    ) -> None:
        """Forget a test that has ended, and give its process more if it has little to do."""
        self._forget(self.assigned_work[node], self.registered_collections[node][item_index])
        self._reschedule(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """Return the test that ended its process, and give all others of the process away.

        Stock pytest-xdist runs that test again, and then waits without an end.
        """
        groups = self.assigned_work.pop(node)
        test = next((test for tests in groups.values() for test in tests), None)
        if test is not None:
            self._forget(groups, test)
        self.workqueue.update(groups)
        for other in self.assigned_work:
            self._reschedule(other)
        return test

    def _forget(self, groups: dict[str, dict[str, bool]], test: str) -> None:
        group = self._split_scope(test)
        del groups[group][test]
        if not groups[group]:
            del groups[group]

    def _reschedule(self, node: WorkerController) -> None:
        if node.shutting_down:
            return
        # A process runs a test when it knows the next one, or that there is none.
        while self.workqueue and self._pending_of(self.assigned_work[node]) <= _FEW:
            self._assign_work_unit(node)
        if not self.workqueue:
            node.shutdown()

    def _assign_work_unit(self, node: WorkerController) -> None:
        group, tests = self.workqueue.popitem(last=False)
        self.assigned_work[node][group] = tests
        node.send_runtest_some([self._places[test] for test in tests])


def receive_bundles() -> None:
    """Let this process understand the bundles of those that run tests."""
    receive: Callable[..., None] = WorkerController.process_from_remote

    def received(node: WorkerController, event: Any) -> None:
        for single in _events(event):
            receive(node, single)

    vars_of: Any = WorkerController
    vars_of.process_from_remote = received


def _events(event: Any) -> Sequence[Any]:
    match event:
        case (name, {"events": bytes(events)}) if name == _BUNDLE:
            return [(single, values) for single, values in marshal.loads(events)]
        case _:
            return [event]


def send_bundles(config: pytest.Config) -> None:
    """Send all events of a test at its end, if this is a process of pytest-xdist."""
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor":
            worker: Any = plugin
            worker.sendevent = partial(_send, worker.sendevent, [])


def _send(send: Callable[..., None], waiting: list[Any], name: str, **values: Any) -> None:
    if name in _OF_TESTS:
        waiting.append((name, values))
        if name != _LAST:
            return
    if waiting:
        send(_BUNDLE, events=marshal.dumps(waiting))
        waiting.clear()
    if name not in _OF_TESTS:
        send(name, **values)
