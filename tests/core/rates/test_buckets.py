"""Token buckets grant what AWS's would, whatever the calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.rates.aws_rates import AWS_RATES, AwsRate, rate_of
from gromit.core.rates.buckets import Rate, TokenBucket


def _waits(bucket: TokenBucket, *instants: float) -> list[float]:
    return [bucket.reserve(now_s) for now_s in instants]


def test_a_burst_goes_at_once_and_then_one_call_after_the_other() -> None:
    bucket = TokenBucket(Rate(3, 2), 100)
    assert _waits(bucket, *[100] * 6) == [0, 0, 0, 0.5, 1, 1.5]


def test_a_bucket_is_full_again_after_a_rest_and_never_fuller() -> None:
    bucket = TokenBucket(Rate(2, 1), 0)
    assert _waits(bucket, 0, 0, 0, 1000, 1000, 1000) == [0, 0, 1, 0, 0, 1]


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    bucket = TokenBucket(Rate(1, 1), 10)
    assert _waits(bucket, 10, 5, 10) == [0, 1, 2]


@given(
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(0, 7), st.floats(0, 3)), min_size=1, max_size=60),
)
def test_all_shares_together_stay_within_the_rate(
    processes: int, calls: list[tuple[int, float]]
) -> None:
    rate = Rate(16, 2)
    buckets = [TokenBucket(rate.share(processes), 0) for _ in range(processes)]
    now_s, granted = 0.0, list[float]()
    for process, pause_s in calls:
        now_s += pause_s
        granted.append(now_s + buckets[process % processes].reserve(now_s))
    granted.sort()
    for first, start in enumerate(granted):
        for last in range(first, len(granted)):
            within = rate.burst + (granted[last] - start) * rate.per_second
            assert last - first + 1 <= within + 1e-6


def test_one_call_is_always_allowed_at_once() -> None:
    share = Rate(2, 1).share(10)
    assert share.burst == 1
    assert TokenBucket(share, 0).reserve(0) == 0


@pytest.mark.parametrize(
    ("service", "operation", "rate"),
    [
        ("route-53", "ListResourceRecordSets", AwsRate.ROUTE53),
        ("ecs", "RegisterTaskDefinition", AwsRate.DEFINITIONS),
        ("ecs", "DeregisterTaskDefinition", AwsRate.DEFINITIONS),
        ("ecs", "DescribeTasks", AwsRate.TASK_READS),
        ("ecs", "DescribeClusters", AwsRate.CLUSTER_READS),
        ("servicediscovery", "ListServices", AwsRate.CLOUD_MAP),
        ("ec2", "DescribeNetworkInterfaces", AwsRate.INTERFACES),
        ("ec2", "DescribeSubnets", None),
        ("dynamodb", "Query", None),
    ],
)
def test_a_call_counts_for_the_rate_of_its_family(
    service: str, operation: str, rate: AwsRate | None
) -> None:
    assert rate_of(service, operation) is rate


def test_every_rate_has_calls_and_no_call_has_two() -> None:
    assert set(AWS_RATES) == set(AwsRate)
    named = [(c.service, o) for c in AWS_RATES.values() for o in c.operations]
    assert len(named) == len(set(named))
