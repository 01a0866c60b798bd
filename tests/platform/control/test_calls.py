"""The roles against the calls that the parts really make in the life of an environment.

Each recorded call becomes the questions that AWS asks IAM about it (`asked.py`), with the ARNs and
tags of that request. The applied policies must allow them. The tables of `test_roles` also check
what is refused.
"""

import json
import re
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gromit.adapters.aws.dynamodb import DynamoStore
from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.aws.ecr import EcrImages
from gromit.adapters.aws.ecs_clusters import EcsClusters
from gromit.adapters.aws.ecs_services import EcsServices
from gromit.adapters.aws.ecs_tasks import EcsTasks
from gromit.adapters.aws.hook_tasks import EcsHookTasks
from gromit.adapters.aws.image_expiries import EcrExpiries
from gromit.adapters.aws.image_marks import EcrImageMarks
from gromit.adapters.aws.platform_parameter import PlatformParameter
from gromit.adapters.aws.resource_listing import AwsResourceListing
from gromit.adapters.aws.route53 import Route53Zone, Timing
from gromit.adapters.aws.secrets import ManagedSecrets
from gromit.adapters.catalogue import file as catalogue_file
from gromit.adapters.doctor import platform as aws_platform
from gromit.adapters.doctor.account import get_bucket, get_zone, has_registry
from gromit.adapters.doctor.quotas import AwsQuotas, CountedResources, QuotaClients
from gromit.adapters.doctor.rights import simulate
from gromit.adapters.doctor.zone_marks import count_marks
from gromit.core.dns.plan import RecordSet, ZoneChanges, owner_record
from gromit.core.doctor.rights import Permission
from gromit.core.environments.row_writes import NotExists, RowWrite
from gromit.core.stack.contract import HookInput, Platform, StackInput
from gromit.core.stack.hooks import Hook, HookKind, plan_hooks
from gromit.core.stack.terraform import STATE_KEY, state_key
from gromit.errors import BackendError
from gromit.services.adopting import Adopter
from gromit.services.clearing import Clearer, ClearPolicy
from gromit.services.image_keeping import ImageKeeper
from gromit.services.run_states import SafeState
from tests.contracts.ecr_images import push
from tests.contracts.leftovers import one_of_each, resource_clients
from tests.contracts.terraform.cloud import BUCKET, Cloud
from tests.contracts.terraform.worlds import World, component
from tests.fakes.queue import a_claim
from tests.platform.control.asked import asked, made
from tests.platform.control.installed import Installed
from tests.platform.control.plane import DOMAIN
from tests.platform.control.recorder import Call, Recorder
from tests.platform.policies import Policies
from tests.platform.roots import Engine

pytestmark = [pytest.mark.terraform, pytest.mark.long, pytest.mark.xdist_group("control")]

PARTS = ("sow", "reap", "chitragupta", "serve", "doctor", "doctor-environments")
NOTHING = "arn:aws:s3:::another-bucket/nothing"
FREE = frozenset({"sts:GetCallerIdentity", "ec2:DescribeAccountAttributes", "iam:GetUser"})
"""Calls without permissions.

The first needs none. Provider 3.39 makes the others at its start, and accepts a refusal.
"""
SURPLUS = {
    "ec2:CreateTags": "AWS asks for it when something is created with tags",
    "ecs:TagResource": "as above",
    "elasticfilesystem:TagResource": "as above",
    "servicediscovery:TagResource": "as above",
    "logs:TagResource": "as above",
    "iam:PassRole": "AWS asks for it with RegisterTaskDefinition",
    "ec2:DeleteTags": "a tag is removed",
    "ecs:UntagResource": "as above",
    "elasticfilesystem:UntagResource": "as above",
    "servicediscovery:UntagResource": "as above",
    "logs:UntagResource": "as above",
    "logs:UntagLogGroup": "a tag is removed, by older providers",
    "logs:TagLogGroup": "a tag is added, by older providers",
    "logs:ListTagsLogGroup": "newer providers use another call",
    "logs:ListTagsForResource": "older providers use another call",
    "ecs:ListTagsForResource": "as above",
    "ec2:DescribeSecurityGroupRules": "as above",
    "servicediscovery:UpdateService": "the TTL of names changes",
    "servicediscovery:GetOperation": "whether that has finished",
    "ecs:DescribeTasks": "whether the owner of a lock lives, and why a task stopped",
    "ecs:ListTasks": "as above",
    "route53:ListResourceRecordSets": "reap retires records, as sow publishes them here",
    "route53:ChangeResourceRecordSets": "as above",
    "elasticfilesystem:ClientMount": "the kernel asks for it",
    "elasticfilesystem:ClientWrite": "as above",
}
"""Permissions of sow and reap that no call here needs, with the reason for them."""
BORN = (
    "ecs:CreateCluster",
    "ecs:RegisterTaskDefinition",
    "ecs:CreateService",
    "ec2:CreateSecurityGroup",
    "elasticfilesystem:CreateAccessPoint",
    "servicediscovery:CreateService",
)


