"""The ground of `terraform/infra`, applied once with the example values."""

import json
import re
import subprocess
from ipaddress import ip_network

import pytest
from botocore.exceptions import ClientError

from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.config_tree.root import MARKER
from gromit.core.doctor.rights import SESSION_ACTIONS
from gromit.core.stack.contract import Platform
from gromit.core.stack.prices import HOURS
from tests.docs.markdown import read, table
from tests.platform import costs, infra
from tests.platform.authorization import findings as meaningless
from tests.platform.emulator import ACCOUNT, REGION, SECRET_KEY
from tests.platform.ground import Ground
from tests.platform.policies import everybody, role_policies, role_trust
from tests.platform.refusals import Refusals
from tests.platform.roots import TerraformError
from tests.stacks.plan import parse
from tests.stacks.plans import findings

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("infra")]

DOMAIN = "dev.example.com"
WORLD = {"0.0.0.0/0", "::/0"}


def test_the_second_plan_is_empty(ground: Ground) -> None:
    plan = ground.root.plan(infra.VALUES, *infra.GROUND)
    assert plan.is_empty, plan.text
    assert findings(plan.document) == [], "this plan knows every value"


def test_the_page_of_costs_is_that_of_the_plan(ground: Ground) -> None:
    plan = parse(ground.root.plan(infra.VALUES, "-refresh=false").document)
    page = read("reference/stacks.md")
    planned = {what: cost.cells() for what, cost in costs.fixed_costs(plan).items()}
    assert {what: row[:2] for what, row in table(page, "### Fixed cost").items()} == planned
    choices = {
        f"{part} watches": "{:.0f} $ instead of {:.0f} $".format(
            *costs.cost_of_watching(plan, part)
        )
        for part in ("sow", "chitragupta")
    }
    for part in ("sow", "serve"):
        choices[f"each further task of {part}"] = f"{costs.cost_of_task(plan, part):.0f} $ more"
    four = "endpoints for `ecr.api`, `ecr.dkr`, `logs` and `secretsmanager` in three zones"
    choices[four] = f"{4 * 3 * costs.ENDPOINT * HOURS:.0f} $ more"
    assert {what: row[0] for what, row in table(page, "### Choices").items()} == choices


def test_the_first_plan_keeps_the_policy(ground: Ground) -> None:
    assert findings(ground.first.document) == []


def test_every_statement_says_something_to_aws(ground: Ground) -> None:
    found = everybody(ground.client("iam"))
    assert {
        "role gromit-bastion",
        "role gromit-mongo-0",
        "role gromit-devenv-execution",
    } <= found.keys()
    assert {
        who: said for who, policies in found.items() if (said := meaningless(policies.identity))
    } == {}


def test_machines_and_environments_have_the_boundary_of_all_roles(ground: Ground) -> None:
    """Roles of parts are tested with the control plane."""
    iam = ground.client("iam")
    assert {
        role["RoleName"]: iam.get_role(RoleName=role["RoleName"])["Role"]["PermissionsBoundary"][
            "PermissionsBoundaryArn"
        ]
        for role in iam.list_roles()["Roles"]
    } == dict.fromkeys(
        ("gromit-bastion", "gromit-mongo-0", "gromit-devenv-execution", "gromit-devenv-exec"),
        f"arn:aws:iam::{ACCOUNT}:policy/gromit-boundary",
    )


def test_a_container_for_people_has_the_connection_of_its_session_and_nothing_else(
    ground: Ground,
) -> None:
    (statement,) = ground.policies("gromit-devenv-exec")
    assert statement["Effect"] == "Allow"
    assert sorted(statement["Action"]) == sorted(SESSION_ACTIONS)
    assert len(SESSION_ACTIONS) == 4
    bounded = role_policies(ground.client("iam"), "gromit-devenv-exec")
    assert all(bounded.allows(action, "*") for action in SESSION_ACTIONS)
    trust = role_trust(ground.client("iam"), "gromit-devenv-exec")
    tasks = ("Service", "ecs-tasks.amazonaws.com")
    assert trust.accepts("sts:AssumeRole", tasks, {"aws:SourceAccount": ACCOUNT})
    assert not trust.accepts("sts:AssumeRole", tasks, {"aws:SourceAccount": "210987654321"})


