"""DNS plan: each row of its table, its properties, names, and the limit on deletes."""

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.dns.limits import enforce_delete_limits
from gromit.core.dns.ownership import NameOwner, parse_mark
from gromit.core.dns.plan import RecordSet, ZoneChanges, environment_for_name, owner_record, plan
from gromit.core.dns.tasks import PublicTask, desired_records
from gromit.core.dns.zone_names import normalize_name
from gromit.errors import UnsafePlan
from tests.fakes.dns import FakeZone

DOMAIN = "dev.example.com"
NAMES = NameOwner(DOMAIN)
TYK, DASHBOARD = f"tyk.app-test.{DOMAIN}", f"tyk-analytics.app-test.{DOMAIN}"
OWNER = owner_record("app-test", DOMAIN)
UP: Mapping[str, bool] = {"app-test": True}


def a(name: str, *values: str, ttl: int = 10, routing: str = "") -> RecordSet:
    return RecordSet(name, "A", ttl, frozenset(values), routing)


def done(changes: ZoneChanges) -> dict[str, list[str]]:
    """Kind of change to the names of its records."""
    parts = ("creates", "upserts", "deletes", "left_alone", "blocked")
    return {
        part: [r.name for r, _ in getattr(changes, part)]
        for part in parts
        if getattr(changes, part)
    }


def apply(changes: ZoneChanges, records: Iterable[RecordSet]) -> tuple[RecordSet, ...]:
    zone = FakeZone.of(*records)
    zone.apply(changes, lambda _line: None)
    return tuple(zone.records())


# ── the table ─────────────────────────────────────────────────────────────────────────────────────


def test_the_first_record_of_an_environment_comes_with_its_ownership_record() -> None:
    changes = plan([a(TYK, "1.1.1.1")], [], NAMES, UP)
    assert [r for r, _ in changes.creates] == [OWNER, a(TYK, "1.1.1.1")]
    assert OWNER.name == f"_gromit.app-test.{DOMAIN}"
    assert OWNER.values == {'"heritage=gromit,environment=app-test"'}


def test_a_further_record_of_an_environment_of_ours_is_created_alone() -> None:
    changes = plan(
        [a(TYK, "1.1.1.1"), a(DASHBOARD, "2.2.2.2")], [OWNER, a(TYK, "1.1.1.1")], NAMES, UP
    )
    assert done(changes) == {"creates": [DASHBOARD]}


def test_free_names_are_published_beside_a_foreign_record() -> None:
    desired, theirs = [a(TYK, "1.1.1.1"), a(DASHBOARD, "2.2.2.2")], a(TYK, "9.9.9.9")
    changes = plan(desired, [theirs], NAMES, UP)
    assert done(changes) == {"creates": [OWNER.name, DASHBOARD], "blocked": [TYK]}
    assert changes.blocked[0][1] == (
        "a record of type A exists that is not gromit's: 9.9.9.9 (`gromit migrate` takes it over)"
    )
    assert changes.creates[0][0].values == OWNER.values | {'"foreign=tyk"'}
    after = apply(changes, [theirs])
    again = plan(desired, after, NAMES, UP)
    assert done(again) == {"blocked": [TYK]}
    assert again.blocked == changes.blocked


def test_a_foreign_record_stays_when_its_environment_goes() -> None:
    theirs = a(TYK, "9.9.9.9")
    records = [owner_record("app-test", DOMAIN, "", ["tyk"]), theirs, a(DASHBOARD, "2.2.2.2")]
    changes = plan([], records, NAMES, {"app-test": False})
    assert done(changes) == {"deletes": [DASHBOARD, OWNER.name], "left_alone": [TYK]}
    assert apply(changes, records) == (theirs,)


def test_a_name_is_published_once_its_foreign_record_is_gone() -> None:
    marked = owner_record("app-test", DOMAIN, "", ["tyk"])
    changes = plan([a(TYK, "1.1.1.1")], [marked, a(DASHBOARD, "2.2.2.2")], NAMES, UP, "page 2")
    assert done(changes) == {
        "creates": [TYK],
        "upserts": [OWNER.name],
        "left_alone": [DASHBOARD],
    }
    assert changes.upserts[0][0] == OWNER


