"""Logs of tasks: streams with AWS's names, kept up to a limit, and gone with their task."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest
from moto.logs.models import logs_backends

from gromit.local.aws.emulator import ACCOUNT, Emulator
from gromit.local.aws.placement import TaskCannotStart
from gromit.local.aws.task_log import forget_log, open_log, write_log
from tests.local.conftest import REGION, client

if TYPE_CHECKING:
    from moto.ecs.models import Task

GROUP = "/gromit/app-test"
CONTAINER: dict[str, Any] = {
    "name": "tyk",
    "logConfiguration": {
        "logDriver": "awslogs",
        "options": {"awslogs-group": GROUP, "awslogs-stream-prefix": "tyk"},
    },
}


@dataclass(frozen=True, slots=True)
class Stopped:
    """The parts of a task that its log depends on."""

    id: str = "0a1b"
    _account_id: str = ACCOUNT
    region_name: str = REGION


TASK = cast("Task", Stopped())


@pytest.fixture
def logs() -> Iterator[Any]:
    """A client of an emulator that has the log group."""
    with Emulator() as running:
        made = client(running.url, "logs")
        made.create_log_group(logGroupName=GROUP)
        yield made


def lines(logs: Any) -> list[str]:
    """Return the newest lines of the task."""
    events = logs.get_log_events(logGroupName=GROUP, logStreamName="tyk/tyk/0a1b")["events"]
    return [event["message"] for event in events]


def test_lines_are_in_the_stream_of_their_task_without_empty_ones(logs: Any) -> None:
    open_log(TASK, CONTAINER)
    open_log(TASK, CONTAINER)
    write_log(TASK, CONTAINER, ["a", "", "b"])
    write_log(TASK, CONTAINER, [""])
    write_log(TASK, CONTAINER, ["c"])
    assert lines(logs) == ["a", "b", "c"]


def test_the_oldest_lines_of_many_are_dropped(logs: Any) -> None:
    open_log(TASK, CONTAINER)
    write_log(TASK, CONTAINER, [str(number) for number in range(10_002)])
    stream = logs_backends[ACCOUNT][REGION].groups[GROUP].streams["tyk/tyk/0a1b"]
    assert len(stream.events) == 10_000
    assert stream.events[0].message == "2"


def test_a_group_that_does_not_exist_keeps_a_task_from_starting(logs: Any) -> None:
    logs.delete_log_group(logGroupName=GROUP)
    with pytest.raises(TaskCannotStart, match="The specified log group does not exist"):
        open_log(TASK, CONTAINER)


def test_lines_of_a_task_whose_log_is_gone_are_dropped(logs: Any) -> None:
    write_log(TASK, CONTAINER, ["before its stream"])
    open_log(TASK, CONTAINER)
    forget_log(TASK, CONTAINER)
    write_log(TASK, CONTAINER, ["after it was forgotten"])
    assert logs.describe_log_streams(logGroupName=GROUP)["logStreams"] == []
    logs.delete_log_group(logGroupName=GROUP)
    write_log(TASK, CONTAINER, ["after its group"])
    forget_log(TASK, CONTAINER)


@pytest.mark.parametrize("silent", [{}, {"logConfiguration": {"logDriver": "splunk"}}])
def test_a_container_without_this_log_driver_has_no_log(logs: Any, silent: dict[str, Any]) -> None:
    open_log(TASK, silent)
    write_log(TASK, silent, ["a"])
    forget_log(TASK, silent)
    assert logs.describe_log_streams(logGroupName=GROUP)["logStreams"] == []
