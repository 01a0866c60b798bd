"""`terraform/base`, applied to the emulator: its resources, and permissions on them."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from gromit.core.stack.image_marks import next_mark, used_mark
from gromit.local.aws.lifecycle import DAY_S, RegistryImage, expired_images
from gromit.local.cloud.registry_policy import registry_policy
from tests.platform.authorization import findings as meaningless
from tests.platform.emulator import ACCOUNT, REGION, SECRET_KEY, Emulator
from tests.platform.infra import PARTS
from tests.platform.policies import (
    Effect,
    Policies,
    Request,
    everybody,
    role_policies,
    role_trust,
    statements,
    user_policies,
)
from tests.platform.pushing import (
    GITHUB,
    PULL,
    PUSH,
    VARIABLES,
    arn,
    token,
    wrong_rights,
    wrong_tokens,
)
from tests.platform.roots import Engine, Plan, Root, TerraformError
from tests.stacks.plans import findings

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("base")]

REPOSITORIES = ("tyk", "tyk-analytics", "tyk-identity-broker", "tyk-pump", "tyk-sink")
KEYED = ("tyk", "tyk-pump")
"""Repositories whose owners asked for a long-lived key."""
CA_KEY = "canary-the-private-key-of-the-ca"
SIXTH = """\
extends: tyk
components:
  - name: portal
    repository: portal
    default_tag: main
    port: 3001
    exec: true
"""
"""A custom catalogue with one more entry."""
PARAMETER_ROOM = 4096
"""Maximum length of a parameter in SSM's standard tier."""


def many(count: int) -> str:
    """Return a catalogue of `count` repositories, all with names as long as `portal`."""
    return "components:\n" + "".join(
        f"  - {{name: a{n:05}, repository: a{n:05}, port: 3001}}\n" for n in range(count)
    )


@dataclass(frozen=True, slots=True)
class Base:
    """The root after two applies: with the shipped catalogue, and with one more entry."""

    root: Root
    emulator: Emulator
    addition: Plan
    """Planned changes for the sixth component."""
    after: Plan
    """Planned changes after it was applied."""
    outputs: Mapping[str, Any]
    keys: Mapping[str, Mapping[str, str]]
    """Repository to the content of its secret."""

    @property
    def parameter(self) -> Mapping[str, Any]:
        found = json.loads(
            self.emulator.client("ssm").get_parameter(Name="/gromit/base")["Parameter"]["Value"]
        )
        assert isinstance(found, dict)
        return found


@contextmanager
def as_it_is(root: Root) -> Iterator[None]:
    """Undo the tests' only change of the root for the duration of the block."""
    loosened = {
        path: path.read_text() for path in root.folder.parent.rglob("destroyable_override.tf")
    }
    for path in loosened:
        path.unlink()
    try:
        yield
    finally:
        for path, text in loosened.items():
            path.write_text(text)


def kept_from(root: Root, *arguments: str) -> set[str]:
    """Return the resources for which terraform refuses a plan."""
    with as_it_is(root), pytest.raises(TerraformError, match="prevent_destroy") as refused:
        root.run("plan", "-input=false", *arguments)
    return set(re.findall(r"Resource\s+(\S+)\s+has", str(refused.value)))


