"""The roles held against what the parts really ask of AWS: each action of a whole life of an environment is in the part's role.

Resources and conditions are the tables of `test_roles`. Here it is seen that no action is missing, and that what must be born with
the tag `env` is: the request that makes it carries the tag, not a later one.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from gromit.adapters import catalogue_file
from gromit.adapters.aws_leftovers import AwsLeftovers
from gromit.adapters.dynamodb import DynamoStore
from gromit.adapters.dynamodb_table import Table
from gromit.adapters.ecr import EcrImages
from gromit.adapters.ecs_services import EcsServices
from gromit.adapters.ecs_tasks import EcsTasks
from gromit.adapters.platform_parameter import PlatformParameter
from gromit.adapters.route53 import Clock, Route53Zone
from gromit.core.dns import Changes, Record, owner_record
from gromit.core.rows import Absent, Write
from gromit.core.stack import StackInput
from tests.contracts.terraform.cloud import Cloud
from tests.contracts.terraform.worlds import World, component
from tests.platform.control.installed import Installed
from tests.platform.control.plane import DOMAIN
from tests.platform.control.recorder import Call, Recorder
from tests.platform.roots import Engine

pytestmark = [pytest.mark.terraform, pytest.mark.long, pytest.mark.xdist_group("control")]

FREE = frozenset({"sts:GetCallerIdentity", "ec2:DescribeAccountAttributes", "iam:GetUser"})
"""The first needs no right; the others provider 3.39 asks for at its start, and goes on when it is refused."""
SURPLUS = {
    "ec2:CreateTags": "AWS asks for it with what is made with tags",
    "ecs:TagResource": "as above",
    "elasticfilesystem:TagResource": "as above",
    "servicediscovery:TagResource": "as above",
    "logs:TagResource": "as above",
    "iam:PassRole": "AWS asks for it with RegisterTaskDefinition",
    "ec2:DeleteTags": "a tag goes",
    "ecs:UntagResource": "as above",
    "elasticfilesystem:UntagResource": "as above",
    "servicediscovery:UntagResource": "as above",
    "logs:UntagResource": "as above",
    "logs:UntagLogGroup": "as above, of older providers",
    "logs:TagLogGroup": "a tag comes, of older providers",
    "logs:ListTagsLogGroup": "newer providers look elsewhere",
    "logs:ListTagsForResource": "older providers look elsewhere",
    "ecs:ListTagsForResource": "as above",
    "ec2:DescribeSecurityGroupRules": "as above",
    "servicediscovery:UpdateService": "the TTL of names changes",
    "ecs:DescribeTasks": "whether the owner of a lock lives, and why a task has stopped",
    "ecs:ListTasks": "as above",
    "route53:ListResourceRecordSets": "reap retires records, as chitragupta does here",
    "route53:ChangeResourceRecordSets": "as above",
    "elasticfilesystem:ClientMount": "asked for by the kernel",
    "elasticfilesystem:ClientWrite": "as above",
}
"""Rights of sow and reap that no call here needs, and why they are there all the same."""
BORN = (
    "ecs:CreateCluster", "ecs:RegisterTaskDefinition", "ecs:CreateService", "ec2:CreateSecurityGroup",
    "elasticfilesystem:CreateAccessPoint", "servicediscovery:CreateService",
)  # fmt: skip


def _silent(_line: str) -> None:
    """Nobody watches."""


@pytest.fixture(scope="session", params=["embedded", "newer"])
def calls(request: pytest.FixtureRequest, installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """All that is asked in the life of one environment, with the provider of the tests and with the image's."""
    folder, env = tmp_path_factory.mktemp("calls"), f"app-{request.param}"
    engine = request.getfixturevalue(request.param)
    assert isinstance(engine, Engine)
    with Recorder(installed.emulator.url) as recorder:
        cloud = Cloud(recorder.url)
        world = World(cloud, "embedded", engine.mirror, folder, folder / "cache")
        _sow_and_reap(world, recorder, env)
        recorder.who = "chitragupta"
        _expose(installed, cloud, env)
        recorder.who = "serve"
        _register(cloud, env)
    return recorder.calls


