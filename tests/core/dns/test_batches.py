"""Batches: within Route53's limits, complete, and no record without its ownership record."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.dns.batches import (
    CHARACTERS_MAX,
    ELEMENTS_MAX,
    Action,
    Change,
    PackedBatches,
    pack_batches,
)
from gromit.core.dns.plan import RecordSet, RecordWithReason, ZoneChanges, owner_record

DOMAIN = "dev.example.com"


def record(environment: int, component: int, values: int = 1) -> RecordSet:
    addresses = frozenset(f"10.{component % 256}.{n >> 8}.{n & 255}" for n in range(values))
    return RecordSet(f"c{component}.e{environment}.{DOMAIN}", "A", 10, addresses)


def long_record(environment: int, component: int, characters: int) -> RecordSet:
    """A record with one long value, which exhausts the characters of a batch first."""
    return RecordSet(
        f"c{component}.e{environment}.{DOMAIN}", "A", 10, frozenset({"x" * characters})
    )


def because(records: Iterable[RecordSet]) -> RecordWithReason:
    return tuple((r, "because") for r in records)


def owner(environment: int) -> RecordSet:
    return owner_record(f"e{environment}", DOMAIN)


def weight(changes: Iterable[Change]) -> tuple[int, int]:
    """Count elements and characters by AWS's rules, independently of the code."""
    elements = characters = 0
    for change in changes:
        if change.replaced is not None:
            values = [*change.record.values, *change.replaced.values]
            elements += len(values)
            characters += sum(map(len, values))
            continue
        for value in change.record.values:
            elements += 2 if change.action == "UPSERT" else 1
            characters += (2 if change.action == "UPSERT" else 1) * len(value)
    return elements, characters


def flat(packed: PackedBatches) -> list[list[Change]]:
    return [[c for part in batch for c in part.changes] for batch in packed.batches]


def test_no_changes_are_no_batches() -> None:
    assert pack_batches(ZoneChanges()) == PackedBatches(())


def test_creates_count_once_and_upserts_twice() -> None:
    assert (
        len(pack_batches(ZoneChanges(creates=because(record(n, 0) for n in range(1000)))).batches)
        == 1
    )
    assert (
        len(pack_batches(ZoneChanges(creates=because(record(n, 0) for n in range(1001)))).batches)
        == 2
    )
    assert (
        len(pack_batches(ZoneChanges(upserts=because(record(n, 0) for n in range(500)))).batches)
        == 1
    )
    assert (
        len(pack_batches(ZoneChanges(upserts=because(record(n, 0) for n in range(501)))).batches)
        == 2
    )


@pytest.mark.parametrize(("beyond", "batches"), [(0, 1), (1, 2)])
def test_what_is_replaced_counts_with_what_replaces_it(beyond: int, batches: int) -> None:
    old = [record(n, 0, 30) for n in range(20)]
    new = [record(n, 0, 20) for n in range(19)] + [record(19, 0, 20 + beyond)]
    changes = ZoneChanges(upserts=because(new), replaced=tuple(old))
    packed = pack_batches(changes)
    assert len(packed.batches) == batches
    assert {c.replaced for batch in flat(packed) for c in batch} == set(old)


def test_long_values_fill_a_batch_before_its_elements_do() -> None:
    long = [RecordSet(f"c.e{n}.{DOMAIN}", "TXT", 10, frozenset({"x" * 1000})) for n in range(33)]
    assert [len(b) for b in flat(pack_batches(ZoneChanges(creates=because(long))))] == [32, 1]


@pytest.mark.parametrize(("beyond", "batches"), [(0, 1), (1, 2)])
def test_a_batch_is_filled_to_its_last_character(beyond: int, batches: int) -> None:
    long = [long_record(1, 0, 16_000), long_record(2, 0, 16_000 + beyond)]
    assert len(pack_batches(ZoneChanges(creates=because(long))).batches) == batches


def test_the_characters_of_an_upsert_count_twice() -> None:
    long = [long_record(n, 0, 1000) for n in range(17)]
    assert [len(b) for b in flat(pack_batches(ZoneChanges(upserts=because(long))))] == [16, 1]
    half = CHARACTERS_MAX // 2
    assert pack_batches(ZoneChanges(upserts=because([long_record(1, 0, half)]))).oversize == ()
    assert (
        len(pack_batches(ZoneChanges(upserts=because([long_record(1, 0, half + 1)]))).oversize) == 1
    )


def test_an_environment_that_fits_is_never_torn_apart() -> None:
    environments = [(owner(n), *(record(n, c) for c in range(6))) for n in range(300)]
    packed = pack_batches(ZoneChanges(creates=because(r for group in environments for r in group)))
    assert len(packed.batches) == 3
    assert all(len(part.changes) == 7 for batch in packed.batches for part in batch)


def test_within_an_environment_deletes_come_first_and_ownership_last_of_them() -> None:
    (batch,) = flat(pack_batches(ZoneChanges(deletes=because([owner(1), record(1, 0)]))))
    assert [c.record for c in batch] == [record(1, 0), owner(1)]
    (batch,) = flat(
        pack_batches(
            ZoneChanges(creates=because([record(1, 1), owner(1)]), upserts=because([record(1, 0)]))
        )
    )
    assert [c.record for c in batch] == [owner(1), record(1, 0), record(1, 1)]
    (batch,) = flat(
        pack_batches(ZoneChanges(creates=because([record(1, 1)]), deletes=because([record(1, 2)])))
    )
    assert [c.action for c in batch] == [Action.DELETE, Action.CREATE]


