"""The table of environments: fake and DynamoDB do the same, with one call per operation.

The simulated table of the bench is held by it too, through the adapter.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gromit.adapters.aws import dynamodb
from gromit.adapters.aws.dynamodb import DynamoStore
from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.aws.table_client import table_client
from gromit.core.environments.row_writes import (
    AllOf,
    AnyOf,
    AtMost,
    AttributeGreater,
    AttributesEqual,
    Condition,
    Equals,
    Exists,
    LessThan,
    NotEquals,
    NotExists,
    RowWrite,
    ShorterThan,
    WriteAccepted,
    WriteRefused,
    WriteResult,
)
from gromit.core.environments.turns import DueWork
from gromit.core.names import LIFE_INDEX, WORK_INDEX
from gromit.errors import BackendError
from gromit.ports import EnvironmentStore, LifeEntry
from tests.bench.simulated_table import simulated_table
from tests.fakes.store import MemoryStore
from tests.witnesses import running, show_items_of_refused_writes, witness_client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def no_pause(_seconds: float) -> None:
    """Do not wait: the emulator creates indexes at once."""


@dataclass(frozen=True)
class Dynamo:
    """A table in the emulator, and the calls to it."""

    client: "DynamoDBClient"
    name: str
    calls: Counter[str]
    store: DynamoStore


@pytest.fixture(scope="module")
def client() -> "Iterator[DynamoDBClient]":
    with moto.mock_aws():
        yield boto3.client(
            "dynamodb",
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@pytest.fixture(scope="module")
def dynalite() -> "Iterator[DynamoDBClient]":
    """Client of a second witness, which has DynamoDB's own checks of expressions."""
    with running("dynalite") as url:
        made: DynamoDBClient = witness_client("dynamodb", url)
        show_items_of_refused_writes(made)
        yield made


def dynalite_table(dynalite: "DynamoDBClient") -> Dynamo:
    """Return a new table. Expiry and recovery are unknown to dynalite."""
    name = f"environments-{uuid.uuid4().hex}"
    setup = TableSetup(dynalite, name, no_pause)
    setup._create()
    setup._wait()
    return Dynamo(dynalite, name, Counter(), DynamoStore(dynalite, name))


def new_table(client: "DynamoDBClient") -> Iterator[Dynamo]:
    name, calls = f"environments-{uuid.uuid4().hex}", Counter[str]()

    def count(event_name: str, **_: object) -> None:
        calls[event_name.rsplit(".", 1)[-1]] += 1

    TableSetup(client, name, no_pause).ensure()
    client.meta.events.register("before-send.dynamodb.*", count)
    yield Dynamo(client, name, calls, DynamoStore(client, name))
    client.meta.events.unregister("before-send.dynamodb.*", count)


moto_table = pytest.fixture(new_table)
long_lived_moto_table = pytest.fixture(new_table, scope="module")


@pytest.fixture(scope="module")
def simulated_client() -> "Iterator[DynamoDBClient]":
    """Client of the simulated table of the bench."""
    with simulated_table(None, 0) as running_table:
        yield witness_client("dynamodb", running_table.url)


@pytest.fixture
def simulated(simulated_client: "DynamoDBClient") -> Iterator[Dynamo]:
    yield from new_table(simulated_client)


@pytest.fixture
def direct(simulated: Dynamo) -> DynamoStore:
    """The simulated table behind the client that goes past most of the SDK."""
    session = boto3.Session("test", "test", region_name="eu-central-1")
    return DynamoStore(table_client(session, simulated.client), simulated.name)


@pytest.fixture(params=["moto_table", "simulated"])
def table(request: pytest.FixtureRequest) -> Dynamo:
    """Table whose calls are counted."""
    made: Dynamo = request.getfixturevalue(request.param)
    return made


@pytest.fixture(
    scope="module",
    params=["dynamodb", "simulated", pytest.param("dynalite", marks=pytest.mark.long)],
)
def long_lived_table(request: pytest.FixtureRequest) -> Iterator[Dynamo]:
    """Table for all examples."""
    match request.param:
        case "dynamodb":
            yield request.getfixturevalue("long_lived_moto_table")
        case "simulated":
            yield from new_table(request.getfixturevalue("simulated_client"))
        case _:
            yield dynalite_table(request.getfixturevalue("dynalite"))


