"""The commands, inputs and schedules of the parts."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from moto.events.models import EventPattern

from tests.docs.markdown import read
from tests.image import dockerfile
from tests.platform.control.installed import PROGRAMS, WORKERS, Installed
from tests.platform.control.plane import DOMAIN, KEY_PAIR, PARTS
from tests.platform.emulator import ACCOUNT, REGION
from tests.platform.roots import TerraformError
from tests.stacks.plans import findings

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("control")]


def test_each_part_runs_its_command_with_what_it_needs(installed: Installed) -> None:
    containers = installed.containers()
    assert set(containers) == set(PROGRAMS)
    commands = {name: c["command"] for name, c in containers.items() if name != "pki"}
    assert commands == {
        "serve": ["serve"],
        "gateway": ["gateway"],
        "sow": ["sow", "/config"],
        "reap": ["reap", "/config"],
        "chitragupta": ["chitragupta", "/config"],
        "doctor": ["doctor", "aws"],
        "doctor-environments": ["doctor", "environments", "/config"],
    }
    assert containers["pki"]["command"][:4] == ["pki", "ensure", "--new-root", "/config"]
    leaf = f"--leaf=serve/serve=server,serve.internal,serve.{DOMAIN},localhost"
    assert leaf in containers["pki"]["command"]
    assert {name for name, c in containers.items() if c.get("secrets")} == {"pki"}
    mounts = {
        name: {m["containerPath"]: m["readOnly"] for m in c["mountPoints"]}
        for name, c in containers.items()
    }
    assert {name for name, m in mounts.items() if not m["/certs"]} == {"pki"}
    assert mounted_at(installed, "/certs") == {
        "pki": installed.ground["certs_access_point_id"],
        **{
            name: installed.ground["certs_part_access_points"][name]
            for name in ("serve", "gateway")
        },
        **dict.fromkeys(WORKERS, installed.ground["certs_part_access_points"]["worker"]),
    }
    assert [mounts[name]["/config"] for name in ("sow", "reap", "pki")] == [False] * 3
    assert mounts["chitragupta"]["/config"] is mounts["doctor-environments"]["/config"] is True
    assert all(c["stopTimeout"] == 120 and c["readonlyRootFilesystem"] for c in containers.values())


def mounted_at(installed: Installed, path: str) -> dict[str, str]:
    """Return part to the access point whose folder it mounts at a path."""
    found = {}
    for name, container in installed.containers().items():
        volumes = {
            v["name"]: v.get("efsVolumeConfiguration") for v in container["definition"]["volumes"]
        }
        (source,) = (
            m["sourceVolume"] for m in container["mountPoints"] if m["containerPath"] == path
        )
        found[name] = volumes[source]["authorizationConfig"]["accessPointId"]
    return found


def test_every_path_of_a_part_in_the_volume_is_in_its_own_folder(installed: Installed) -> None:
    """By its own command, pki puts these files there.

    A person brings the tokens.
    """
    leaves = [
        word.removeprefix("--leaf=").partition("=")[0]
        for word in installed.containers()["pki"]["command"]
        if word.startswith("--leaf=")
    ]
    folders: dict[str, set[str]] = {part: {"ca.pem", "denylist"} for part in PARTS}
    for part, name in (leaf.split("/") for leaf in leaves if "/" in leaf):
        folders[part] |= {f"{name}.pem", f"{name}-key.pem"}
    folders["gateway"].add("tokens.json")
    points = {point: part for part, point in installed.ground["certs_part_access_points"].items()}
    for name, point in mounted_at(installed, "/certs").items():
        environment = {v["value"] for v in installed.containers()[name]["environment"]}
        named = {
            value.removeprefix("/certs/") for value in environment if value.startswith("/certs/")
        }
        assert named == {"pki"} if name == "pki" else named <= folders[points[point]]
    assert [leaf for leaf in leaves if "/" not in leaf] == ["operator"], (
        "only pki and the bastion see the certificates of people"
    )


def test_what_serves_is_asked_whether_it_does_with_the_check_that_the_image_holds(
    installed: Installed,
) -> None:
    """Every definition has all five fields.

    ECS would fill in missing ones, and the next plan would remove them.
    """
    server = dockerfile.read().last
    (check,) = server.all("HEALTHCHECK")
    assert "image/healthy.py" in {
        word
        for each in server.all("COPY")
        if each.words[-1] == "/opt/gromit/"
        for word in each.words
    }
    checks = {
        name: c["healthCheck"] for name, c in installed.containers().items() if "healthCheck" in c
    }
    command = check.text.removeprefix("CMD ")
    wanted = {
        "command": ["CMD", *json.loads(command)],
        "interval": 30,
        "timeout": 15,
        "retries": 3,
        "startPeriod": 60,
    }
    assert checks == {"serve": wanted, "gateway": wanted}
    assert check.flags["interval"] == f"{wanted['interval']}s"
    assert check.flags["timeout"] == f"{wanted['timeout']}s"


def test_sow_runs_as_many_terraforms_as_its_memory_holds(installed: Installed) -> None:
    sow = installed.containers()["sow"]
    variables = {v["name"]: v["value"] for v in sow["environment"]}
    assert int(sow["definition"]["memory"]) == 4096
    assert variables["GROMIT_SOW_PARALLEL"] == str((4096 - 256) // 640) == "6"


def test_every_variable_of_every_part_is_a_setting(installed: Installed, tmp_path: Path) -> None:
    """Load the variables with gromit itself.

    It would ignore a misspelt one, and refuse a value of a wrong form.
    """
    from gromit.config.fields import fields  # noqa: PLC0415 - importing pydantic is slow
    from gromit.config.load import load_settings  # noqa: PLC0415 - importing pydantic is slow

    known = {doc.variable for doc in fields()}
    for container in installed.containers().values():
        environ = {v["name"]: v["value"] for v in container["environment"]}
        assert {name for name in environ if name.startswith("GROMIT_")} <= known
        assert (
            load_settings(environ | {"HOME": str(tmp_path)}).settings.tablename
            == "DeveloperEnvironments"
        )
        secrets = {s["name"] for s in container.get("secrets") or ()}
        assert secrets <= known


def test_the_schedules_are_those_of_the_design(installed: Installed) -> None:
    rules = {r["Name"]: r for r in installed.emulator.client("events").list_rules()["Rules"]}
    expressions = {
        name: r["ScheduleExpression"] for name, r in rules.items() if "ScheduleExpression" in r
    }
    assert expressions == {
        "gromit-sow": "rate(37 minutes)",
        "gromit-reap": "rate(4 hours)",
        "gromit-chitragupta": "rate(13 minutes)",
        "gromit-pki": "rate(1 day)",
        "gromit-doctor": "rate(1 day)",
        "gromit-doctor-environments": "rate(1 day)",
    }
    stopped = json.loads(rules["gromit-pki-stopped"]["EventPattern"])
    assert stopped["detail"]["group"] == ["service:gromit-serve", "service:gromit-gateway"]


@pytest.mark.parametrize(
    ("differs", "starts"),
    [
        ({}, True),
        ({"lastStatus": "STOPPED"}, True),
        ({"lastStatus": "PROVISIONING"}, False),
        ({"group": "family:app-test--tyk--on-create"}, False),
        ({"group": "service:gromit-serve", "clusterArn": "ours"}, False),
        ({"group": "family:gromit-chitragupta", "clusterArn": "ours"}, False),
    ],
)
def test_a_task_of_a_component_that_starts_or_stops_starts_chitragupta(
    installed: Installed, differs: Mapping[str, str], *, starts: bool
) -> None:
    """Ask the rule itself, by its pattern, about the events that ECS sends."""
    events = installed.emulator.client("events")
    rule = events.describe_rule(Name="gromit-chitragupta-tasks")
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert "/gromit-chitragupta:" in target["EcsParameters"]["TaskDefinitionArn"]
    detail = {
        "clusterArn": installed.arn("cluster"),
        "group": "service:tyk",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        **differs,
    }
    if detail["clusterArn"] == "ours":
        detail["clusterArn"] = installed.arn("our cluster")
    event = {"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": detail}
    assert EventPattern.load(rule["EventPattern"]).matches_event(event) is starts


def test_each_of_sow_and_chitragupta_can_be_a_service_that_watches(installed: Installed) -> None:
    several = ("-var=sow_tasks=4", "-var=serve_tasks=2")
    plan = installed.root.plan('-var=watch=["sow"]', *several, "-refresh=false")
    planned = plan.document["planned_values"]["root_module"]["child_modules"]
    services = {m["address"] for m in planned if m["address"].startswith("module.worker_service")}
    schedules = {m["address"] for m in planned if m["address"].startswith("module.worker_schedule")}
    assert services == {'module.worker_service["sow"]'}
    others = ("chitragupta", "doctor", "doctor-environments", "reap")
    assert schedules == {f'module.worker_schedule["{name}"]' for name in others}
    counts = {
        r["values"]["name"]: r["values"]["desired_count"]
        for m in planned
        for r in m["resources"]
        if r["type"] == "aws_ecs_service"
    }
    assert counts == {"gromit-sow": 4, "gromit-serve": 2, "gromit-gateway": 1}
    containers = {
        r["values"]["family"]: json.loads(r["values"]["container_definitions"])[0]
        for m in planned
        for r in m["resources"]
        if r["type"] == "aws_ecs_task_definition"
        and m["address"].startswith("module.worker")
        and "container_definitions" in r["values"]
    }
    commands = {family: container["command"] for family, container in containers.items()}
    assert commands["gromit-sow"] == ["sow", "/config", "--watch"]
    assert commands["gromit-reap"] == ["reap", "/config"]
    assert commands["gromit-chitragupta"] == ["chitragupta", "/config"]
    # Four of sow, reap, chitragupta, and terraform as one, share the rates of AWS.
    shares = {"name": "GROMIT_AWS_PROCESSES", "value": "7"}
    assert all(shares in containers[f"gromit-{part}"]["environment"] for part in ("sow", "reap"))


def test_no_other_part_watches(installed: Installed) -> None:
    with pytest.raises(TerraformError, match="Only sow and chitragupta can watch"):
        installed.root.plan('-var=watch=["reap"]', "-target=module.worker", "-refresh=false")


def test_only_a_watching_sow_has_several_tasks(installed: Installed) -> None:
    with pytest.raises(TerraformError, match="add it to `watch`"):
        installed.root.plan("-var=sow_tasks=2", "-target=module.worker_service", "-refresh=false")


def token_of_terraform_cloud(arn: str) -> str:
    """Return the setting that names a secret."""
    values = {"organization": "example", "token_secret_arn": arn, "workspaces": ["backup-prod"]}
    return f"-var=terraform_cloud={json.dumps(values)}"


def test_the_doctor_looks_at_terraform_cloud_with_a_token_that_only_ecs_reads(
    installed: Installed,
) -> None:
    secrets = installed.emulator.client("secretsmanager")
    arn = secrets.create_secret(Name="terraform-cloud", SecretString="canary-of-terraform-cloud")[
        "ARN"
    ]
    setting = token_of_terraform_cloud(arn)
    plan = installed.root.plan(setting, "-target=module.worker", "-refresh=false")
    after = {
        change["address"]: change["change"]["after"] for change in plan.document["resource_changes"]
    }
    (doctor,) = json.loads(
        after['module.worker["doctor"].aws_ecs_task_definition.this']["container_definitions"]
    )
    assert doctor["secrets"] == [{"name": "TF_API_TOKEN", "valueFrom": arn}]
    environment = {variable["name"]: variable["value"] for variable in doctor["environment"]}
    assert environment["GROMIT_INFRA"] == "infra-prod"
    assert environment["GROMIT_DOCTOR_WORKSPACES"] == "backup-prod"
    readers = {
        address
        for address, values in after.items()
        if address.endswith("aws_iam_role_policy.execution") and arn in values["policy"]
    }
    assert readers == {'module.worker["doctor"].aws_iam_role_policy.execution'}
    assert "canary-of-terraform-cloud" not in json.dumps(plan.document) + plan.text


def test_a_token_of_terraform_cloud_that_is_not_there_is_said_by_the_plan(
    installed: Installed,
) -> None:
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:missing-0a1b2c"
    with pytest.raises(TerraformError) as caught:
        installed.root.plan(
            token_of_terraform_cloud(arn), "-target=module.worker", "-refresh=false"
        )
    said = " ".join(str(caught.value).split())
    assert f'data.aws_secretsmanager_secret.terraform_cloud["{arn}"]' in said
    assert "not found" in said.lower(), said


def test_an_arn_without_its_end_is_no_right_to_the_secret(installed: Installed) -> None:
    """AWS finds a secret by such an ARN, but a policy with it does not match the secret."""
    arn = installed.emulator.client("secretsmanager").create_secret(
        Name="shortened", SecretString="x"
    )["ARN"]
    with pytest.raises(TerraformError, match="ARN of the secret"):
        installed.root.plan(
            token_of_terraform_cloud(arn.rpartition("-")[0]),
            "-target=module.worker",
            "-refresh=false",
        )


def test_scheduled_parts_are_in_the_control_planes_subnets_with_their_own_group(
    installed: Installed,
) -> None:
    """Check the groups by name: tests/platform/test_connections.py has their rules."""
    ec2, events = (installed.emulator.client(name) for name in ("ec2", "events"))
    groups = {
        g["GroupId"]: g["GroupName"] for g in ec2.describe_security_groups()["SecurityGroups"]
    }
    for rule in events.list_rules()["Rules"]:
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            at = target["EcsParameters"]["NetworkConfiguration"]["awsvpcConfiguration"]
            assert {groups[group] for group in at["SecurityGroups"]} == {
                target["Id"],
                "gromit-mounts",
            }
            assert sorted(at["Subnets"]) == sorted(installed.ground["control_subnets"])
            assert at["AssignPublicIp"] == "DISABLED"


def test_the_plan_of_the_whole_control_plane_breaks_no_rule(installed: Installed) -> None:
    assert findings(installed.root.plan().document) == []


def test_logs_are_kept_for_a_time_and_not_for_ever(installed: Installed) -> None:
    groups = installed.emulator.client("logs").describe_log_groups(
        logGroupNamePrefix="/gromit-control/"
    )["logGroups"]
    assert {g["logGroupName"]: g["retentionInDays"] for g in groups} == {
        f"/gromit-control/{p}": 30 if p in {"sow", "reap"} else 90 for p in PROGRAMS
    }


def test_the_doctor_alone_looks_for_the_key_pair_of_the_bastion(installed: Installed) -> None:
    variables = {v["name"]: v["value"] for v in installed.containers()["doctor"]["environment"]}
    assert variables["GROMIT_DOCTOR_KEY_PAIR"] == KEY_PAIR
    assert not any(
        "GROMIT_DOCTOR_KEY_PAIR" in str(c["environment"])
        for name, c in installed.containers().items()
        if name != "doctor"
    )


def test_all_parts_at_once_take_as_many_vcpu_as_the_page_says(installed: Installed) -> None:
    taken = (
        sum(int(container["definition"]["cpu"]) for container in installed.containers().values())
        / 1024
    )
    assert f"this takes up to {taken:g} for itself" in read("how-to/install-on-aws.md")


@pytest.mark.parametrize("part", ["serve", "gateway"])
def test_what_serves_believes_the_subnets_of_its_balancer_about_addresses(
    installed: Installed, part: str
) -> None:
    environ = {v["name"]: v["value"] for v in installed.containers()[part]["environment"]}
    ranges = environ[f"GROMIT_{part.upper()}_PROXIES"].split(",")
    assert ranges == installed.ground["public_cidrs"]


def test_the_secrets_of_logins_go_from_secrets_manager_into_the_gateway_alone(
    installed: Installed,
) -> None:
    secrets = installed.emulator.client("secretsmanager")
    arns = {
        name: secrets.create_secret(Name=f"login-{name}", SecretString=f"canary-of-{name}")["ARN"]
        for name in ("keys", "client")
    }
    login = {
        "issuer": "https://login.example.com",
        "client_id": "gromit",
        "client_secret_arn": arns["client"],
        "keys_secret_arn": arns["keys"],
        "viewers": ["email=*@example.com"],
    }
    targets = ("-target=module.gateway", "-target=module.serve", "-refresh=false")
    plan = installed.root.plan(f"-var=login={json.dumps(login)}", *targets)
    after = {
        change["address"]: change["change"]["after"] for change in plan.document["resource_changes"]
    }
    parts = {
        part: json.loads(
            after[f"module.{part}.aws_ecs_task_definition.this"]["container_definitions"]
        )[0]
        for part in ("gateway", "serve")
    }
    assert sorted(parts["gateway"]["secrets"], key=lambda secret: str(secret["name"])) == [
        {"name": "GROMIT_GATEWAY_LOGIN_CLIENT_SECRET", "valueFrom": arns["client"]},
        {"name": "GROMIT_GATEWAY_LOGIN_KEYS", "valueFrom": arns["keys"]},
    ]
    environment = {v["name"]: v["value"] for v in parts["gateway"]["environment"]}
    assert environment["GROMIT_GATEWAY_LOGIN_VIEWERS"] == "email=*@example.com"
    assert environment["GROMIT_GATEWAY_URL"].startswith("https://gateway.")
    assert "GROMIT_GATEWAY_LOGIN_OPERATORS" not in environment
    served = {v["name"]: v["value"] for v in parts["serve"]["environment"]}
    assert served["GROMIT_SERVE_PEOPLE"] == "developer"
    readers = {
        address
        for address, values in after.items()
        if address.endswith("aws_iam_role_policy.execution") and arns["keys"] in values["policy"]
    }
    assert readers == {"module.gateway.aws_iam_role_policy.execution"}
    assert "canary-of-" not in json.dumps(plan.document) + plan.text


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        ({"issuer": "https://login.example.com"}, "needs `client_id` and `keys_secret_arn`"),
        ({"issuer": "http://login.example.com"}, "An issuer is an https URL"),
        ({"keys_secret_arn": "the key itself"}, "never values"),
        ({"highest_role": "worker"}, "must be none, viewer, developer or operator"),
    ],
)
def test_logins_that_could_not_work_are_refused_by_the_plan(
    installed: Installed, login: dict[str, str], reason: str
) -> None:
    with pytest.raises(TerraformError, match=reason):
        installed.root.plan(
            f"-var=login={json.dumps(login)}", "-target=module.gateway", "-refresh=false"
        )
