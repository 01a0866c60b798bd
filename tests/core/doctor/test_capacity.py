"""Capacities: close from one usage on, wrong from another, or if too few environments fit."""

from dataclasses import replace

import pytest

from gromit.core.doctor.capacity import (
    PRIVATE_ADDRESSES,
    CapacityUse,
    SubnetAddresses,
    address_use,
    core_use,
    judge_capacity,
    judge_quota_failures,
    judge_rates,
    memory_use,
    rate_uses,
)
from gromit.core.doctor.findings import Check, FindingStatus
from gromit.core.doctor.quotas import QuotaThresholds
from gromit.core.load import CpuUse, MemoryUse
from gromit.core.rates.demand import Activity, EnvironmentShape

THRESHOLDS = QuotaThresholds(80, None, 60)
SHIPPED = EnvironmentShape(components=6, public=2)
USE = CapacityUse(
    name="a", title="A", unit="b", used=0, limit=100, environments=50, remedy="get more"
)


@pytest.mark.parametrize(
    ("used", "required", "state"),
    [
        (59, None, FindingStatus.OK),
        (60, None, FindingStatus.WARNING),
        (79, 50, FindingStatus.WARNING),
        (80, None, FindingStatus.WRONG),
        (0, 50, FindingStatus.OK),
        (0, 51, FindingStatus.WRONG),
    ],
)
def test_a_capacity_is_close_and_then_wrong(
    used: float, required: int | None, state: FindingStatus
) -> None:
    thresholds = replace(THRESHOLDS, environments=required)
    (finding,) = judge_capacity(Check.ADDRESSES, [replace(USE, used=used)], thresholds)
    assert finding.state is state
    assert bool(finding.remedy) is (state is not FindingStatus.OK)
    assert f"enough for 50 environments, {used} of 100 b used ({used} %)" in finding.observed


def test_a_limit_of_zero_is_used_up() -> None:
    (finding,) = judge_capacity(Check.ADDRESSES, [replace(USE, limit=0)], THRESHOLDS)
    assert finding.state is FindingStatus.WRONG


def test_three_small_subnets_hold_what_the_fullest_allows_after_a_few_rollouts() -> None:
    subnets = [SubnetAddresses(251, 251), SubnetAddresses(251, 251), SubnetAddresses(131, 251)]
    use = address_use(PRIVATE_ADDRESSES, subnets, each=4, environments=30)
    assert use.limit == 3 * 251 - 16
    assert use.used == 3 * (251 - 131)
    assert use.environments == 30 + (3 * 131 - 16) // 4
    empty = [SubnetAddresses(251, 251)] * 3
    assert address_use(PRIVATE_ADDRESSES, empty, each=6, environments=0).environments == 121


@pytest.mark.parametrize("subnets", [[], [SubnetAddresses(3, 251)]])
def test_without_free_addresses_no_environment_fits(subnets: list[SubnetAddresses]) -> None:
    use = address_use(PRIVATE_ADDRESSES, subnets, each=6, environments=7)
    assert use.environments == 7
    (finding,) = judge_capacity(Check.ADDRESSES, [use], THRESHOLDS)
    assert finding.state is FindingStatus.WRONG


def test_only_the_tightest_rate_is_shown_until_others_are_close() -> None:
    activity = Activity(builds_per_hour=2)
    few = judge_rates(rate_uses(SHIPPED, activity, 10), THRESHOLDS)
    assert [(f.subject, f.state) for f in few] == [("ecs.definitions", FindingStatus.OK)]
    many = judge_rates(rate_uses(SHIPPED, activity, 2000), THRESHOLDS)
    assert len(many) > 1
    assert {f.state for f in many} <= {FindingStatus.WARNING, FindingStatus.WRONG}
    assert many[0].subject == "ecs.definitions"


def test_a_quota_that_was_hit_names_the_environments_that_wait_for_it() -> None:
    ask = "ask the operators of gromit: the quota is used up; run `aws`"
    failures = {f"app-{n}": ("fargate.vcpu", ask) for n in range(7)}
    failures["web"] = ("vpc.subnet_addresses", "add subnets")
    vcpu, addresses = judge_quota_failures(failures)
    assert (vcpu.check, vcpu.subject) == (Check.QUOTA_HIT, "fargate.vcpu")
    assert vcpu.observed.startswith("7 environments wait for it: app-0, app-1, app-2, app-3, app-4")
    assert vcpu.remedy == "the quota is used up; run `aws`"
    assert addresses.observed == "1 environment waits for it: web"
    assert [f.state for f in judge_quota_failures({})] == [FindingStatus.OK]


@pytest.mark.parametrize(
    ("percent", "environments", "state", "room"),
    [
        (10, 40, FindingStatus.OK, "enough for 200 environments"),
        (30, 40, FindingStatus.WARNING, "enough for 66 environments"),
        (40, 40, FindingStatus.WRONG, "enough for 50 environments"),
        (10, 9, FindingStatus.OK, "10 of 50 % of a core used (20 %)"),
    ],
)
def test_the_core_of_serve_is_foretold_from_its_busiest_minute(
    percent: float, environments: int, state: FindingStatus, room: str
) -> None:
    use = core_use(CpuUse(percent, 50), environments)
    (finding,) = judge_capacity(Check.SERVE_CPU, [use], THRESHOLDS)
    assert (finding.state, finding.subject) == (state, "serve.cpu")
    assert room in finding.observed


@pytest.mark.parametrize(
    ("peak_mb", "state"),
    [
        (2400, FindingStatus.OK),
        (2500, FindingStatus.WARNING),
        (3300, FindingStatus.WRONG),
        (5000, FindingStatus.WRONG),
    ],
)
def test_the_memory_of_a_worker_is_compared_with_its_task(
    peak_mb: float, state: FindingStatus
) -> None:
    use = memory_use("sow", MemoryUse(peak_mb, 4096))
    thresholds = replace(THRESHOLDS, environments=1000)
    (finding,) = judge_capacity(Check.MEMORY, [use], thresholds)
    assert (finding.state, finding.subject) == (state, "sow.memory")
    assert f"{peak_mb} of 4096 MB used" in finding.observed
