"""The port `TaskOutput`: the fake, and CloudWatch Logs."""

import time
from collections.abc import Iterator
from typing import Any, Protocol

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from gromit.adapters.aws import task_output
from gromit.adapters.aws.task_output import CloudWatchTaskOutput
from gromit.core.stack.task_output import OutputLine, StoppedTask, log_group
from gromit.errors import InvalidInput
from gromit.log import mask
from gromit.ports.task_output import TaskOutput
from tests.fakes.task_output import FakeTaskOutput

NOW_MS = time.time_ns() // 1_000_000 // 1000 * 1000
"""CloudWatch refuses lines that are older than two weeks."""


class World(Protocol):
    """An environment whose tasks write."""

    @property
    def output(self) -> TaskOutput:
        """The port."""
        ...

    def start(self, component: str, task: str) -> None:
        """Start a task of a component."""
        ...

    def write(self, component: str, task: str, at_s: int, text: str) -> None:
        """Let the component's newest task write a line, at a time after `NOW_MS`."""
        ...


class InMemory:
    """The fake."""

    def __init__(self) -> None:
        self.output = FakeTaskOutput()

    def start(self, component: str, task: str) -> None:
        """Start a task."""
        del task
        self.output.start("app", component)

    def write(self, component: str, task: str, at_s: int, text: str) -> None:
        """Write a line."""
        self.output.write("app", OutputLine(NOW_MS + at_s * 1000, component, task, text))


class InCloudWatch:
    """An emulated CloudWatch."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.output = CloudWatchTaskOutput(client, mask)
        for name in ("app", "app-2"):
            client.create_log_group(logGroupName=log_group(name))
        client.create_log_stream(logGroupName=log_group("app-2"), logStreamName="tyk/tyk/other")

    def start(self, component: str, task: str) -> None:
        """Start a task: its stream is created in a millisecond of its own."""
        before = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 == before:
            pass
        self.client.create_log_stream(
            logGroupName=log_group("app"), logStreamName=f"{component}/{component}/{task}"
        )

    def write(self, component: str, task: str, at_s: int, text: str) -> None:
        """Write a line as the log driver does."""
        self.client.put_log_events(
            logGroupName=log_group("app"),
            logStreamName=f"{component}/{component}/{task}",
            logEvents=[{"timestamp": NOW_MS + at_s * 1000, "message": text}],
        )


@pytest.fixture(params=["fake", "cloudwatch"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Return an environment without tasks."""
    if request.param == "fake":
        yield InMemory()
        return
    with mock_aws():
        yield InCloudWatch(boto3.client("logs", region_name="eu-central-1"))


def texts(lines: tuple[OutputLine, ...]) -> list[str]:
    """Return texts with their components."""
    return [f"{line.component}: {line.text}" for line in lines]


def busy(world: World) -> None:
    """Let two tasks of tyk and one of the pump write."""
    world.start("tyk", "t1")
    world.write("tyk", "t1", 0, "start 1")
    world.write("tyk", "t1", 1, "crash")
    world.start("pump", "p1")
    world.write("pump", "p1", 2, "pumping")
    world.start("tyk", "t2")
    world.write("tyk", "t2", 3, "start 2")
    world.write("tyk", "t2", 5, "serving")
    world.write("pump", "p1", 4, "still pumping")


def test_the_newest_lines_are_of_each_components_newest_task(world: World) -> None:
    busy(world)
    page = world.output.newest("app", ["tyk", "pump"], 100, previous=False)
    assert texts(page.lines) == [
        "pump: pumping",
        "tyk: start 2",
        "pump: still pumping",
        "tyk: serving",
    ]
    assert [line.task for line in page.lines] == ["p1", "t2", "p1", "t2"]
    assert page.lines[-1].at_ms == NOW_MS + 5000
    assert not page.is_cut
    assert page.next is None


def test_a_limit_keeps_the_newest_lines_of_each_component(world: World) -> None:
    busy(world)
    page = world.output.newest("app", ["tyk", "pump"], 1, previous=False)
    assert texts(page.lines) == ["pump: still pumping", "tyk: serving"]
    assert page.is_cut


def test_the_previous_task_shows_a_crash(world: World) -> None:
    busy(world)
    page = world.output.newest("app", ["tyk", "pump"], 100, previous=True)
    assert texts(page.lines) == ["tyk: start 1", "tyk: crash"]


def test_since_has_all_tasks_in_order(world: World) -> None:
    busy(world)
    assert texts(world.output.since("app", None, NOW_MS + 1000, None).lines) == [
        "tyk: crash",
        "pump: pumping",
        "tyk: start 2",
        "pump: still pumping",
        "tyk: serving",
    ]
    assert texts(world.output.since("app", "pump", NOW_MS + 3000, None).lines) == [
        "pump: still pumping"
    ]


def test_a_task_has_its_last_lines_also_when_a_newer_one_runs(world: World) -> None:
    busy(world)
    crashed = StoppedTask("tyk", "t1")
    assert [o.text for o in world.output.of_task("app", crashed, 10)] == ["start 1", "crash"]
    assert [o.text for o in world.output.of_task("app", crashed, 1)] == ["crash"]
    for environment, task in (("app", "t9"), ("never-made", "t1")):
        assert list(world.output.of_task(environment, StoppedTask("tyk", task), 10)) == []


