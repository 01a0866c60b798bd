"""Findings about quotas."""

from fractions import Fraction

import pytest

from gromit.core.doctor.findings import Finding, FindingStatus
from gromit.core.doctor.quota_findings import judge_quotas
from gromit.core.doctor.quotas import Quota, QuotaThresholds, QuotaUsage, quota_headrooms

COSTS = {Quota.VCPU: Fraction(1), Quota.GROUPS: Fraction(4)}


def judged(
    thresholds: QuotaThresholds, environments: int = 3, **usages: QuotaUsage
) -> list[Finding]:
    by_quota = {Quota[name]: usage for name, usage in usages.items()}
    return judge_quotas(quota_headrooms(by_quota, COSTS, environments), by_quota, thresholds)


def test_the_tightest_quota_comes_first() -> None:
    vcpu, groups = judged(
        QuotaThresholds(80, None), VCPU=QuotaUsage(6, 3), GROUPS=QuotaUsage(2500, 20)
    )
    assert (vcpu.state, vcpu.subject) == (FindingStatus.OK, "fargate.vcpu")
    assert vcpu.observed == (
        "tightest quota: Fargate On-Demand vCPU: enough for 6 environments, "
        "3 of 6 used (50 %), 1 per environment"
    )
    assert groups.observed == (
        "VPC security groups: enough for 623 environments, 20 of 2500 used (0 %), 4 per environment"
    )
    assert vcpu.headroom is not None
    assert (vcpu.headroom.used, vcpu.headroom.limit, vcpu.headroom.percent) == (3, 6, 50)


@pytest.mark.parametrize(
    ("thresholds", "state"),
    [
        (QuotaThresholds(51, None), FindingStatus.OK),
        (QuotaThresholds(50, None), FindingStatus.WRONG),
        (QuotaThresholds(80, 6), FindingStatus.OK),
        (QuotaThresholds(80, 7), FindingStatus.WRONG),
    ],
)
def test_a_quota_is_too_close_by_percent_or_by_environments(
    thresholds: QuotaThresholds, state: FindingStatus
) -> None:
    found = judged(thresholds, VCPU=QuotaUsage(6, 3))[0]
    assert (found.state, bool(found.remedy)) == (state, state is FindingStatus.WRONG)


def test_the_remedy_names_the_missing_amount() -> None:
    groups = judged(QuotaThresholds(80, 10), VCPU=QuotaUsage(100, 3), GROUPS=QuotaUsage(20, 12))[0]
    assert groups.remedy == (
        "request more VPC security groups from AWS "
        "(20 more for 5 environments), or delete environments"
    )


def test_a_limit_that_aws_did_not_report_is_skipped_however_close_it_is() -> None:
    found = judged(
        QuotaThresholds(10, 100), environments=6, VCPU=QuotaUsage(None, 6, "AccessDeniedException")
    )[0]
    assert found.state is FindingStatus.SKIPPED
    assert found.observed == (
        "tightest quota: Fargate On-Demand vCPU: enough for 6 environments "
        "at AWS's default limit of 6 (limit not reported: AccessDeniedException)"
    )
    assert judged(QuotaThresholds(10, 100), VCPU=QuotaUsage(None, 6))[0].observed.endswith(
        "default limit of 6 (limit not reported)"
    )
    assert found.headroom is None  # an unknown limit raises no alarm
