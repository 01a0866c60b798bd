"""Plan of an adoption, and what a Terraform state holds."""

from dataclasses import replace

import pytest

from gromit.core.stack.adoption import import_blocks, plan_adoption
from gromit.core.stack.contract import HookInput, StackInput, placeholder_platform
from gromit.core.stack.resources import (
    Resource,
    ResourceKind,
    held_resources,
    rule_identity,
    tainted_resources,
)
from tests.contracts.terraform.worlds import component

NAME = "app-test"
STACK = StackInput(
    name=NAME,
    platform=placeholder_platform("eu-central-1"),
    components={
        "tyk": component(
            config_path='/a"${b}',
            hooks={"on_reap": HookInput(image="mongo:7", command=("x",))},
        ),
        "redis": component(),
    },
)
TYK = 'module.component["tyk"]'
DEFINITION = "arn:aws:ecs:eu-central-1:123456789012:task-definition/app-test--tyk"
RULE = rule_identity("sg-1", is_egress=True, protocol="-1", ports=(-1, -1), source="0.0.0.0/0")

FOUND = {
    "aws_ecs_cluster.this": Resource(kind=ResourceKind.CLUSTER, id=NAME),
    "aws_cloudwatch_log_group.this": Resource(kind=ResourceKind.LOG_GROUP, id="/gromit/app-test"),
    f"{TYK}.aws_ecs_service.this": Resource(
        kind=ResourceKind.SERVICE, id="app-test/tyk", component="tyk", parent=NAME
    ),
    f"{TYK}.aws_ecs_task_definition.this": Resource(
        kind=ResourceKind.DEFINITION, id=f"{DEFINITION}:2", component="tyk"
    ),
    f'{TYK}.aws_ecs_task_definition.hook["on_reap"]': Resource(
        kind=ResourceKind.DEFINITION,
        id=f"{DEFINITION}--on-reap:4",
        component="tyk",
        hook="on_reap",
    ),
    f"{TYK}.aws_security_group.this": Resource(kind=ResourceKind.GROUP, id="sg-1", component="tyk"),
    f"{TYK}.aws_service_discovery_service.this": Resource(
        kind=ResourceKind.DISCOVERY, id="srv-1", component="tyk"
    ),
    f'{TYK}.aws_efs_access_point.config["/a\\"$${{b}}"]': Resource(
        kind=ResourceKind.ACCESS_POINT, id="fsap-1", component="tyk"
    ),
}
"""Address in the stack to a resource that belongs there."""


@pytest.mark.parametrize("address", FOUND)
def test_each_kind_is_imported_at_its_address(address: str) -> None:
    adoption = plan_adoption(STACK, [FOUND[address]], {})
    assert (adoption.imports, adoption.strays) == ({address: FOUND[address].id}, ())


@pytest.mark.parametrize("address", FOUND)
def test_what_the_state_holds_is_left_alone(address: str) -> None:
    adoption = plan_adoption(STACK, [FOUND[address]], {address: FOUND[address].key})
    assert (adoption.imports, adoption.strays) == ({}, ())


@pytest.mark.parametrize("address", FOUND)
def test_what_is_half_created_is_removed_because_its_name_is_taken(address: str) -> None:
    found = FOUND[address]
    adoption = plan_adoption(STACK, [found], {address: found.key}, {found.key})
    assert (adoption.imports, adoption.strays) == ({}, (found,))
    another = replace(found, is_ours=False)
    assert plan_adoption(STACK, [another], {address: found.key}, {found.key}).strays == ()


def test_what_a_state_holds_at_another_address_is_left_alone_too() -> None:
    group = FOUND[f"{TYK}.aws_security_group.this"]
    adoption = plan_adoption(STACK, [group], {"aws_security_group.old (deposed 1)": group.key})
    assert (adoption.imports, adoption.strays) == ({}, ())


@pytest.mark.parametrize(
    "stray",
    [
        Resource(kind=ResourceKind.RULE, id="sgr-1", identity=RULE, parent="sg-1/egress"),
        Resource(kind=ResourceKind.GROUP, id="sg-9"),
        Resource(kind=ResourceKind.GROUP, id="sg-9", component="gone"),
        Resource(kind=ResourceKind.ACCESS_POINT, id="fsap-9", component="redis"),
        Resource(
            kind=ResourceKind.DEFINITION, id="x--on-reap:1", component="redis", hook="on_reap"
        ),
        Resource(
            kind=ResourceKind.DEFINITION, id="x--on-create:1", component="tyk", hook="on_create"
        ),
        Resource(kind=ResourceKind.TASK, id="arn:…", component="tyk", hook="on_reap", parent=NAME),
    ],
    ids=[
        "rule",
        "group of no component",
        "component that went",
        "component without config",
        "hook of a component without one",
        "hook of another kind",
        "task of a hook",
    ],
)
def test_what_has_no_place_in_the_stack_is_a_stray(stray: Resource) -> None:
    adoption = plan_adoption(STACK, [stray], {})
    assert (adoption.imports, adoption.strays) == ({}, (stray,))