def _silent(_line: str) -> None:
    """Ignore the output."""


@pytest.fixture(scope="session", params=["embedded", "newer"])
def calls(
    request: pytest.FixtureRequest, installed: Installed, tmp_path_factory: pytest.TempPathFactory
) -> list[Call]:
    """Return all calls in the life of one environment, with the tests' provider and the image's."""
    folder, env = tmp_path_factory.mktemp("calls"), f"app-{request.param}"
    engine = request.getfixturevalue(request.param)
    assert isinstance(engine, Engine)
    with Recorder(installed.emulator.url) as recorder:
        cloud = Cloud(recorder.url)
        world = World(cloud, "embedded", engine.mirror, folder, folder / "cache")
        _sow_and_reap(world, recorder, env)
        recorder.who = "chitragupta"
        _expose(installed, cloud, env)
        recorder.who = "sow"
        _publish(installed, cloud, env)
        recorder.who = "serve"
        _register(cloud, env)
        recorder.who = "doctor"
        _look(installed, cloud)
    return recorder.calls


def _sow_and_reap(world: World, recorder: Recorder, env: str) -> None:
    """Create an environment, change it, inspect it, and destroy it."""
    cloud, recorder.who = world.cloud, "sow"
    platform = PlatformParameter(cloud.client("ssm"), "/gromit/platform").read()
    recorder.who = "accident"
    push(cloud.client("ecr"), "tyk", "built", "an image")
    recorder.who = "sow"
    built = EcrImages(cloud.client("ecr")).digests([("tyk", "built")])
    keeper = ImageKeeper(EcrImageMarks(cloud.client("ecr")))
    keeper.keep_next(env, {("tyk", digest) for digest in built.values()})
    _describe_secrets(cloud)
    hook = HookInput(image="mongo:7", command=("true",))
    redis = component(
        config_path="/conf", public=False, hooks={kind.value: hook for kind in HookKind}
    )
    first = StackInput(
        name=env, platform=platform, components={"redis": redis, "tyk": component(port=8181)}
    )
    bucket = world.bucket()
    with world.runner() as runner:
        lock = world.lock(env)
        runner.apply(first, lock, _silent)
        runner.apply(
            replace(first, components={"redis": replace(redis, image="redis:8")}), lock, _silent
        )
        EcsServices(cloud.client("ecs")).describe(env)
        _run_hook(world, env, platform, HookKind.ON_CREATE)
        bucket.find_lock(env)
        recorder.who = "accident"
        cloud.s3.delete_object(Bucket=BUCKET, Key=state_key(env))
        recorder.who = "sow"
        safe = SafeState(lock, bucket.head(env))
        imports = Adopter(bucket, _clearer(world))(a_claim(env), first, safe, _silent)
        runner.apply(first, lock, _silent, imports)
        bucket.unlock(lock)
        recorder.who = "reap"
        lock = world.lock(env)
        _run_hook(world, env, platform, HookKind.ON_REAP)
        runner.destroy(replace(first, components={}), lock, _silent)
        recorder.who = "accident"
        one_of_each(cloud, platform, env, "redis")
        recorder.who = "doctor-environments"
        _compare(world, env, platform)
        recorder.who = "reap"
        _clear(world, env, platform)
        _clear(world, env, None)
        keeper.release(env, ["tyk"])
        bucket.head(env)
        bucket.delete(env)
        bucket.unlock(lock)


def _describe_secrets(cloud: Cloud) -> None:
    """Look at the secrets of the catalogue, of which none exists here."""
    secrets = catalogue_file.load_catalogue().secrets.values()
    ManagedSecrets(cloud.client("secretsmanager")).states([secret.path for secret in secrets])


