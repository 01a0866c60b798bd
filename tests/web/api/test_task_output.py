"""Output of components over HTTP."""

import time
from typing import Any

import pytest

from gromit.core.stack.task_output import log_group
from gromit.core.time import iso
from tests.web.serving import Serve, from_token


def _write(serve: Serve, name: str, task: str, *texts: str) -> int:
    """Let a task of tyk write, and return the instant of its first line."""
    logs = serve.emulator.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=log_group(name))["logGroups"]:
        logs.create_log_group(logGroupName=log_group(name))
    place = {"logGroupName": log_group(name), "logStreamName": f"tyk/tyk/{task}"}
    logs.create_log_stream(**place)
    # CloudWatch refuses lines of the future, where the clock of serve may be.
    now_ms = time.time_ns() // 1_000_000
    events = [{"timestamp": now_ms + n, "message": text} for n, text in enumerate(texts)]
    logs.put_log_events(**place, logEvents=events)
    return now_ms


def _lines(found: Any) -> list[tuple[str, str]]:
    return [(line["component"], line["text"]) for line in found["lines"]]


def test_the_output_of_an_environment_is_shown(serve: Serve) -> None:
    serve.build("tyk", "shown", "sha")
    at_ms = _write(serve, "shown", "t1", "one", "two")
    path = "/v1/environments/shown/logs"
    found = serve.get(path)
    assert _lines(found) == [("tyk", "one"), ("tyk", "two")]
    assert found["lines"][0]["at"].startswith(iso(at_ms).removesuffix("Z"))
    assert found["lines"][0]["task"] == "t1"
    assert (found["name"], found["cut"], found["next"]) == ("shown", False, None)
    assert _lines(serve.get(path, component="tyk", limit=1)) == [("tyk", "two")]
    assert serve.get(path, component="tyk-pump")["lines"] == []
    assert serve.get(path, previous="true")["lines"] == []
    assert _lines(serve.get(path, since="3650d")) == [("tyk", "one"), ("tyk", "two")]
    assert len(serve.get(path, since=iso(at_ms))["lines"]) == 2


def test_an_environment_that_never_ran_has_no_output(serve: Serve) -> None:
    serve.build("tyk", "silent", "sha")
    assert serve.get("/v1/environments/silent/logs")["lines"] == []
    assert serve.send("GET", "/v1/environments/unknown/logs").status_code == 404


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("component=typo", "no component 'typo'"),
        ("since=yesterday", "'yesterday'"),
        ("since=99999-01-01", "'99999-01-01'"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("since=1h&previous=true", "previous"),
        ("cursor=abc", "cursor"),
        ("typo=1", "typo"),
    ],
)
def test_an_impossible_question_is_refused(serve: Serve, query: str, named: str) -> None:
    serve.build("tyk", "asked", "sha")
    answer = serve.send("GET", f"/v1/environments/asked/logs?{query}")
    assert answer.status_code == 400
    assert named in answer.json()["error"]


def test_a_token_reads_only_environments_of_its_repository(serve: Serve) -> None:
    serve.build("tyk", "mine", "sha")
    path = "/v1/environments/mine/logs"
    assert serve.send("GET", path, **from_token("tyk")).status_code == 200
    assert serve.send("GET", path, **from_token("tyk-pump")).status_code == 404
