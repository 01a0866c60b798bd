"""Take-over of states that gromit v1 left, whatever version of Terraform wrote them."""

from collections.abc import Mapping
from typing import Any

import pytest

from gromit.core.stack.v1_states import is_v1_state, take_state
from gromit.errors import UnsafeState


def of(source: str) -> str:
    """Return a provider as a state names it."""
    return f'provider["registry.terraform.io/{source}"]'


AWS, TEMPLATE = of("hashicorp/aws"), of("hashicorp/template")
PROVIDERS = [
    AWS,
    "provider.aws",
    "module.gateway.provider.aws",
    'provider["registry.terraform.io/-/aws"]',
    f"{AWS}.eu",
]
COMPONENTS = ("tyk", "redis", "tyk-analytics")


def entry(
    type_: str, label: str, /, module: str | None = None, provider: str = AWS, **attributes: Any
) -> dict[str, Any]:
    found = {
        "mode": "managed",
        "type": type_,
        "name": label,
        "provider": provider,
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }
    return found if module is None else {"module": module, **found}


def data(type_: str, name: str, module: str | None = None, provider: str = AWS) -> dict[str, Any]:
    return {**entry(type_, name, module, provider), "mode": "data"}


def left(*resources: Mapping[str, Any], provider: str = AWS) -> dict[str, Any]:
    """Return a state as gromit v1 left it."""
    cluster = "arn:aws:ecs:eu-central-1:123456789012:cluster/app"
    return {
        "version": 4,
        "serial": 7,
        "lineage": "abc",
        "resources": [
            data("terraform_remote_state", "base", provider='provider["terraform.io/builtin/x"]'),
            entry("aws_ecs_cluster", "env", provider=provider, name="app"),
            entry("aws_cloudwatch_log_group", "env", provider=provider, name="app"),
            data("template_file", "cd", "module.gateway", TEMPLATE),
            entry(
                "aws_ecs_service",
                "service",
                "module.gateway",
                provider,
                name="tyk",
                cluster=cluster,
            ),
            entry("aws_security_group", "sg", "module.gateway", provider, name="app-tyk"),
            entry(
                "aws_ecs_service",
                "service",
                "module.portal",
                provider,
                name="portal",
                cluster=cluster,
            ),
            *resources,
        ],
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_both_stacks_have_is_moved_and_everything_else_stays_to_be_destroyed(
    provider: str,
) -> None:
    state = left(provider=provider)
    taken = take_state("app", state, COMPONENTS)
    assert taken is not None
    assert taken.moved == {
        "aws_ecs_cluster.env": "aws_ecs_cluster.this",
        "module.gateway.aws_ecs_service.service": 'module.component["tyk"].aws_ecs_service.this',
    }
    assert taken.dropped == (
        "data.terraform_remote_state.base",
        "module.gateway.data.template_file.cd",
    )
    resources = taken.state["resources"]
    assert {r["provider"] for r in resources} == {AWS}
    assert [(r.get("module"), r["type"], r["name"]) for r in resources] == [
        (None, "aws_ecs_cluster", "this"),
        (None, "aws_cloudwatch_log_group", "env"),
        ('module.component["tyk"]', "aws_ecs_service", "this"),
        ("module.gateway", "aws_security_group", "sg"),
        ("module.portal", "aws_ecs_service", "service"),
    ]
    assert (taken.state["serial"], taken.state["lineage"]) == (8, "abc")
    assert state == left(provider=provider), "the state that was given stays as it is"


def test_a_second_take_over_finds_nothing_to_do() -> None:
    taken = take_state("app", left(), COMPONENTS)
    assert taken is not None
    assert not is_v1_state(taken.state)
    assert take_state("app", taken.state, COMPONENTS) is None


def test_for_a_deletion_only_what_stops_terraform_changes() -> None:
    taken = take_state("app", left(), ())
    assert taken is not None
    assert taken.moved == {"aws_ecs_cluster.env": "aws_ecs_cluster.this"}


def test_a_cluster_of_another_name_is_replaced_and_its_services_with_it() -> None:
    """The row was adopted under another name: what has the old name goes."""
    taken = take_state("app-0123456789ab", left(), COMPONENTS)
    assert taken is not None
    assert taken.moved == {}


def test_two_services_of_one_name_are_not_moved_to_one_address() -> None:
    cluster = "cluster/app"
    other = entry("aws_ecs_service", "other", "module.again", name="tyk", cluster=cluster)
    taken = take_state("app", left(other), COMPONENTS)
    assert taken is not None
    assert len(set(taken.moved.values())) == len(taken.moved) == 2
    assert taken.state["resources"][-1]["module"] == "module.again"


@pytest.mark.parametrize(
    ("state", "is_v1"),
    [
        (left(), True),
        ({"resources": [data("template_file", "cd", provider="provider.template")]}, True),
        ({"resources": [entry("aws_cloudwatch_log_group", "env", provider="provider.aws")]}, True),
        ({"resources": []}, False),
        ({}, False),
        ({"resources": "none"}, False),
        ({"resources": [entry("aws_ecs_cluster", "this", name="app")]}, False),
        ({"resources": [entry("aws_ecs_service", "this", 'module.component["tyk"]')]}, False),
        ({"resources": [entry("random_id", "own", provider=TEMPLATE)]}, False),
    ],
)
def test_a_state_is_recognized_by_what_it_contains(state: dict[str, Any], *, is_v1: bool) -> None:
    """A state of ours that an overlay adds to is none, nor is one that only an overlay made."""
    assert is_v1_state(state) is is_v1


STRANGERS = [
    entry(
        "null_resource",
        "wait",
        "module.gateway",
        'provider["registry.terraform.io/hashicorp/null"]',
    ),
    entry("random_id", "key", provider="provider.random"),
    entry("mongodbatlas_cluster", "db", provider=of("mongodb/atlas")),
    entry("template_dir", "all", provider=TEMPLATE),
    {**entry("odd", "one"), "provider": 7},
]


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda r: r["type"])
def test_what_terraform_could_not_manage_is_named_with_a_remedy(stranger: dict[str, Any]) -> None:
    with pytest.raises(
        UnsafeState, match="is from gromit v1 and has what gromit cannot"
    ) as refused:
        take_state("app", left(stranger), COMPONENTS)
    assert stranger["type"] in refused.value.message
    assert "gromit terraform app -- state rm" in str(refused.value.hint)


@pytest.mark.parametrize("instances", [[], [{"index_key": 0, "attributes": {"name": "app"}}] * 2])
def test_what_has_no_single_instance_is_not_moved(instances: list[Any]) -> None:
    cluster = {**entry("aws_ecs_cluster", "env"), "instances": instances}
    taken = take_state("app", {"serial": 1, "resources": [cluster]}, COMPONENTS)
    assert taken is not None
    assert taken.moved == {}
