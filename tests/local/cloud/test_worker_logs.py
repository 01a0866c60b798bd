"""Copies of workers' logs in the emulated log groups."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from gromit.local.cloud.worker_logs import WorkerLogs
from tests.local.conftest import eventually

GROUP = {"logGroupName": "/gromit-control/sow"}


@pytest.fixture
def client() -> Iterator[Any]:
    """Return a client of an emulated CloudWatch."""
    with mock_aws():
        yield boto3.client("logs", region_name="eu-central-1")


def _line(text: str, **more: Any) -> str:
    at = datetime.now(UTC).isoformat()
    return json.dumps({"event": "run.progress", "text": text, "timestamp": at, **more}) + "\n"


def _copied(client: Any) -> list[str]:
    if not client.describe_log_groups(logGroupNamePrefix=GROUP["logGroupName"])["logGroups"]:
        return []
    events = client.filter_log_events(**GROUP)["events"]
    return sorted(json.loads(event["message"])["text"] for event in events)


def test_lines_of_runs_are_copied_once_and_whole(client: Any, tmp_path: Path) -> None:
    log, whole = tmp_path / "sow.log", _line("two", epoch=7)
    log.write_text(_line("of an earlier cloud", epoch=1))
    logs = WorkerLogs(tmp_path, lambda: client)
    with log.open("a", encoding="utf-8") as file, logs:
        file.write(_line("one", epoch=7) + "no JSON\n[1]\n" + _line("of no run") + whole[:20])
        file.flush()
        eventually(lambda: _copied(client) == ["one"])
        file.write(whole[20:])
        file.flush()
        eventually(lambda: _copied(client) == ["one", "two"])


def test_the_last_lines_are_copied_at_the_end(client: Any, tmp_path: Path) -> None:
    """However soon that is: the thread may not have copied anything yet."""
    logs = WorkerLogs(tmp_path, lambda: client)
    logs.finish()
    assert client.describe_log_groups()["logGroups"] == [], "it was never started"
    with logs:
        (tmp_path / "sow.log").write_text(_line("last", epoch=7))
    assert _copied(client) == ["last"]


def test_a_worker_without_a_log_yet_stops_nothing(client: Any, tmp_path: Path) -> None:
    with WorkerLogs(tmp_path, lambda: client):
        eventually(lambda: client.describe_log_groups()["logGroups"])
        (tmp_path / "sow.log").write_text(_line("late", epoch=7))
        eventually(lambda: _copied(client) == ["late"])


def test_streams_of_more_than_30_days_ago_go(client: Any, tmp_path: Path) -> None:
    client.create_log_group(**GROUP)
    for name in ("old", "newer"):
        client.create_log_stream(**GROUP, logStreamName=name)
    backend = get_backend("logs")[DEFAULT_ACCOUNT_ID]["eu-central-1"]
    backend.groups[GROUP["logGroupName"]].streams["old"].creation_time -= timedelta(days=31)

    def names() -> set[str]:
        return {s["logStreamName"] for s in client.describe_log_streams(**GROUP)["logStreams"]}

    with WorkerLogs(tmp_path, lambda: client):
        eventually(lambda: "old" not in names())
    assert "newer" in names()
