"""Paced calls of a pass with fifty environments are never throttled; without pacing most are."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gromit.adapters.aws.ecs_tasks import EcsTasks
from gromit.adapters.aws.environment_resources import ResourceClients
from gromit.adapters.aws.pacing import Pacer, PacingClock
from gromit.adapters.aws.resource_removal import AwsEnvironmentResources
from gromit.adapters.aws.route53 import CLIENT, Route53Zone
from gromit.core.rates.aws_rates import AWS_RATES, AwsRate
from gromit.core.rates.buckets import Rate
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.resources import Resource, ResourceKind
from tests.aws_laws.fleet import Fleet
from tests.aws_laws.laws import LATENCY_S, Laws

ENVIRONMENTS, COMPONENTS = 50, 6
DEREGISTER = "ecs.DeregisterTaskDefinition"
CATALOGUE = Catalogue({"tyk": Component(name="tyk", repository="tyk", port=8181, public=True)})


def _pacer(laws: Laws, processes: int = 1) -> Pacer:
    return Pacer(processes, PacingClock(lambda: laws.clock_s, laws.sleep))


def _removal(laws: Laws, pacer: Pacer | None) -> AwsEnvironmentResources:
    names = {"ecs": "ecs", "ec2": "ec2", "efs": "efs", "logs": "logs"}
    clients: dict[str, Any] = {
        name: laws.client(service, pacer=pacer) for name, service in names.items()
    }
    return AwsEnvironmentResources(
        ResourceClients(**clients, discovery=laws.client("servicediscovery", pacer=pacer))
    )


def _definitions(laws: Laws) -> list[Resource]:
    """Register the task definitions of fifty environments."""
    ecs = laws.free("ecs")
    found = []
    for number in range(ENVIRONMENTS * COMPONENTS):
        family = f"e{number // COMPONENTS}--c{number % COMPONENTS}"
        made = ecs.register_task_definition(
            family=family, containerDefinitions=[{"name": "c", "image": "c:1", "memory": 128}]
        )
        arn = made["taskDefinition"]["taskDefinitionArn"]
        found.append(Resource(kind=ResourceKind.DEFINITION, id=arn))
    return found


def _is_refused(client: Any, definition: Resource) -> bool:
    try:
        client.deregister_task_definition(taskDefinition=definition.id)
    except ClientError:
        return True
    return False


def _refusals(call: Callable[[], object]) -> int:
    """Make a call until it is granted; return the number of refusals."""
    for refused in itertools.count():
        try:
            call()
        except ClientError:
            continue
        return refused
    raise AssertionError


def test_the_task_definitions_of_fifty_environments_go_without_a_refusal(laws: Laws) -> None:
    found = _definitions(laws)
    resources = _removal(laws, _pacer(laws))
    assert all(resources.remove(definition) for definition in found)
    assert laws.attempts[DEREGISTER] == len(found)
    assert laws.throttled == 0
    rate = AWS_RATES[AwsRate.DEFINITIONS].rate.share(1)
    needed_s = (len(found) - rate.burst) / rate.per_second
    assert needed_s <= laws.clock_s <= needed_s + len(found) * LATENCY_S


def test_without_pacing_most_of_the_same_calls_are_refused(laws: Laws) -> None:
    found = _definitions(laws)
    client = laws.client("ecs")
    refused = [d for d in found if _is_refused(client, d)]
    assert len(refused) == laws.throttled
    assert len(refused) == pytest.approx(265, abs=1)


def test_four_processes_share_a_rate_without_a_refusal(laws: Laws) -> None:
    clients = [laws.client("route53", pacer=_pacer(laws, 4)) for _ in range(4)]
    for number in range(200):
        clients[number % 4].list_hosted_zones()
    assert laws.throttled == 0


def test_one_process_of_four_keeps_to_its_part(laws: Laws) -> None:
    client = laws.client("ec2", pacer=_pacer(laws, 4))
    for _ in range(75):
        client.describe_network_interfaces()
    rate = AWS_RATES[AwsRate.INTERFACES].rate.share(4)
    assert rate == Rate(22.5, 5)
    assert laws.clock_s == pytest.approx((75 - rate.burst) / rate.per_second, abs=0.1)


def test_each_attempt_takes_a_token(laws: Laws) -> None:
    laws.fail("ec2.DescribeNetworkInterfaces", "RequestLimitExceeded", times=30)
    client = laws.client("ec2", pacer=_pacer(laws, 100))
    assert _refusals(client.describe_network_interfaces) == 30
    share = AWS_RATES[AwsRate.INTERFACES].rate.share(100)
    assert laws.attempts["ec2.DescribeNetworkInterfaces"] == 31
    assert laws.clock_s == pytest.approx((31 - share.burst) / share.per_second, abs=0.1)


def test_a_first_publication_of_fifty_environments_is_not_throttled(laws: Laws) -> None:
    fleet, names = Fleet(laws.free), [f"e{n}" for n in range(ENVIRONMENTS)]
    for name in names:
        fleet.run(name, "tyk")
    pacer = _pacer(laws, 4)
    tasks = EcsTasks(
        laws.client("ec2", pacer=pacer), laws.client("ecs", pacer=pacer), CATALOGUE.public
    )
    assert len(tasks.running_tasks(names).tasks) == ENVIRONMENTS
    zone_id = laws.free("route53").create_hosted_zone(Name="dev.example.com", CallerReference="x")
    zone = Route53Zone(
        laws.client("route53", CLIENT, pacer=pacer),
        zone_id["HostedZone"]["Id"],
        "dev.example.com",
        laws.clock,
    )
    assert zone.records() == []
    assert laws.throttled == 0