def test_what_never_ran_has_no_lines(world: World) -> None:
    for name in ("app", "never-made"):
        assert world.output.newest(name, ["tyk"], 10, previous=False).lines == ()
        assert world.output.since(name, None, 0, None).lines == ()


@pytest.fixture
def cloudwatch() -> Iterator[InCloudWatch]:
    """Return an emulated CloudWatch."""
    with mock_aws():
        yield InCloudWatch(boto3.client("logs", region_name="eu-central-1"))


def test_a_component_is_not_found_by_the_beginning_of_its_name(cloudwatch: InCloudWatch) -> None:
    cloudwatch.start("tyk-pump", "p1")
    cloudwatch.write("tyk-pump", "p1", 0, "pumping")
    assert cloudwatch.output.newest("app", ["tyk"], 10, previous=False).lines == ()
    assert cloudwatch.output.since("app", "tyk", 0, None).lines == ()


def test_pages_follow_each_other_without_a_gap(
    cloudwatch: InCloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_output, "EVENTS_PER_CALL", 3)
    monkeypatch.setattr(task_output, "PAGE_BYTES", 10)
    cloudwatch.start("tyk", "t1")
    for n in range(10):
        cloudwatch.write("tyk", "t1", n, f"line {n}")
    found: list[OutputLine] = []
    cursor, pages = None, 0
    while True:
        page = cloudwatch.output.since("app", "tyk", 0, cursor)
        found += page.lines
        pages += 1
        cursor = page.next
        if cursor is None:
            break
    assert [line.text for line in found] == [f"line {n}" for n in range(10)]
    assert pages > 1


def test_a_search_that_finds_little_ends_its_page(
    cloudwatch: InCloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_output, "EVENTS_PER_CALL", 1)
    monkeypatch.setattr(task_output, "CALLS_PER_PAGE", 2)
    cloudwatch.start("tyk", "t1")
    for n in range(4):
        cloudwatch.write("tyk", "t1", n, f"line {n}")
    page = cloudwatch.output.since("app", "tyk", 0, None)
    assert [line.text for line in page.lines] == ["line 0", "line 1"]
    assert page.next is not None


def test_a_wrong_cursor_is_refused(
    cloudwatch: InCloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The emulator takes any token, CloudWatch does not.
    answer = {"Error": {"Code": "InvalidParameterException", "Message": "nextToken"}}

    def refuse(**_query: Any) -> None:
        raise ClientError(answer, "FilterLogEvents")  # type: ignore[arg-type]

    monkeypatch.setattr(cloudwatch.client, "filter_log_events", refuse)
    with pytest.raises(InvalidInput, match="cursor"):
        cloudwatch.output.since("app", None, 0, "rubbish")


def test_lines_are_safe_to_show_and_never_endless(cloudwatch: InCloudWatch) -> None:
    cloudwatch.start("tyk", "t1")
    cloudwatch.write("tyk", "t1", 0, "\x1b[31m\tred\x1b[0m \x1b]0;title\x07 \u202e\r\n")
    cloudwatch.write("tyk", "t1", 1, "ä" * 5000)
    red, long = cloudwatch.output.newest("app", ["tyk"], 10, previous=False).lines
    assert red.text == "\tred \\x1b]0;title\\x07 \\u202e"
    assert len(long.text.encode()) == task_output.LINE_BYTES


def test_secrets_are_masked_however_the_lines_are_read(cloudwatch: InCloudWatch) -> None:
    cloudwatch.start("tyk", "t1")
    secret = "gh" + "p_" + "a1B2" * 9
    cloudwatch.write("tyk", "t1", 0, f"token {secret} refused")
    output = cloudwatch.output
    shown = [
        *output.newest("app", ["tyk"], 10, previous=False).lines,
        *output.since("app", None, 0, None).lines,
        *output.of_task("app", StoppedTask("tyk", "t1"), 10),
    ]
    assert [line.text for line in shown] == ["token *** refused"] * 3


def test_single_tasks_are_read_with_the_impatient_client(cloudwatch: InCloudWatch) -> None:
    """A worker waits for their lines."""
    cloudwatch.start("tyk", "t1")
    cloudwatch.write("tyk", "t1", 0, "crash")
    slow: Any = None  # a call of it would fail
    output = CloudWatchTaskOutput(slow, mask, impatient=cloudwatch.client)
    (line,) = output.of_task("app", StoppedTask("tyk", "t1"), 10)
    assert line.text == "crash"


def test_too_many_bytes_keep_the_newest_lines(
    cloudwatch: InCloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_output, "PAGE_BYTES", 12)
    cloudwatch.start("tyk", "t1")
    for n in range(4):
        cloudwatch.write("tyk", "t1", n, f"line {n}")
    page = cloudwatch.output.newest("app", ["tyk"], 10, previous=False)
    assert [line.text for line in page.lines] == ["line 2", "line 3"]
    assert page.is_cut