def test_the_table_lacks_nothing_that_gromit_wants_of_it(ground: Ground) -> None:
    def pause(_seconds: float) -> None:
        raise AssertionError("there was something to wait for")

    assert TableSetup(ground.client("dynamodb"), "DeveloperEnvironments", pause).missing() == []


def test_gromit_reads_the_platform_as_it_was_made(ground: Ground) -> None:
    platform = infra.platform(ground.emulator)
    subnets = ground.client("ec2").describe_subnets(
        Filters=[{"Name": "vpc-id", "Values": [platform.vpc_id]}]
    )["Subnets"]
    by_name = {infra.tags(s["Tags"])["Name"]: s["SubnetId"] for s in subnets}
    namespace = next(
        n
        for n in ground.client("servicediscovery").list_namespaces()["Namespaces"]
        if n["Name"] == "internal"
    )
    assert platform == Platform(
        vpc_id=subnets[0]["VpcId"],
        vpc_cidr="10.91.0.0/16",
        public_subnets=tuple(by_name[f"gromit-public-{zone}"] for zone in "abc"),
        private_subnets=tuple(by_name[f"gromit-private-{zone}"] for zone in "abc"),
        namespace_id=namespace["Id"],
        file_system_id=ground.base["config_file_system_id"],
        execution_role_arn=f"arn:aws:iam::{ACCOUNT}:role/gromit-devenv-execution",
        registry=ground.base["registry"],
        region=REGION,
        mongo=f"mongo.{DOMAIN}:27017",
        installation=infra.INSTALLATION,
        exec_role_arn=f"arn:aws:iam::{ACCOUNT}:role/gromit-devenv-exec",
        exec_components=("gateway",),
    )


def test_each_zone_has_subnets_for_environments_and_the_control_plane(ground: Ground) -> None:
    vpc = infra.platform(ground.emulator).vpc_id
    subnets = ground.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
        "Subnets"
    ]
    zones = sorted(
        (s["AvailabilityZone"], infra.tags(s["Tags"])["Name"].split("-")[1]) for s in subnets
    )
    kinds = ("control", "private", "public")
    assert zones == [(f"{REGION}{zone}", kind) for zone in "abc" for kind in kinds]
    assert not any(s["MapPublicIpOnLaunch"] for s in subnets)


def test_private_subnets_go_out_through_the_nat_and_public_ones_by_themselves(
    ground: Ground,
) -> None:
    tables = ground.client("ec2").describe_route_tables(
        Filters=[{"Name": "tag:managed", "Values": ["gromit"]}]
    )["RouteTables"]
    ways = {
        infra.tags(table["Tags"])["Name"]: sorted(
            key
            for route in table["Routes"]
            if route.get("DestinationCidrBlock") == "0.0.0.0/0"
            for key in route
            if "GatewayId" in key
        )
        for table in tables
    }
    assert ways == {"gromit-public": ["GatewayId"], "gromit-private": ["NatGatewayId"]}
    assert len(ground.client("ec2").describe_nat_gateways()["NatGateways"]) == 1


def test_only_the_endpoint_that_costs_nothing_is_there_unless_others_are_asked_for(
    ground: Ground,
) -> None:
    found = ground.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    prefix = f"com.amazonaws.{REGION}."
    kinds = {e["ServiceName"].removeprefix(prefix): e["VpcEndpointType"] for e in found}
    assert kinds == {"s3": "Gateway"}


BLOCKS = list(ip_network("10.91.0.0/16").subnets(new_prefix=20))
OF_ENVIRONMENTS = (*BLOCKS[:3], *BLOCKS[8:11])
"""Ranges of the public and the private subnets."""


def test_nothing_is_open_to_the_world_but_ssh_for_the_listed_ranges(ground: Ground) -> None:
    groups = ground.client("ec2").describe_security_groups(
        Filters=[{"Name": "tag:managed", "Values": ["gromit"]}]
    )["SecurityGroups"]
    ways_in = {
        (group["GroupName"], rule.get("FromPort"), source["CidrIp"])
        for group in groups
        if "env" not in infra.tags(group["Tags"])
        for rule in group["IpPermissions"]
        for source in rule["IpRanges"]
    }
    assert ways_in == {
        ("gromit-bastion", 22, "192.0.2.0/24"),
        ("gromit-endpoints", 443, "10.91.0.0/16"),
        *(("gromit-mongo-0", 27017, str(block)) for block in OF_ENVIRONMENTS),
        *(("gromit-config", 2049, str(block)) for block in OF_ENVIRONMENTS),
    }
    assert not any(rule["Ipv6Ranges"] for group in groups for rule in group["IpPermissions"])