def test_an_environment_beyond_one_batch_is_split_with_its_ownership_first_or_last() -> None:
    records = [record(1, c, 400) for c in range(6)]
    made = flat(pack_batches(ZoneChanges(creates=because([*records, owner(1)]))))
    assert made[0][0].record == owner(1)
    assert len(made) == 3
    gone = flat(pack_batches(ZoneChanges(deletes=because([owner(1), *records]))))
    assert gone[-1][-1].record == owner(1)


def test_a_record_that_fits_no_batch_is_named_and_the_rest_is_written() -> None:
    huge = record(1, 0, 1001)
    packed = pack_batches(ZoneChanges(creates=because([owner(1), huge, record(1, 1)])))
    assert packed.oversize == (Change(Action.CREATE, huge),)
    assert [c.record for c in flat(packed)[0]] == [owner(1), record(1, 1)]


def test_ownership_stays_when_a_record_of_the_environment_cannot_be_deleted() -> None:
    huge = record(1, 0, 1001)
    packed = pack_batches(ZoneChanges(deletes=because([owner(1), huge, record(1, 1)])))
    assert packed.oversize == (Change(Action.DELETE, huge),)
    assert flat(packed) == [[Change(Action.DELETE, record(1, 1))]]


ANY_RECORD: st.SearchStrategy[Callable[[int, int], RecordSet]] = st.one_of(
    st.one_of(st.integers(1, 3), st.integers(1, 1200)).map(
        lambda n: lambda environment, component: record(environment, component, n)
    ),
    st.integers(CHARACTERS_MAX // 8, CHARACTERS_MAX + 1).map(
        lambda n: lambda environment, component: long_record(environment, component, n)
    ),
)
"""Few values, many values, or a long one, up to and beyond both limits.

Made once: what a new strategy may draw is examined again, which takes most of the time of a draw.
"""


@st.composite
def changes(draw: st.DrawFn) -> ZoneChanges:
    creates: list[RecordSet] = []
    upserts: list[RecordSet] = []
    deletes: list[RecordSet] = []
    for n in range(draw(st.integers(0, 12))):
        records = [draw(ANY_RECORD)(n, c) for c in range(draw(st.integers(1, 5)))]
        match draw(st.sampled_from(("new", "leaving", "mixed"))):
            case "new":
                creates += [*records, owner(n)]
            case "leaving":
                deletes += [owner(n), *records]
            case _:
                for r in records:
                    draw(st.sampled_from((creates, upserts, deletes))).append(r)
    return ZoneChanges(creates=because(creates), upserts=because(upserts), deletes=because(deletes))


@given(changes())
def test_no_batch_is_ever_beyond_the_limits(every: ZoneChanges) -> None:
    for batch in flat(pack_batches(every)):
        elements, characters = weight(batch)
        assert 0 < elements <= ELEMENTS_MAX
        assert characters <= CHARACTERS_MAX


@given(changes())
def test_every_change_is_in_exactly_one_batch_or_named(every: ZoneChanges) -> None:
    packed = pack_batches(every)
    sent = [c for batch in flat(packed) for c in batch] + list(packed.oversize)
    assert len(sent) == len(set(sent))
    expected = {
        *(Change(Action.CREATE, r) for r, _ in every.creates),
        *(Change(Action.UPSERT, r) for r, _ in every.upserts),
        *(Change(Action.DELETE, r) for r, _ in every.deletes),
    }
    withheld = expected - set(sent)
    assert set(sent) <= expected
    assert all(c.action is Action.DELETE and c.record.type == "TXT" for c in withheld)


@given(changes())
def test_after_no_batch_is_a_record_without_its_ownership(every: ZoneChanges) -> None:
    packed = pack_batches(every)
    there = {r.name for r, _ in (*every.deletes, *every.upserts)}
    for batch in packed.batches:
        for part in batch:
            there -= {c.record.name for c in part.changes if c.action is Action.DELETE}
            there |= {c.record.name for c in part.changes if c.action is not Action.DELETE}
        for n in range(12):
            marked = owner(n) in {r for r, _ in (*every.creates, *every.deletes)}
            standing = {name for name in there if name.endswith(f".e{n}.{DOMAIN}")}
            assert not marked or not standing or owner(n).name in standing


@given(changes())
def test_parts_of_one_environment_follow_each_other(every: ZoneChanges) -> None:
    packed = pack_batches(every)
    for environment in {p.environment for b in packed.batches for p in b}:
        at = [
            n
            for n, batch in enumerate(packed.batches)
            for part in batch
            if part.environment == environment
        ]
        assert at == sorted(set(at))


@given(changes())
def test_first_fit_leaves_at_most_one_batch_half_empty_while_no_environment_is_split(
    every: ZoneChanges,
) -> None:
    packed = pack_batches(every)
    parts = [p.environment for b in packed.batches for p in b]
    if len(parts) != len(set(parts)):
        return
    loads = [max(e / ELEMENTS_MAX, c / CHARACTERS_MAX) for e, c in map(weight, flat(packed))]
    assert sum(load <= 1 / 2 for load in loads) <= 1
