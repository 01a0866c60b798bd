"""Demand for calls grows with the environments, and each rate allows a number of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.rates.aws_rates import AWS_RATES, AwsRate
from gromit.core.rates.demand import (
    Activity,
    EnvironmentShape,
    calls_per_second,
    environments_allowed,
    pass_calls,
)

SHIPPED = EnvironmentShape(components=6, public=2)
BUSY = Activity(builds_per_hour=2)

shapes = st.integers(1, 12).flatmap(
    lambda k: st.builds(EnvironmentShape, st.just(k), st.integers(0, k))
)
activities = st.builds(Activity, builds_per_hour=st.floats(0, 20), lives_per_day=st.floats(0, 10))


@given(shapes, activities, st.integers(0, 5000), st.integers(1, 500))
def test_more_environments_never_need_fewer_calls(
    shape: EnvironmentShape, activity: Activity, count: int, more: int
) -> None:
    before = calls_per_second(shape, activity, count)
    after = calls_per_second(shape, activity, count + more)
    assert all(after[rate] >= before[rate] for rate in AwsRate)


@given(shapes, activities, st.sampled_from(AwsRate))
def test_a_rate_allows_so_many_environments_and_not_one_more(
    shape: EnvironmentShape, activity: Activity, rate: AwsRate
) -> None:
    most, limit = environments_allowed(shape, activity, rate), AWS_RATES[rate].rate.per_second
    assert most == 0 or calls_per_second(shape, activity, most)[rate] <= limit
    if most < 1 << 23:
        assert calls_per_second(shape, activity, most + 1)[rate] > limit


def test_the_figures_of_a_pass_are_those_of_its_budget() -> None:
    assert pass_calls(SHIPPED, 1000) == {
        AwsRate.ROUTE53: 11,
        AwsRate.CLUSTER_READS: 10,
        AwsRate.INTERFACES: 6,
    }
    assert pass_calls(EnvironmentShape(1, 1), 0) == {
        AwsRate.ROUTE53: 1,
        AwsRate.CLUSTER_READS: 0,
        AwsRate.INTERFACES: 1,
    }


def test_a_thousand_environments_register_task_definitions_at_this_rate() -> None:
    found = calls_per_second(SHIPPED, BUSY, 1000)[AwsRate.DEFINITIONS]
    builds, lives = 2000 * 2, 1000 / 24 * 2 * 6
    assert found == pytest.approx((builds + lives) / 3600)
