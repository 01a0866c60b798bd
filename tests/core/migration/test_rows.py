"""Plans of `gromit migrate` for rows and records of gromit v1."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments.environment import (
    WIRE_STATE,
    RepositoryVersion,
    Source,
    parse_environment,
)
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.row_writes import (
    Row,
    WriteAccepted,
    WriteRefused,
    apply_write,
    evaluate,
)
from gromit.core.migration.rows import (
    Decision,
    Fate,
    MigrationDefaults,
    MigrationFacts,
    RowMigration,
    UndecidedRow,
    plan_row,
    undecided_line,
)
from gromit.core.migration.steps import SkippedItem
from gromit.core.names import RESERVED, environment_name, is_environment_name
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.clusters import ClusterState

NOW, GRACE = 1_700_000_000_000, 3_600_000
CATALOGUE = Catalogue(
    {
        "tyk": Component(name="tyk", repository="tyk", port=8181, public=True),
        "dash": Component(
            name="dash", repository="tyk-analytics", port=3000, public=True, default_tag="main"
        ),
        "pump": Component(name="pump", repository="tyk-pump"),
        "redis": Component(name="redis", image="redis:7", port=6379),
    },
    known_only=frozenset({"tyk-docs"}),
)


TERMS = MigrationDefaults(
    CATALOGUE, ChangeContext("migrate:alice@bastion", NOW), GRACE, "incarnation-1"
)
ORDINARY = MigrationFacts(protected=False)
PROTECTED = MigrationFacts(protected=True)
RUNS = ClusterState("release-300", services=4, running=4, pending=0)
EMPTY = ClusterState("release-300", services=0, running=0, pending=0)
KEEP = MigrationFacts(protected=True, decision=Decision.KEEP)
REAP = MigrationFacts(protected=True, decision=Decision.REAP)


def planned(row: Row, facts: MigrationFacts = ORDINARY) -> RowMigration:
    step = plan_row(row, facts, TERMS)
    assert isinstance(step, RowMigration)
    return step


def converted(row: Row, facts: MigrationFacts = ORDINARY) -> dict[str, Any]:
    """Return the row after the step that is planned for it."""
    step = planned(row, facts)
    before = row if step.target == step.name else None
    assert all(evaluate(condition, row) for condition in step.unchanged)
    outcome = apply_write(step.write, before, {"name": step.target})
    assert isinstance(outcome, WriteAccepted)
    return dict(outcome.row)


def flat(name: str = "app-test", state: str = "new", **versions: str) -> dict[str, Any]:
    return {"name": name, "state": state, **versions}


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "phase", "work", "due"),
    [
        ("new", Phase.PENDING, Work.SOW, NOW),
        ("processed", Phase.READY, None, 0),
        ("deleted", Phase.DELETING, Work.REAP, NOW + GRACE),
    ],
)
def test_each_state_becomes_the_phase_that_means_the_same(
    state: str, phase: Phase, work: Work | None, due: int
) -> None:
    environment = parse_environment(converted(flat(state=state, tyk="sha-1")))
    assert (environment.phase(NOW), environment.work, environment.due_ms) == (phase, work, due)
    assert environment.want is (Want.GONE if state == "deleted" else Want.UP)
    assert environment.generation == 1
    assert environment.infra, "there may be resources of it"
    assert [(e.kind, e.text) for e in environment.events] == [
        ("migrated", f"was {state} in gromit v1")
    ]


def test_versions_are_reported_ones_unless_they_are_what_a_repository_falls_back_to() -> None:
    row = converted(
        flat(
            "app-test",
            **{
                "tyk": "sha-1",
                "tyk-analytics": "main",
                "tyk-pump": "app-test",
                "tyk-docs": "master",
            },
        )
    )
    assert parse_environment(row).versions == {
        "tyk": RepositoryVersion("sha-1", Source.REPORTED),
        "tyk-analytics": RepositoryVersion("main", Source.DEFAULT),
        "tyk-pump": RepositoryVersion("app-test", Source.BRANCH),
        "tyk-docs": RepositoryVersion("master", Source.DEFAULT),
    }


def test_another_repositorys_default_branch_is_a_version_like_any_other() -> None:
    assert parse_environment(converted(flat(**{"tyk-analytics": "master"}))).versions == {
        "tyk-analytics": RepositoryVersion("master", Source.REPORTED)
    }


def test_a_repository_that_is_no_longer_known_keeps_its_version() -> None:
    assert parse_environment(converted(flat(portal="sha-9"))).versions == {
        "portal": RepositoryVersion("sha-9", Source.REPORTED)
    }


def test_what_is_protected_by_its_name_becomes_so() -> None:
    assert parse_environment(converted(flat("master"), PROTECTED)).protected
    assert not parse_environment(converted(flat("master"))).protected


@pytest.mark.parametrize("name", ["master", "main"])
def test_a_protected_default_branch_is_kept_even_if_gromit_v1_had_deleted_it(name: str) -> None:
    """In gromit v1, the workflow for deleted branches deleted the default branch's environment."""
    kept = parse_environment(converted(flat(name, "deleted"), PROTECTED))
    assert (kept.want, kept.work, kept.due_ms, kept.protected) == (Want.UP, Work.SOW, NOW, True)
    assert kept.observed < kept.generation
    assert "its name is protected: it is kept" in planned(flat(name, "deleted"), PROTECTED).why