def test_a_foreign_name_stays_foreign_while_any_record_has_it() -> None:
    marked = owner_record("app-test", DOMAIN, "", ["tyk"])
    records = [marked, RecordSet(TYK, "CNAME", 60, frozenset({"x."})), a(DASHBOARD, "2.2.2.2")]
    assert not plan([a(TYK, "1.1.1.1"), a(DASHBOARD, "2.2.2.2")], records, NAMES, UP)


def test_an_environment_with_foreign_records_only_gets_no_ownership_record() -> None:
    changes = plan([a(TYK, "1.1.1.1")], [a(TYK, "9.9.9.9")], NAMES, UP)
    assert done(changes) == {"blocked": [TYK]}


# ── two installations ─────────────────────────────────────────────────────────────────────────────

A, B = NameOwner(DOMAIN, "team-a"), NameOwner(DOMAIN, "team-b")
NAMED = owner_record("app-test", DOMAIN, "team-a")


def test_an_installation_writes_its_name() -> None:
    changes = plan([a(TYK, "1.1.1.1")], [], A, UP)
    assert changes.creates[0][0] == NAMED
    assert NAMED.values == {'"heritage=gromit,environment=app-test,installation=team-a"'}
    assert not plan([a(TYK, "1.1.1.1")], apply(changes, []), A, UP)


@pytest.mark.parametrize("other", [B, NAMES], ids=["another name", "no name"])
@pytest.mark.parametrize("wanted", [UP, {"app-test": False}, {}])
def test_a_record_of_another_installation_is_never_changed(
    other: NameOwner, wanted: Mapping[str, bool]
) -> None:
    records = [NAMED, a(TYK, "1.1.1.1")]
    changes = plan([a(TYK, "2.2.2.2"), a(DASHBOARD, "2.2.2.2")], records, other, wanted)
    assert done(changes) == {"blocked": [DASHBOARD, TYK]}
    assert changes.blocked[0][1] == f"{NAMED.name} belongs to the installation team-a"
    assert done(plan([], records, other, wanted)) == {"left_alone": [TYK]}


def test_a_mark_without_a_name_stays_ours_and_gets_the_name() -> None:
    records = [OWNER, a(TYK, "1.1.1.1")]
    changes = plan([a(TYK, "1.1.1.1")], records, A, UP)
    assert [r for r, _ in changes.upserts] == [NAMED]
    assert not plan([a(TYK, "1.1.1.1")], apply(changes, records), A, UP)
    gone = plan([], records, A, {"app-test": False})
    assert [r for r, _ in gone.deletes] == [a(TYK, "1.1.1.1"), OWNER]


def test_records_that_no_installation_claims_stay_where_no_row_names_their_environment() -> None:
    """They may be those of an installation without a name."""
    records = [OWNER, a(TYK, "1.1.1.1")]
    assert done(plan([], records, A, {"other": True})) == {"left_alone": [TYK]}
    assert done(plan([], [OWNER], A, {})) == {}
    assert done(plan([], records, NAMES, {})) == {"deletes": [TYK, OWNER.name]}
    named = [NAMED, a(TYK, "1.1.1.1")]
    assert done(plan([], named, A, {})) == {"deletes": [TYK, OWNER.name]}


@pytest.mark.parametrize("wanted", [{"app-test": None}, {}])
def test_a_mark_without_a_name_stays_as_it_is_where_no_row_wants_its_environment(
    wanted: Mapping[str, bool | None],
) -> None:
    assert plan([], [OWNER, a(TYK, "1.1.1.1")], A, wanted, "page 2").upserts == ()


def test_a_mark_keeps_its_foreign_names_when_it_gets_the_name() -> None:
    records = [owner_record("app-test", DOMAIN, "", ["tyk"]), a(TYK, "9.9.9.9")]
    records = [*records, a(DASHBOARD, "2.2.2.2")]
    changes = plan([a(DASHBOARD, "2.2.2.2")], records, A, UP)
    assert [r for r, _ in changes.upserts] == [owner_record("app-test", DOMAIN, "team-a", ["tyk"])]


def test_a_foreign_ownership_record_keeps_us_out() -> None:
    theirs = replace(OWNER, values=frozenset({'"heritage=external-dns"'}))
    assert done(plan([a(TYK, "1.1.1.1")], [theirs], NAMES, UP)) == {"blocked": [TYK]}
    assert done(plan([], [theirs, a(TYK, "1.1.1.1")], NAMES, {"app-test": False})) == {
        "left_alone": [TYK]
    }


