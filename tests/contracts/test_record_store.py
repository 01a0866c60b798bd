"""The port `RecordStore`: the fake, and the zone in Route53."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from gromit.adapters.aws.route53 import CLIENT, Route53Zone
from gromit.core.dns.plan import RecordSet, RecordWithReason, ZoneChanges, owner_record
from gromit.errors import BackendError
from gromit.ports.public_zone import RecordStore
from tests.aws_laws.laws import governed
from tests.fakes.dns import FakeZone

DOMAIN = "dev.example.com"


def real() -> Iterator[RecordStore]:
    with governed() as laws:
        zone = laws.free("route53").create_hosted_zone(Name=DOMAIN, CallerReference="x")[
            "HostedZone"
        ]["Id"]
        yield Route53Zone(laws.client("route53", CLIENT), zone, DOMAIN, laws.clock)


def fake() -> Iterator[RecordStore]:
    yield FakeZone()


@pytest.fixture(params=[real, fake], ids=["Route53", "fake"])
def store(request: pytest.FixtureRequest) -> Iterator[RecordStore]:
    made: Callable[[], Iterator[RecordStore]] = request.param
    yield from made()


def a(environment: str, *values: str, component: str = "tyk") -> RecordSet:
    return RecordSet(
        f"{component}.{environment}.{DOMAIN}", "A", 10, frozenset(values or ("1.1.1.1",))
    )


def because(records: Iterable[RecordSet]) -> RecordWithReason:
    return tuple((r, "because") for r in records)


def write(
    store: RecordStore,
    *,
    creates: Iterable[RecordSet] = (),
    upserts: Iterable[RecordSet] = (),
    deletes: Iterable[RecordSet] = (),
    replaced: Iterable[RecordSet] = (),
) -> str:
    """Return the refusal, or an empty text."""
    try:
        store.apply(
            ZoneChanges(
                creates=because(creates),
                upserts=because(upserts),
                deletes=because(deletes),
                replaced=tuple(replaced),
            ),
            lambda _line: None,
        )
    except BackendError as error:
        return error.message
    return ""


def own(environment: str) -> RecordSet:
    return owner_record(environment, DOMAIN)


def test_what_is_written_is_read(store: RecordStore) -> None:
    assert write(store, creates=[own("e1"), a("e1", "1.1.1.1", "2.2.2.2")]) == ""
    assert set(store.records()) == {own("e1"), a("e1", "1.1.1.1", "2.2.2.2")}
    assert write(store, upserts=[a("e1", "3.3.3.3")]) == ""
    assert set(store.records()) == {own("e1"), a("e1", "3.3.3.3")}
    assert write(store, deletes=[a("e1", "3.3.3.3"), own("e1")]) == ""
    assert set(store.records()) == set()


def test_the_records_of_one_environment_are_all_of_its_records_and_no_others(
    store: RecordStore,
) -> None:
    # Route53 compares a dot with the other characters of a name, and `-` comes before it.
    near = ("e1", "e", "e1-x", "e10", "e2", "x-e1", "dev")
    for environment in near:
        mark, one, two = own(environment), a(environment), a(environment, component="dash")
        write(store, creates=[mark, one, two])
    for environment in near:
        found = {own(environment), a(environment), a(environment, component="dash")}
        assert set(store.records_of(environment)) == found
    assert set(store.records_of("e3")) == set()


def test_what_is_there_cannot_be_created(store: RecordStore) -> None:
    write(store, creates=[a("e1", "9.9.9.9")])
    assert a("e1").name in write(store, creates=[own("e1"), a("e1")])
    assert set(store.records()) == {a("e1", "9.9.9.9")}


@pytest.mark.parametrize(
    "wrong", [a("e1", "2.2.2.2"), a("e2"), RecordSet(a("e1").name, "A", 60, frozenset({"1.1.1.1"}))]
)
def test_only_what_is_there_exactly_can_be_deleted(store: RecordStore, wrong: RecordSet) -> None:
    write(store, creates=[a("e1")])
    assert wrong.name in write(store, deletes=[wrong])
    assert set(store.records()) == {a("e1")}


def test_a_record_is_replaced_if_it_is_the_one_that_was_seen(store: RecordStore) -> None:
    write(store, creates=[own("e1"), a("e1")])
    assert write(store, upserts=[a("e1", "2.2.2.2")], replaced=[a("e1")]) == ""
    assert set(store.records()) == {own("e1"), a("e1", "2.2.2.2")}


@pytest.mark.parametrize("now", [a("e1", "9.9.9.9"), None], ids=["changed", "deleted"])
def test_a_record_is_not_replaced_if_another_process_was_faster(
    store: RecordStore, now: RecordSet | None
) -> None:
    write(store, creates=[own("e1"), *([now] if now else [])])
    message = write(
        store,
        creates=[a("e1", component="dash")],
        upserts=[a("e1", "2.2.2.2")],
        replaced=[a("e1")],
    )
    assert a("e1").name in message
    assert set(store.records()) == {own("e1"), *([now] if now else [])}


def test_an_environment_is_written_wholly_or_not_at_all_and_others_all_the_same(
    store: RecordStore,
) -> None:
    write(store, creates=[a("e1", "9.9.9.9"), own("e3"), a("e3")])
    message = write(
        store,
        creates=[own("e1"), a("e1"), a("e1", component="dash"), own("e2"), a("e2")],
        deletes=[a("e3"), own("e3")],
    )
    assert a("e1").name in message
    assert a("e2").name not in message
    assert set(store.records()) == {a("e1", "9.9.9.9"), own("e2"), a("e2")}


def test_what_was_deleted_can_be_created_again(store: RecordStore) -> None:
    for _ in range(2):
        assert write(store, creates=[own("e1"), a("e1"), own("zz"), a("zz")]) == ""
        assert write(store, deletes=[own("e1"), a("e1"), own("zz"), a("zz")]) == ""