@pytest.fixture(scope="module")
def base(emulator: Emulator, embedded: Engine, tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("base")
    inputs = {**VARIABLES, "push_keys": KEYED}
    root = Root.copied("base", folder, embedded, emulator, inputs)
    root.apply()
    secrets = emulator.client("secretsmanager")
    secrets.put_secret_value(SecretId="gromit/ca-key", SecretString=CA_KEY)
    (folder / "catalogue.yaml").write_text(SIXTH)
    root.give({**inputs, "catalogue": str(folder / "catalogue.yaml")})
    addition = root.plan()
    root.apply(Root.PLAN)
    outputs = root.outputs()
    arns = outputs["push_key_secrets"]["value"]
    keys = {
        name: json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
        for name, arn in arns.items()
    }
    return Base(root, emulator, addition, root.plan(), outputs, keys)


def test_what_holds_data_cannot_be_destroyed_by_mistake(base: Base) -> None:
    assert kept_from(base.root, "-destroy") == {
        "module.config.aws_efs_file_system.this",
        "module.certs.aws_efs_file_system.this",
        "aws_s3_bucket.state",
        "aws_secretsmanager_secret.ca_key",
        "module.own_registry.aws_ecr_repository.this",
        *(
            f'module.registry["{repository}"].aws_ecr_repository.this'
            for repository in (*REPOSITORIES, "portal")
        ),
    }


def test_a_component_that_leaves_the_catalogue_does_not_take_its_registry_along(base: Base) -> None:
    shipped = f"-var=catalogue={base.root.folder / '../../src/gromit/catalogue/tyk.yaml'}"
    assert kept_from(base.root, shipped) == {'module.registry["portal"].aws_ecr_repository.this'}


def test_a_component_more_is_an_entry_more(base: Base) -> None:
    """Only the resources of the new registry and the parameter that lists it change."""
    listing = {
        address
        for address, actions in base.addition.actions.items()
        if not address.startswith('module.registry["portal"].')
    }
    assert listing == {"aws_ssm_parameter.base"}
    assert {
        actions for address, actions in base.addition.actions.items() if address not in listing
    } == {("create",)}
    for output in ("registries", "push_roles"):
        assert set(base.outputs[output]["value"]) == {*REPOSITORIES, "portal", "gromit"}
    assert set(base.outputs["push_key_secrets"]["value"]) == set(KEYED)
    assert base.after.is_empty


def test_the_parameter_for_infra_names_everything(base: Base) -> None:
    parameter = base.parameter
    assert set(parameter) == {
        "config_file_system_id",
        "certs_file_system_id",
        "config_access_point_id",
        "certs_access_point_id",
        "certs_part_access_points",
        "state_bucket",
        "registry",
        "registries",
        "ca_key_secret_arn",
        "exec_components",
    }
    efs, ecr = base.emulator.client("efs"), base.emulator.client("ecr")
    for name in ("config", "certs"):
        (point,) = efs.describe_access_points(AccessPointId=parameter[f"{name}_access_point_id"])[
            "AccessPoints"
        ]
        assert point["FileSystemId"] == parameter[f"{name}_file_system_id"]
    assert set(parameter["certs_part_access_points"]) == set(PARTS)
    found = {
        r["repositoryName"]: r["repositoryArn"] for r in ecr.describe_repositories()["repositories"]
    }
    assert parameter["registries"] == {name: arn for name, arn in found.items() if name != "gromit"}
    assert base.outputs["registries"]["value"] == {
        name: f"{parameter['registry']}/{name}" for name in found
    }
    assert (
        base.emulator.client("secretsmanager").describe_secret(
            SecretId=parameter["ca_key_secret_arn"]
        )["Name"]
        == "gromit/ca-key"
    )


def test_the_parameter_for_infra_is_about_as_long_as_estimated(
    base: Base, embedded: Engine, tmp_path: Path
) -> None:
    """The first plan refuses a catalogue that would not fit the parameter.

    It does not know any id yet. A plan with one repository less than fits is accepted.
    """
    value = base.emulator.client("ssm").get_parameter(Name="/gromit/base")["Parameter"]["Value"]
    one = len(f',"portal":"{arn("portal")}"')
    fitting = len(REPOSITORIES) + 1 + (PARAMETER_ROOM - len(value)) // one
    catalogue = tmp_path / "catalogue.yaml"
    root = Root.copied(
        "base", tmp_path, embedded, base.emulator, {**VARIABLES, "catalogue": str(catalogue)}
    )
    catalogue.write_text(many(fitting + 1))
    with pytest.raises(TerraformError, match=rf"too many repositories \({fitting + 1}\)"):
        root.run("plan", "-input=false")
    catalogue.write_text(many(fitting - 1))
    root.run("plan", "-input=false")
    assert fitting - 1 >= 40, "docs/adr/0006 says that 40 fit"


def test_no_output_plan_or_log_holds_a_secret(base: Base) -> None:
    secrets = {SECRET_KEY, CA_KEY, *(key["AWS_SECRET_ACCESS_KEY"] for key in base.keys.values())}
    assert len(secrets) == 2 + len(KEYED)
    places = {
        "outputs": json.dumps(base.outputs),
        "plans": base.addition.text + base.after.text,
        "parameter": json.dumps(base.parameter),
        "what terraform said": "\n".join(base.root.said),
    }
    assert {
        place for place, text in places.items() for secret in secrets if secret in text
    } == set()
    assert not any(output["sensitive"] for output in base.outputs.values())


def test_the_key_of_the_ca_never_comes_to_the_state(base: Base) -> None:
    """The key was stored before the second apply.

    Keys of repositories that asked for one are in the state: see the module.
    """
    state = (base.root.folder / "terraform.tfstate").read_text()
    assert CA_KEY not in state
    assert SECRET_KEY not in state


def test_each_secret_holds_the_key_of_its_own_user(base: Base) -> None:
    for repository, key in base.keys.items():
        session = boto3.Session(
            key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"], region_name=REGION
        )
        who = session.client("sts", endpoint_url=base.emulator.url).get_caller_identity()
        assert who["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/gromit-push-{repository}"


@pytest.mark.parametrize(
    ("reader", "repositories"),
    [(user_policies, KEYED), (role_policies, (*REPOSITORIES, "portal"))],
)
def test_a_push_role_reaches_only_one_registry(
    base: Base, reader: Any, repositories: tuple[str, ...]
) -> None:
    iam = base.emulator.client("iam")
    policies = replace(reader(iam, "gromit-push-tyk"), boundary=None)
    assert wrong_rights(policies) == [], "also without the boundary"
    for repository in repositories:
        own = replace(reader(iam, f"gromit-push-{repository}"), boundary=None)
        assert [r for r in (*REPOSITORIES, "portal") if own.allows(PUSH, arn(r))] == [repository]
        assert [r for r in (*REPOSITORIES, "portal") if own.allows(PULL, arn(r))] == [repository]


def test_who_pushes_can_do_nothing_else_whatever_policy_is_added(base: Base) -> None:
    iam = base.emulator.client("iam")
    pushing = {
        who: found for who, found in everybody(iam).items() if who.startswith("role gromit-push-")
    }
    everything: tuple[Mapping[str, Any], ...] = (
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
    )
    assert {f"role gromit-push-{name}" for name in REPOSITORIES} <= pushing.keys()
    for policies in pushing.values():
        most = replace(policies, identity=everything)
        assert most.allows(PUSH, arn("tyk"))
        for action in ("ecr:DeleteRepository", "ecr:BatchDeleteImage", "iam:CreateUser"):
            assert not most.allows(action, arn("tyk"))


def test_every_statement_says_something_to_aws(base: Base) -> None:
    found = everybody(base.emulator.client("iam"))
    assert {"user gromit-push-tyk", "role gromit-push-tyk"} <= found.keys()
    assert {
        who: said for who, policies in found.items() if (said := meaningless(policies.identity))
    } == {}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("ecr:*", arn("tyk")),
        (PUSH, "*"),
        (PUSH, arn("tyk*")),
        ("ecr:Describe*", "*"),
        ("secretsmanager:GetSecretValue", "*"),
    ],
)
def test_one_wildcard_too_many_is_seen(base: Base, action: str, resource: str) -> None:
    """The wildcard is added to the account itself, beside terraform's resources."""
    iam, name = base.emulator.client("iam"), "too-much"
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}],
    }
    iam.put_role_policy(
        RoleName="gromit-push-tyk", PolicyName=name, PolicyDocument=json.dumps(document)
    )
    try:
        assert wrong_rights(replace(role_policies(iam, "gromit-push-tyk"), boundary=None))
    finally:
        iam.delete_role_policy(RoleName="gromit-push-tyk", PolicyName=name)


