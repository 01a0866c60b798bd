"""Quotas as the doctor tells them."""

from fractions import Fraction

import pytest

from gromit.core.doctor.findings import Finding, FindingStatus
from gromit.core.doctor.quota_findings import QuotaThresholds, judge_quotas
from gromit.core.doctor.quotas import Quota, QuotaUsage, quota_headrooms

COSTS = {Quota.VCPU: Fraction(1), Quota.GROUPS: Fraction(4)}


def judged(wanted: QuotaThresholds, environments: int = 3, **usages: QuotaUsage) -> list[Finding]:
    told = {Quota[name]: usage for name, usage in usages.items()}
    return judge_quotas(quota_headrooms(told, COSTS, environments), told, wanted)


def test_the_next_wall_is_said_first() -> None:
    vcpu, groups = judged(
        QuotaThresholds(80, None), VCPU=QuotaUsage(6, 3), GROUPS=QuotaUsage(2500, 20)
    )
    assert (vcpu.state, vcpu.subject) == (FindingStatus.OK, "fargate.vcpu")
    assert (
        vcpu.seen
        == "next wall: Fargate On-Demand vCPU at 6 environments: 3 of 6 used (50 %), 1 an environment"
    )
    assert (
        groups.seen
        == "VPC security groups at 623 environments: 20 of 2500 used (0 %), 4 an environment"
    )
    assert vcpu.wall is not None
    assert (vcpu.wall.used, vcpu.wall.limit, vcpu.wall.percent) == (3, 6, 50)


@pytest.mark.parametrize(
    ("wanted", "state"),
    [
        (QuotaThresholds(51, None), FindingStatus.OK),
        (QuotaThresholds(50, None), FindingStatus.WRONG),
        (QuotaThresholds(80, 6), FindingStatus.OK),
        (QuotaThresholds(80, 7), FindingStatus.WRONG),
    ],
)
def test_a_wall_is_too_near_by_percent_or_by_environments(
    wanted: QuotaThresholds, state: FindingStatus
) -> None:
    found = judged(wanted, VCPU=QuotaUsage(6, 3))[0]
    assert (found.state, bool(found.remedy)) == (state, state is FindingStatus.WRONG)


def test_the_remedy_says_how_much_more_is_needed() -> None:
    groups = judged(QuotaThresholds(80, 10), VCPU=QuotaUsage(100, 3), GROUPS=QuotaUsage(20, 12))[0]
    assert (
        groups.remedy
        == "ask AWS for more VPC security groups (5 environments more are 20), or let environments go"
    )


def test_a_limit_that_aws_did_not_tell_is_skipped_however_near_it_is() -> None:
    found = judged(
        QuotaThresholds(10, 100), environments=6, VCPU=QuotaUsage(None, 6, "AccessDeniedException")
    )[0]
    assert found.state is FindingStatus.SKIPPED
    assert found.seen == (
        "next wall: Fargate On-Demand vCPU at 6 environments, if the limit is AWS's usual 6 (not told: AccessDeniedException)"
    )
    assert judged(QuotaThresholds(10, 100), VCPU=QuotaUsage(None, 6))[0].seen.endswith(
        "usual 6 (not told)"
    )
    assert found.wall is None  # what is not known raises no alarm