@pytest.fixture(
    params=[
        "memory",
        "dynamodb",
        "simulated",
        "direct",
        pytest.param("dynalite", marks=pytest.mark.long),
    ]
)
def store(request: pytest.FixtureRequest) -> EnvironmentStore:
    match request.param:
        case "memory":
            return MemoryStore()
        case "dynamodb":
            return _store_of(request.getfixturevalue("moto_table"))
        case "simulated":
            return _store_of(request.getfixturevalue("simulated"))
        case "direct":
            made: DynamoStore = request.getfixturevalue("direct")
            return made
        case _:
            return dynalite_table(request.getfixturevalue("dynalite")).store


@pytest.fixture(params=["memory", "moto_table", "simulated", "direct"])
def transacting_store(request: pytest.FixtureRequest) -> EnvironmentStore:
    """Store for writes to two rows at once, which are unknown to dynalite."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "direct":
        made: DynamoStore = request.getfixturevalue("direct")
        return made
    return _store_of(request.getfixturevalue(request.param))


def _store_of(table: Dynamo) -> EnvironmentStore:
    return table.store


# ── writes ────────────────────────────────────────────────────────────────────────────────────────

NUMBERS, TEXTS, FLAGS, LISTS, MAPS = (
    ("n1", "n2", "n3"),
    ("t1", "t#2"),
    ("b1",),
    ("l1", "l2"),
    ("m1",),
)
ATTRIBUTES = (*NUMBERS, *TEXTS, *FLAGS, *LISTS, *MAPS)

number = st.integers(-2, 3) | st.just(1_790_000_000_000)
text = st.sampled_from(["up", "gone", "ß", "a b"])
event = st.fixed_dictionaries({"at": number, "kind": text})
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(NUMBERS, number),
    **dict.fromkeys(TEXTS, text),
    **dict.fromkeys(FLAGS, st.booleans()),
    **dict.fromkeys(LISTS, st.lists(event, max_size=2)),
    **dict.fromkeys(MAPS, event),
}
scalar = st.sampled_from((*NUMBERS, *TEXTS, *FLAGS)).flatmap(
    lambda a: st.tuples(st.just(a), VALUES[a])
)
# DynamoDB refuses to compare an attribute with itself, which moto accepts.
two_numbers = st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=2, unique=True)
simple: st.SearchStrategy[Condition] = st.one_of(
    st.sampled_from(ATTRIBUTES).map(Exists),
    st.sampled_from(ATTRIBUTES).map(NotExists),
    scalar.map(lambda av: Equals(*av)),
    scalar.map(lambda av: NotEquals(*av)),
    st.builds(LessThan, st.sampled_from(NUMBERS), number),
    st.builds(AtMost, st.sampled_from(NUMBERS), number),
    two_numbers.map(lambda ab: AttributesEqual(*ab)),
    two_numbers.map(lambda ab: AttributeGreater(*ab)),
    st.builds(ShorterThan, st.sampled_from(LISTS), st.integers(0, 3)),
)
condition: st.SearchStrategy[Condition] = st.recursive(
    simple,
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda cs: st.sampled_from([AnyOf(tuple(cs)), AllOf(tuple(cs))])
    ),
    max_leaves=4,
)


@st.composite
def writes(draw: st.DrawFn) -> RowWrite:
    """Return any write that changes something; a copied attribute must exist, as in the port."""
    part = {
        a: draw(
            st.sampled_from(["", "sets", "increments", "copies", "appends", "defaults", "removes"])
        )
        for a in ATTRIBUTES
    }
    # The default of a list that is appended to counts if there is none.
    started = {a for a in LISTS if part[a] == "appends" and draw(st.booleans())}
    copies = {a: draw(st.sampled_from(NUMBERS)) for a in NUMBERS if part[a] == "copies"}
    write = RowWrite(
        conditions=(
            *draw(st.lists(condition, min_size=1, max_size=2)),
            *(Exists(b) for b in copies.values()),
        ),
        sets={a: draw(VALUES[a]) for a in ATTRIBUTES if part[a] == "sets"},
        copies=copies,
        increments={a: draw(st.integers(-1, 2)) for a in NUMBERS if part[a] == "increments"},
        appends={
            a: tuple(draw(st.lists(event, min_size=1, max_size=2)))
            for a in LISTS
            if part[a] == "appends"
        },
        defaults={a: draw(VALUES[a]) for a in ATTRIBUTES if part[a] == "defaults" or a in started},
        removes=frozenset(a for a in ATTRIBUTES if part[a] == "removes"),
    )
    says_something = (
        write.sets
        or write.copies
        or write.increments
        or write.appends
        or write.defaults
        or write.removes
    )
    return write if says_something else RowWrite(conditions=write.conditions, increments={"n1": 1})


@given(st.lists(writes(), min_size=1, max_size=6))
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_writes_have_the_same_outcomes_in_dynamodb_as_by_the_rules_of_the_core(
    long_lived_table: Dynamo, asked: list[RowWrite]
) -> None:
    long_lived_table.client.delete_item(TableName=long_lived_table.name, Key={"name": {"S": "e"}})
    memory = MemoryStore()
    for write in asked:
        assert long_lived_table.store.write("e", write) == memory.write("e", write)
    assert long_lived_table.store.read("e") == memory.read("e")


def test_a_write_is_accepted_with_the_row_after_it(store: EnvironmentStore) -> None:
    outcome = store.write(
        "a", RowWrite(conditions=(NotExists("name"),), sets={"x": "1"}, increments={"n": 2})
    )
    assert (
        outcome
        == WriteAccepted({"name": "a", "x": "1", "n": 2})
        == WriteAccepted(store.read("a") or {})
    )


def test_a_refused_write_changes_nothing_and_brings_the_row_as_it_is(
    store: EnvironmentStore,
) -> None:
    store.write("a", RowWrite(conditions=(NotExists("name"),), sets={"x": "1"}))
    assert store.write(
        "a", RowWrite(conditions=(NotExists("name"),), sets={"x": "2"})
    ) == WriteRefused({"name": "a", "x": "1"})
    assert store.write(
        "b", RowWrite(conditions=(Exists("name"),), sets={"x": "2"})
    ) == WriteRefused(None)
    assert (store.read("a"), store.read("b")) == ({"name": "a", "x": "1"}, None)


def test_values_are_read_from_the_row_as_it_was_before_the_write(store: EnvironmentStore) -> None:
    store.write(
        "a",
        RowWrite(conditions=(NotExists("name"),), sets={"generation": 3, "claimed": 2, "epoch": 7}),
    )
    write = RowWrite(
        conditions=(AttributeGreater("generation", "claimed"),),
        copies={"observed": "claimed", "seen": "epoch"},
        increments={"epoch": 1},
        removes=frozenset({"claimed"}),
    )
    assert store.write("a", write) == WriteAccepted(
        {"name": "a", "generation": 3, "observed": 2, "seen": 7, "epoch": 8}
    )


def a_row(number: int) -> RowWrite:
    return RowWrite(conditions=(NotExists("name"),), sets={"n": number})


def test_a_row_is_moved_with_all_that_it_becomes_or_not_at_all(
    transacting_store: EnvironmentStore,
) -> None:
    transacting_store.write("A", a_row(1))
    assert transacting_store.move("A", (Exists("name"), Equals("n", 1)), "a", a_row(2))
    assert (transacting_store.read("A"), transacting_store.read("a")) == (
        None,
        {"name": "a", "n": 2},
    )


@pytest.mark.parametrize(
    ("conditions", "target"),
    [
        ((Exists("name"), Equals("n", 7)), "free"),
        ((Exists("name"),), "taken"),
        ((Exists("name"), NotExists("n")), "free"),
    ],
    ids=["changed", "taken", "more"],
)
def test_a_row_stays_if_it_changed_or_the_other_name_is_taken(
    transacting_store: EnvironmentStore, conditions: tuple[Condition, ...], target: str
) -> None:
    transacting_store.write("A", a_row(1))
    transacting_store.write("taken", a_row(3))
    assert not transacting_store.move("A", conditions, target, a_row(2))
    assert transacting_store.read("A") == {"name": "A", "n": 1}
    assert (transacting_store.read("taken"), transacting_store.read("free")) == (
        {"name": "taken", "n": 3},
        None,
    )


def test_a_row_that_is_not_there_is_not_moved(transacting_store: EnvironmentStore) -> None:
    assert not transacting_store.move("A", (Exists("name"),), "a", a_row(2))
    assert transacting_store.read("a") is None


def test_an_accepted_write_brings_the_row_before_it(store: EnvironmentStore) -> None:
    write = RowWrite(conditions=(NotExists("x"),), defaults={"n": 1}, sets={"t": "a"})
    first = store.write("a", write)
    second = store.write("a", RowWrite(conditions=(Exists("t"),), defaults={"n": 2, "m": 3}))
    assert isinstance(first, WriteAccepted)
    assert isinstance(second, WriteAccepted)
    assert first.before is None
    assert second.before == first.row == {"name": "a", "n": 1, "t": "a"}
    assert second.row == {"name": "a", "n": 1, "m": 3, "t": "a"} == store.read("a")


def test_null_equals_null(store: EnvironmentStore) -> None:
    store.write("a", RowWrite(conditions=(NotExists("name"),), sets={"x": None, "y": 1}))
    assert isinstance(
        store.write("a", RowWrite(conditions=(Equals("x", None),), sets={"y": 2})), WriteAccepted
    )
    assert isinstance(
        store.write("a", RowWrite(conditions=(Equals("y", None),), sets={"y": 3})), WriteRefused
    )


def test_a_write_that_only_removes_and_compares_needs_no_values(store: EnvironmentStore) -> None:
    store.write("a", RowWrite(conditions=(NotExists("name"),), sets={"x": 1, "y": 1}))
    outcome = store.write(
        "a", RowWrite(conditions=(AttributesEqual("x", "y"),), removes=frozenset({"x"}))
    )
    assert outcome == WriteAccepted({"name": "a", "y": 1})


def test_whole_numbers_flags_lists_and_mappings_come_back_as_they_were(
    store: EnvironmentStore,
) -> None:
    values = {
        "n": 2**53 - 1,
        "b": False,
        "l": [{"at": 1, "text": ""}],
        "m": {"k": {"tag": "ü"}},
        "e": [],
    }
    store.write("a", RowWrite(conditions=(NotExists("name"),), sets=values))
    row = store.read("a")
    assert row == {"name": "a", **values}
    assert [type(row[k]) for k in ("n", "b")] == [int, bool]


# ── looking for work ──────────────────────────────────────────────────────────────────────────────


def put(store: EnvironmentStore, name: str, **attributes: Any) -> WriteResult:
    return store.write(name, RowWrite(conditions=(NotExists("name"),), sets=attributes))


def test_due_work_comes_oldest_first_and_only_of_its_kind(store: EnvironmentStore) -> None:
    for name, since, work in (
        ("b", 20, "sow"),
        ("a", 30, "sow"),
        ("c", 10, "sow"),
        ("r", 5, "reap"),
        ("later", 31, "sow"),
    ):
        put(store, name, work=work, due=since)
    put(store, "idle", generation=1)
    due = store.due("sow", 30, 10)
    assert (due.names, due.oldest_ms, due.next_ms) == (("c", "b", "a"), 10, None)
    assert store.due("sow", 30, 2).names == ("c", "b")
    assert store.due("reap", 30, 2).names == ("r",)


def test_work_that_was_put_off_comes_last_however_long_it_is_due(store: EnvironmentStore) -> None:
    for name, since, due in (
        ("failed", 1, 15),
        ("new", 20, 20),
        ("failed before", 2, 12),
        ("newer", 30, 30),
    ):
        put(store, name, work="reap", since=since, due=due)
    put(store, "of an earlier version", work="reap", due=25)
    work = store.due("reap", 40, 10)
    assert work.names == ("new", "of an earlier version", "newer", "failed before", "failed")
    assert work.oldest_ms == 12
    assert store.due("reap", 40, 1).names == ("new",)


def test_a_damaged_instant_of_one_row_hides_no_other(store: EnvironmentStore) -> None:
    put(store, "damaged", work="sow", due=10, since="x")
    put(store, "good", work="sow", due=20, since=20)
    put(store, "failed", work="sow", due=30, since=15)
    due = store.due("sow", 40, 10)
    assert (due.names, due.oldest_ms) == (("damaged", "good", "failed"), 10)
    assert store.unfinished("sow") == {"damaged": 10, "good": 20, "failed": 15}


def test_without_due_work_it_is_said_when_there_will_be_some(store: EnvironmentStore) -> None:
    assert store.due("sow", 0, 5).next_ms is None
    put(store, "a", work="sow", due=50)
    put(store, "b", work="sow", due=40)
    put(store, "c", work="reap", due=10)
    due = store.due("sow", 39, 5)
    assert (due.names, due.oldest_ms, due.next_ms) == ((), None, 40)
    assert store.due("sow", 40, 5).names == ("b",)


def test_a_claimed_row_is_skipped_until_its_lease_is_over(store: EnvironmentStore) -> None:
    put(store, "a", work="sow", due=10, holder="w", lease_until=100)
    put(store, "b", work="sow", due=20)
    assert store.due("sow", 99, 5).names == ("b",)
    assert store.due("sow", 100, 5).names == ("b",)
    assert store.due("sow", 101, 5).names == ("a", "b")


def test_held_rows_do_not_use_up_the_limit(store: EnvironmentStore) -> None:
    for i in range(20):
        put(store, f"held{i}", work="sow", due=i, holder="w", lease_until=1000)
    put(store, "free", work="sow", due=50)
    assert store.due("sow", 100, 1).names == ("free",)


def test_due_work_and_work_with_a_lease_are_apart(store: EnvironmentStore) -> None:
    put(store, "mine", work="sow", due=1, since=1, holder="w", lease_until=1000, claim_id="n1")
    put(store, "failed", work="sow", due=20, since=10)
    put(store, "new", work="sow", due=30, since=30)
    due = store.due("sow", 100, 1)
    assert due.work == (DueWork("failed", 20, 10), DueWork("new", 30, 30))
    assert due.held == (DueWork("mine", 1, 1, "n1"),)
    assert (due.names, due.is_cut) == (("new",), False)


def test_a_page_begins_behind_an_entry(store: EnvironmentStore) -> None:
    for name, due in (("a", 10), ("b", 20), ("c", 20), ("d", 30), ("later", 200)):
        put(store, name, work="sow", due=due, since=due)
    whole = store.due("sow", 100, 9).work
    assert [w.name for w in whole[::3]] == ["a", "d"]
    for number, last in enumerate(whole, start=1):
        assert store.due_behind("sow", 100, last).work == whole[number:]


def test_the_repositories_of_last_builds_are_read_together(store: EnvironmentStore) -> None:
    put(store, "app", work="sow", due=10, since=10, last_build="tyk", more="x")
    put(store, "old", work="sow", due=10)
    found = store.last_builds(["app", "old", "none"])
    assert sorted(found) == ["app", "old"]
    assert (found["app"]["since"], found["app"]["last_build"]) == (10, "tyk")
    assert "last_build" not in found["old"]


def test_what_a_claim_holds_already_comes_first_for_that_claim(store: EnvironmentStore) -> None:
    put(store, "older", work="sow", due=5)
    put(store, "mine", work="sow", due=10, holder="w", lease_until=1000, claim_id="n1")
    put(store, "theirs", work="sow", due=1, holder="v", lease_until=1000, claim_id="n2")
    due = store.due("sow", 100, 5, "n1")
    assert (due.names, due.oldest_ms) == (("mine", "older"), 5)
    assert store.due("sow", 100, 5, "n3").names == ("older",)
    assert store.due("sow", 100, 5).names == ("older",)


def test_work_is_undone_since_it_was_asked_for_even_if_it_failed_or_is_claimed(
    store: EnvironmentStore,
) -> None:
    assert store.unfinished("sow") == {}
    put(store, "later", work="sow", due=900, since=40)
    put(store, "failing", work="sow", due=9000, since=30)
    put(store, "gone", work="reap", due=10, since=10)
    assert store.unfinished("sow") == {"later": 40, "failing": 30}
    assert store.unfinished("reap") == {"gone": 10}
    put(store, "held", work="sow", due=20, since=20, holder="w", lease_until=10**9)
    assert store.unfinished("sow")["held"] == 20
    put(store, "of an earlier version", work="sow", due=5)
    assert store.unfinished("sow")["of an earlier version"] == 5


def test_a_row_leaves_the_index_with_its_work(store: EnvironmentStore) -> None:
    put(store, "a", work="sow", due=10)
    store.write(
        "a",
        RowWrite(conditions=(Exists("work"),), sets={"x": 1}, removes=frozenset({"work", "due"})),
    )
    assert store.due("sow", 100, 5) == store.due("reap", 100, 5)
    store.write("a", RowWrite(conditions=(NotExists("work"),), sets={"work": "reap", "due": 11}))
    assert store.due("reap", 100, 5).names == ("a",)


# ── lifetimes ─────────────────────────────────────────────────────────────────────────────────────


def test_lifetimes_are_found_by_the_next_look_oldest_first(store: EnvironmentStore) -> None:
    put(store, "later", life="live", look_at=30, warned=1)
    put(store, "first", life="live", look_at=10, warned=2)
    put(store, "second", life="live", look_at=20)
    put(store, "over", life="expired", look_at=15)
    put(store, "without", x=1)
    assert store.lives("live", 0, 20, 5) == (LifeEntry("first", 10, 2), LifeEntry("second", 20, 0))
    assert store.lives("live", 11, 30, 5) == (LifeEntry("second", 20, 0), LifeEntry("later", 30, 1))
    assert store.lives("live", 0, 99, 1) == (LifeEntry("first", 10, 2),)
    assert store.lives("expired", 0, 99, 5) == (LifeEntry("over", 15, 0),)
    assert store.lives("live", 31, 99, 5) == ()


def test_a_row_leaves_the_index_of_lifetimes_with_its_attributes(store: EnvironmentStore) -> None:
    put(store, "a", life="live", look_at=10)
    leave = RowWrite(conditions=(Exists("life"),), removes=frozenset({"life", "look_at"}))
    store.write("a", leave)
    assert store.lives("live", 0, 99, 5) == ()


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_hold_every_row_once(store: EnvironmentStore, limit: int) -> None:
    names = {f"e{i}" for i in range(7)}
    for name in sorted(names):
        put(store, name, work="sow", due=1)
    seen: list[str] = []
    after: str | None = None
    for _ in range(len(names) + 1):
        page = store.page(after, limit)
        assert len(page.rows) <= limit
        seen += [r["name"] for r in page.rows]
        after = page.last
        if after is None:
            break
    assert (sorted(seen), after) == (sorted(names), None)


def test_a_page_has_the_attributes_that_are_asked_for(store: EnvironmentStore) -> None:
    put(store, "a", work="sow", due=1, want="up")
    put(store, "b", due=2)
    rows = sorted(store.page(None, 10, ("name", "due", "want")).rows, key=lambda r: str(r["name"]))
    assert rows == [{"name": "a", "due": 1, "want": "up"}, {"name": "b", "due": 2}]


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_pages_leave_out_reserved_rows(store: EnvironmentStore, limit: int) -> None:
    for name in ("#suspensions", "a", "#other", "b"):
        put(store, name, x=1)
    seen: list[str] = []
    after: str | None = None
    for _ in range(6):
        page = store.page(after, limit)
        seen += [r["name"] for r in page.rows]
        after = page.last
        if after is None:
            break
    assert (sorted(seen), after) == (["a", "b"], None)
    assert store.read("#suspensions") is not None


def test_an_empty_table_has_one_empty_page(store: EnvironmentStore) -> None:
    page = store.page(None, 5)
    assert (page.rows, page.last) == ((), None)


# ── what only DynamoDB has ────────────────────────────────────────────────────────────────────────


def test_every_operation_is_one_call(table: Dynamo) -> None:
    put(table.store, "a", work="sow", due=10)
    assert table.calls == {"UpdateItem": 1}
    table.store.write("a", RowWrite(conditions=(NotExists("name"),), sets={"x": 1}))
    assert table.calls == {"UpdateItem": 2}
    table.store.read("a")
    assert table.calls == {"UpdateItem": 2, "GetItem": 1}
    table.store.page(None, 10)
    assert table.calls == {"UpdateItem": 2, "GetItem": 1, "Scan": 1}
    table.store.due("sow", 10, 5)
    assert table.calls == {"UpdateItem": 2, "GetItem": 1, "Scan": 1, "Query": 1}
    table.store.lives("live", 0, 10, 5)
    assert table.calls == {"UpdateItem": 2, "GetItem": 1, "Scan": 1, "Query": 2}


def test_looking_for_work_in_vain_is_one_call_which_finds_what_is_due_next(table: Dynamo) -> None:
    put(table.store, "later", work="sow", due=20)
    table.calls.clear()
    assert table.store.due("sow", 10, 5).next_ms == 20
    assert table.calls == {"Query": 1}


def test_only_behind_a_page_of_held_rows_a_look_takes_a_second_call(
    table: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "PAGE", 8)
    put(table.store, "free", work="sow", due=50)
    for held, calls in ((range(6), 1), (range(6, 9), 2)):
        for number in held:
            put(table.store, f"held{number}", work="sow", due=number, holder="w", lease_until=1000)
        table.calls.clear()
        assert table.store.due("sow", 100, 5).names == ("free",)
        assert table.calls == {"Query": calls}


def test_a_look_says_that_more_is_due_than_it_has_read(
    table: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "LOOKED_AT", 3)
    for number in range(3):
        put(table.store, f"due{number}", work="sow", due=number)
    assert not table.store.due("sow", 100, 2).is_cut
    put(table.store, "due3", work="sow", due=3)
    due = table.store.due("sow", 100, 2)
    assert due.is_cut
    assert table.store.due_behind("sow", 100, due.work[-1]).work == (DueWork("due3", 3, 3),)


def test_a_table_is_made_with_its_index_recovery_and_expiry(table: Dynamo) -> None:
    described = table.client.describe_table(TableName=table.name)["Table"]
    indexes = {i["IndexName"]: i for i in described["GlobalSecondaryIndexes"]}
    assert set(indexes) == {WORK_INDEX, LIFE_INDEX}
    index = indexes[WORK_INDEX]
    assert [(k["AttributeName"], k["KeyType"]) for k in index["KeySchema"]] == [
        ("work", "HASH"),
        ("due", "RANGE"),
    ]
    assert index["Projection"]["ProjectionType"] == "INCLUDE"
    assert set(index["Projection"]["NonKeyAttributes"]) == {"lease_until", "claim_id", "since"}
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    recovery = table.client.describe_continuous_backups(TableName=table.name)[
        "ContinuousBackupsDescription"
    ]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    expiry = table.client.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expire_at")


def test_a_table_that_is_there_is_left_as_it_is(table: Dynamo) -> None:
    put(table.store, "a", x=1)
    table.calls.clear()
    assert TableSetup(table.client, table.name, no_pause).ensure() is False
    assert table.calls == {
        "DescribeTable": 1,
        "DescribeTimeToLive": 1,
        "DescribeContinuousBackups": 1,
    }
    assert TableSetup(table.client, table.name + "-2", no_pause).ensure() is True
    assert table.store.read("a") == {"name": "a", "x": 1}


def test_a_table_that_is_missing_is_named(table: Dynamo) -> None:
    with pytest.raises(BackendError, match="read a in table nowhere"):
        DynamoStore(table.client, "nowhere").read("a")
    with pytest.raises(BackendError, match="write a in table nowhere"):
        put(DynamoStore(table.client, "nowhere"), "a", x=1)


def test_a_table_whose_rows_have_work_is_the_same_in_the_simulation(
    moto_table: Dynamo, simulated: Dynamo
) -> None:
    """Entries of the index carry what its projection says, and no more."""
    for table in (moto_table, simulated):
        put(table.store, "a", work="sow", due=3, since=2, lease_until=1, claim_id="c", x="y")
        put(table.store, "b", work="sow", due=4)
    moto_items, simulated_items = (
        table.client.query(
            TableName=table.name,
            IndexName=WORK_INDEX,
            KeyConditionExpression="#work = :work",
            ExpressionAttributeNames={"#work": "work"},
            ExpressionAttributeValues={":work": {"S": "sow"}},
        )["Items"]
        for table in (moto_table, simulated)
    )
    assert moto_items == simulated_items
    assert set(moto_items[0]) == {"name", "work", "due", "since", "lease_until", "claim_id"}