@pytest.mark.parametrize(
    "mark",
    [
        replace(OWNER, values=OWNER.values | {'"more"'}),
        replace(OWNER, routing="weighted"),
        replace(OWNER, type="CNAME"),
        replace(OWNER, values=owner_record("app-other", DOMAIN).values),
    ],
    ids=["more values", "weighted", "CNAME", "of another environment"],
)
def test_only_the_exact_ownership_record_makes_an_environment_ours(mark: RecordSet) -> None:
    assert done(plan([], [mark, a(TYK, "1.1.1.1")], NAMES, {})) == {"left_alone": [TYK]}


def test_a_changed_ttl_of_the_ownership_record_does_not_matter() -> None:
    assert not plan([a(TYK, "1.1.1.1")], [replace(OWNER, ttl=60), a(TYK, "1.1.1.1")], NAMES, UP)


def test_nothing_is_done_where_all_is_as_desired() -> None:
    changes = plan([a(TYK, "1.1.1.1")], [OWNER, a(TYK, "1.1.1.1")], NAMES, UP)
    assert done(changes) == {}
    assert not changes
    assert changes.ours == 1


def test_other_values_or_another_ttl_are_written_over_ours() -> None:
    moved = plan([a(TYK, "2.2.2.2")], [OWNER, a(TYK, "1.1.1.1")], NAMES, UP)
    assert moved.upserts == ((a(TYK, "2.2.2.2"), "now also 2.2.2.2, no longer 1.1.1.1"),)
    aged = plan([a(TYK, "1.1.1.1", ttl=10)], [OWNER, a(TYK, "1.1.1.1", ttl=60)], NAMES, UP)
    assert aged.upserts == ((a(TYK, "1.1.1.1"), "ttl 10 instead of 60"),)


def test_an_incomplete_listing_adds_addresses_but_loses_none() -> None:
    changes = plan(
        [a(TYK, "2.2.2.2")],
        [OWNER, a(TYK, "1.1.1.1"), a(DASHBOARD, "3.3.3.3")],
        NAMES,
        UP,
        "page 2 failed",
    )
    assert [r for r, _ in changes.upserts] == [a(TYK, "1.1.1.1", "2.2.2.2")]
    assert done(changes) == {"upserts": [TYK], "left_alone": [DASHBOARD]}
    assert not plan(
        [a(TYK, "1.1.1.1")], [OWNER, a(TYK, "1.1.1.1", "2.2.2.2")], NAMES, UP, "page 2 failed"
    )


def test_an_incomplete_listing_deletes_nothing_even_of_an_environment_that_is_gone() -> None:
    changes = plan([], [OWNER, a(TYK, "1.1.1.1")], NAMES, {"app-test": False}, "page 1 failed")
    assert done(changes) == {"left_alone": [TYK]}
    assert "page 1 failed" in changes.left_alone[0][1]


@pytest.mark.parametrize(
    "obstacle", [RecordSet(TYK, "CNAME", 60, frozenset({"elsewhere."})), a(TYK, routing="alias")]
)
def test_a_name_that_another_kind_of_record_holds_is_blocked_alone(obstacle: RecordSet) -> None:
    changes = plan([a(TYK, "1.1.1.1"), a(DASHBOARD, "2.2.2.2")], [obstacle], NAMES, UP)
    assert done(changes) == {"creates": [OWNER.name, DASHBOARD], "blocked": [TYK]}


@pytest.mark.parametrize(
    ("wanted", "reason", "unexplained"),
    [
        ({"app-test": False}, "environment app-test is gone or parked", ()),
        ({"app-test": True}, "no task of it runs", (TYK,)),
        ({}, "environment app-test is unknown", (TYK,)),
    ],
)
def test_what_is_ours_and_not_desired_goes(
    wanted: Mapping[str, bool], reason: str, unexplained: tuple[str, ...]
) -> None:
    changes = plan([], [OWNER, a(TYK, "1.1.1.1")], NAMES, wanted)
    assert [r for r, _ in changes.deletes] == [a(TYK, "1.1.1.1"), OWNER]
    assert changes.deletes[0][1] == reason
    assert changes.unexplained == unexplained


def test_the_ownership_record_stays_while_a_record_of_the_environment_does() -> None:
    changes = plan(
        [a(TYK, "1.1.1.1")], [OWNER, a(TYK, "1.1.1.1"), a(DASHBOARD, "2.2.2.2")], NAMES, UP
    )
    assert done(changes) == {"deletes": [DASHBOARD]}


