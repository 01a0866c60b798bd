"""Output of containers in CloudWatch Logs, where the log driver `awslogs` writes it."""

from collections.abc import Sequence
from typing import Any

from moto.core.utils import unix_time_millis, utcnow
from moto.ecs.models import Task
from moto.logs.models import logs_backends

from gromit.local.aws.placement import TaskCannotStart

_KEPT = 10_000
"""Number of lines of a task that are kept: the emulator holds them all in memory."""


def open_log(task: Task, container: dict[str, Any]) -> None:
    """Create the log stream of a container, if its definition names a group.

    Raises `TaskCannotStart` if the group does not exist.
    """
    place = _place(task, container)
    if place is None:
        return
    group, stream = place
    backend = _backend(task, container)
    if group not in backend.groups:
        raise TaskCannotStart(
            "ResourceInitializationError: failed to validate logger args: create stream has been"
            " retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException:"
            f" The specified log group does not exist. ({group})"
        )
    if stream not in backend.groups[group].streams:
        backend.create_log_stream(group, stream)


def write_log(task: Task, container: dict[str, Any], lines: Sequence[str]) -> None:
    """Append lines to the log of a container. Do nothing if its group or stream is gone."""
    place = _place(task, container)
    if place is None:
        return
    group, stream = place
    backend = _backend(task, container)
    if group not in backend.groups or stream not in backend.groups[group].streams:
        return
    now = int(unix_time_millis(utcnow()))
    events = [{"timestamp": now, "message": line} for line in lines if line]
    if events:
        backend.put_log_events(group, stream, events)
        del backend.groups[group].streams[stream].events[:-_KEPT]


def forget_log(task: Task, container: dict[str, Any]) -> None:
    """Delete the log stream of a task: one that always fails would otherwise fill the memory."""
    place = _place(task, container)
    if place is None:
        return
    group, stream = place
    groups = _backend(task, container).groups
    if group in groups:
        groups[group].streams.pop(stream, None)


def _place(task: Task, container: dict[str, Any]) -> tuple[str, str] | None:
    """Return log group and log stream; None if the container writes no log."""
    configuration = container.get("logConfiguration") or {}
    if configuration.get("logDriver") != "awslogs":
        return None
    options = configuration["options"]
    stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{task.id}"
    return options["awslogs-group"], stream


def _backend(task: Task, container: dict[str, Any]) -> Any:
    options = container["logConfiguration"]["options"]
    return logs_backends[task._account_id][options.get("awslogs-region") or task.region_name]
