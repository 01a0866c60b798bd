"""Environments as clients see them, for rows of every kind."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.phases import Phase
from gromit.core.environments.row_writes import Row
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.health import HealthCheck, HealthState
from gromit.web.api.claim_view import ClaimView, claim_view
from gromit.web.api.views import EnvironmentViews, HealthView

NOW = 1_800_000_000_000


def _component(name: str, *, public: bool = False, default_tag: str = "master") -> Component:
    return Component(
        name=name,
        repository=name,
        default_tag=default_tag,
        port=80 if public else None,
        public=public,
    )


VIEWS = EnvironmentViews(
    Catalogue(
        {"gw": _component("gw", public=True), "pump": _component("pump", default_tag="main")}
    ),
    "dev.example.com",
)

BASE: Row = {
    "name": "app-test", "incarnation": "i", "want": "up",
    "generation": 2, "observed": 1, "epoch": 9, "revision": 4,
    "created": NOW, "changed": NOW, "work": "sow", "due": NOW,
    "v#gw": "sha-gw", "r#gw": "f/app-test", "s#gw": 3,
    "d#pump": {"tag": "app-test", "source": "branch"},
}  # fmt: skip
PROBLEMS = {"problems": {"at": NOW, "components": {"gw": "0 of 1 tasks run"}}}
LEASE = {"holder": "w", "lease_until": NOW + 1, "claimed": 2, "claim_id": "n"}


def _environment(**changes: object) -> Environment:
    return parse_environment({k: v for k, v in {**BASE, **changes}.items() if v is not None})


PHASES: list[tuple[dict[str, object], Phase, str]] = [
    ({}, Phase.PENDING, "new"),
    (LEASE, Phase.SOWING, "new"),
    ({"attempts": 1}, Phase.FAILED, "new"),
    ({"attempts": 1, **LEASE}, Phase.SOWING, "new"),
    ({"observed": 2}, Phase.READY, "processed"),
    ({"observed": 2, **LEASE}, Phase.SOWING, "new"),
    ({"observed": 2, **PROBLEMS}, Phase.DEGRADED, "processed"),
    ({"observed": 2, **PROBLEMS, "attempts": 1}, Phase.DEGRADED, "processed"),
    ({"observed": 2, **PROBLEMS, **LEASE}, Phase.SOWING, "new"),
    ({**PROBLEMS}, Phase.PENDING, "new"),
    ({"observed": 2, "parked": True}, Phase.PARKED, "processed"),
    ({"observed": 2, "parked": True, **PROBLEMS}, Phase.PARKED, "processed"),
    ({"observed": 2, "parked": True, **LEASE}, Phase.SOWING, "new"),
    ({"parked": True}, Phase.PENDING, "new"),
    ({"want": "gone"}, Phase.DELETING, "deleted"),
    ({"want": "gone", "observed": 2}, Phase.DELETING, "deleted"),
    ({"want": "gone", **LEASE}, Phase.REAPING, "deleted"),
    ({"want": "gone", **LEASE, "lease_until": NOW - 1}, Phase.DELETING, "deleted"),
    ({"want": "gone", "gone_at": NOW}, Phase.GONE, "deleted"),
]


@pytest.mark.parametrize(("changes", "phase", "state"), PHASES)
def test_every_phase_has_one_of_the_three_states_of_the_old_wire(
    changes: dict[str, object], phase: Phase, state: str
) -> None:
    environment = _environment(**changes)
    assert VIEWS.detail(environment, NOW).phase is phase
    assert VIEWS.detail(environment, NOW).state == (state if phase is not Phase.GONE else None)
    assert VIEWS.flat(environment, NOW)["state"] == state


def _claim(environment: Environment) -> ClaimView:
    return claim_view(environment, VIEWS.versions(environment), 1, NOW)


def test_all_phases_are_among_those_rows() -> None:
    assert {phase for _, phase, _ in PHASES} == set(Phase)


def test_a_flat_environment_has_a_version_for_every_repository() -> None:
    flat = VIEWS.flat(_environment(), NOW)
    assert flat == {"name": "app-test", "state": "new", "gw": "sha-gw", "pump": "app-test"}


def test_a_repository_that_joined_the_catalogue_later_is_shown_with_its_default() -> None:
    assert VIEWS.flat(_environment(**{"d#pump": None}), NOW)["pump"] == "main"
    assert _claim(_environment(**{"d#pump": None})).versions["pump"] == "main"


def test_a_repository_that_left_the_catalogue_is_still_shown() -> None:
    assert VIEWS.flat(_environment(**{"v#old": "sha-old"}), NOW)["old"] == "sha-old"


def test_what_a_row_holds_for_a_repository_called_like_a_key_hides_nothing() -> None:
    flat = VIEWS.flat(_environment(**{"v#name": "sha-1", "v#state": "sha-2"}), NOW)
    assert list(flat.items())[:2] == [("name", "app-test"), ("state", "new")], (
        "and in the order that people know"
    )


def test_only_public_components_have_urls_and_none_without_a_domain() -> None:
    assert VIEWS.detail(_environment(), NOW).urls == {"gw": "http://gw.app-test.dev.example.com:80"}
    assert EnvironmentViews(VIEWS.catalogue, None).detail(_environment(), NOW).urls == {}
    assert VIEWS.detail(_environment(want="gone", gone_at=NOW), NOW).urls == {}


def test_the_hash_of_what_runs_is_known_only_if_the_previous_claim_ended_cleanly() -> None:
    assert _claim(_environment(spec_hash="h", hash_epoch=8)).spec_hash == "h"
    assert _claim(_environment(spec_hash="h", hash_epoch=7)).spec_hash is None


@given(
    want=st.sampled_from(["up", "gone"]),
    observed=st.integers(0, 3),
    generation=st.integers(1, 3),
    attempts=st.integers(0, 2),
    until=st.none() | st.integers(NOW - 1, NOW + 1),
)
def test_both_views_of_a_row_agree(
    want: str, observed: int, generation: int, attempts: int, until: int | None
) -> None:
    lease = {} if until is None else {**LEASE, "lease_until": until}
    environment = _environment(
        want=want, observed=observed, generation=generation, attempts=attempts, **lease
    )
    flat, detail = VIEWS.flat(environment, NOW), VIEWS.detail(environment, NOW)
    assert flat["state"] == detail.state
    assert {r: v.version for r, v in detail.versions.items()} == {
        k: v for k, v in flat.items() if k not in {"name", "state"}
    }
    assert (flat["state"] == "processed") == (
        want == "up" and observed == generation and (until is None or until < NOW)
    )


# ── what was made ─────────────────────────────────────────────────────────────────────────────────

MADE: dict[str, Any] = {
    "at": NOW,
    "recipe": "r1",
    "components": {
        "gw": {
            "version": "old",
            "repository": "gw",
            "digest": "sha256:1",
            "revision": "c",
            "port": 80,
        },
        "redis": {"version": "7"},
    },
}


def test_what_is_desired_and_what_was_made_are_distinct() -> None:
    shown = VIEWS.detail(_environment(made=MADE), NOW)
    gw, pump = shown.versions["gw"], shown.versions["pump"]
    assert (gw.version, gw.made, gw.digest, gw.revision) == ("sha-gw", "old", "sha256:1", "c")
    assert (pump.version, pump.made, pump.digest) == ("app-test", None, None)


def test_a_version_whose_image_is_gone_says_what_runs_instead() -> None:
    """Not after another version was reported: then that one is not made yet."""
    gone = {**MADE["components"]["gw"], "version": "master", "gone": "sha-gw"}
    made = {**MADE, "components": {"gw": gone}}
    shown = VIEWS.detail(_environment(made=made), NOW)
    gw = shown.versions["gw"]
    assert (gw.version, gw.made) == ("sha-gw", "master")
    assert gw.reason == "image gw:sha-gw is gone: master runs instead"
    assert shown.components["gw"].gone == "sha-gw"
    newer = VIEWS.detail(_environment(made=made, **{"v#gw": "sha-2"}), NOW)
    assert newer.versions["gw"].reason is None


@pytest.mark.parametrize(
    ("changes", "tags"),
    [
        ({"r#gw": "f/the-leaf"}, ("the-leaf", "app-test")),
        ({"r#gw": None}, ("app-test",)),
        ({"r#gw": "f/über"}, ("app-test",)),
        ({"images_since": NOW}, ()),
    ],
    ids=["leaf", "no build", "no tag", "an earlier branch"],
)
def test_a_claim_says_which_tags_images_of_the_branch_have(
    changes: dict[str, object], tags: tuple[str, ...]
) -> None:
    environment = _environment(**LEASE, **changes)
    assert claim_view(environment, VIEWS.versions(environment), 1, NOW).branch_tags == tags


def test_urls_are_those_of_components_that_were_made() -> None:
    assert VIEWS.detail(_environment(observed=0), NOW).urls == {}
    assert VIEWS.detail(_environment(made={**MADE, "components": {}}), NOW).urls == {}
    shown = VIEWS.detail(_environment(made=MADE), NOW)
    assert shown.urls == {"gw": "http://gw.app-test.dev.example.com:80"}
    assert {n: c.url for n, c in shown.components.items()} == {**shown.urls, "redis": None}


def test_the_status_of_a_name_is_unknown_until_it_is_reported() -> None:
    seen = {"gw": {"state": "blocked", "reason": "a record of type CNAME exists"}}
    for dns, state in (({}, "unknown"), (seen, "blocked")):
        components = VIEWS.detail(_environment(made=MADE, dns=dns), NOW).components
        assert components["gw"].dns is not None
        assert components["gw"].dns.state == state
        assert components["redis"].dns is None


def test_health_is_shown_where_the_catalogue_says_how_to_ask_for_it() -> None:
    asked = replace(VIEWS.catalogue.components["gw"], health=HealthCheck(path="/hello"))
    views = replace(VIEWS, catalogue=Catalogue({**VIEWS.catalogue.components, "gw": asked}))
    seen = {"gw": {"state": "warn", "reason": "/hello says warn"}}
    for health, state, reason in (({}, "unknown", None), (seen, "warn", "/hello says warn")):
        components = views.detail(_environment(made=MADE, health=health), NOW).components
        assert components["gw"].health == HealthView(HealthState(state), reason)
        assert components["redis"].health is None
    for without in (VIEWS, replace(views, domain=None)):
        assert without.detail(_environment(made=MADE), NOW).components["gw"].health is None
    parked = views.detail(_environment(made=MADE, parked=True), NOW)
    assert parked.components["gw"].health is None


def test_what_was_made_of_another_catalogue_or_stack_is_outdated() -> None:
    for recipe, outdated in (("r1", False), ("r2", True), ("", False)):
        views = EnvironmentViews(VIEWS.catalogue, VIEWS.domain, recipe=recipe)
        assert views.detail(_environment(made=MADE), NOW).outdated is outdated
        assert not views.detail(_environment(), NOW).outdated


def test_a_part_that_does_not_run_is_named() -> None:
    shown = VIEWS.detail(_environment(made=MADE, observed=2, **PROBLEMS), NOW)
    assert shown.degraded is not None
    assert shown.degraded.reason == "gw: 0 of 1 tasks run"
    assert shown.components["gw"].problem == "0 of 1 tasks run"
    assert shown.components["redis"].problem is None
