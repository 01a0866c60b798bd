"""The doctor of environments on an account in which something of every kind has gone wrong."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from gromit.adapters.aws.platform_parameter import PlatformParameter
from gromit.core.discrepancies.kinds import DiscrepancyKind as Kind
from gromit.core.dns.plan import owner_record
from gromit.core.stack.image_marks import marks_of
from gromit.core.stack.resources import ResourceKind
from gromit.local.cloud.platform import BUCKET
from tests.contracts.leftovers import MADE, Leftovers
from tests.e2e.stage import Stage

if TYPE_CHECKING:
    from gromit.core.stack.contract import Platform

pytestmark = [pytest.mark.cloud, pytest.mark.terraform]

BASES = ("good", "lost", "taken", "ruin", "state", "damaged", "idle", "empty", "kept")
EXPECTED: Mapping[str, set[Kind]] = {
    "good": {Kind.LEAKED_RESOURCE, Kind.STALE_LOCK, Kind.IMAGE_MISSING},
    "lost": {Kind.LOST_STATE, Kind.DRIFTED},
    "taken": {Kind.FOREIGN_RESOURCE, Kind.FOREIGN_RECORD, Kind.IMAGE_EXPIRING},
    "ruin": {Kind.WORLD_WITHOUT_ROW, Kind.DANGLING_RECORD, Kind.ORPHAN_CONFIG},
    "state": {Kind.ORPHAN_STATE},
    "damaged": {Kind.UNREADABLE_ROW},
    "idle": {Kind.UNSCHEDULED_WORK, Kind.STUCK_LEASE},
    "empty": {Kind.ROW_WITHOUT_WORLD, Kind.FOREIGN_STATE},
    "kept": {Kind.ORPHAN_IMAGE_MARK},
}
LEFT: Mapping[str, set[Kind]] = {
    "good": {Kind.IMAGE_MISSING},
    "taken": EXPECTED["taken"],
    "damaged": EXPECTED["damaged"],
    "idle": {Kind.STUCK_LEASE},
}
"""Kinds that only a person can repair, and a lease that the next pass of sow replaces."""


class Ruins:
    """One installation, and what goes wrong in it."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.client = stage, stage.client
        self.names = {base: stage.env(base) for base in BASES}
        parameter = PlatformParameter(stage.client("ssm"), "/gromit/platform")
        self.platform: Platform = parameter.read()
        self.good = stage.build("alpha", self.names["good"])
        assert stage.work("sow").endings == {self.names["good"]: "done"}

    def doctor(self, *options: str, code: int) -> list[dict[str, Any]]:
        """Run the doctor for this test's environments: all tests share one account."""
        named = [option for name in self.names.values() for option in ("--env", name)]
        found: list[dict[str, Any]] = self.stage.gromit(
            "doctor", "environments", self.stage.root, *named, *options, "-o", "json", code=code
        ).json
        return found

    def kinds(self, found: list[dict[str, Any]]) -> dict[str, set[Kind]]:
        """Return the kinds by environment."""
        bases = {name: base for base, name in self.names.items()}
        kinds: dict[str, set[Kind]] = {}
        for one in found:
            kinds.setdefault(bases[one["environment"]], set()).add(Kind(one["kind"]))
        return kinds

    def make(self, base: str, *kinds: ResourceKind, marked: bool = True) -> list[str]:
        """Create resources of an environment."""
        marks = None if marked else {"owner": "another team"}
        made = Leftovers(self.stage, self.platform, self.names[base], "old", marks)
        return [made.make(kind) for kind in kinds]

    def state(self, base: str, owner: str) -> None:
        """Store a state with one resource."""
        instance = {"attributes": {"name": owner, "tags": {"env": owner}}}
        cluster = {
            "mode": "managed",
            "type": "aws_ecs_cluster",
            "name": "this",
            "instances": [instance],
        }
        body = {"version": 4, "lineage": "planted", "serial": 3, "resources": [cluster]}
        key = f"env:/{self.names[base]}/devenv"
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(body))

    def record(self, base: str, *, ours: bool) -> None:
        """Publish an address at a name of an environment."""
        domain = self.stage.facts.domain
        owner = owner_record(self.names[base], domain)
        records = [(f"alpha.{self.names[base]}.{domain}", "A", ["198.51.100.7"])]
        records += [(owner.name, "TXT", sorted(owner.values))] if ours else []
        changes = [
            {
                "Action": "CREATE",
                "ResourceRecordSet": {
                    "Name": name,
                    "Type": type_,
                    "TTL": 300,
                    "ResourceRecords": [{"Value": value} for value in values],
                },
            }
            for name, type_, values in records
        ]
        self.client("route53").change_resource_record_sets(
            HostedZoneId=self.stage.facts.zone_id, ChangeBatch={"Changes": changes}
        )

    def tag(self, image: str, tag: str) -> None:
        """Give an image another tag."""
        ecr = self.client("ecr")
        (found,) = ecr.batch_get_image(repositoryName="alpha", imageIds=[{"imageTag": image}])[
            "images"
        ]
        ecr.put_image(repositoryName="alpha", imageManifest=found["imageManifest"], imageTag=tag)

    def row(self, base: str, expression: str, **values: Any) -> None:
        """Change a row as a person with access to the table does."""
        typed = {
            f":{name}": {"N": str(value)} if isinstance(value, int) else {"S": value}
            for name, value in values.items()
        }
        self.client("dynamodb").update_item(
            TableName=self.stage.name,
            Key={"name": {"S": self.names[base]}},
            UpdateExpression=expression,
            **({"ExpressionAttributeValues": typed} if typed else {}),
            **({"ExpressionAttributeNames": {"#work": "work"}} if "#work" in expression else {}),
        )

    def marks(self, base: str) -> set[str]:
        """Return the marks of images for an environment."""
        found = self.client("ecr").describe_images(repositoryName="alpha")["imageDetails"]
        tags = {tag for image in found for tag in image.get("imageTags", [])}
        return {tag for tag in tags if self.names[base] in tag}

    def call_ready(self, base: str) -> None:
        """Let the row say that everything has been made."""
        self.stage.build("alpha", self.names[base])
        self.row(base, "SET observed = generation REMOVE #work, due, since")


