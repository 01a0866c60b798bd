"""Log lines that fire an alarm: the applied patterns, against lines of the real code."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from tests.platform.control import filters
from tests.platform.control.installed import HERE, PROGRAMS, Installed
from tests.platform.control.log_lines import PARTS, UNDONE_S, WAITING_S
from tests.platform.roots import REPOSITORY

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("control")]


@pytest.fixture(scope="module")
def lines() -> Mapping[str, list[dict[str, Any]]]:
    """The log lines of each part, from the real code in its own process, as in its log group."""
    argv = [sys.executable, "-m", "tests.platform.control.log_lines"]
    runs = {
        p: subprocess.Popen([*argv, p], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
        for p in PARTS
    }
    said = {part: process.communicate(timeout=120)[1] for part, process in runs.items()}
    return {
        f"/gromit-control/{part}": [json.loads(line) for line in text.splitlines()]
        for part, text in said.items()
    }


def _filters(installed: Installed) -> Mapping[str, dict[str, Any]]:
    logs = installed.emulator.client("logs")
    return {
        f["filterName"]: f
        for part in PROGRAMS
        for f in logs.describe_metric_filters(logGroupName=f"/gromit-control/{part}")[
            "metricFilters"
        ]
    }


EXPECTED = {
    "gromit-oldest-sow": [WAITING_S],
    "gromit-undone-sow": [UNDONE_S],
    "gromit-undone-reap": [UNDONE_S],
    "gromit-not-run-sow": [1.0],
    "gromit-not-run-reap": [1.0],
    "gromit-not-run-chitragupta": [1.0],
    "gromit-failed-sow": [1.0],
    "gromit-failed-reap": [1.0],
    "gromit-needs-person": [1.0],
    "gromit-set-aside": [1.0],
    "gromit-certificate": [30.0],
    "gromit-ca": [365.0],
    "gromit-quota": [91.0],
    "gromit-discrepancies": [1.0],
}
"""Filter to the numbers that the real lines add to its metric."""


@pytest.mark.parametrize("name", EXPECTED)
def test_the_real_lines_of_a_part_are_counted(
    installed: Installed, lines: Mapping[str, list[dict[str, Any]]], name: str
) -> None:
    found = _filters(installed)[name]
    selector = found["metricTransformations"][0]["metricValue"]
    counted = [
        filters.value(selector, line)
        for line in lines[found["logGroupName"]]
        if filters.matches(found["filterPattern"], line)
    ]
    assert counted == EXPECTED[name]


def test_every_alarm_watches_a_filter_and_notifies_the_topic(installed: Installed) -> None:
    alarms = installed.emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]
    counted = {
        (t["metricNamespace"], t["metricName"])
        for f in _filters(installed).values()
        for t in f["metricTransformations"]
    }
    assert {(a["Namespace"], a["MetricName"]) for a in alarms} == counted
    assert {a["AlarmName"] for a in alarms} == set(EXPECTED)
    assert all(a["AlarmActions"] == a["OKActions"] == [installed.arn("topic")] for a in alarms)
    silent = {a["AlarmName"] for a in alarms if a["TreatMissingData"] != "breaching"}
    events = {"failed-sow", "failed-reap", "needs-person", "set-aside"}
    assert silent == {f"gromit-{name}" for name in events}, "silence does not prove health"


def test_a_pattern_that_cannot_be_evaluated_is_no_match_by_accident() -> None:
    for pattern in (
        "$.event",
        '{ $.event = "a*" }',
        '{ ($.event = "a") }',
        '{ $.event = "a" || $.event = "b" }',
        "{ $.days < 7 }",
    ):
        with pytest.raises(ValueError, match=r".+"):
            filters.matches(pattern, {"event": "a"})
    assert not filters.matches('{ $.name != "ca" }', {"event": "a"})


def test_alarms_are_encrypted_and_mailed(installed: Installed) -> None:
    sns = installed.emulator.client("sns")
    attributes = sns.get_topic_attributes(TopicArn=installed.arn("topic"))["Attributes"]
    assert attributes["KmsMasterKeyId"].startswith(f"arn:aws:kms:{HERE}:key/")
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=installed.arn("topic"))[
        "Subscriptions"
    ]
    assert [(s["Protocol"], s["Endpoint"]) for s in subscriptions] == [
        ("email", "platform@example.com")
    ]
