"""What runs, with what, and when."""

import json
from pathlib import Path

import pytest

from tests.docs.markdown import read
from tests.platform.control.installed import PROGRAMS, Installed
from tests.platform.control.plane import DOMAIN, KEY_PAIR
from tests.platform.emulator import ACCOUNT, REGION
from tests.stacks.plans import findings

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("control")]


def test_each_part_runs_its_command_with_what_it_needs(installed: Installed) -> None:
    containers = installed.containers()
    assert set(containers) == set(PROGRAMS)
    commands = {name: c["command"] for name, c in containers.items() if name != "pki"}
    assert commands == {
        "serve": ["serve"], "gateway": ["gateway"], "sow": ["sow", "/config"], "reap": ["reap", "/config"],
        "chitragupta": ["chitragupta", "/config"], "doctor": ["doctor", "aws"],
    }  # fmt: skip
    assert containers["pki"]["command"][:2] == ["pki", "ensure"]
    assert f"--leaf=serve=server,serve.internal,serve.{DOMAIN}" in containers["pki"]["command"]
    assert {name for name, c in containers.items() if c.get("secrets")} == {"pki"}
    mounts = {name: {m["containerPath"]: m["readOnly"] for m in c["mountPoints"]} for name, c in containers.items()}
    assert {name for name, m in mounts.items() if not m["/certs"]} == {"pki"}
    assert mounts["sow"]["/config"] is mounts["reap"]["/config"] is False
    assert mounts["chitragupta"]["/config"] is True
    assert all(c["stopTimeout"] == 120 and c["readonlyRootFilesystem"] for c in containers.values())


def test_sow_runs_as_many_terraforms_as_its_memory_holds(installed: Installed) -> None:
    sow = installed.containers()["sow"]
    variables = {v["name"]: v["value"] for v in sow["environment"]}
    assert int(sow["definition"]["memory"]) == 4096
    assert variables["GROMIT_SOW_PARALLEL"] == str((4096 - 256) // 640) == "6"


def test_every_variable_of_every_part_is_a_setting(installed: Installed, tmp_path: Path) -> None:
    """Loaded by gromit itself: what is misspelt would be missed, what has a wrong form would be refused."""
    from gromit import config  # noqa: PLC0415 - the slow import of pydantic is for this test alone

    known = {doc.variable for doc in config.fields()}
    for container in installed.containers().values():
        environ = {v["name"]: v["value"] for v in container["environment"]}
        assert {name for name in environ if name.startswith("GROMIT_")} <= known
        assert config.load(environ | {"HOME": str(tmp_path)}).settings.tablename == "DeveloperEnvironments"
        secrets = {s["name"] for s in container.get("secrets") or ()}
        assert secrets <= known


def test_the_schedules_are_those_of_the_design(installed: Installed) -> None:
    rules = {r["Name"]: r for r in installed.emulator.client("events").list_rules()["Rules"]}
    assert {name: r["ScheduleExpression"] for name, r in rules.items() if "ScheduleExpression" in r} == {
        "gromit-sow": "rate(37 minutes)", "gromit-reap": "rate(1 day)", "gromit-chitragupta": "rate(13 minutes)",
        "gromit-pki": "rate(1 day)", "gromit-doctor": "rate(1 day)",
    }  # fmt: skip
    stopped = json.loads(rules["gromit-pki-stopped"]["EventPattern"])
    assert stopped["detail"]["group"] == ["service:gromit-serve", "service:gromit-gateway"]


def test_one_setting_makes_watching_services_of_sow_and_chitragupta(installed: Installed) -> None:
    plan = installed.root.plan("-var=watch=true")
    planned = plan.document["planned_values"]["root_module"]["child_modules"]
    services = {m["address"] for m in planned if m["address"].startswith("module.worker_service")}
    schedules = {m["address"] for m in planned if m["address"].startswith("module.worker_schedule")}
    assert services == {'module.worker_service["chitragupta"]', 'module.worker_service["sow"]'}
    assert schedules == {'module.worker_schedule["doctor"]', 'module.worker_schedule["reap"]'}
    definitions = {
        r["values"]["family"]: json.loads(r["values"]["container_definitions"])[0]["command"]
        for m in planned
        for r in m["resources"]
        if r["type"] == "aws_ecs_task_definition"
        and m["address"].startswith("module.worker")
        and "container_definitions" in r["values"]
    }
    assert definitions["gromit-sow"] == ["sow", "/config", "--watch"]
    assert definitions["gromit-reap"] == ["reap", "/config"]


def test_the_doctor_looks_at_terraform_cloud_with_a_token_that_only_ecs_reads(installed: Installed) -> None:
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:terraform-cloud-0a1b2c"
    told = f'-var=terraform_cloud={{organization="example",token_secret_arn="{arn}"}}'
    changes = installed.root.plan(told, "-target=module.worker").document["resource_changes"]
    after = {change["address"]: change["change"]["after"] for change in changes}
    (doctor,) = json.loads(after['module.worker["doctor"].aws_ecs_task_definition.this']["container_definitions"])
    assert doctor["secrets"] == [{"name": "TF_API_TOKEN", "valueFrom": arn}]
    assert {v["name"]: v["value"] for v in doctor["environment"]}["GROMIT_INFRA"] == "infra-prod"
    readers = {
        address
        for address, values in after.items()
        if address.endswith("aws_iam_role_policy.execution") and arn in values["policy"]
    }
    assert readers == {'module.worker["doctor"].aws_iam_role_policy.execution'}


def test_serve_and_the_gateway_are_entered_from_the_vpc_on_their_ports_and_the_others_not_at_all(installed: Installed) -> None:
    groups = installed.emulator.client("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [f"gromit-{part}" for part in PROGRAMS]}]
    )["SecurityGroups"]
    assert {group["GroupName"] for group in groups} == {f"gromit-{part}" for part in PROGRAMS}
    ways_in = {
        (group["GroupName"], rule["FromPort"], source["CidrIp"])
        for group in groups
        for rule in group["IpPermissions"]
        for source in rule["IpRanges"]
    }
    vpc = installed.ground["vpc_cidr"]
    assert ways_in == {("gromit-serve", 8443, vpc), ("gromit-serve", 8080, vpc), ("gromit-gateway", 8443, vpc)}


def test_the_plan_of_the_whole_control_plane_breaks_no_rule(installed: Installed) -> None:
    assert findings(installed.root.plan().document) == []


def test_logs_are_kept_for_a_time_and_not_for_ever(installed: Installed) -> None:
    groups = installed.emulator.client("logs").describe_log_groups(logGroupNamePrefix="/gromit-control/")["logGroups"]
    assert {g["logGroupName"]: g["retentionInDays"] for g in groups} == {f"/gromit-control/{p}": 90 for p in PROGRAMS}


def test_the_doctor_alone_looks_for_the_key_pair_of_the_bastion(installed: Installed) -> None:
    variables = {v["name"]: v["value"] for v in installed.containers()["doctor"]["environment"]}
    assert variables["GROMIT_DOCTOR_KEY_PAIR"] == KEY_PAIR
    assert not any(
        "GROMIT_DOCTOR_KEY_PAIR" in str(c["environment"]) for name, c in installed.containers().items() if name != "doctor"
    )


def test_all_parts_at_once_take_as_many_vcpu_as_the_page_says(installed: Installed) -> None:
    taken = sum(int(container["definition"]["cpu"]) for container in installed.containers().values()) / 1024
    assert f"this takes up to {taken:g} for itself" in read("how-to/install-on-aws.md")
