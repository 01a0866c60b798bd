"""Health of a component: what its program's answers mean."""

import json

import pytest

from gromit.core.stack.health import (
    HealthAnswer,
    HealthCheck,
    HealthState,
    HealthStatus,
    judge_health,
    worst_health,
)

HELLO = HealthCheck(path="/hello", key="status")
GATEWAY = HealthCheck(path="/hello", key="status", ready="/ready")
PASS = HealthStatus(HealthState.PASS)


def says(status: str, **details: str) -> HealthAnswer:
    """Return the answer of a Tyk gateway to `/hello`: 200, whatever works."""
    parts = {name: {"status": word, "output": "s3cret"} for name, word in details.items()}
    return HealthAnswer(200, json.dumps({"status": status, "details": parts}).encode())


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (says("pass", redis="pass"), "pass", ""),
        (says("warn"), "warn", "/hello says warn"),
        (says("warn", redis="fail", dashboard="pass"), "warn", "/hello says warn: redis"),
        (says("fail", redis="fail", rpc="fail"), "fail", "/hello says fail: redis, rpc"),
        (says("WARN"), "warn", "/hello says warn"),
        (HealthAnswer(503, b'{"status": "pass"}'), "fail", "/hello answers 503"),
        (HealthAnswer(302), "fail", "/hello answers 302"),
        (HealthAnswer(404), "fail", "/hello answers 404"),
        (HealthAnswer(None, fault="timed out"), "fail", "no answer to /hello: timed out"),
    ],
)
def test_the_body_of_an_answer_counts_and_its_status_alone_does_not(
    answer: HealthAnswer, state: str, reason: str
) -> None:
    assert judge_health(HELLO, {"/hello": answer}) == HealthStatus(HealthState(state), reason)


@pytest.mark.parametrize(
    "body", [b"Hello Tiki", b"", b"[1]", b'{"state": "fail"}', b'{"status": 3}', b"[" * 9000]
)
def test_an_answer_without_the_key_counts_by_its_status(body: bytes) -> None:
    assert judge_health(HELLO, {"/hello": HealthAnswer(200, body)}) == PASS
    assert judge_health(HELLO, {"/hello": HealthAnswer(500, body)}).state is HealthState.FAIL


def test_without_a_key_the_body_does_not_count() -> None:
    assert judge_health(HealthCheck(path="/hello"), {"/hello": says("fail")}) == PASS


@pytest.mark.parametrize(
    ("ready", "state"), [(200, "pass"), (404, "pass"), (503, "fail"), (None, "fail")]
)
def test_a_second_path_counts_where_the_program_has_it(ready: int | None, state: str) -> None:
    answers = {"/hello": says("pass"), "/ready": HealthAnswer(ready)}
    assert judge_health(GATEWAY, answers).state == state


def test_the_worst_answer_counts() -> None:
    answers = {"/hello": says("warn"), "/ready": HealthAnswer(503)}
    assert judge_health(GATEWAY, answers) == HealthStatus(HealthState.FAIL, "/ready answers 503")
    warn = HealthStatus(HealthState.WARN, "one")
    assert worst_health([PASS, warn, HealthStatus(HealthState.WARN, "two")]) == warn


def test_a_reason_repeats_names_only_and_a_few_of_them() -> None:
    parts = {f"part{n}": "fail" for n in range(9)} | {"\x1b[31mred": "fail", "a b": "fail"}
    reason = judge_health(HELLO, {"/hello": says("fail", **parts)}).reason
    assert reason == "/hello says fail: part0, part1, part2, part3, part4"


def test_the_mildest_state_that_degrades_is_the_entry_s() -> None:
    assert [HELLO.degrades(HealthState(s)) for s in ("pass", "warn", "fail")] == [False, True, True]
    assert not HELLO.degrades(HealthState.UNKNOWN)
    mild = HealthCheck(path="/hello", degraded_by=HealthState.FAIL)
    assert [mild.degrades(HealthState(s)) for s in ("pass", "warn", "fail")] == [
        False,
        False,
        True,
    ]
