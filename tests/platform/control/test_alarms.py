"""Log lines that fire an alarm: the applied patterns, against lines of the real code."""

import json

import pytest

from tests.docs.markdown import read
from tests.platform.control import filters
from tests.platform.control.alarm_days import INTERVALS, AppliedAlarms, Lines
from tests.platform.control.installed import HERE, Installed
from tests.platform.control.log_lines import WAITING_S
from tests.platform.emulator import ACCOUNT

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("control")]


EXPECTED = {
    "gromit-oldest-sow": [WAITING_S],
    "gromit-silent-serve": [1.0],
    "gromit-silent-gateway": [1.0],
    "gromit-undone-sow": [1.0],
    "gromit-undone-reap": [1.0],
    "gromit-not-run-sow": [1.0],
    "gromit-not-run-reap": [1.0],
    "gromit-not-run-chitragupta": [1.0],
    "gromit-not-run-pki": [1.0],
    "gromit-not-run-doctor": [1.0],
    "gromit-not-run-doctor-environments": [1.0],
    "gromit-failed-passes-sow": [1.0],
    "gromit-failed-passes-reap": [1.0],
    "gromit-failed-sow": [1.0],
    "gromit-failed-reap": [1.0],
    "gromit-needs-person": [1.0],
    "gromit-set-aside": [1.0],
    "gromit-certificate": [30.0],
    "gromit-ca": [365.0],
    "gromit-quota": [91.0],
    "gromit-discrepancies": [1.0],
}
"""Filter of an alarm to the numbers that the real lines add to its metric."""
FIGURES = {
    **{f"gromit-beat-{name}": [0.0] for name in INTERVALS},
    "gromit-dns-records": [0.0],
    "gromit-dns-changed": [0.0],
    "gromit-dns-blocked": [0.0],
    "gromit-dns-failures": [1.0, 2.0],
}
"""The same of all other filters."""
OCCURRENCES = {"undone-sow", "undone-reap", "needs-person", "set-aside"}
REMINDERS = {"certificate", "quota", "discrepancies"}


@pytest.mark.parametrize("name", EXPECTED | FIGURES)
def test_the_real_lines_of_a_part_are_counted(
    applied: AppliedAlarms, lines: Lines, name: str
) -> None:
    (found,) = (f for f in applied.filters if f["filterName"] == name)
    selector = found["metricTransformations"][0]["metricValue"]
    counted = [
        filters.value(selector, line)
        for line in lines[found["logGroupName"]]
        if filters.matches(found["filterPattern"], line)
    ]
    assert counted == (EXPECTED | FIGURES)[name]


def test_every_alarm_watches_a_filter_and_notifies_the_topic(
    installed: Installed, applied: AppliedAlarms
) -> None:
    found, alarms = applied.filters, applied.alarms
    assert {f["filterName"] for f in found} == set(EXPECTED | FIGURES)
    counted = {
        (t["metricNamespace"], t["metricName"]) for f in found for t in f["metricTransformations"]
    }
    assert {(a["Namespace"], a["MetricName"]) for a in alarms} <= counted
    assert {a["AlarmName"] for a in alarms} == set(EXPECTED)
    assert all(a["AlarmActions"] == [installed.arn("topic")] for a in alarms)


def test_only_what_is_over_says_so_and_only_missing_lines_of_servers_are_silence(
    installed: Installed, applied: AppliedAlarms
) -> None:
    alarms = {a["AlarmName"].removeprefix("gromit-"): a for a in applied.alarms}
    topic = [installed.arn("topic")]
    assert {name for name, a in alarms.items() if not a["OKActions"]} == OCCURRENCES | REMINDERS
    assert all(a["OKActions"] in ([], topic) for a in alarms.values())
    assert {
        n: a["InsufficientDataActions"] for n, a in alarms.items() if a["InsufficientDataActions"]
    } == {"silent-serve": topic, "silent-gateway": topic}
    assert not any(a["TreatMissingData"] == "breaching" for a in alarms.values()), (
        "it fires at the installation"
    )


def test_every_alarm_has_a_section_of_the_page_and_names_it(applied: AppliedAlarms) -> None:
    page = read("reference/alarms.md")
    sections = [line for line in page.splitlines() if line.startswith("## gromit-")]
    alarms = {a["AlarmName"]: a["AlarmDescription"] for a in applied.alarms}
    assert sections == [f"## {name}" for name in sorted(alarms)]
    for name, description in alarms.items():
        assert description.endswith(f" See docs/reference/alarms.md#{name}")


def test_the_key_of_the_topic_lets_alarms_through_and_its_policy_only_ours(
    installed: Installed,
) -> None:
    """An alarm that may not use the key is silent, whatever it finds."""
    sns, kms = installed.emulator.client("sns"), installed.emulator.client("kms")
    attributes = sns.get_topic_attributes(TopicArn=installed.arn("topic"))["Attributes"]
    key = kms.get_key_policy(KeyId=attributes["KmsMasterKeyId"], PolicyName="default")["Policy"]
    (use,) = (s for s in json.loads(key)["Statement"] if s["Sid"] == "Alarms")
    assert use["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert sorted(use["Action"]) == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert "Condition" not in use
    (publish,) = json.loads(attributes["Policy"])["Statement"]
    assert publish["Condition"] == {"StringEquals": {"aws:SourceAccount": [ACCOUNT]}}


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
