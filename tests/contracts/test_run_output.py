"""The port `RunOutput`: the fake, and the logs of workers in CloudWatch."""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from gromit.adapters.aws import run_output
from gromit.adapters.aws.run_output import CloudWatchRunOutput
from gromit.core.environments.past_runs import PastRun
from gromit.core.environments.phases import Work
from gromit.core.stack.task_output import OutputLine, OutputPage
from gromit.errors import Conflict, InvalidInput
from gromit.ports.run_output import RunOutput
from tests.fakes.run_output import FakeRunOutput

NOW_MS = time.time_ns() // 1_000_000 // 1000 * 1000
BOTH = (Work.SOW, Work.REAP)


def run(number: int, *kinds: Work) -> PastRun:
    """Return a run of a minute."""
    return PastRun("app", number, kinds or (Work.SOW,), NOW_MS - 60_000, NOW_MS)


class Logs:
    """Log groups of workers in an emulated CloudWatch."""

    def __init__(self) -> None:
        self.client = boto3.client("logs", region_name="eu-central-1")
        self.output = CloudWatchRunOutput(self.client)
        for worker in BOTH:
            group = f"/gromit-control/{worker}"
            self.client.create_log_group(logGroupName=group)
            self.client.create_log_stream(logGroupName=group, logStreamName="one")

    def write(self, worker: Work, *records: dict[str, Any] | str) -> None:
        """Write lines in their order, the last one a second ago."""
        texts = [r if isinstance(r, str) else json.dumps(r) for r in records]
        first_ms = NOW_MS - 1000 - len(texts)
        events: Any = [{"timestamp": first_ms + n, "message": text} for n, text in enumerate(texts)]
        self.client.put_log_events(
            logGroupName=f"/gromit-control/{worker}", logStreamName="one", logEvents=events
        )


def progress(text: str, epoch: int = 7, env: str = "app") -> dict[str, Any]:
    """Return a line about a step of a run."""
    return {"event": "run.progress", "env": env, "epoch": epoch, "text": text}


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Return the emulated log groups."""
    with mock_aws():
        yield Logs()


@pytest.fixture(params=["fake", "cloudwatch"])
def output(request: pytest.FixtureRequest) -> RunOutput:
    """Return an output with one run, number 7, with two lines."""
    if request.param == "fake":
        lines = [OutputLine(NOW_MS, "sow", "7", text) for text in ("one", "two")]
        return FakeRunOutput({7: lines})
    found: Logs = request.getfixturevalue("logs")
    found.write(Work.SOW, progress("one"), progress("two"))
    return found.output


def test_a_run_has_its_lines_in_order(output: RunOutput) -> None:
    page = output.of_run(run(7), None)
    assert [(line.component, line.task, line.text) for line in page.lines] == [
        ("sow", "7", "one"),
        ("sow", "7", "two"),
    ]
    assert page.next is None
    assert output.of_run(run(8), None) == OutputPage(())


def test_only_lines_of_this_run_about_terraform_are_shown(logs: Logs) -> None:
    of_the_run = {"env": "app", "epoch": 7}
    ended = {"event": "terraform.ended", "action": "apply", "code": 1, "seconds": 2.5}
    logs.write(
        Work.SOW,
        progress("2 to create, 0 to change, 0 to destroy"),
        progress("of another environment", env="app-2"),
        progress("of another run", epoch=8),
        "no JSON",
        "[1]",
        {"event": "config.written", **of_the_run},
        {**ended, **of_the_run, "program": "terraform 1.11.4"},
        {"event": "run.finished", **of_the_run, "ending": "failed", "problem": "no"},
    )
    assert [line.text for line in logs.output.of_run(run(7), None).lines] == [
        "2 to create, 0 to change, 0 to destroy",
        "terraform 1.11.4: apply ended with exit code 1 after 2.5 s",
        "run failed: no",
    ]


def test_where_the_kind_is_not_known_both_workers_are_read(logs: Logs) -> None:
    logs.write(Work.REAP, progress("destroyed"))
    (line,) = logs.output.of_run(run(7, *BOTH), None).lines
    assert (line.component, line.text) == ("reap", "destroyed")
    logs.client.delete_log_group(logGroupName="/gromit-control/sow")
    assert len(logs.output.of_run(run(7, *BOTH), None).lines) == 1


def test_pages_follow_each_other_without_a_gap(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_output, "EVENTS_PER_CALL", 2)
    monkeypatch.setattr(run_output, "PAGE_BYTES", 4)
    logs.write(Work.SOW, *(progress(f"line {n}") for n in range(5)))
    logs.write(Work.REAP, *(progress(f"more {n}") for n in range(3)))
    found: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        page = logs.output.of_run(run(7, *BOTH), cursor)
        found += [line.text for line in page.lines]
        cursor, pages = page.next, pages + 1
    assert found == [*(f"line {n}" for n in range(5)), *(f"more {n}" for n in range(3))]
    assert pages > 2


def test_a_wrong_cursor_is_refused(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        logs.output.of_run(run(7), "reap:x")
    # The emulator takes any token, CloudWatch does not.
    answer = {"Error": {"Code": "InvalidParameterException", "Message": "nextToken"}}

    def refuse(**_query: Any) -> None:
        raise ClientError(answer, "FilterLogEvents")  # type: ignore[arg-type]

    monkeypatch.setattr(logs.client, "filter_log_events", refuse)
    with pytest.raises(InvalidInput, match="cursor"):
        logs.output.of_run(run(7), "sow:rubbish")


def test_workers_that_do_not_log_json_are_named_with_the_remedy(logs: Logs) -> None:
    logs.write(Work.SOW, "2026-01-31 [info] run.progress env=app epoch=7 text=one")
    with pytest.raises(Conflict, match="the log of sow is no JSON") as refused:
        logs.output.of_run(run(7, *BOTH), None)
    assert "GROMIT_LOG_FORMAT" in str(refused.value.hint)


def test_a_run_without_lines_is_no_fault_of_the_format(logs: Logs) -> None:
    assert logs.output.of_run(run(7), None) == OutputPage(())
    logs.write(Work.SOW, "a line of a program", progress("of another run", epoch=8))
    assert logs.output.of_run(run(7), None) == OutputPage(())