@pytest.mark.parametrize("cluster", [None, EMPTY], ids=["none", "empty"])
def test_a_deleted_release_branch_of_which_nothing_runs_waits_for_a_decision(
    cluster: ClusterState | None,
) -> None:
    """Gromit v1 never removed the row of what it had destroyed."""
    facts = MigrationFacts(protected=True, cluster=cluster)
    assert plan_row(flat("release-300", "deleted"), facts, TERMS) == UndecidedRow("release-300")


def test_a_deleted_release_branch_whose_cluster_runs_is_kept() -> None:
    facts = MigrationFacts(protected=True, cluster=RUNS)
    kept = parse_environment(converted(flat("release-300", "deleted"), facts))
    assert (kept.want, kept.protected, kept.work) == (Want.UP, True, Work.SOW)
    step = planned(flat("release-300", "deleted"), facts)
    assert step.why.endswith("its name is protected and its cluster runs: it is kept")
    assert step.fate is Fate.CREATED


def test_a_decision_about_a_deleted_release_branch_counts() -> None:
    row = flat("release-300", "deleted", tyk="sha-1")
    kept, gone = parse_environment(converted(row, KEEP)), parse_environment(converted(row, REAP))
    assert (kept.want, kept.protected, kept.due_ms) == (Want.UP, True, NOW)
    assert (gone.want, gone.protected, gone.due_ms) == (Want.GONE, False, NOW + GRACE)
    assert [planned(row, facts).fate for facts in (KEEP, REAP)] == [Fate.CREATED, Fate.DESTROYED]


def test_all_undecided_rows_are_one_line() -> None:
    names, why = undecided_line(f"release-{number}" for number in range(300, 308))
    assert names.startswith("release-300, release-301,")
    assert names.endswith("release-304 and 3 more")
    assert why.startswith("8 rows with a protected name, deleted in gromit v1")
    assert "`--reap NAME`" in why
    assert undecided_line(["release-300"])[1].startswith("1 row with")


@pytest.mark.parametrize("repository", ["want", "events", "due", "work", "infra"])
def test_a_repository_may_be_called_like_an_attribute_of_ours(repository: str) -> None:
    assert parse_environment(converted(flat(**{repository: "sha-1"}))).versions == {
        repository: RepositoryVersion("sha-1", Source.REPORTED)
    }


ODD: dict[str, Row] = {
    "its state None is not one of gromit v1": {"name": "app-test", "tyk": "sha-1"},
    "its state 'sown'": {"name": "app-test", "state": "sown"},
    "its state ['new']": {"name": "app-test", "state": ["new"]},
    "tyk has no valid version": {"name": "app-test", "state": "new", "tyk": 5},
    "tyk-pump has no valid version": {"name": "app-test", "state": "new", "tyk-pump": "a b"},
    "pump has no valid version": {"name": "app-test", "state": "new", "pump": ["a"]},
}


@pytest.mark.parametrize("why", ODD)
def test_what_is_not_understood_is_left_alone_with_a_reason_and_both_ways_out(why: str) -> None:
    step = plan_row(ODD[why], ORDINARY, TERMS)
    assert isinstance(step, SkippedItem)
    assert step.name == "app-test"
    assert why in step.why
    assert "`--keep app-test` creates it from what is valid, `--reap app-test` destroys it" in (
        step.why
    )


@pytest.mark.parametrize("why", ODD)
def test_what_is_not_understood_is_kept_or_reaped_when_asked(why: str) -> None:
    kept = parse_environment(converted(ODD[why], KEEP))
    assert (kept.want, kept.work) == (Want.UP, Work.SOW)
    assert set(kept.versions) <= {"tyk"}, "only a valid version is left"
    assert parse_environment(converted(ODD[why], REAP)).want is Want.GONE


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_an_empty_text_are_no_version(nothing: str | None) -> None:
    row = converted({"name": "app-test", "state": "new", "tyk": nothing, "tyk-pump": "sha-1"})
    assert set(parse_environment(row).versions) == {"tyk-pump"}
    assert "tyk" not in row