def test_the_ownership_record_is_deleted_as_it_is() -> None:
    aged = replace(OWNER, ttl=77)
    assert [r for r, _ in plan([], [aged], NAMES, {}).deletes] == [aged]


@pytest.mark.parametrize(
    "record",
    [
        RecordSet(TYK, "AAAA", 10, frozenset({"::1"})),
        RecordSet(TYK, "TXT", 10, frozenset({'"v=spf1"'})),
        RecordSet(TYK, "CNAME", 10, frozenset({"x."})),
        a(TYK, routing="weighted"),
        a(f"www.{DOMAIN}", "1.1.1.1"),
        a(f"*.app-test.{DOMAIN}", "1.1.1.1"),
        a(f"a.tyk.app-test.{DOMAIN}", "1.1.1.1"),
        a("tyk.app-test.prod.example.com", "1.1.1.1"),
    ],
)
def test_anything_of_another_kind_or_shape_is_not_looked_at(record: RecordSet) -> None:
    changes = plan([], [OWNER, a(TYK, "1.1.1.1"), record], NAMES, {"app-test": False})
    assert [r for r, _ in changes.deletes] == [a(TYK, "1.1.1.1"), OWNER]


def test_a_desired_name_of_a_wrong_shape_is_blocked_with_a_reason() -> None:
    odd = a(f"tyk.a--b.{DOMAIN}", "1.1.1.1")
    assert plan([odd], [], NAMES, {"a--b": True}).blocked == (
        (odd, "neither component nor environment may be called so"),
    )


# ── desired records ───────────────────────────────────────────────────────────────────────────────


def test_all_addresses_of_a_component_are_in_one_record() -> None:
    tasks = [
        PublicTask("app-test", "tyk", "1.1.1.1"),
        PublicTask("app-test", "tyk", "1.1.1.2"),
        PublicTask("b", "tyk", "3.3.3.3"),
    ]
    assert desired_records(tasks, DOMAIN, 10, {"app-test": True, "b": True}) == (
        a(TYK, "1.1.1.1", "1.1.1.2"),
        a(f"tyk.b.{DOMAIN}", "3.3.3.3"),
    )


@pytest.mark.parametrize("wanted", [{}, {"app-test": False}, {"other": True}])
def test_only_environments_that_serve_calls_wanted_are_published(
    wanted: Mapping[str, bool],
) -> None:
    assert desired_records([PublicTask("app-test", "tyk", "1.1.1.1")], DOMAIN, 10, wanted) == ()


# ── names ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Tyk.App-Test.Dev.Example.COM.", TYK),
        (r"\052.dev.example.com.", "*.dev.example.com"),
        (r"\137gromit.app-test.dev.example.com", "_gromit.app-test.dev.example.com"),
        (r"\101.dev.example.com", "a.dev.example.com"),
        (r"tyk\056app-test.dev.example.com.", r"tyk\056app-test.dev.example.com"),
    ],
)
def test_names_are_compared_in_one_form(text: str, name: str) -> None:
    assert normalize_name(text) == name


def test_an_escaped_dot_is_no_border_of_labels() -> None:
    assert environment_for_name(normalize_name(rf"tyk\056app-test.x.{DOMAIN}"), DOMAIN) is None
    assert environment_for_name(normalize_name(rf"tyk\056x.app-test.{DOMAIN}"), DOMAIN) is None


@pytest.mark.parametrize(
    "name",
    [
        f"tyk.www.{DOMAIN}",
        f"tyk.default.{DOMAIN}",
        f"t--k.app-test.{DOMAIN}",
        f"app-test.{DOMAIN}",
        DOMAIN,
        "tyk.app-test",
    ],
)
def test_names_that_no_environment_can_have_are_nobodys(name: str) -> None:
    assert environment_for_name(name, DOMAIN) is None


# ── the limit on deletes ──────────────────────────────────────────────────────────────────────────


def losing(count: int, of: int) -> ZoneChanges:
    return ZoneChanges(unexplained=tuple(f"tyk.e{n}.{DOMAIN}" for n in range(count)), ours=of)


@pytest.mark.parametrize(("count", "of"), [(0, 0), (10, 10), (11, 37), (30, 100)])
def test_few_unexplained_deletes_or_a_small_share_are_allowed(count: int, of: int) -> None:
    enforce_delete_limits(losing(count, of), percent=30, free=10)


