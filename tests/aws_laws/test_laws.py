"""The gate keeps its limits, so that measurements behind it are valid."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from gromit.adapters.aws import client as aws
from tests.aws_laws.laws import LATENCY_S, Laws

LIST = "route53.ListHostedZones"


def outcome(call: Any, **arguments: Any) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def test_retries_count_as_attempts_but_not_as_calls(laws: Laws) -> None:
    laws.fail(LIST, times=1)
    laws.client("route53", aws.CLIENT).list_hosted_zones()
    assert (laws.calls[LIST], laws.attempts[LIST]) == (1, 2)


def test_route53_grants_fifty_at_once_and_ten_more_a_second(laws: Laws) -> None:
    route53 = laws.client("route53")
    granted = 0
    while "Throttling" not in outcome(route53.list_hosted_zones):
        granted += 1
    assert granted == pytest.approx(50 + granted * LATENCY_S * 10, abs=1)
    laws.sleep(1)
    assert [outcome(route53.list_hosted_zones) for _ in range(10)] == ["done"] * 10


@pytest.mark.parametrize(
    ("service", "call", "fault"),
    [
        ("route53", "list_hosted_zones", "Throttling"),
        ("ec2", "describe_network_interfaces", "RequestLimitExceeded"),
        ("ecs", "list_clusters", "ThrottlingException"),
    ],
)
def test_faults_come_as_each_service_words_them(
    laws: Laws, service: str, call: str, fault: str
) -> None:
    operation = f"{service}.{''.join(w.capitalize() for w in call.split('_'))}"
    client = laws.client(service)
    laws.fail(operation, fault, skip=1)
    getattr(client, call)()
    assert outcome(getattr(client, call)) == fault
    getattr(client, call)()


def test_a_fault_before_has_no_effect_and_one_after_has(laws: Laws) -> None:
    route53 = laws.client("route53")
    laws.fail("route53.CreateHostedZone", "ServiceUnavailable")
    assert (
        outcome(route53.create_hosted_zone, Name="a.example", CallerReference="a")
        == "ServiceUnavailable"
    )
    laws.fail("route53.CreateHostedZone", "timeout", after=True)
    with pytest.raises(ReadTimeoutError):
        route53.create_hosted_zone(Name="b.example", CallerReference="b")
    assert [z["Name"] for z in laws.free("route53").list_hosted_zones()["HostedZones"]] == [
        "b.example."
    ]


def test_what_sets_the_scene_is_not_counted(laws: Laws) -> None:
    laws.free("route53").list_hosted_zones()
    assert not laws.calls
