"""Calls of sow, reap and chitragupta beyond Terraform's own. A test fails with one call more.

Terraform would take and release the lock of a state itself, so those two calls are in its place.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from tests.aws_laws.worker_world import Calls, WorkerWorld, worker_world

PASS = {"s3.ListObjectsV2": 1, "serve.POST claims": 1, "table.due": 1, "table.read": 1}
"""Calls of a pass that finds nothing: stale locks, one request for work, one query for it.

The read of the table is the one for suspensions.
"""
LOCK = {"s3.PutObject": 1, "s3.DeleteObject": 1}
RUN = {
    **LOCK,
    "serve.POST claims": 1,
    "serve.POST renew": 1,
    "serve.POST done": 1,
    "table.due": 1,
    "table.read": 3,
    "table.write": 3,
}
"""Calls of each run. Its reads are those for suspensions, of the row, and of the claim's begin."""
PLATFORM = {"ssm.GetParameter": 1}
"""Call of a pass that finds work."""
STATE = {"s3.GetObject": 2}
"""Check of the state before the act, and the state that it left."""
IMAGE = {"ecr.BatchGetImage": 1, "ecr.PutImage": 2}
"""Look at a changed image, and its two marks."""
ROLLOUT = {"ecs.DescribeServices": 1}
RECORDS = {
    "ec2.DescribeNetworkInterfaces": 1,
    "ecs.ListTasks": 1,
    "ecs.DescribeTasks": 1,
    "route53.ListResourceRecordSets": 1,
    "route53.ChangeResourceRecordSets": 1,
}
"""Calls for the record of a public component whose task was replaced."""
CHANGE = (RUN, STATE, IMAGE, ROLLOUT)


def total(*parts: Mapping[str, int], times: int = 1) -> Calls:
    """Return the sum of parts, each of them a number of times."""
    found: Counter[str] = Counter()
    for part in parts:
        found.update({call: count * times for call, count in part.items()})
    return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerWorld]:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with worker_world() as made:
        yield made


def test_a_run_costs_a_few_calls_for_what_has_changed(world: WorkerWorld) -> None:
    assert world.sow() == PASS
    world.build("tyk", "a")
    world.sow()
    world.build("tyk-pump", "a")
    assert world.sow() == total(PASS, PLATFORM, *CHANGE)
    world.build("tyk", "a")
    assert world.sow() == total(PASS, PLATFORM, *CHANGE, RECORDS)
    world.report_again("a")
    assert world.sow() == total(PASS, PLATFORM, RUN), "of AWS only the lock, if nothing has changed"
    assert world.refreshed == [True, False, False]
    world.publish()
    looked = {"ec2.DescribeNetworkInterfaces": 1, "route53.ListResourceRecordSets": 1}
    listed = {"ecs.DescribeClusters": 1, "serve.GET wanted": 1, "table.page": 1}
    assert world.publish() == total(looked, listed)


def test_a_pass_reads_once_what_all_environments_share(world: WorkerWorld) -> None:
    names = ("a", "b", "c")
    world.build("tyk-pump", *names)
    world.sow()
    world.build("tyk-pump", *names)
    calls = total(PASS, PLATFORM, total(*CHANGE, times=3))
    assert world.sow() == {**calls, "table.due": 2}, "one look finds all, and another one nothing"


def test_reap_reads_the_records_of_one_environment_in_a_zone_with_many_of_others(
    world: WorkerWorld,
) -> None:
    world.publish_neighbours(500)
    world.build("tyk", "a")
    world.sow()
    world.delete("a")
    look = {
        "ecs.ListTaskDefinitionFamilies": 1,
        "servicediscovery.ListServices": 1,
        "ec2.DescribeSecurityGroups": 2,
        "efs.DescribeAccessPoints": 1,
        "cloudwatchlogs.DescribeLogGroups": 1,
    }
    assert world.reap() == total(
        PASS,
        PLATFORM,
        {**RUN, "table.read": 2},  # how long it took is not asked for
        STATE,
        {"route53.ListResourceRecordSets": 1, "route53.ChangeResourceRecordSets": 1},
        {"ecs.DescribeClusters": 2},  # before the destroy, and after it
        look,  # after it alone
        {"ecs.ListServices": 1, "ecs.DescribeServices": 1, "ecs.ListTasks": 1},
        {"ecs.DescribeTasks": 1},
        {"ecr.BatchDeleteImage": 3},
        {"s3.DeleteObject": 1},
    )
    assert world.reap() == PASS