def test_certs_are_mounted_by_members_of_one_group_alone(ground: Ground) -> None:
    groups = ground.client("ec2").describe_security_groups(
        Filters=[{"Name": "tag:managed", "Values": ["gromit"]}]
    )["SecurityGroups"]
    by_name = {g["GroupName"]: g for g in groups}
    ways_in = by_name["gromit-certs"]["IpPermissions"]
    sources = [[p["GroupId"] for p in rule["UserIdGroupPairs"]] for rule in ways_in]
    assert (sources, [rule["IpRanges"] for rule in ways_in]) == (
        [[by_name["gromit-mounts"]["GroupId"]]],
        [[]],
    )
    efs = ground.client("efs")
    for volume, group in (("certs", "gromit-certs"), ("config", "gromit-config")):
        targets = efs.describe_mount_targets(FileSystemId=ground.base[f"{volume}_file_system_id"])[
            "MountTargets"
        ]
        held = [
            efs.describe_mount_target_security_groups(MountTargetId=t["MountTargetId"])[
                "SecurityGroups"
            ]
            for t in targets
        ]
        assert held == [[by_name[group]["GroupId"]]] * 3


def test_who_names_no_security_group_is_shut_in(ground: Ground) -> None:
    vpc = infra.platform(ground.emulator).vpc_id
    mine = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = ground.client("ec2").describe_security_groups(Filters=mine)["SecurityGroups"]
    assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])


def test_everything_that_holds_something_is_encrypted(ground: Ground) -> None:
    volumes = ground.client("ec2").describe_volumes()["Volumes"]
    assert len(volumes) == 3, "root volumes of two machines, and one data volume"
    assert all(volume["Encrypted"] for volume in volumes)
    table = ground.client("dynamodb").describe_table(TableName="DeveloperEnvironments")["Table"]
    assert table["SSEDescription"]["Status"] == "ENABLED"


def test_machines_answer_version_two_of_the_metadata_service_alone(ground: Ground) -> None:
    found = infra.instances(ground.emulator)
    assert set(found) == {"gromit-bastion", "gromit-mongo-0"}
    options = [
        (i["MetadataOptions"]["HttpTokens"], i["MetadataOptions"]["HttpPutResponseHopLimit"])
        for i in found.values()
    ]
    assert options == [("required", 1)] * 2


def test_only_the_bastion_has_a_public_address_and_a_key_pair(ground: Ground) -> None:
    found = infra.instances(ground.emulator)
    assert "PublicIpAddress" in found["gromit-bastion"]
    assert found["gromit-bastion"]["KeyName"] == infra.KEY_PAIR
    assert not {"PublicIpAddress", "KeyName"} & found["gromit-mongo-0"].keys()


def test_a_mongo_host_is_found_by_its_name_and_its_data_by_their_tag(ground: Ground) -> None:
    host = infra.instances(ground.emulator)["gromit-mongo-0"]
    assert infra.records(ground.emulator, DOMAIN)[f"mongo-0.{DOMAIN}", "A"] == [
        host["PrivateIpAddress"]
    ]
    assert ground.root.output("mongo_addresses") == {"mongo-0": f"mongo-0.{DOMAIN}"}
    volume = infra.data_volumes(ground.emulator)["gromit-mongo-0-data"]
    assert infra.tags(volume["Tags"])["backup"] == "mongo"
    assert [a["InstanceId"] for a in volume["Attachments"]] == [host["InstanceId"]]


def test_resolvers_remember_for_a_minute_at_most_that_a_name_is_missing(ground: Ground) -> None:
    route53 = ground.client("route53")
    (zone,) = route53.list_hosted_zones_by_name(DNSName=DOMAIN)["HostedZones"]
    found = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    (soa,) = (r for r in found if r["Type"] == "SOA")
    server, _, *numbers = soa["ResourceRecords"][0]["Value"].split()
    servers = route53.get_hosted_zone(Id=zone["Id"])["DelegationSet"]["NameServers"]
    assert server.rstrip(".") in servers
    assert min(soa["TTL"], int(numbers[-1])) <= 60