def test_only_the_first_of_several_is_imported() -> None:
    old = Resource(kind=ResourceKind.DEFINITION, id=f"{DEFINITION}:1", component="tyk")
    address = f"{TYK}.aws_ecs_task_definition.this"
    adoption = plan_adoption(STACK, [FOUND[address], old], {})
    assert (adoption.imports, adoption.strays) == ({address: f"{DEFINITION}:2"}, (old,))


def test_a_replacement_that_the_state_does_not_know_yet_is_a_stray() -> None:
    address = f"{TYK}.aws_service_discovery_service.this"
    adoption = plan_adoption(STACK, [FOUND[address]], {address: (ResourceKind.DISCOVERY, "srv-0")})
    assert (adoption.imports, adoption.strays) == ({}, (FOUND[address],))


def test_what_another_owns_and_running_tasks_are_left_alone() -> None:
    foreign = Resource(kind=ResourceKind.CLUSTER, id=NAME, is_ours=False)
    task = Resource(kind=ResourceKind.TASK, id="arn:…", parent=NAME)
    adoption = plan_adoption(STACK, [foreign, task], {})
    assert (adoption.imports, adoption.strays) == ({}, ())


def test_import_blocks_are_in_terraforms_language() -> None:
    text = import_blocks({f"{TYK}.aws_security_group.this": "sg-1", "aws_ecs_cluster.this": NAME})
    assert text == (
        'import {\n  to = aws_ecs_cluster.this\n  id = "app-test"\n}\n'
        f'import {{\n  to = {TYK}.aws_security_group.this\n  id = "sg-1"\n}}\n'
    )


def test_a_state_names_what_it_holds_as_a_look_does() -> None:
    rule = {
        "security_group_id": "sg-1",
        "type": "egress",
        "protocol": "-1",
        "from_port": 0,
        "to_port": 0,
        "cidr_blocks": ["0.0.0.0/0"],
    }
    cluster = "arn:aws:ecs:eu-central-1:123456789012:cluster/app-test"
    state = {
        "resources": [
            _resource("aws_security_group_rule", "egress", rule, module=TYK),
            _resource("aws_ecs_service", "this", {"name": "tyk", "cluster": cluster}, module=TYK),
            _resource("aws_ecs_cluster", "this", {"name": NAME}),
            _resource("aws_efs_access_point", "config", {"id": "fsap-1"}, index_key='/a"${b}'),
            _resource("aws_security_group", "this", {"id": "sg-0"}, deposed="abc"),
            _resource("null_resource", "this", {"id": "1"}),
            {**_resource("aws_ecs_cluster", "data", {"name": NAME}), "mode": "data"},
        ]
    }
    assert held_resources(state) == {
        f"{TYK}.aws_security_group_rule.egress": (ResourceKind.RULE, RULE),
        f"{TYK}.aws_ecs_service.this": (ResourceKind.SERVICE, "app-test/tyk"),
        "aws_ecs_cluster.this": (ResourceKind.CLUSTER, NAME),
        'aws_efs_access_point.config["/a\\"$${b}"]': (ResourceKind.ACCESS_POINT, "fsap-1"),
        "aws_security_group.this (deposed abc)": (ResourceKind.GROUP, "sg-0"),
    }


def test_a_state_names_what_is_half_created() -> None:
    resources = [
        _resource("aws_cloudwatch_log_group", "this", {"name": "/gromit/x"}, status="tainted"),
        _resource("aws_security_group", "this", {"id": "sg-1"}, module=TYK, status="tainted"),
        _resource("aws_ecs_cluster", "this", {"name": "x"}),
        _resource("null_resource", "this", {"id": "1"}, status="tainted"),
    ]
    assert tainted_resources({"resources": resources}) == {
        (ResourceKind.LOG_GROUP, "/gromit/x"),
        (ResourceKind.GROUP, "sg-1"),
    }


@pytest.mark.parametrize(
    "resources",
    [None, 5, [5], [{"mode": "managed", "type": "aws_ecs_cluster", "name": "this"}]],
)
def test_a_damaged_state_holds_nothing(resources: object) -> None:
    assert held_resources({"resources": resources}) == {}


def _resource(
    type_: str, name: str, attributes: dict[str, object], module: str = "", **instance: str
) -> dict[str, object]:
    place = {"module": module} if module else {}
    instances = [{"attributes": attributes, **instance}]
    return {"mode": "managed", "type": type_, "name": name, **place, "instances": instances}
