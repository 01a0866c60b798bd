"""Terraform's calls that count for AWS's rates, in the life of an environment.

The doctor computes the used rates from these numbers. Reads of services depend on how long
Terraform waits, and are not counted here.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

import pytest

from gromit.core.rates.aws_rates import AwsRate, rate_of
from gromit.core.rates.demand import (
    EnvironmentShape,
    build_calls,
    creation_calls,
    deletion_calls,
)
from gromit.core.stack.contract import Platform, StackInput
from tests.contracts.terraform.cloud import Cloud
from tests.contracts.terraform.worlds import World, component
from tests.platform.control.recorder import Call, Recorder

pytestmark = [pytest.mark.terraform, pytest.mark.long, pytest.mark.xdist_group("contracts")]

COMPONENTS = 3
OF_TERRAFORM = (AwsRate.DEFINITIONS, AwsRate.CLUSTERS, AwsRate.SERVICES, AwsRate.CLOUD_MAP)
"""Rates for which only Terraform's calls count, but for the looks of reap."""


def test_a_life_makes_the_calls_that_the_doctor_computes_with(
    cloud: Cloud, engine: World, platform: Platform
) -> None:
    parts = {f"c{n}": component(public=n < 2, config_path="/conf") for n in range(COMPONENTS)}
    first = StackInput(name="counted", platform=platform, components=parts)
    newer = {**parts, "c0": replace(parts["c0"], image="redis:8")}
    with Recorder(cloud.url) as recorder:
        world = replace(engine, cloud=Cloud(recorder.url))
        with world.runner() as runner:
            lock = world.lock("counted")
            recorder.who = "creation"
            runner.apply(first, lock, lambda _line: None)
            recorder.who = "build"
            runner.apply(replace(first, components=newer), lock, lambda _line: None)
            recorder.who = "deletion"
            runner.destroy(replace(first, components={}), lock, lambda _line: None)
            world.bucket().unlock(lock)
    shape = EnvironmentShape(COMPONENTS, 2)
    expected = {
        "creation": creation_calls(shape),
        "build": build_calls(shape),
        "deletion": deletion_calls(shape, 0),
    }
    for who, calls in expected.items():
        found = _by_rate(recorder.calls, who)
        for rate in OF_TERRAFORM:
            if (who, rate) == ("deletion", AwsRate.SERVICES):
                # A provider repeats a deletion that ECS refuses while tasks end.
                assert found[rate] >= calls[rate]
            else:
                assert found[rate] == calls[rate], (who, rate)


def _by_rate(calls: Collection[Call], who: str) -> Counter[AwsRate | None]:
    return Counter(
        rate_of(*call.action.replace("route53:", "route-53:").split(":", 1))
        for call in calls
        if call.who == who
    )