def test_no_authority_but_amazon_gives_certificates_for_names_in_the_domain(
    ground: Ground,
) -> None:
    assert set(infra.records(ground.emulator, DOMAIN)[DOMAIN, "CAA"]) == {
        '0 issue "amazon.com"',
        '0 issuewild ";"',
    }


@pytest.mark.parametrize("number", range(2), ids=infra.WRONG_AUTHORITIES)
def test_authorities_without_use_are_refused(refusals: Refusals, number: int) -> None:
    reason = ("must be a DNS name", "ACM cannot create")[number]
    assert reason in refusals.said("certificate_authorities", number)


def test_environments_and_people_find_mongo_and_the_bastion_by_names_that_stay(
    ground: Ground,
) -> None:
    records = infra.records(ground.emulator, DOMAIN)
    assert records[f"mongo.{DOMAIN}", "CNAME"] == [f"mongo-0.{DOMAIN}"]
    bastion = infra.instances(ground.emulator)["gromit-bastion"]
    assert records[f"bastion.{DOMAIN}", "A"] == [bastion["PublicIpAddress"]]
    assert ground.root.output("bastion_name") == f"bastion.{DOMAIN}"


SECOND = '"mongo-1":{"zone":"b"'
HOSTS = {
    "the only host": ('{"db":{"zone":"a"}}', "db"),
    "the marked one of two": (
        f'{{"mongo-0":{{"zone":"a"}},{SECOND},"environments":true}}}}',
        "mongo-1",
    ),
}


@pytest.mark.parametrize(("hosts", "name"), HOSTS.values(), ids=HOSTS)
def test_the_name_of_mongo_leads_to_the_host_that_environments_use(
    ground: Ground, hosts: str, name: str
) -> None:
    plan = ground.root.plan(infra.VALUES, *infra.GROUND, f"-var=mongo={hosts}", "-refresh=false")
    made = plan.document["planned_values"]["root_module"]["resources"]
    records = [r["index"] for r in made if r["address"].startswith("aws_route53_record.mongo")]
    assert records == [name]


def test_without_a_mongo_host_there_is_no_name_and_the_platform_says_so(ground: Ground) -> None:
    plan = ground.root.plan(infra.VALUES, *infra.GROUND, "-var=mongo={}", "-refresh=false")
    changed = {r["address"]: r["change"] for r in plan.document["resource_changes"]}
    assert changed['aws_route53_record.mongo["mongo-0"]']["actions"] == ["delete"]
    assert json.loads(changed["aws_ssm_parameter.platform"]["after"]["value"])["mongo"] == ""


def test_environments_can_use_a_server_that_exists_already_under_any_name(ground: Ground) -> None:
    server = f"mongo.{DOMAIN}:27018"
    plan = ground.root.plan(
        infra.VALUES, *infra.GROUND, f"-var=mongo_server={server}", "-refresh=false"
    )
    changed = {r["address"]: r["change"] for r in plan.document["resource_changes"]}
    assert changed['aws_route53_record.mongo["mongo-0"]']["actions"] == ["delete"]
    assert json.loads(changed["aws_ssm_parameter.platform"]["after"]["value"])["mongo"] == server


def test_a_server_is_a_host_and_a_port(refusals: Refusals) -> None:
    assert "must be a host and a port" in refusals.said("mongo_server", 0)


@pytest.mark.parametrize("number", range(4), ids=infra.WRONG_HOSTS)
def test_hosts_without_one_clear_name_are_refused(refusals: Refusals, number: int) -> None:
    said = refusals.said("mongo", number)
    assert "that environments use" in said or "No host can be named" in said


def test_the_bastion_mounts_both_volumes_encrypted_through_their_access_points(
    ground: Ground,
) -> None:
    script = infra.user_data(ground.emulator, "gromit-bastion")
    mounts = [line for line in script.splitlines() if line.startswith('echo "fs-')]
    assert mounts == [
        f'echo "{ground.base[f"{name}_file_system_id"]}:/ /{name} efs _netdev,nofail,tls,iam,'
        f'accesspoint={ground.base[f"{name}_access_point_id"]} 0 0" >>/etc/fstab'
        for name in ("certs", "config")
    ]