@pytest.fixture
def ruins(install: Any) -> Ruins:
    stage: Stage = install(GROMIT_REAP_GRACE="0s")
    stage.serve()
    return Ruins(stage)


def _plant(ruins: Ruins) -> list[str]:
    """Plant everything; return the ids of what is another team's."""
    stage, names = ruins.stage, ruins.names
    ruins.make("good", ResourceKind.GROUP)
    locker = stage.launch("tests.e2e.lock_and_die", [names["good"]], stage.worker)
    locker.ended(0)
    ecr, tag = ruins.client("ecr"), [{"imageTag": ruins.good.sha}]
    (image,) = ecr.batch_get_image(repositoryName="alpha", imageIds=tag)["images"]
    # sow has tagged it as well, so only its digest removes it.
    digest = {"imageDigest": image["imageId"]["imageDigest"]}
    ecr.batch_delete_image(repositoryName="alpha", imageIds=[digest])
    ruins.call_ready("lost")
    ruins.make("lost", ResourceKind.CLUSTER, ResourceKind.LOG_GROUP)
    taken = stage.build("alpha", names["taken"])
    theirs = ruins.make("taken", ResourceKind.GROUP, marked=False)
    ruins.record("taken", ours=False)
    _let_expire(ruins, taken.sha)
    ruins.make("ruin", *MADE)
    ruins.record("ruin", ours=True)
    folder = stage.ground.place.config / names["ruin"] / "alpha"
    folder.mkdir(parents=True)
    (folder / ".gromit.json").write_text("{}")
    ruins.state("state", names["state"])
    stage.build("alpha", names["damaged"])
    ruins.row("damaged", "SET want = :want", want="maybe")
    stage.build("alpha", names["idle"])
    ended_ms = "lease_until = :until, holder = :holder, claim_id = :holder, claimed = generation"
    ruins.row("idle", f"SET {ended_ms} REMOVE #work, due, since", until=1, holder="dead")
    ruins.call_ready("empty")
    ruins.state("empty", "another")
    for mark in marks_of(names["kept"], "", "another-team"):
        ruins.tag(taken.sha, mark)
    return theirs


def _let_expire(ruins: Ruins, tag: str) -> None:
    selection = {
        "tagStatus": "tagged",
        "tagPrefixList": [tag],
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 2,
    }
    rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
    ruins.client("ecr").put_lifecycle_policy(
        repositoryName="alpha", lifecyclePolicyText=json.dumps({"rules": [rule]})
    )


def test_each_kind_is_named_repaired_by_fix_and_nothing_of_others_is_touched(ruins: Ruins) -> None:
    stage, names = ruins.stage, ruins.names
    assert ruins.doctor(code=0) == []
    theirs = _plant(ruins)
    found = ruins.doctor(code=4)
    assert ruins.kinds(found) == EXPECTED
    assert {Kind(one["kind"]) for one in found} == set(Kind)

    stage.gromit("suspend", "--reason", "a look")
    said = stage.gromit("doctor", "environments", stage.root, "--fix", "--yes", code=5)
    assert "a look" in said.err
    stage.gromit("resume", "--reason", "seen")
    assert ruins.kinds(ruins.doctor(code=4)) == EXPECTED

    fixed = ruins.doctor("--fix", "--yes", code=4)
    assert {one["result"] for one in fixed if one["repair"] != "person"} == {"repaired"}
    assert stage.lock(names["good"]) is None
    assert [stage.state(names[base]) for base in ("state", "empty")] == [None, None]
    assert not stage.config_folder(names["ruin"])
    assert stage.records(names["ruin"]) == {}
    assert ruins.marks("kept") == {*marks_of(names["kept"], "another-team")}
    assert {base: stage.phase(names[base]) for base in ("lost", "idle", "empty", "ruin")} == {
        **dict.fromkeys(("lost", "idle", "empty"), "pending"),
        "ruin": "deleting",
    }
    assert stage.work("reap").endings == {names["ruin"]: "done"}
    assert ruins.kinds(ruins.doctor(code=4)) == LEFT
    groups = ruins.client("ec2").describe_security_groups(GroupIds=theirs)["SecurityGroups"]
    assert len(groups) == 1
    assert stage.resources(names["good"]) > 0
    assert stage.running("alpha", names["good"]) == ruins.good.sha
