"""Plans of `gromit migrate` for rows and records of gromit v1."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.dns.plan import RecordSet, owner_record
from gromit.core.environments.environment import (
    WIRE_STATE,
    RepositoryVersion,
    Source,
    parse_environment,
)
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.row_writes import Row, WriteAccepted, WriteRefused, apply_write
from gromit.core.migration import (
    MigrationDefaults,
    RecordMigration,
    RowMigration,
    SkippedItem,
    plan_records,
    plan_row,
)
from gromit.core.names import RESERVED
from gromit.core.stack.catalogue import Catalogue, Component

NOW, GRACE = 1_700_000_000_000, 3_600_000
DOMAIN = "dev.example.com"
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


def terms(*, protected: bool = False) -> MigrationDefaults:
    return MigrationDefaults(
        CATALOGUE, ChangeContext("migrate:alice@bastion", NOW), GRACE, "incarnation-1", protected
    )


def converted(row: Row, *, protected: bool = False) -> dict[str, Any]:
    """Return the row after the step that is planned for it."""
    step = plan_row(row, terms(protected=protected))
    assert isinstance(step, RowMigration)
    outcome = apply_write(step.write, row, {"name": row["name"]})
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
    assert parse_environment(converted(flat("master"), protected=True)).protected
    assert not parse_environment(converted(flat("master"))).protected


def test_what_is_protected_by_its_name_is_kept_even_if_gromit_v1_had_deleted_it() -> None:
    """In gromit v1, the workflow for deleted branches deleted the default branch's environment."""
    kept = parse_environment(converted(flat("master", "deleted"), protected=True))
    assert (kept.want, kept.work, kept.due_ms, kept.protected) == (Want.UP, Work.SOW, NOW, True)
    assert kept.observed < kept.generation
    step = plan_row(flat("master", "deleted"), terms(protected=True))
    assert isinstance(step, RowMigration)
    assert "its name is protected: it is kept" in step.why


@pytest.mark.parametrize("repository", ["want", "events", "due", "work", "infra"])
def test_a_repository_may_be_called_like_an_attribute_of_ours(repository: str) -> None:
    assert parse_environment(converted(flat(**{repository: "sha-1"}))).versions == {
        repository: RepositoryVersion("sha-1", Source.REPORTED)
    }


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"name": "Feature_X", "state": "new"}, "its name is not valid for an environment"),
        ({"name": "noprocess", "state": "new"}, "its name is not valid for an environment"),
        ({"name": "app-test"}, "its state None is not one of gromit v1"),
        ({"name": "app-test", "state": "sown"}, "its state 'sown'"),
        ({"name": "app-test", "state": ["new"]}, "its state ['new']"),
        ({"name": "app-test", "state": "new", "tyk": ""}, "tyk has no valid version"),
        ({"name": "app-test", "state": "new", "tyk": 5}, "tyk has no valid version"),
        ({"name": "app-test", "state": "new", "tyk": "a b"}, "tyk has no valid version"),
        ({"name": "app-test", "state": "new", "tyk": None}, "tyk has no valid version"),
    ],
)
def test_what_is_not_understood_is_left_alone_with_a_reason(row: Row, why: str) -> None:
    step = plan_row(row, terms())
    assert isinstance(step, SkippedItem)
    assert step.name == row["name"]
    assert why in step.why


def test_a_row_of_ours_needs_nothing() -> None:
    assert plan_row(converted(flat(tyk="sha-1")), terms()) is None


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
    step = plan_row(row, terms())
    assert isinstance(step, RowMigration)
    assert isinstance(
        apply_write(step.write, now, {"name": "app-test"}),
        WriteAccepted if row == now else WriteRefused,
    )


def test_a_row_that_is_gone_or_converted_by_now_is_not_written() -> None:
    step = plan_row(flat(tyk="sha-1"), terms())
    assert isinstance(step, RowMigration)
    assert apply_write(step.write, None, {"name": "app-test"}) == WriteRefused(None)
    assert isinstance(
        apply_write(step.write, converted(flat(tyk="sha-1")), {"name": "app-test"}), WriteRefused
    )


# ── records ───────────────────────────────────────────────────────────────────────────────────────


def a(name: str, *values: str, **more: Any) -> RecordSet:
    return RecordSet(f"{name}.{DOMAIN}", "A", 60, frozenset(values or {"9.9.9.9"}), **more)


def planned(
    *records: RecordSet, rows: Mapping[str, bool] | None = None
) -> list[RecordMigration | SkippedItem]:
    return plan_records(
        {"app": True, "old": False} if rows is None else rows, records, CATALOGUE, DOMAIN
    )


def test_the_records_of_an_environment_with_a_row_become_ours_by_one_record() -> None:
    assert planned(a("tyk.app"), a("dash.app", "1.1.1.1", "2.2.2.2")) == [
        RecordMigration(owner_record("app", DOMAIN), "takes over dash, tyk")
    ]


def test_those_of_a_deleted_environment_do_too_so_that_reap_can_remove_them() -> None:
    assert planned(a("tyk.old")) == [RecordMigration(owner_record("old", DOMAIN), "takes over tyk")]


def test_what_is_ours_already_needs_nothing() -> None:
    assert planned(a("tyk.app"), owner_record("app", DOMAIN)) == []


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (a("tyk.unknown"), "that environment has no row"),
    ],
)
def test_records_without_a_row_are_left_alone(record: RecordSet, why: str) -> None:
    assert planned(record) == [SkippedItem(record.name, why)]


@pytest.mark.parametrize(
    "other",
    [
        a("grafana.app"),
        a("pump.app"),
        a("dash.app", routing="alias"),
        RecordSet(f"dash.app.{DOMAIN}", "CNAME", 60, frozenset({"elsewhere.example.com"})),
        RecordSet(f"tyk.app.{DOMAIN}", "AAAA", 60, frozenset({"::1"})),
    ],
)
def test_an_environment_with_records_that_may_belong_to_someone_else_is_left_alone(
    other: RecordSet,
) -> None:
    step = planned(a("tyk.app"), other)
    assert step == [
        SkippedItem(
            f"tyk.app.{DOMAIN}",
            f"there is also {other.type} {other.name}, which may belong to someone else",
        )
    ]


def test_names_that_are_none_of_an_environments_components_are_not_looked_at() -> None:
    apex = RecordSet(DOMAIN, "SOA", 900, frozenset({"ns. hostmaster. 1 2 3 4 5"}))
    www = RecordSet(f"www.{DOMAIN}", "CNAME", 60, frozenset({"elsewhere.example.com"}))
    deep = a("a.tyk.app")
    foreign = RecordSet("tyk.app.example.org", "A", 60, frozenset({"9.9.9.9"}))
    assert planned(apex, www, deep, foreign, a("grafana.app")) == []
