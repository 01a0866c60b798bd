"""Last lines of stopped tasks, which a failure keeps beside its reason.

serve reads them when a worker reports the failure. It has the right to read output anyway, so
workers need none. The lines stay with the failure, whatever becomes of the log group.
"""

from collections.abc import Iterable, Sequence

import structlog

from gromit.core.stack.task_output import LastLines, StoppedTask, last_lines
from gromit.errors import GromitError
from gromit.ports.task_output import TaskOutput

log = structlog.get_logger(__name__)

_READ = 20
"""Lines that are read of a task: some may be empty."""


def read_last_lines(
    output: TaskOutput, environment: str, stopped: Iterable[StoppedTask]
) -> tuple[LastLines, ...]:
    """Return the last lines of each task that wrote some.

    Never raises an error of a backend: a failure is recorded without them, too.
    """
    found: list[LastLines] = []
    for task in stopped:
        lines = _read(output, environment, task)
        if lines is None:
            break  # the others are in the same log group, and the worker waits
        if last := last_lines(task, lines):
            found.append(last)
    return tuple(found)


def _read(output: TaskOutput, environment: str, task: StoppedTask) -> Sequence[str] | None:
    """Return the last lines of a task; None if the backend refuses them or does not answer."""
    try:
        return [line.text for line in output.of_task(environment, task, _READ)]
    except GromitError as error:
        log.warning(
            "output.unreadable",
            env=environment,
            component=task.component,
            reason=error.message,
            hint=error.hint,
        )
        return None