def test_a_role_is_for_its_own_repositorys_branches_and_tags(base: Base) -> None:
    iam = base.emulator.client("iam")
    trust = role_trust(iam, "gromit-push-tyk")
    assert wrong_tokens(trust) == []
    claims = token("repo:example/tyk:ref:refs/heads/master")
    assert not trust.accepts("sts:AssumeRole", GITHUB, claims)
    assert not trust.accepts(
        "sts:AssumeRoleWithWebIdentity", ("Federated", "accounts.google.com"), claims
    )
    assert not trust.accepts(
        "sts:AssumeRoleWithWebIdentity", ("AWS", f"arn:aws:iam::{ACCOUNT}:root"), claims
    )
    for repository in (*REPOSITORIES, "portal"):
        own = role_trust(iam, f"gromit-push-{repository}")
        subjects = {
            r: token(f"repo:example/{r}:ref:refs/heads/master") for r in (*REPOSITORIES, "portal")
        }
        assert [
            r
            for r, c in subjects.items()
            if own.accepts("sts:AssumeRoleWithWebIdentity", GITHUB, c)
        ] == [repository]


@pytest.mark.parametrize(
    "subject",
    [
        "repo:example/*",
        "repo:example/tyk*",
        "repo:*/tyk:ref:refs/heads/*",
        "repo:example/tyk:*",
        "repo:example-1234567/tyk-*",
        "*",
    ],
)
def test_a_wildcard_subject_is_seen(base: Base, subject: str) -> None:
    iam = base.emulator.client("iam")
    document = iam.get_role(RoleName="gromit-push-tyk")["Role"]["AssumeRolePolicyDocument"]
    loose = json.loads(json.dumps(document))
    loose["Statement"][0]["Condition"]["StringLike"]["token.actions.githubusercontent.com:sub"] = (
        subject
    )
    iam.update_assume_role_policy(RoleName="gromit-push-tyk", PolicyDocument=json.dumps(loose))
    try:
        assert wrong_tokens(role_trust(iam, "gromit-push-tyk"))
    finally:
        iam.update_assume_role_policy(
            RoleName="gromit-push-tyk", PolicyDocument=json.dumps(document)
        )


