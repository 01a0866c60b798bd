"""Status of public names, and the records that a zone has after changes."""

import pytest

from gromit.core.dns.names import name_states, records_after
from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import RecordSet, ZoneChanges, owner_record
from gromit.core.stack.addresses import NameState, NameStatus

DOMAIN = "dev.example.com"
NAMES = NameOwner(DOMAIN)
OWNER = owner_record("app", DOMAIN)


def record(label: str, kind: str = "A", value: str = "1.1.1.1", routing: str = "") -> RecordSet:
    return RecordSet(f"{label}.app.{DOMAIN}", kind, 10, frozenset({value}), routing)


FOREIGN_OWNER = RecordSet(OWNER.name, "TXT", 300, frozenset({'"mine"'}))
PUBLISHED, MISSING = NameStatus(NameState.PUBLISHED), NameStatus(NameState.MISSING)


def blocked(reason: str) -> NameStatus:
    return NameStatus(NameState.BLOCKED, reason)


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ((OWNER, record("tyk")), PUBLISHED),
        ((OWNER,), MISSING),
        ((OWNER, record("dash")), MISSING),
        ((), MISSING),
        ((OWNER, record("tyk", "CNAME", "x")), blocked("a record of type CNAME exists")),
        ((record("tyk", "CNAME", "x"),), blocked("a record of type CNAME exists")),
        ((OWNER, record("tyk", routing="alias")), blocked("a record of type A alias exists")),
        ((FOREIGN_OWNER, record("tyk")), blocked(f"{OWNER.name} exists and is not gromit's")),
        ((FOREIGN_OWNER,), blocked(f"{OWNER.name} exists and is not gromit's")),
        (
            (record("tyk"),),
            blocked(
                "a record of type A exists that is not gromit's: 1.1.1.1"
                " (`gromit migrate` takes it over)"
            ),
        ),
    ],
)
def test_the_status_of_a_name_follows_from_the_records(
    records: tuple[RecordSet, ...], status: NameStatus
) -> None:
    assert name_states(records, NAMES, {"app": ["tyk"]}) == {"app": {"tyk": status}}


def test_a_foreign_address_blocks_its_own_name_only() -> None:
    owner = owner_record("app", DOMAIN, "", ["tyk"])
    found = name_states((owner, record("tyk"), record("dash")), NAMES, {"app": ["tyk", "dash"]})
    assert found["app"]["dash"] == PUBLISHED
    assert found["app"]["tyk"].state is NameState.BLOCKED


def test_names_of_another_installation_are_blocked_by_its_name() -> None:
    theirs = owner_record("app", DOMAIN, "team-b")
    owner = NameOwner(DOMAIN, "team-a")
    found = name_states((theirs, record("tyk")), owner, {"app": ["tyk"]})
    assert found["app"]["tyk"] == blocked(f"{OWNER.name} belongs to the installation team-b")


def test_environments_and_names_do_not_mix() -> None:
    found = name_states((OWNER, record("tyk")), NAMES, {"app": ["tyk", "dash"], "b": ["tyk"]})
    assert found == {"app": {"tyk": PUBLISHED, "dash": MISSING}, "b": {"tyk": MISSING}}


def test_the_records_after_changes_are_those_that_the_zone_has_then() -> None:
    old, kept = record("tyk"), record("dash")
    new = record("tyk", value="2.2.2.2")
    changes = ZoneChanges(creates=((OWNER, ""),), upserts=((new, ""),))
    assert set(records_after((old, kept), changes)) == {OWNER, new, kept}
    assert records_after((old,), ZoneChanges(deletes=((old, ""),))) == ()
