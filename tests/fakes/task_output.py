"""Output of tasks in memory."""

from collections.abc import Sequence

from gromit.core.stack.task_output import OutputLine, OutputPage, StoppedTask


class FakeTaskOutput:
    """The port `TaskOutput`, with tasks in the order in which tests start them."""

    def __init__(self) -> None:
        self._tasks: dict[str, list[tuple[str, list[OutputLine]]]] = {}
        """Component, and lines of each of its tasks, by environment."""

    def start(self, environment: str, component: str) -> None:
        """Start a task, which is the component's newest one from now on."""
        self._tasks.setdefault(environment, []).append((component, []))

    def write(self, environment: str, line: OutputLine) -> None:
        """Add a line to the output of the component's newest task."""
        newest = [lines for c, lines in self._tasks[environment] if c == line.component][-1]
        newest.append(line)

    def newest(
        self, environment: str, components: Sequence[str], limit: int, *, previous: bool
    ) -> OutputPage:
        """Return the newest lines of each component's newest task, or of the one before it."""
        found: list[OutputLine] = []
        is_cut = False
        for component in components:
            own = [lines for c, lines in self._tasks.get(environment, ()) if c == component]
            chosen = own[-2:-1] if previous else own[-1:]
            for lines in chosen:
                found += lines[-limit:]
                is_cut = is_cut or len(lines) >= limit
        return OutputPage(tuple(sorted(found, key=lambda line: line.at_ms)), is_cut=is_cut)

    def of_task(self, environment: str, task: StoppedTask, limit: int) -> Sequence[OutputLine]:
        """Return the last lines of one task."""
        lines = [line for _, lines in self._tasks.get(environment, ()) for line in lines]
        own = [o for o in lines if (o.component, o.task) == (task.component, task.task)]
        return own[-limit:]

    def since(
        self, environment: str, component: str | None, since_ms: int, cursor: str | None
    ) -> OutputPage:
        """Return all lines from an instant on. All of them fit into one page."""
        assert cursor is None
        found = [
            line
            for named, lines in self._tasks.get(environment, ())
            for line in lines
            if component in {None, named} and line.at_ms >= since_ms
        ]
        return OutputPage(tuple(sorted(found, key=lambda line: line.at_ms)))