@pytest.mark.parametrize("claim", ["aud", "sub", "repository", "repository_owner_id"])
def test_a_missing_condition_is_seen(base: Base, claim: str) -> None:
    iam = base.emulator.client("iam")
    document = iam.get_role(RoleName="gromit-push-tyk")["Role"]["AssumeRolePolicyDocument"]
    loose = json.loads(json.dumps(document))
    for condition in loose["Statement"][0]["Condition"].values():
        condition.pop(f"token.actions.githubusercontent.com:{claim}", None)
    assert loose != document
    iam.update_assume_role_policy(RoleName="gromit-push-tyk", PolicyDocument=json.dumps(loose))
    try:
        assert wrong_tokens(role_trust(iam, "gromit-push-tyk"))
    finally:
        iam.update_assume_role_policy(
            RoleName="gromit-push-tyk", PolicyDocument=json.dumps(document)
        )


def test_registries_scan_and_keep_what_is_released(base: Base) -> None:
    ecr = base.emulator.client("ecr")
    for found in ecr.describe_repositories()["repositories"]:
        assert found["imageScanningConfiguration"] == {"scanOnPush": True}
        assert found["encryptionConfiguration"]["encryptionType"] == "AES256"
        tags = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
        is_own = found["repositoryName"] == "gromit"
        assert ({"Key": "images", "Value": "environments"} in tags) is not is_own
    sha, old = "2b3c4d5e6f", 400
    images = {
        "master": _image(("master", sha), old),
        "release": _image(("v5.3.0",), old),
        "long release": _image(("release-5.3",), old),
        "branch": _image(("app-test", sha), 15),
        "former master": _image((sha,), 15),
        "main": _image(("main",), old),
        "like a master": _image(("master-2",), old),
        "left over": _image((), 8),
        "fresh": _image(("app-test",), 13),
        "in use": _image((sha, used_mark("app-test")), old),
        "next": _image((next_mark("app-test"),), old),
        "like a mark": _image(("gromit.app-test",), old),
        "new": _image((), 6),
    }

    def gone(repository: str) -> set[str]:
        policy = json.loads(
            ecr.get_lifecycle_policy(repositoryName=repository)["lifecyclePolicyText"]
        )
        found = expired_images(policy, list(images.values()))
        return {name for name, image in images.items() if image in found}

    policy = ecr.get_lifecycle_policy(repositoryName="tyk")["lifecyclePolicyText"]
    assert json.loads(policy) == registry_policy(["master"]), "the local cloud has another policy"
    always = {"branch", "former master", "like a master", "left over", "like a mark"}
    assert gone("tyk") == {*always, "main"}
    assert gone("portal") == {*always, "master"}, "its entry says that its default branch is main"