def test_the_bastion_leaves_the_mark_of_the_config_root_to_pki(ground: Ground) -> None:
    script = infra.user_data(ground.emulator, "gromit-bastion")
    assert MARKER not in script
    proven = script.index("mountpoint --quiet /config")
    assert proven < script.index("dnf install -y docker"), "the volumes wait for nothing"


def test_the_bastion_has_the_command_gromit_and_may_pull_its_image(ground: Ground) -> None:
    script = infra.user_data(ground.emulator, "gromit-bastion")
    command = (infra.TERRAFORM / "infra" / "files" / "gromit.sh").read_text()
    assert f"cat >/usr/local/bin/gromit <<'END'\n{command}END\n" in script
    (parameter,) = re.findall("^GROMIT_IMAGE_PARAMETER=(.*)$", script, re.MULTILINE)
    image = ground.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    registry, _, tagged = image.partition("/")
    assert f'"{registry}": "ecr-login"' in script
    assert image not in script, "a release of gromit does not replace the machine"
    policies = role_policies(ground.client("iam"), "gromit-bastion")
    own, other = (
        f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"
        for name in (tagged.partition(":")[0], "tyk")
    )
    read = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
    rows = [
        ("ecr:GetAuthorizationToken", "*", True),
        *((f"ecr:{a}", own, True) for a in ("BatchGetImage", "GetDownloadUrlForLayer")),
        ("ecr:PutImage", own, False),
        ("ecr:BatchGetImage", other, False),
        ("ssm:GetParameter", f"{read}{parameter}", True),
        ("ssm:GetParameter", f"{read}/gromit/base", False),
    ]
    assert [row for row in rows if policies.allows(row[0], row[1]) is not row[2]] == []


@pytest.mark.parametrize("name", ["gromit-bastion", "gromit-mongo-0"])
def test_first_starts_are_scripts_that_bash_understands(ground: Ground, name: str) -> None:
    script = infra.user_data(ground.emulator, name)
    done = subprocess.run(
        ["bash", "-n"], input=script, capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert script.startswith("#!/bin/bash\n")


def test_a_mongo_host_waits_for_its_own_volume_by_the_name_that_nitro_gives_it(
    ground: Ground,
) -> None:
    volume = infra.data_volumes(ground.emulator)["gromit-mongo-0-data"]["VolumeId"]
    device = f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume.replace('-', '')}"
    assert f"device={device}\n" in infra.user_data(ground.emulator, "gromit-mongo-0")


def test_the_bastion_may_read_and_write_through_those_access_points_and_nothing_else(
    ground: Ground,
) -> None:
    rights = [
        s for s in ground.policies("gromit-bastion") if "elasticfilesystem" in str(s["Action"])
    ]
    prefix = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}"
    through = {
        s["Resource"]: s["Condition"]["StringEquals"]["elasticfilesystem:AccessPointArn"]
        for s in rights
    }
    assert through == {
        f"{prefix}:file-system/{ground.base[f'{name}_file_system_id']}": [
            f"{prefix}:access-point/{ground.base[f'{name}_access_point_id']}"
        ]
        for name in ("config", "certs")
    }
    assert {action for s in rights for action in s["Action"]} == {
        "elasticfilesystem:ClientMount",
        "elasticfilesystem:ClientWrite",
    }


