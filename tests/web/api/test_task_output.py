"""Output of components over HTTP."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from gromit.adapters.aws.task_output import CloudWatchTaskOutput
from gromit.core.stack.task_output import log_group
from gromit.core.time import iso
from gromit.errors import Denied
from tests.web.serving import Serve, from_token


def _lines(found: Any) -> list[tuple[str, str]]:
    return [(line["component"], line["text"]) for line in found["lines"]]


def test_the_output_of_an_environment_is_shown(serve: Serve) -> None:
    serve.build("tyk", "shown", "sha")
    at_ms = serve.write_output("shown", "t1", "one", "two")
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
        ("run=0", "run"),
        ("run=x", "run"),
        ("run=1&component=tyk", "run"),
        ("run=1&cursor=other:x", "cursor"),
    ],
)
def test_an_impossible_question_is_refused(serve: Serve, query: str, named: str) -> None:
    serve.build("tyk", "asked", "sha")
    serve.work_off("sow")
    answer = serve.send("GET", f"/v1/environments/asked/logs?{query}")
    assert answer.status_code == 400
    assert named in answer.json()["error"]


def test_a_token_reads_only_environments_of_its_repository(serve: Serve) -> None:
    serve.build("tyk", "mine", "sha")
    path = "/v1/environments/mine/logs"
    assert serve.send("GET", path, **from_token("tyk")).status_code == 200
    assert serve.send("GET", path, **from_token("tyk-pump")).status_code == 404


def _fail(serve: Serve, name: str, *stopped: str, component: str = "tyk") -> Any:
    serve.build("tyk", name, "sha")
    tasks = [{"component": component, "task": task} for task in stopped]
    report = {"error_kind": "rollout", "message": "tyk: exit code 1", "stopped": tasks}
    answer = serve.outcome(serve.claim("sow"), "fail", **report)
    assert answer.status_code == 200, answer.text
    return serve.get(f"/v1/environments/{name}")["error"]


def test_a_failure_keeps_the_last_lines_of_the_task_that_crashed(serve: Serve) -> None:
    secret = "eyJhbGciOiJI" + "." + "eyJzdWIiOiIx" + ".c2ln"
    lines = ["one", " ", "two", "three", "four", f"token {secret}", "x" * 300]
    serve.write_output("crashed", "t1", *lines)
    serve.write_output("crashed", "t2", "started again")
    found = _fail(serve, "crashed", "t1")
    kept = ["two", "three", "four", "token ***", "x" * 199 + "…"]
    assert found["output"] == [{"component": "tyk", "task": "t1", "lines": kept}]
    assert (found["message"], found["class"]) == ("tyk: exit code 1", "build")
    why = serve.get("/v1/environments/crashed/explanation")["why"]
    assert any("tyk wrote last: two | three" in reason for reason in why)
    # What the log group becomes does not matter any more.
    serve.emulator.client("logs").delete_log_group(logGroupName=log_group("crashed"))
    assert serve.get("/v1/environments/crashed")["error"]["output"] == found["output"]


def test_a_failure_without_output_is_recorded_as_well(serve: Serve) -> None:
    assert _fail(serve, "mute", "t1")["output"] == []
    assert _fail(serve, "unasked")["output"] == []


def test_a_failure_is_recorded_although_cloudwatch_refuses(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Denied("not authorized to perform logs:GetLogEvents")

    monkeypatch.setattr(CloudWatchTaskOutput, "of_task", refuse)
    with capture_logs() as logged:
        assert _fail(serve, "closed", "t1", "t2")["output"] == []
    # A worker waits meanwhile, so a log that is closed is asked once.
    assert [e["component"] for e in logged if e["event"] == "output.unreadable"] == ["tyk"]


@pytest.mark.parametrize("task", ["../other", "", "x" * 101])
def test_a_stopped_task_is_named_by_its_id(serve: Serve, task: str) -> None:
    serve.build("tyk", "named", "sha")
    stopped = [{"component": "tyk", "task": task}]
    answer = serve.outcome(serve.claim("sow"), "fail", stopped=stopped)
    assert answer.status_code == 400
    assert "stopped" in answer.json()["error"]


@pytest.mark.usefixtures("any_time")
def test_a_run_has_the_output_of_terraform(serve: Serve) -> None:
    serve.build("tyk", "ran", "sha")
    claim = serve.claim("sow")
    serve.write_run("ran", claim["epoch"], "1 to create, 0 to change, 0 to destroy", "error: no")
    path = "/v1/environments/ran/logs"
    under_way = serve.get(path, run=1)["lines"]
    assert [line["text"] for line in under_way][-1] == "error: no"
    assert {(line["component"], line["task"]) for line in under_way} == {
        ("sow", str(claim["epoch"]))
    }
    assert serve.outcome(claim, "fail").status_code == 200
    event = serve.get("/v1/environments/ran/events")["events"][-1]
    assert (event["kind"], event["run"], event["took_s"]) == ("failed", claim["epoch"], 0)
    assert serve.get(path, run=event["run"])["lines"] == under_way
    answer = serve.send("GET", f"{path}?run=2")
    assert (answer.status_code, "no run 2" in answer.json()["error"]) == (404, True)


def test_a_token_reads_runs_only_of_its_repository(serve: Serve) -> None:
    serve.build("tyk", "own-run", "sha")
    serve.work_off("sow")
    path = "/v1/environments/own-run/logs?run=1"
    assert serve.send("GET", path, **from_token("tyk")).status_code == 200
    assert serve.send("GET", path, **from_token("tyk-pump")).status_code == 404