def _sow_and_reap(world: World, recorder: Recorder, env: str) -> None:
    """An environment is made, made again with something changed, looked at, and destroyed."""
    cloud, recorder.who = world.cloud, "sow"
    platform = PlatformParameter(cloud.client("ssm"), "/gromit/platform").read()
    EcrImages(cloud.client("ecr")).digests([("tyk", "master")])
    redis = component(config_path="/conf", public=False)
    first = StackInput(name=env, platform=platform, components={"redis": redis, "tyk": component(port=8181)})
    bucket = world.bucket()
    with world.runner() as runner:
        lock = world.lock(env)
        runner.apply(first, lock, _silent)
        runner.apply(replace(first, components={"redis": replace(redis, image="redis:8")}), lock, _silent)
        EcsServices(cloud.client("ecs")).look(env)
        bucket.find_lock(env)
        bucket.unlock(lock)
        recorder.who = "reap"
        lock = world.lock(env)
        runner.destroy(replace(first, components={}), lock, _silent)
        AwsLeftovers(cloud.client("ecs"), cloud.client("ec2")).find(env)
        bucket.head(env)
        bucket.delete(env)
        bucket.unlock(lock)


def _expose(installed: Installed, cloud: Cloud, env: str) -> None:
    tasks = EcsTasks(cloud.client("ec2"), cloud.client("ecs"), catalogue_file.load(None, None))
    tasks.public_tasks()
    cloud.client("ecs").create_cluster(clusterName=env, tags=[{"key": "env", "value": env}])
    tasks.running_tasks([env])
    cloud.client("ecs").list_tasks(cluster=env)
    zone = Route53Zone(cloud.client("route53"), installed.ground["zone_id"], DOMAIN, Clock(time.monotonic, time.sleep))
    list(zone.records())
    record = Record(f"tyk.{env}.{DOMAIN}", "A", 10, frozenset({"192.0.2.1"}))
    zone.apply(Changes(creates=((record, "new"), (owner_record(env, DOMAIN), "new"))), _silent)


def _register(cloud: Cloud, env: str) -> None:
    client = cloud.client("dynamodb")
    Table(client, "DeveloperEnvironments", lambda _s: None).ensure()
    store = DynamoStore(client, "DeveloperEnvironments")
    store.write(env, Write(conditions=(Absent("want"),), sets={"want": "up"}))
    store.read(env)
    store.due("sow", 0, 1)
    store.page(None, 10)
    EcrImages(cloud.client("ecr")).digests([("tyk", "master")])


def _actions(calls: Collection[Call], who: str) -> set[str]:
    return {call.action for call in calls if call.who == who} - FREE


def _allowed(installed: Installed, part: str) -> set[str]:
    found = installed.policies(f"gromit-{part}").identity
    listed = [s["Action"] if isinstance(s["Action"], list) else [s["Action"]] for s in found if s["Effect"] == "Allow"]
    return {action for actions in listed for action in actions}


@pytest.mark.parametrize("part", ["sow", "reap", "chitragupta", "serve"])
def test_every_action_that_a_part_asks_for_is_in_its_role(installed: Installed, calls: list[Call], part: str) -> None:
    asked = _actions(calls, part) - ({"ecs:CreateCluster"} if part == "chitragupta" else set())  # the test's own
    assert len(asked) >= 4
    assert asked - _allowed(installed, part) == set()


def test_what_must_be_born_with_its_tag_is(calls: list[Call]) -> None:
    made: Mapping[str, list[str]] = defaultdict(list)
    for call in calls:
        if call.action in BORN and call.who == "sow":
            made[call.action].append(call.text)
    assert set(made) == set(BORN)
    assert all('"env"' in text.replace("'", '"') or "=env" in text for texts in made.values() for text in texts)


def test_each_right_that_nothing_has_asked_for_has_a_reason(installed: Installed, calls: list[Call]) -> None:
    allowed = _allowed(installed, "sow") | _allowed(installed, "reap")
    assert allowed - _actions(calls, "sow") - _actions(calls, "reap") <= set(SURPLUS)
    assert set(SURPLUS) <= allowed
