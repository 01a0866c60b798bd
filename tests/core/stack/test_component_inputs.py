"""Inputs of the stack, from versions and images."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.component_inputs import (
    ResolvedInputs,
    component_inputs,
    recipe_hash,
    required_images,
    spec_hash,
)
from gromit.core.stack.contract import HookInput, StackInput
from gromit.core.stack.health import HealthCheck
from gromit.core.stack.hooks import Hook, HookKind
from gromit.errors import InvalidInput
from tests.fakes.images import FakeImages
from tests.fakes.platform import EXEC_ROLE, PLATFORM

TYK = Component(
    name="tyk",
    repository="tyk",
    port=8181,
    public=True,
    command=("--conf=/conf/tyk.conf",),
    config_path="/conf",
    templates={"tyk.conf": "{}"},
    environment={"A": "b"},
    secrets={"LICENCE": "arn:aws:ssm:eu-central-1:123456789012:parameter/licence"},
    hooks={
        HookKind.ON_CREATE: Hook(command=("seed",)),
        HookKind.ON_REAP: Hook(command=("drop",), image="mongo:7"),
    },
)
PUMP = Component(name="tyk-pump", repository="tyk-pump", default_tag="main")
REDIS = Component(name="redis", image="redis:7", port=6379)
CATALOGUE = Catalogue({c.name: c for c in (TYK, PUMP, REDIS)})


def _sources(versions: Mapping[str, str], images: FakeImages) -> ResolvedInputs:
    return ResolvedInputs(
        environment="app-test",
        catalogue=CATALOGUE,
        versions=versions,
        digests=images.digests(required_images(CATALOGUE, versions)),
        platform=PLATFORM,
        config_hashes={"tyk": "c0ffee"},
        redeploys={},
    )


def test_programs_run_in_components_that_the_catalogue_and_the_platform_let() -> None:
    asking = {n: replace(c, exec=n != "redis") for n, c in CATALOGUE.components.items()}
    sources = replace(
        _sources({}, FakeImages(("tyk", "master"), ("tyk-pump", "main"))),
        catalogue=Catalogue(asking),
    )

    def lets(**platform: Any) -> set[str]:
        with_role = replace(PLATFORM, exec_role_arn=EXEC_ROLE)
        changed = replace(sources, platform=replace(with_role, **platform))
        return {name for name, given in component_inputs(changed).items() if given.exec}

    assert lets(exec_components=("redis", "tyk")) == {"tyk"}
    assert lets(exec_components=("tyk", "tyk-pump")) == {"tyk", "tyk-pump"}
    assert lets(exec_components=("tyk",), exec_role_arn="") == set()
    assert lets(exec_components=()) == set()


def _stack(sources: ResolvedInputs) -> StackInput:
    return StackInput(
        name=sources.environment, platform=sources.platform, components=component_inputs(sources)
    )


def test_a_component_runs_a_digest_and_carries_what_it_was_made_from_as_labels() -> None:
    images = FakeImages(("tyk", "sha-1"), ("tyk-pump", "main"))
    tyk = component_inputs(_sources({"tyk": "sha-1"}, images))["tyk"]
    digest = images.digests([("tyk", "sha-1")])["tyk", "sha-1"]
    assert tyk.image == f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/tyk@{digest}"
    assert tyk.labels == {
        "gromit.environment": "app-test",
        "gromit.component": "tyk",
        "gromit.version": "sha-1",
        "gromit.digest": digest,
        "gromit.config": "c0ffee",
    }
    assert (tyk.port, tyk.public, tyk.command, tyk.config_path) == (
        8181,
        True,
        ("--conf=/conf/tyk.conf",),
        "/conf",
    )
    assert (tyk.environment, tyk.secrets, tyk.cpu, tyk.memory) == (
        TYK.environment,
        TYK.secrets,
        256,
        512,
    )


def test_a_repository_without_a_version_gets_its_default_branch() -> None:
    images = FakeImages(("tyk", "sha-1"), ("tyk-pump", "main"))
    assert required_images(CATALOGUE, {"tyk": "sha-1"}) == {("tyk", "sha-1"), ("tyk-pump", "main")}
    pump = component_inputs(_sources({"tyk": "sha-1"}, images))["tyk-pump"]
    assert pump.labels["gromit.version"] == "main"
    assert "gromit.config" not in pump.labels


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("redis:7", "7"),
        ("redis", "latest"),
        ("host:5000/redis", "latest"),
        ("host:5000/redis:8", "8"),
        ("r@sha256:00", "sha256:00"),
    ],
)
def test_a_fixed_image_is_taken_as_it_is_and_not_looked_up(image: str, version: str) -> None:
    catalogue = Catalogue({"redis": Component(name="redis", image=image)})
    assert required_images(catalogue, {}) == frozenset()
    redis = component_inputs(
        replace(_sources({}, FakeImages(("tyk", "master"))), catalogue=catalogue)
    )["redis"]
    assert (redis.image, redis.labels["gromit.version"]) == (image, version)
    assert "gromit.digest" not in redis.labels


def test_a_hook_runs_its_own_image_or_that_of_its_component() -> None:
    images = FakeImages(("tyk", "sha-1"), ("tyk-pump", "main"))
    found = component_inputs(_sources({"tyk": "sha-1"}, images))
    assert found["tyk"].hooks == {
        "on_create": HookInput(image=found["tyk"].image, command=("seed",)),
        "on_reap": HookInput(image="mongo:7", command=("drop",)),
    }
    assert found["redis"].hooks == {}


def test_all_images_that_are_missing_are_named_at_once() -> None:
    with pytest.raises(
        InvalidInput, match=r"there are no images tyk-pump:main, tyk:sha-1 in the registry"
    ):
        component_inputs(_sources({"tyk": "sha-1"}, FakeImages()))
    with pytest.raises(InvalidInput, match=r"there is no image tyk:sha-1 in the registry"):
        component_inputs(_sources({"tyk": "sha-1"}, FakeImages(("tyk-pump", "main"))))


def test_a_redeploy_mark_changes_the_labels_of_its_component_alone() -> None:
    sources = _sources({}, FakeImages(("tyk", "master"), ("tyk-pump", "main")))
    before, after = (
        component_inputs(sources),
        component_inputs(replace(sources, redeploys={"tyk": "1700000000000"})),
    )
    assert after["tyk"].labels == {**before["tyk"].labels, "gromit.redeploy": "1700000000000"}
    assert {**after, "tyk": None} == {**before, "tyk": None}


def test_the_spec_hash_does_not_depend_on_the_order_of_mappings() -> None:
    stack = _stack(_sources({}, FakeImages(("tyk", "master"), ("tyk-pump", "main"))))
    backwards = replace(stack, components=dict(reversed(list(stack.components.items()))))
    assert spec_hash(stack, "f") == spec_hash(backwards, "f")
    assert len(spec_hash(stack, "f")) == 64


SLOW = Hook(command=("drop", "all"), image="mongo:7")
_CHANGES = {
    "version": lambda s: replace(
        s, versions={"tyk": "sha-2"}, digests={**s.digests, ("tyk", "sha-2"): "sha256:2"}
    ),
    "digest": lambda s: replace(s, digests={**s.digests, ("tyk", "master"): "sha256:moved"}),
    "config": lambda s: replace(s, config_hashes={"tyk": "edited"}),
    "redeploy": lambda s: replace(s, redeploys={"redis": "1"}),
    "platform": lambda s: replace(s, platform=replace(PLATFORM, vpc_id="vpc-2")),
    "catalogue": lambda s: replace(
        s, catalogue=Catalogue({**CATALOGUE.components, "redis": replace(REDIS, memory=1024)})
    ),
    "name": lambda s: replace(s, environment="other"),
    "hook": lambda s: replace(
        s,
        catalogue=Catalogue(
            {**s.catalogue.components, "tyk": replace(TYK, hooks={HookKind.ON_REAP: SLOW})}
        ),
    ),
}


@given(st.lists(st.sampled_from(sorted(_CHANGES)), unique=True))
def test_the_spec_hash_changes_with_everything_that_decides_what_runs(names: list[str]) -> None:
    sources = changed = _sources({}, FakeImages(("tyk", "master"), ("tyk-pump", "main")))
    for name in names:
        changed = _CHANGES[name](changed)
    assert (spec_hash(_stack(sources), "f") == spec_hash(_stack(changed), "f")) == (not names)
    assert spec_hash(_stack(sources), "f") != spec_hash(_stack(sources), "another manifest")


def test_the_recipe_does_not_change_with_a_health_check_which_no_apply_makes() -> None:
    asked = replace(TYK, memory=1024)
    checked = replace(asked, health=HealthCheck(path="/hello"))
    without, with_check = (Catalogue({"tyk": component}) for component in (asked, checked))
    assert recipe_hash(with_check, "f") == recipe_hash(without, "f")
    assert recipe_hash(without, "f") != recipe_hash(without, "another manifest")