def _image(tags: tuple[str, ...], age_days: int) -> RegistryImage:
    return RegistryImage(tags, age_days * DAY_S)


def test_the_own_image_is_pushed_from_release_tags_alone_and_kept(base: Base) -> None:
    iam, ecr = base.emulator.client("iam"), base.emulator.client("ecr")
    trust, policies = (
        role_trust(iam, "gromit-push-gromit"),
        role_policies(iam, "gromit-push-gromit"),
    )
    subjects = ("refs/tags/v1.0.0", "refs/heads/master", "refs/heads/v1.0.0", "refs/tags/latest")
    claims = {s: token(f"repo:example/gromit:ref:{s}") for s in subjects}
    assert [
        s for s, c in claims.items() if trust.accepts("sts:AssumeRoleWithWebIdentity", GITHUB, c)
    ] == ["refs/tags/v1.0.0"]
    assert [r for r in (*REPOSITORIES, "gromit") if policies.allows(PUSH, arn(r))] == ["gromit"]
    users = {user["UserName"] for user in iam.list_users()["Users"]}
    assert users == {f"gromit-push-{repository}" for repository in KEYED}
    images = {tag: _image((tag,), 400) for tag in ("1.0.0", "v1.0.0", "20.1.0", "master")} | {
        "none": _image((), 8)
    }
    gone = expired_images(
        json.loads(ecr.get_lifecycle_policy(repositoryName="gromit")["lifecyclePolicyText"]),
        list(images.values()),
    )
    assert {name for name, image in images.items() if image in gone} == {"master", "none"}