def _run_hook(world: World, env: str, platform: Platform, kind: HookKind) -> None:
    """Make all calls for a hook, with an end at its time limit."""
    found = world.resources().find(env, platform)
    (task,) = plan_hooks({"redis": Hook(command=("true",))}, kind, env, found, platform)
    tasks = EcsHookTasks(world.cloud.client("ecs"))
    tasks.running(task)
    id_ = tasks.start(task)
    tasks.look(task, id_)
    tasks.stop(task, id_, "its time is over")


def _compare(world: World, env: str, platform: Platform) -> None:
    """Make the calls of the doctor of environments, while no state accounts for what exists."""
    client, bucket = world.cloud.client, world.bucket()
    bucket.names()
    bucket.head(env)
    bucket.find_lock(env)
    EcsClusters(client("ecs")).all()
    AwsResourceListing(resource_clients(world.cloud)).all(platform, ())
    PlatformParameter(client("ssm"), "/gromit/platform").read()
    EcrExpiries(client("ecr")).expiries([("tyk", "master")])
    EcrImageMarks(client("ecr")).all(["tyk"])


def _clearer(world: World) -> Clearer:
    return Clearer(world.resources(), ClearPolicy(60.0, 0.1, time.monotonic, lambda _s: False))


def _clear(world: World, env: str, platform: Platform | None) -> None:
    clear = _clearer(world)
    clear(env, lambda: clear.resources.find(env, platform), _silent)


def _expose(installed: Installed, cloud: Cloud, env: str) -> None:
    tasks = _tasks(cloud)
    tasks.public_tasks()
    cloud.client("ecs").create_cluster(clusterName=env, tags=[{"key": "env", "value": env}])
    tasks.running_tasks([env])
    cloud.client("ecs").list_tasks(cluster=env)
    zone = _zone(installed, cloud)
    list(zone.records())
    record = RecordSet(f"tyk.{env}.{DOMAIN}", "A", 10, frozenset({"192.0.2.1"}))
    zone.apply(ZoneChanges(creates=((record, "new"), (owner_record(env, DOMAIN), "new"))), _silent)


def _publish(installed: Installed, cloud: Cloud, env: str) -> None:
    """Make the calls of sow for the records of one environment."""
    tasks, zone = _tasks(cloud), _zone(installed, cloud)
    tasks.public_tasks(env)
    tasks.running_tasks([env])
    zone.records_of(env)
    record = RecordSet(f"tyk.{env}.{DOMAIN}", "A", 10, frozenset({"192.0.2.2"}))
    zone.apply(ZoneChanges(upserts=((record, "moved"),)), _silent)


def _tasks(cloud: Cloud) -> EcsTasks:
    known = catalogue_file.load_catalogue(None, None)
    return EcsTasks(cloud.client("ec2"), cloud.client("ecs"), known.public)


def _zone(installed: Installed, cloud: Cloud) -> Route53Zone:
    return Route53Zone(
        cloud.client("route53"),
        installed.ground["zone_id"],
        DOMAIN,
        Timing(time.monotonic, time.sleep),
    )


def _register(cloud: Cloud, env: str) -> None:
    client = cloud.client("dynamodb")
    TableSetup(client, "DeveloperEnvironments", lambda _s: None).ensure()
    store = DynamoStore(client, "DeveloperEnvironments")
    store.write(env, RowWrite(conditions=(NotExists("want"),), sets={"want": "up"}))
    store.read(env)
    store.due("sow", 0, 1)
    store.last_builds(["app"])
    store.page(None, 10)
    images = EcrImages(cloud.client("ecr"))
    images.pushed(images.digests([("tyk", "master")]))