@pytest.mark.parametrize(("count", "of"), [(11, 36), (31, 100), (100, 100)])
def test_too_many_unexplained_deletes_are_refused_by_name(count: int, of: int) -> None:
    with pytest.raises(UnsafePlan, match=rf"{count} of {of} public records .*tyk\.e0\.") as raised:
        enforce_delete_limits(losing(count, of), percent=30, free=10)
    assert raised.value.hint
    assert ("more" in raised.value.message) == (count > 20)


def test_deletes_that_a_row_explains_do_not_count() -> None:
    names = [f"e{n}" for n in range(50)]
    actual = [
        r for n in names for r in (owner_record(n, DOMAIN), a(f"tyk.{n}.{DOMAIN}", "1.1.1.1"))
    ]
    changes = plan([], actual, NAMES, dict.fromkeys(names, False))
    assert len(changes.deletes) == 100
    enforce_delete_limits(changes, percent=0, free=0)


# ── properties ────────────────────────────────────────────────────────────────────────────────────

ENVIRONMENTS, COMPONENTS, ADDRESSES = (
    ("app", "b-1"),
    ("tyk", "dash"),
    ("1.1.1.1", "2.2.2.2", "3.3.3.3"),
)
labels = st.sampled_from(("_gromit", *COMPONENTS, "*", "x--y"))
values = st.frozensets(st.sampled_from(ADDRESSES), min_size=1)
tasks_strategy = st.lists(
    st.builds(
        PublicTask,
        st.sampled_from(ENVIRONMENTS),
        st.sampled_from(COMPONENTS),
        st.sampled_from(ADDRESSES),
    ),
    max_size=8,
)
wanted_strategy = st.dictionaries(st.sampled_from(ENVIRONMENTS), st.booleans() | st.none())


@st.composite
def foreign_records(draw: st.DrawFn) -> RecordSet:
    name = f"{draw(labels)}.{draw(st.sampled_from((*ENVIRONMENTS, 'www')))}.{DOMAIN}"
    kind = draw(st.sampled_from(("A", "AAAA", "TXT", "CNAME")))
    return RecordSet(
        name,
        kind,
        draw(st.sampled_from((10, 60))),
        draw(values),
        draw(st.sampled_from(("", "", "weighted"))),
    )


# Made once: what a new strategy may draw is examined again.
foreign_strategy = st.lists(foreign_records(), max_size=6)
owned_strategy = st.frozensets(st.sampled_from(ENVIRONMENTS))


