"""The packaged stack with every available terraform and provider: three environments in a VPC."""

import pytest

from gromit.core.environments.phases import Work
from gromit.core.stack.contract import Platform
from tests.contracts.terraform.lives import DIGEST, SECRET, Life, Sight, live
from tests.contracts.terraform.worlds import World

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900), pytest.mark.xdist_group("life")]
"""All tests use one life, so they run in one process.

The life takes half a minute with one provider, and up to three minutes with a newer one on a busy
machine.
"""


@pytest.fixture(scope="module")
def life(engine: World, platform: Platform) -> Life:
    return live(engine, platform)


def test_new_workspaces_are_applied_under_our_lock(life: Life) -> None:
    assert life.locks_kept


def test_the_output_names_the_task_definition_that_each_service_runs(life: Life) -> None:
    for name, sight in life.made.items():
        assert life.outputs[name].task_definitions == {
            c: s["taskDefinition"] for c, s in sight.services.items()
        }
    assert {name: set(sight.services) for name, sight in life.made.items()} == {
        life.names[0]: {"tyk", "redis"},
        life.names[1]: {"y-web"},
        life.names[2]: {"web"},
    }


def test_a_second_plan_is_empty(life: Life) -> None:
    assert life.second_plans == dict.fromkeys(life.names, 0)


def test_a_state_of_another_environment_is_neither_applied_nor_destroyed(life: Life) -> None:
    first, second, _ = life.names
    assert set(life.refusals) == set(Work)
    for end in life.refusals.values():
        assert end.problem is not None
        assert end.problem.kind == "unsafe_state"
        assert f"the state of {second} belongs to {first}" in end.problem.message
    assert life.unharmed == life.made


def test_a_change_of_one_environment_does_not_touch_the_others(life: Life) -> None:
    first, second, third = life.names
    for name in (first, third):
        assert life.changed[name].services == life.made[name].services
        assert life.changed[name].groups == life.made[name].groups
    assert life.change is not None
    after = life.changed[second]
    assert life.change.task_definitions == {"y-web": after.services["y-web"]["taskDefinition"]}
    assert life.change != life.outputs[second]
    assert after.definitions["y-web"]["containerDefinitions"][0]["image"] == "redis:8"


def test_after_destroy_nothing_is_left(life: Life) -> None:
    nothing = Sight(
        services={},
        definitions={},
        hooks={},
        leftovers=(),
        groups={},
        log_groups=(),
        access_points={},
        discovery={},
    )
    for sight in life.gone.values():
        assert sight == nothing


def test_what_the_stack_makes_is_found_as_a_leftover(life: Life) -> None:
    for name, sight in life.made.items():
        of_rules = [text for text in sight.leftovers if text.startswith("security group rule ")]
        of_hooks = [text for text in sight.leftovers if "--on-" in text]
        assert len(of_hooks) == len(sight.hooks)
        assert set(sight.leftovers) - set(of_rules) - set(of_hooks) == {
            f"cluster {name}",
            f"log group /gromit/{name}",
            *(f"service {name}/{c}" for c in sight.services),
            *(f"security group {g['GroupId']}" for g in sight.groups.values()),
            *(f"task definition {d['taskDefinitionArn']}" for d in sight.definitions.values()),
            *(f"access point {p['AccessPointId']}" for p in sight.access_points.values()),
            *(f"Cloud Map service {s['Id']}" for s in sight.discovery.values()),
        }
        assert len(of_rules) == sum(
            len(g["IpPermissions"]) + len(g["IpPermissionsEgress"]) for g in sight.groups.values()
        )
    assert life.left == dict.fromkeys(life.names, 0)


def test_what_a_killed_workers_terraform_had_made_is_in_its_state(life: Life) -> None:
    existing, known = life.orphan
    assert existing == known == 1


def test_one_provider_serves_a_whole_apply(life: Life) -> None:
    assert life.providers == [["-debug"]]


def test_names_cannot_collide_or_be_refused(life: Life) -> None:
    first, second, third = life.names
    families = [d["family"] for sight in life.made.values() for d in sight.definitions.values()]
    assert sorted(families) == sorted(
        [f"{first}--tyk", f"{first}--redis", f"{second}--y-web", f"{third}--web"]
    )
    assert {group for sight in life.made.values() for group in sight.groups} == {
        f"gromit--{family}" for family in families
    }
    assert [sight.log_groups for sight in life.made.values()] == [
        (f"/gromit/{name}",) for name in life.names
    ]
    assert {name for sight in life.made.values() for name in sight.discovery} == {
        f"tyk.{first}", f"redis.{first}", f"y-web.{second}", f"web.{third}",
    }  # fmt: skip


