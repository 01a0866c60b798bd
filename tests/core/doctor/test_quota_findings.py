"""Quotas as the doctor tells them."""

from fractions import Fraction

import pytest

from gromit.core.doctor.findings import Finding, State
from gromit.core.doctor.quota_findings import Expectation, judge_quotas
from gromit.core.doctor.quotas import Quota, Usage, walls

COSTS = {Quota.VCPU: Fraction(1), Quota.GROUPS: Fraction(4)}


def judged(wanted: Expectation, environments: int = 3, **usages: Usage) -> list[Finding]:
    told = {Quota[name]: usage for name, usage in usages.items()}
    return judge_quotas(walls(told, COSTS, environments), told, wanted)


def test_the_next_wall_is_said_first() -> None:
    vcpu, groups = judged(Expectation(80, None), VCPU=Usage(6, 3), GROUPS=Usage(2500, 20))
    assert (vcpu.state, vcpu.subject) == (State.OK, "fargate.vcpu")
    assert vcpu.seen == "next wall: Fargate On-Demand vCPU at 6 environments: 3 of 6 used (50 %), 1 an environment"
    assert groups.seen == "VPC security groups at 623 environments: 20 of 2500 used (0 %), 4 an environment"
    assert vcpu.wall is not None
    assert (vcpu.wall.used, vcpu.wall.limit, vcpu.wall.percent) == (3, 6, 50)


@pytest.mark.parametrize(
    ("wanted", "state"),
    [
        (Expectation(51, None), State.OK),
        (Expectation(50, None), State.WRONG),
        (Expectation(80, 6), State.OK),
        (Expectation(80, 7), State.WRONG),
    ],
)
def test_a_wall_is_too_near_by_percent_or_by_environments(wanted: Expectation, state: State) -> None:
    found = judged(wanted, VCPU=Usage(6, 3))[0]
    assert (found.state, bool(found.remedy)) == (state, state is State.WRONG)


def test_the_remedy_says_how_much_more_is_needed() -> None:
    groups = judged(Expectation(80, 10), VCPU=Usage(100, 3), GROUPS=Usage(20, 12))[0]
    assert groups.remedy == "ask AWS for more VPC security groups (5 environments more are 20), or let environments go"


def test_a_limit_that_aws_did_not_tell_is_skipped_however_near_it_is() -> None:
    found = judged(Expectation(10, 100), environments=6, VCPU=Usage(None, 6, "AccessDeniedException"))[0]
    assert found.state is State.SKIPPED
    assert found.seen == (
        "next wall: Fargate On-Demand vCPU at 6 environments, if the limit is AWS's usual 6 (not told: AccessDeniedException)"
    )
    assert judged(Expectation(10, 100), VCPU=Usage(None, 6))[0].seen.endswith("usual 6 (not told)")
    assert found.wall is None  # what is not known raises no alarm