MAPPED = {
    "TT-1234_fix": "tt-1234-fix-",
    "Feature_X": "feature-x-",
    "App-Test": "app-test",
    "noprocess": "noprocess-",
}


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize("state", ["new", "processed"])
def test_a_name_that_no_environment_can_have_is_adopted_under_the_name_of_its_branch(
    name: str, state: str
) -> None:
    cluster = ClusterState(name, services=4, running=3, pending=0)
    facts = MigrationFacts(protected=False, cluster=cluster)
    step = planned(flat(name, state, tyk="sha-1"), facts)
    assert step.target == environment_name(name)
    assert step.target.startswith(MAPPED[name])
    assert f"becomes {step.target}" in step.why
    assert f"(cluster {name} has 3 running tasks)" in step.why
    adopted = parse_environment(converted(flat(name, state, tyk="sha-1"), facts))
    assert (adopted.name, adopted.want, adopted.work) == (step.target, Want.UP, Work.SOW)
    assert adopted.versions["tyk"].version == "sha-1"
    assert adopted.events[-1].text == f"was {state} in gromit v1 as {name}"


def test_two_rows_of_one_environment_are_never_merged_or_doubled() -> None:
    facts = MigrationFacts(protected=False, is_taken=True)
    step = plan_row(flat("App-Test"), facts, TERMS)
    assert isinstance(step, SkippedItem)
    assert "app-test is a row as well" in step.why
    assert "`--reap App-Test` destroys this one" in step.why
    asked = MigrationFacts(protected=False, is_taken=True, decision=Decision.REAP)
    gone = parse_environment(converted(flat("App-Test"), asked))
    assert (gone.want, gone.name != "app-test") == (Want.GONE, True)
    assert is_environment_name(gone.name)


def test_a_name_of_which_nothing_is_left_can_only_be_reaped() -> None:
    step = plan_row(flat("___"), ORDINARY, TERMS)
    assert isinstance(step, SkippedItem)
    assert step.why.startswith("no environment can have its name; `--reap ___` destroys it")
    assert isinstance(plan_row(flat("___"), KEEP, TERMS), SkippedItem)
    assert planned(flat("___"), REAP).fate is Fate.DESTROYED


def test_a_row_of_ours_needs_nothing() -> None:
    assert plan_row(converted(flat(tyk="sha-1")), ORDINARY, TERMS) is None


VERSIONS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,20}", fullmatch=True).filter(
    lambda name: name not in RESERVED
)
REPOSITORIES = st.one_of(
    st.sampled_from(["tyk", "tyk-analytics", "tyk-pump", "tyk-docs"]),
    st.from_regex(r"[a-z][a-z.-]{0,10}", fullmatch=True).filter(
        lambda r: r not in {"name", "state", "generation"}
    ),
)


@given(
    name=NAMES,
    state=st.sampled_from(["new", "processed", "deleted"]),
    versions=st.dictionaries(
        REPOSITORIES, st.one_of(VERSIONS, st.sampled_from(["master", "main"])), max_size=6
    ),
)
def test_clients_see_the_same_environment_before_and_after(
    name: str, state: str, versions: dict[str, str]
) -> None:
    environment = parse_environment(converted({"name": name, "state": state, **versions}))
    assert {r: v.version for r, v in environment.versions.items()} == versions
    assert WIRE_STATE[environment.phase(NOW)] == state


@given(
    before=st.dictionaries(st.sampled_from(sorted(CATALOGUE.repositories)), VERSIONS, max_size=4),
    after=st.dictionaries(st.sampled_from(sorted(CATALOGUE.repositories)), VERSIONS, max_size=4),
    states=st.tuples(*[st.sampled_from(["new", "processed", "deleted"])] * 2),
)
def test_a_change_of_gromit_v1_after_the_read_keeps_the_row_from_being_converted(
    before: Mapping[str, str], after: Mapping[str, str], states: tuple[str, str]
) -> None:
    row, now = flat("app-test", states[0], **before), flat("app-test", states[1], **after)
    step = planned(row)
    assert isinstance(
        apply_write(step.write, now, {"name": "app-test"}),
        WriteAccepted if row == now else WriteRefused,
    )


def test_a_row_that_is_gone_or_converted_by_now_is_not_written() -> None:
    step = planned(flat(tyk="sha-1"))
    assert apply_write(step.write, None, {"name": "app-test"}) == WriteRefused(None)
    assert isinstance(
        apply_write(step.write, converted(flat(tyk="sha-1")), {"name": "app-test"}), WriteRefused
    )