def test_environments_pull_log_and_read_their_own_secrets_and_nothing_of_the_control_plane(
    ground: Ground,
) -> None:
    rights = {s["Sid"]: s for s in ground.policies("gromit-devenv-execution")}
    assert {
        sid: sorted(s["Resource"]) if isinstance(s["Resource"], list) else s["Resource"]
        for sid, s in rights.items()
    } == {
        "Login": "*",
        "Images": sorted(ground.base["registries"].values()),
        "Logs": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/gromit/*:log-stream:*",
        "Secrets": [
            f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{prefix}/*"
            for prefix in ("gromit-env", "gromit/environments")
        ],
    }
    assert rights["Login"]["Action"] == "ecr:GetAuthorizationToken"
    assert all(s["Effect"] == "Allow" and "*" not in str(s["Action"]) for s in rights.values())


def test_ecs_takes_the_execution_role_for_tasks_of_this_account_alone(ground: Ground) -> None:
    trust = ground.client("iam").get_role(RoleName="gromit-devenv-execution")["Role"][
        "AssumeRolePolicyDocument"
    ]["Statement"]
    assert [(s["Principal"], s["Condition"]) for s in trust] == [
        ({"Service": "ecs-tasks.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": [ACCOUNT]}})
    ]


def test_no_output_and_nothing_that_terraform_said_holds_a_secret(ground: Ground) -> None:
    outputs = ground.root.outputs()
    assert not any(output["sensitive"] for output in outputs.values())
    assert SECRET_KEY not in json.dumps(outputs) + "".join(ground.root.said)


def test_table_zone_and_data_are_kept_from_being_destroyed() -> None:
    kept = infra.kept("infra", "modules/mongo")
    assert kept == {
        "aws_dynamodb_table.environments",
        "aws_route53_zone.this",
        "aws_ebs_volume.data",
    }


def test_every_resource_that_can_bear_the_tag_does(ground: Ground) -> None:
    given = {
        r["address"]: (r["change"]["after"].get("tags") or {}).get("managed")
        for r in ground.first.document["resource_changes"]
        if r["mode"] == "managed" and "tags" in r["change"]["after"]
    }
    assert {address for address, managed in given.items() if managed != "gromit"} == {
        "module.network.aws_eip.nat"
    }
    address = ground.client("ec2").describe_addresses()["Addresses"][0]
    assert infra.tags(address["Tags"]) == {"managed": "gromit", "Name": "gromit-nat"}, (
        "its tags are a resource of their own"
    )


def test_it_refuses_another_account_and_a_base_that_was_applied_elsewhere(ground: Ground) -> None:
    with pytest.raises(TerraformError) as refused:
        ground.root.plan(infra.VALUES, "-refresh=false", "-var=account_id=999999999999")
    assert "not of 999999999999: check your AWS profile" in _said(refused)
    assert "base was applied elsewhere" in _said(refused)


@pytest.mark.long
def test_it_refuses_a_base_of_another_release(ground: Ground) -> None:
    infra.write_base(
        ground.emulator, {key: value for key, value in ground.base.items() if key != "state_bucket"}
    )
    try:
        with pytest.raises(TerraformError) as refused:
            ground.root.plan(infra.VALUES)
        assert "/gromit/base lacks fields" in _said(refused)
    finally:
        infra.write_base(ground.emulator, ground.base)


@pytest.mark.parametrize("number", range(3), ids=infra.WRONG_BASTIONS)
def test_ssh_needs_a_key_pair_and_ranges_that_are_not_the_world(
    refusals: Refusals, number: int
) -> None:
    reasons = ("ssh must not be open to the whole world", "Ssh ranges need a key pair", "be IPv4")
    assert reasons[number] in refusals.said("bastion", number)


@pytest.mark.long
def test_without_ssh_ranges_nothing_has_a_public_address_and_two_zones_are_enough(
    ground: Ground,
) -> None:
    plan = ground.root.plan(infra.VALUES, "-var=bastion={}", '-var=zones=["a", "b"]')
    planned = {r["address"]: r["change"] for r in plan.document["resource_changes"]}
    subnets = {a: c["after"] for a, c in planned.items() if "aws_subnet." in a and c["after"]}
    assert {subnet["availability_zone"][-1] for subnet in subnets.values()} == {"a", "b"}
    bastion = planned["module.bastion.aws_instance.this"]["after"]
    assert (bastion["associate_public_ip_address"], bastion.get("key_name")) == (False, None)
    assert planned['aws_security_group_rule.ssh["192.0.2.0/24"]']["actions"] == ["delete"]


@pytest.mark.long
def test_a_key_pair_that_is_not_there_is_seen_by_ec2(ground: Ground) -> None:
    """A plan cannot see it: no data source in all allowed provider versions knows key pairs."""
    request = {
        "ImageId": infra.newest_image(ground.emulator),
        "MinCount": 1,
        "MaxCount": 1,
        "KeyName": "unknown",
    }
    with pytest.raises(ClientError, match=r"InvalidKeyPair\.NotFound"):
        ground.client("ec2").run_instances(**request)


def _said(refused: pytest.ExceptionInfo[TerraformError]) -> str:
    """Return terraform's message without the line breaks and margins of its boxes."""
    return " ".join(str(refused.value).replace("│", " ").split())
