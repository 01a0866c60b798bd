"""Hooks: what exists decides which can run."""

import pytest

from gromit.core.stack.contract import placeholder_platform
from gromit.core.stack.hooks import (
    Hook,
    HookKind,
    HookTask,
    hook_family,
    parse_family,
    plan_hooks,
    without,
)
from gromit.core.stack.resources import Resource, ResourceKind

ENV = "app-test"
PLATFORM = placeholder_platform("eu-central-1")
HOOK = Hook(command=("seed",))
CLUSTER = Resource(kind=ResourceKind.CLUSTER, id=ENV)
GROUP = Resource(kind=ResourceKind.GROUP, id="sg-1", component="tyk")


def _definition(revision: int, hook: str | None = "on_create", component: str = "tyk") -> Resource:
    family = f"{ENV}--{component}" if hook is None else hook_family(ENV, component, hook)
    return Resource(
        kind=ResourceKind.DEFINITION, id=f"{family}:{revision}", component=component, hook=hook
    )


@pytest.mark.parametrize("kind", HookKind)
@pytest.mark.parametrize("component", ["tyk", "tyk-analytics", "x-on-create"])
def test_the_family_of_a_hook_names_its_component_and_kind(kind: HookKind, component: str) -> None:
    assert parse_family(ENV, hook_family(ENV, component, kind)) == (component, kind)
    assert parse_family(ENV, f"{ENV}--{component}") == (component, None)


def test_a_hook_runs_its_newest_definition_in_its_components_group() -> None:
    found = [_definition(9, None), _definition(3), _definition(2), GROUP, CLUSTER]
    planned = plan_hooks({"tyk": HOOK}, HookKind.ON_CREATE, ENV, found, PLATFORM)
    assert planned == [
        HookTask(
            environment=ENV,
            component="tyk",
            kind=HookKind.ON_CREATE,
            hook=HOOK,
            definition="app-test--tyk--on-create:3",
            security_group="sg-1",
            subnets=PLATFORM.private_subnets,
        )
    ]
    assert planned[0].family == "app-test--tyk--on-create"
    assert str(planned[0]) == "hook on_create of tyk"


@pytest.mark.parametrize(
    "found",
    [
        [],
        [_definition(1), GROUP],
        [_definition(1), CLUSTER],
        [GROUP, CLUSTER],
        [_definition(1, "on_reap"), GROUP, CLUSTER],
        [_definition(1, None), GROUP, CLUSTER],
        [_definition(1, component="redis"), GROUP, CLUSTER],
    ],
    ids=[
        "nothing",
        "no cluster",
        "no group",
        "no definition",
        "only of the other kind",
        "only of the service",
        "only of another component",
    ],
)
def test_a_hook_that_was_never_made_does_not_run(found: list[Resource]) -> None:
    assert list(plan_hooks({"tyk": HOOK}, HookKind.ON_CREATE, ENV, found, PLATFORM)) == []


@pytest.mark.parametrize("foreign", [CLUSTER, GROUP], ids=["cluster", "group"])
def test_a_hook_does_not_run_in_what_another_owns(foreign: Resource) -> None:
    found = [_definition(1), GROUP, CLUSTER]
    found[found.index(foreign)] = Resource(
        kind=foreign.kind, id=foreign.id, component=foreign.component, is_ours=False
    )
    assert list(plan_hooks({"tyk": HOOK}, HookKind.ON_CREATE, ENV, found, PLATFORM)) == []


def test_hooks_that_ran_already_are_left_out() -> None:
    assert without({"tyk": HOOK, "redis": HOOK}, ["tyk", "gone"]) == {"redis": HOOK}