@dataclass(frozen=True)
class World:
    """Running tasks, a zone where some environments are ours, and the environments of serve."""

    tasks: tuple[PublicTask, ...]
    records: tuple[RecordSet, ...]
    owned: frozenset[str]
    owner: NameOwner
    """Its installation, of which the ownership records may or may not have the name."""
    marks: tuple[RecordSet, ...]
    wanted: Mapping[str, bool | None]
    incomplete: str

    @property
    def desired(self) -> tuple[RecordSet, ...]:
        return desired_records(self.tasks, DOMAIN, 10, self.wanted)

    def plan(self, records: Iterable[RecordSet] | None = None) -> ZoneChanges:
        return plan(
            self.desired,
            self.records if records is None else records,
            self.owner,
            self.wanted,
            self.incomplete,
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    owned = draw(owned_strategy)
    owner = draw(st.sampled_from((NAMES, A)))
    named = st.sampled_from(("", owner.installation))
    marks = [owner_record(e, DOMAIN, draw(named)) for e in owned]
    ours = [
        a(f"{c}.{e}.{DOMAIN}", *draw(values))
        for e in owned
        for c in COMPONENTS
        if draw(st.booleans())
    ]
    theirs = draw(foreign_strategy)
    records = {(r.name, r.type, r.routing): r for r in (*theirs, *ours, *marks)}
    return World(
        tuple(draw(tasks_strategy)),
        tuple(records.values()),
        owned,
        owner,
        tuple(marks),
        draw(wanted_strategy),
        draw(st.sampled_from(("", "", "page 2 failed"))),
    )


def in_force(world: World) -> frozenset[str]:
    """Environments with an ownership record and no other record of that name."""
    marks = [
        r for r in world.records if r.name.startswith("_gromit.") and r.type in {"TXT", "CNAME"}
    ]
    return frozenset(
        e for e in world.owned if [m in world.marks for m in marks if f".{e}." in m.name] == [True]
    )


def damaged(world: World) -> set[str | None]:
    return {name for name, is_wanted in world.wanted.items() if is_wanted is None}


def unclaimed(world: World) -> set[str]:
    """Environments whose ownership record has no name although the installation has one."""
    unnamed = {e for e in world.owned if owner_record(e, DOMAIN) in world.records}
    return unnamed if world.owner.installation else set()


def is_ours(record: RecordSet, world: World) -> bool:
    environment = environment_for_name(record.name, DOMAIN)
    if environment not in in_force(world) or record.routing:
        return False
    return record.type == ("TXT" if record.name.startswith("_gromit.") else "A")


@given(worlds())
def test_planning_again_after_the_change_finds_nothing(world: World) -> None:
    after = apply(world.plan(), world.records)
    assert not world.plan(after)


@given(worlds())
def test_after_the_change_every_desired_record_exists_or_is_blocked(world: World) -> None:
    changes = world.plan()
    after = FakeZone.of(*apply(changes, world.records))
    blocked = {r.name for r, _ in changes.blocked}
    for record in world.desired:
        if record.name in blocked:
            continue
        if world.incomplete:
            assert after.values(record.name) >= record.values
        else:
            assert after.content[(record.name, "A", "")] == record


@given(worlds())
def test_a_whole_listing_leaves_no_stale_record_of_ours(world: World) -> None:
    after = apply(replace(world, incomplete="").plan(), world.records)
    desired = {r.name for r in world.desired}
    stale = [r for r in after if r.type == "A" and is_ours(r, world) and r.name not in desired]
    kept = damaged(world) | {e for e in unclaimed(world) if e not in world.wanted}
    assert {environment_for_name(r.name, DOMAIN) for r in stale} <= kept


@given(worlds())
def test_the_records_of_an_environment_whose_row_is_damaged_stay_as_they_are(world: World) -> None:
    changes = world.plan()
    changed = {r.name for r, _ in (*changes.creates, *changes.upserts, *changes.deletes)}
    assert {environment_for_name(name, DOMAIN) for name in changed} & damaged(world) == set()


@given(worlds())
def test_what_is_not_ours_is_never_touched(world: World) -> None:
    after = set(apply(world.plan(), world.records))
    assert [r for r in world.records if not is_ours(r, world) and r not in after] == []


@given(worlds())
def test_a_new_record_never_exists_without_its_ownership_record(world: World) -> None:
    changes = world.plan()
    after = FakeZone.of(*apply(changes, world.records))
    for record, _ in (*changes.creates, *changes.upserts):
        environment = environment_for_name(record.name, DOMAIN)
        assert environment is not None
        mark = parse_mark(after.content[(f"_gromit.{environment}.{DOMAIN}", "TXT", "")].values)
        assert mark is not None
        assert (mark.environment, mark.installation) == (environment, world.owner.installation)
        assert record.name.partition(".")[0] not in mark.foreign


@given(worlds())
def test_another_installation_changes_nothing_that_this_one_wrote(world: World) -> None:
    changes = replace(world, owner=A).plan()
    after = apply(changes, world.records)
    written = {r for r, _ in (*changes.creates, *changes.upserts)}
    theirs = replace(world, owner=B).plan(after)
    touched = (*theirs.creates, *theirs.upserts, *theirs.deletes)
    marked = {environment_for_name(r.name, DOMAIN) for r in written}
    assert {environment_for_name(r.name, DOMAIN) for r, _ in touched} & marked == set()


@given(worlds())
def test_an_incomplete_listing_takes_no_record_and_no_address_away(world: World) -> None:
    changes = replace(world, incomplete="page 2 failed").plan()
    assert changes.deletes == ()
    before = FakeZone.of(*world.records)
    after = FakeZone.of(*apply(changes, world.records))
    assert all(after.values(name) >= before.values(name) for name in before.names())


@given(worlds())
def test_environments_that_are_not_wanted_end_without_records_of_ours(world: World) -> None:
    gone = replace(world, wanted=dict.fromkeys(ENVIRONMENTS, False), incomplete="")
    after = apply(gone.plan(), gone.records)
    assert [r for r in after if r in gone.marks and is_ours(r, gone)] == []


@given(st.text(alphabet=string.ascii_letters + "-_.", max_size=60))
def test_a_normal_name_stays_as_it_is(text: str) -> None:
    once = normalize_name(text.strip("."))
    assert normalize_name(once) == once