def _look(installed: Installed, cloud: Cloud) -> None:
    """Make all calls of the doctor, whatever the answers."""
    ground, client = installed.ground, cloud.client
    platform = PlatformParameter(client("ssm"), "/gromit/platform").read()
    get_bucket(client("s3"), ground["state_bucket"])
    has_registry(client("ecr"), "tyk", None)
    EcrImages(client("ecr")).digests([("tyk", "master")])
    _describe_secrets(cloud)
    TableSetup(client("dynamodb"), ground["table_name"], lambda _s: None).missing()
    get_zone(client("route53"), ground["zone_id"])
    count_marks(client("route53"), ground["zone_id"], DOMAIN)
    for problems, service in (
        (aws_platform.vpc_problems, "ec2"),
        (aws_platform.subnet_problems, "ec2"),
        (aws_platform.namespace_problems, "servicediscovery"),
        (aws_platform.file_system_problems, "efs"),
        (aws_platform.role_problems, "iam"),
    ):
        problems(client(service), platform)
    clients = QuotaClients.of(client)
    counted = CountedResources(platform.namespace_id, platform.file_system_id, ground["zone_id"])
    AwsQuotas(clients, counted, lambda: datetime.now(UTC)).usages()
    with suppress(BackendError):  # the emulator cannot simulate policies
        simulate(
            client("iam"),
            "gromit-serve",
            [Permission(("s3:GetObject",), installed.arn("state"), allowed=True)],
        )


def _actions(calls: Collection[Call], who: str) -> set[str]:
    return {call.action for call in calls if call.who == who} - FREE


def _allowed(installed: Installed, part: str) -> set[str]:
    found = installed.policies(f"gromit-{part}").identity
    listed = [
        s["Action"] if isinstance(s["Action"], list) else [s["Action"]]
        for s in found
        if s["Effect"] == "Allow"
    ]
    return {action for actions in listed for action in actions}


@pytest.mark.parametrize("part", PARTS)
def test_every_action_that_a_part_asks_for_is_in_its_role(
    installed: Installed, calls: list[Call], part: str
) -> None:
    found = {
        call.action for call in calls if call.who == part and not _is_the_tests_own(call)
    } - FREE
    assert len(found) >= 4
    assert found - _allowed(installed, part) == set()


def _refused(installed: Installed, calls: list[Call], part: str) -> set[str]:
    """Return the questions that AWS would refuse to a part, with its calls in their order."""
    policies, born, found = installed.policies(f"gromit-{part}"), frozenset[str](), set()
    for call in calls:
        if call.action not in FREE and call.who == part and not _is_the_tests_own(call):
            refused = [
                q for q in asked(call, born) if not policies.allows(q.action, q.resource, q.context)
            ]
            found |= {f"{q.action} on {q.resource} with {q.context}" for q in refused}
        born |= made(call)
    return found


def _is_the_tests_own(call: Call) -> bool:
    return (call.who, call.action) == ("chitragupta", "ecs:CreateCluster")


@pytest.mark.parametrize("part", PARTS)
def test_every_call_of_a_part_is_allowed_by_its_policies(
    installed: Installed, calls: list[Call], part: str
) -> None:
    assert _refused(installed, calls, part) == set()


def test_a_policy_without_the_name_that_init_looks_for_would_be_seen(
    installed: Installed, calls: list[Call]
) -> None:
    """Check the former policy: all states of environments, and nothing else of the bucket."""
    whole = installed.policies("gromit-sow").identity
    key = re.compile(rf'"(arn:aws:s3:::[^"/]+/)?{STATE_KEY}"')
    narrow = tuple(
        json.loads(key.sub(f'"{NOTHING}"', json.dumps(statement))) for statement in whole
    )
    assert narrow != whole
    without = replace(installed, _policies={"gromit-sow": Policies(identity=narrow)})
    found = _refused(without, calls, "sow")
    assert {text.partition(" with ")[0] for text in found} == {
        f"s3:GetObject on {installed.arn('state of no workspace')}",
        f"s3:ListBucket on {installed.arn('bucket')}",
    }


def test_what_must_be_born_with_its_tag_is(calls: list[Call]) -> None:
    made: Mapping[str, list[str]] = defaultdict(list)
    for call in calls:
        if call.action in BORN and call.who == "sow":
            made[call.action].append(call.text)
    assert set(made) == set(BORN)
    assert all(
        '"env"' in text.replace("'", '"') or "=env" in text
        for texts in made.values()
        for text in texts
    )


def test_each_right_that_nothing_has_asked_for_has_a_reason(
    installed: Installed, calls: list[Call]
) -> None:
    allowed = _allowed(installed, "sow") | _allowed(installed, "reap")
    assert allowed - _actions(calls, "sow") - _actions(calls, "reap") <= set(SURPLUS)
    assert set(SURPLUS) <= allowed