def test_public_components_are_open_on_their_port_and_all_else_inside_the_vpc_alone(
    life: Life, platform: Platform
) -> None:
    def ways_in(environment: str, component: str) -> list[tuple[int, list[str]]]:
        group = life.made[environment].groups[f"gromit--{environment}--{component}"]
        return [
            (p["FromPort"], [r["CidrIp"] for r in p["IpRanges"]]) for p in group["IpPermissions"]
        ]

    first, second, third = life.names
    assert ways_in(first, "tyk") == [(8181, ["0.0.0.0/0"])]
    assert ways_in(first, "redis") == [(6379, [platform.vpc_cidr])]
    assert ways_in(second, "y-web") == []
    assert ways_in(third, "web") == [(3000, ["0.0.0.0/0"])]


def test_only_public_components_get_a_public_address(life: Life, platform: Platform) -> None:
    services = {name: s for sight in life.made.values() for name, s in sight.services.items()}
    for name, service in services.items():
        network = service["networkConfiguration"]["awsvpcConfiguration"]
        is_public = name in {"tyk", "web"}
        assert network["assignPublicIp"] == ("ENABLED" if is_public else "DISABLED")
        assert sorted(network["subnets"]) == sorted(
            platform.public_subnets if is_public else platform.private_subnets
        )


def test_everything_says_what_it_is_part_of(life: Life) -> None:
    first = life.names[0]
    service, point = (
        life.made[first].services["tyk"],
        life.made[first].access_points[f"/{first}/tyk"],
    )
    group = life.made[first].groups[f"gromit--{first}--tyk"]
    for tags in (
        service["tags"],
        [{k.lower(): v for k, v in t.items()} for t in [*point["Tags"], *group["Tags"]]],
    ):
        named = {t["key"]: t["value"] for t in tags}
        assert (named["env"], named["managed"], named["component"]) == (first, "gromit", "tyk")
    assert service["enableECSManagedTags"] is True
    assert service["propagateTags"] == "SERVICE"


def test_a_container_is_what_was_asked_for(life: Life) -> None:
    first = life.names[0]
    definition = life.made[first].definitions["tyk"]
    (container,) = definition["containerDefinitions"]
    assert container["image"].endswith(f"/tyk@{DIGEST}")
    assert container["command"] == ["--conf", "/conf/tyk.conf"]
    assert {e["name"]: e["value"] for e in container["environment"]} == {
        "A": "1",
        "B": "2",
        "QUOTED": 'say "hi" ${now}',
    }
    assert container["secrets"] == [{"name": "LICENCE", "valueFrom": SECRET}]
    assert container["dockerLabels"] == {"gromit.digest": DIGEST, "gromit.config": "abc"}
    assert container["logConfiguration"]["options"]["awslogs-group"] == f"/gromit/{first}"
    redis = life.made[first].definitions["redis"]
    assert (redis["cpu"], redis["memory"]) == ("512", "1024")
    assert "taskRoleArn" not in redis


def test_a_hook_is_a_task_of_its_own_and_serves_nothing(life: Life) -> None:
    first, second, third = life.names
    hooks = life.made[first].hooks
    assert set(hooks) == {
        f"{first}--tyk--on-create", f"{first}--redis--on-create", f"{first}--redis--on-reap",
    }  # fmt: skip
    assert (life.made[second].hooks, life.made[third].hooks) == ({}, {})
    hook = hooks[f"{first}--tyk--on-create"]
    assert hook["image"] == "redis:7"
    assert hook["entryPoint"] == ["sh", "-c", 'echo "${A}"']
    assert hook.get("command", []) == []
    assert hook.get("portMappings", []) == []
    assert {e["name"]: e["value"] for e in hook["environment"]} == {
        "A": "1",
        "B": "2",
        "QUOTED": 'say "hi" ${now}',
        "GROMIT_ENVIRONMENT": first,
        "GROMIT_HOOK": "on_create",
        "GROMIT_MONGO": "mongo.dev.example.com:27017",
    }
    assert hook["secrets"] == [{"name": "LICENCE", "valueFrom": SECRET}]
    assert hook["dockerLabels"] == {
        "gromit.environment": first,
        "gromit.component": "tyk",
        "gromit.hook": "on_create",
    }
    assert hook["mountPoints"][0]["containerPath"] == "/conf"
    assert hooks[f"{first}--redis--on-reap"]["image"] == "mongo:7"


def test_a_component_sees_its_own_config_and_cannot_write_it(life: Life) -> None:
    first = life.names[0]
    definition, points = life.made[first].definitions["tyk"], life.made[first].access_points
    (volume,) = definition["volumes"]
    assert definition["containerDefinitions"][0]["mountPoints"] == [
        {"sourceVolume": volume["name"], "containerPath": "/conf", "readOnly": True}
    ]
    assert list(points) == [f"/{first}/tyk"]
    point = points[f"/{first}/tyk"]
    assert (
        volume["efsVolumeConfiguration"]["authorizationConfig"]["accessPointId"]
        == point["AccessPointId"]
    )
    assert volume["efsVolumeConfiguration"]["transitEncryption"] == "ENABLED"
    assert point["PosixUser"]["Uid"] == 65534
    assert life.made[first].definitions["redis"]["volumes"] == []