def test_the_states_are_kept_and_closed(base: Base) -> None:
    s3, bucket = base.emulator.client("s3"), base.parameter["state_bucket"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(
        s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()
    ) == {True}
    own = Policies(resource=statements(s3.get_bucket_policy(Bucket=bucket)["Policy"]))
    for target in (f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/env:/app-test/devenv"):
        plain = Request("s3:GetObject", target, {"aws:SecureTransport": "false"})
        assert own.decide(plain) is Effect.REFUSED
        assert (
            own.decide(Request("s3:GetObject", target, {"aws:SecureTransport": "true"}))
            is Effect.NOT_ALLOWED
        )


def test_old_versions_of_states_and_locks_expire_and_states_in_use_never(base: Base) -> None:
    s3, bucket = base.emulator.client("s3"), base.parameter["state_bucket"]
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["Filter"] == {"Prefix": ""}, "for states and locks, which share their prefix"
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}, "no current version expires"


MOUNT, WRITE, ROOT = (
    f"elasticfilesystem:Client{name}" for name in ("Mount", "Write", "RootAccess")
)


def volume(base: Base, name: str, **identity: tuple[str, ...]) -> Any:
    """Return a check of a client's access to a volume; `rights` are those of its own role."""
    efs, parameter = base.emulator.client("efs"), base.parameter
    (found,) = efs.describe_file_systems(FileSystemId=parameter[f"{name}_file_system_id"])[
        "FileSystems"
    ]
    assert found["Encrypted"] is True
    policy = statements(
        efs.describe_file_system_policy(FileSystemId=found["FileSystemId"])["Policy"]
    )
    rights = identity.get("rights", ())
    own = (
        ({"Effect": "Allow", "Action": list(rights), "Resource": found["FileSystemArn"]},)
        if rights
        else ()
    )

    def allowed(*, tls: bool = True, by_point: bool = True, part: str = "") -> set[str]:
        identity = (
            parameter["certs_part_access_points"][part]
            if part
            else parameter[f"{name}_access_point_id"]
        )
        point = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/{identity}"
        context = {
            "aws:SecureTransport": str(tls).lower(),
            "elasticfilesystem:AccessedViaMountTarget": "true",
        }
        context |= {"elasticfilesystem:AccessPointArn": point} if by_point else {}
        policies = Policies(identity=own, resource=policy)
        return {
            a
            for a in (MOUNT, WRITE, ROOT)
            if policies.decide(Request(a, found["FileSystemArn"], context)) is Effect.ALLOWED
        }

    return allowed


def test_certificates_are_for_those_with_the_right_alone(base: Base) -> None:
    few = volume(base, "certs", rights=(MOUNT, WRITE))
    assert few() == {MOUNT, WRITE}
    assert few(tls=False) == few(by_point=False) == set()
    for part in PARTS:
        assert few(part=part) == {MOUNT, WRITE}, (
            "the volume's policy admits each access point, and the roles name its owner"
        )
        assert few(part=part, tls=False) == set()
        assert volume(base, "certs")(part=part) == set()
    assert volume(base, "certs")() == set(), "a container of an environment has no role"


def test_config_is_read_by_all_and_written_by_those_with_the_right(base: Base) -> None:
    everybody = volume(base, "config")
    assert everybody(by_point=False) == {MOUNT}
    assert WRITE not in everybody()
    assert everybody(tls=False) == everybody(tls=False, by_point=False) == set()
    assert volume(base, "config", rights=(MOUNT, WRITE))() == {MOUNT, WRITE, ROOT}


def test_access_points_have_users_of_their_own(base: Base) -> None:
    efs = base.emulator.client("efs")
    points = {p["AccessPointId"]: p for p in efs.describe_access_points()["AccessPoints"]}
    certs = points[base.parameter["certs_access_point_id"]]
    assert certs["PosixUser"] == {"Uid": 1000, "Gid": 1000}
    assert certs["RootDirectory"]["Path"] == "/gromit"
    assert certs["RootDirectory"]["CreationInfo"] == {
        "OwnerUid": 1000,
        "OwnerGid": 1000,
        "Permissions": "0700",
    }
    for part, identity in base.parameter["certs_part_access_points"].items():
        point = points[identity]
        assert point["FileSystemId"] == base.parameter["certs_file_system_id"]
        assert (point["RootDirectory"]["Path"], point["PosixUser"]) == (
            f"/gromit/pki/{part}",
            {"Uid": 1000, "Gid": 1000},
        )
        assert "CreationInfo" not in point["RootDirectory"], (
            "AWS would create its parent folders too, with an undefined owner"
        )
    config = points[base.parameter["config_access_point_id"]]
    assert (config["RootDirectory"]["Path"], config["PosixUser"]) == ("/", {"Uid": 0, "Gid": 0})


def test_its_plans_keep_the_policy(base: Base) -> None:
    """Check the plan of a change, and the empty plan after it, in which every value is known."""
    assert findings(base.addition.document) == []
    assert findings(base.after.document) == []
