"""Damaged rows: each is set aside with a reason, and everybody else is served."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Work
from gromit.core.stack.made import MadeStack
from gromit.errors import UnreadableRow
from gromit.services.leases import CANDIDATES, NoWorkAvailable
from tests.services.registry import GRACE_MS, RETRY_MAX_MS, RETRY_MS, TTL_MS, Registry

GOOD = ("b", "c", "d")
EVENT = {"at": 1, "actor": "ci", "kind": "build", "text": ""}
MISSING = object()

SET: dict[str, dict[str, Any]] = {
    "`incarnation` is missing": {"incarnation": MISSING},
    "`created` is missing": {"created": MISSING},
    "`changed` is missing": {"changed": MISSING},
    "`want` is missing": {"want": MISSING},
    "`generation` is missing": {"generation": MISSING},
    "`observed` is missing": {"observed": MISSING},
    "`revision` is missing": {"revision": MISSING},
    "`epoch` is missing": {"epoch": MISSING},
    "`want` is 'maybe', not one of up, gone": {"want": "maybe"},
    "`generation` is 'two', not a whole number": {"generation": "two"},
    "`observed` is True, not a whole number": {"observed": True},
    "`epoch` is None, not a whole number": {"epoch": None},
    "`protected` is 'no', not true or false": {"protected": "no"},
    "`attempts` is '3', not a whole number": {"attempts": "3"},
    "`events` is 'x', not a list": {"events": "x"},
    "`events` is 5, not a list": {"events": 5},
    "`events[1]` is 'x', not a map": {"events": [EVENT, "x"]},
    "`events[0].at` is missing": {"events": [{"actor": "ci", "kind": "build", "text": ""}]},
    "`events[0].text` is 1, not a text": {"events": [{**EVENT, "text": 1}]},
    "`last_error` is 'no', not a map": {"last_error": "no"},
    "`last_error.kind` is missing": {"last_error": {"message": "no", "at": 1}},
    "`v#tyk` is 7, not a text": {"v#tyk": 7},
    "`s#tyk` is 'seven', not a whole number": {"s#tyk": "seven"},
    "`d#tyk-pump` is 'main', not a map": {"d#tyk-pump": "main"},
    "`d#tyk-pump.tag` is missing": {"d#tyk-pump": {"source": "default"}},
    "`d#tyk-pump.source` is 'guessed', not one of reported, branch, default": {
        "d#tyk-pump": {"tag": "main", "source": "guessed"}
    },
    "`since` is 'x', not a whole number": {"since": "x"},
    "`failed_epoch` is 'x', not a whole number": {"failed_epoch": "x"},
    "`last_done` is 7, not a text": {"last_done": 7},
    "`lease_until` is missing": {"holder": "w0"},
    "`claimed` is 'x', not a whole number": {
        "holder": "w0",
        "lease_until": 1,
        "claimed": "x",
        "claim_id": "n0",
    },
}
CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "deleted, and yet to be sown": {"want": "gone"},
    "up to date, and yet to be sown": {"observed": 1},
}


def damage(registry: Registry, name: str, changes: dict[str, Any]) -> dict[str, Any]:
    row = {**(registry.store.read(name) or {}), **changes}
    row = {attribute: value for attribute, value in row.items() if value is not MISSING}
    registry.store.put(row)
    return row


def claim(registry: Registry, nonce: str, kind: Work = Work.SOW) -> Environment | NoWorkAvailable:
    return registry.leases.claim(kind, Claimant("w1", nonce), registry.now_ms)


def one_pass(registry: Registry) -> list[str]:
    """Sow whatever is due, as a single pass does, and return the names."""
    done: list[str] = []
    for number in range(50):
        found = claim(registry, f"n{number}")
        if isinstance(found, NoWorkAvailable):
            return done
        assert found.lease is not None
        fence = registry.fence(found)
        registry.leases.sown(
            found.name, fence, found.lease.claim_id, MadeStack("h"), registry.stamp()
        )
        done.append(found.name)
    raise AssertionError(done)


@pytest.fixture
def registry() -> Registry:
    """Return a registry where `a` is due longest, and three others after it."""
    registry = Registry()
    for ref in ("a", *GOOD):
        registry.report(ref=ref)
        registry.now_ms += 1
    return registry


@pytest.mark.parametrize("reason", SET)
def test_beside_any_damaged_row_one_pass_makes_the_others_ready(
    registry: Registry, reason: str
) -> None:
    before = damage(registry, "a", SET[reason])
    with capture_logs() as lines:
        assert one_pass(registry) == list(GOOD)
    (line,) = [line for line in lines if line["event"] == "row.set_aside"]
    assert (line["env"], line["reason"]) == ("a", f"the row of a cannot be read: {reason}")
    assert ("a", "set_aside") in registry.announcer.heard
    assert registry.store.read("a") == {**before, "due": registry.now_ms + RETRY_MS}


@pytest.mark.parametrize("why", CONTRADICTIONS)
def test_a_row_whose_work_can_never_be_claimed_is_set_aside_too(
    registry: Registry, why: str
) -> None:
    before = damage(registry, "a", CONTRADICTIONS[why])
    with capture_logs() as lines:
        assert one_pass(registry) == list(GOOD)
    (line,) = [line for line in lines if line["event"] == "row.set_aside"]
    assert "the row of a contradicts itself: it is due for sow, but" in line["reason"]
    assert registry.store.read("a") == {**before, "due": registry.now_ms + RETRY_MS}


def test_a_row_that_is_no_environment_is_set_aside(registry: Registry) -> None:
    registry.store.put({"name": "odd", "work": "sow", "due": 1})
    assert one_pass(registry) == ["a", *GOOD]
    assert registry.store.read("odd") == {
        "name": "odd",
        "work": "sow",
        "due": registry.now_ms + RETRY_MS,
    }


def test_more_damaged_rows_than_one_look_finds_hold_up_no_other(registry: Registry) -> None:
    for number in range(3 * CANDIDATES):
        registry.store.put({"name": f"odd{number}", "work": "sow", "due": number})
    assert one_pass(registry) == ["a", *GOOD]


def test_a_damaged_deletion_does_not_stop_the_reaping_of_others(registry: Registry) -> None:
    for name in ("a", "b"):
        registry.environments.delete(name, registry.stamp())
    damage(registry, "a", {"events": "x"})
    registry.now_ms += GRACE_MS
    found = claim(registry, "n1", Work.REAP)
    assert isinstance(found, Environment)
    assert found.name == "b"


def test_a_row_is_put_off_longer_the_longer_it_stays_damaged(registry: Registry) -> None:
    damage(registry, "a", {"events": "x"})
    pauses = []
    for _ in range(6):
        one_pass(registry)
        due = (registry.store.read("a") or {})["due"]
        pauses.append(due - registry.now_ms)
        registry.now_ms = due
    assert pauses[0] == RETRY_MS
    assert pauses == sorted(pauses)
    assert pauses[-1] == RETRY_MAX_MS


def test_a_repaired_row_is_claimed_when_it_is_due_again(registry: Registry) -> None:
    damage(registry, "a", {"want": "maybe"})
    one_pass(registry)
    damage(registry, "a", {"want": "up"})
    assert one_pass(registry) == []
    registry.now_ms += RETRY_MS
    assert one_pass(registry) == ["a"]


def test_a_row_that_is_damaged_within_its_claim_is_passed_over(registry: Registry) -> None:
    registry.store.meddling = [lambda: damage(registry, "a", {"events": ["x"]})]
    assert one_pass(registry) == list(GOOD)
    registry.now_ms += TTL_MS + RETRY_MAX_MS
    assert one_pass(registry) == []


REQUESTS: dict[str, Callable[[Registry], object]] = {
    "get": lambda r: r.environments.get("a"),
    "inspect": lambda r: r.environments.inspect("a"),
    "report": lambda r: r.report(ref="a", version="sha-2"),
    "redeploy": lambda r: r.environments.redeploy("a", None, r.stamp()),
    "retire": lambda r: r.environments.retire("a", "tyk", r.stamp()),
    "patch": lambda r: r.environments.patch("a", {"tyk": "sha-2"}, r.stamp()),
    "delete": lambda r: r.environments.delete("a", r.stamp()),
    "protect": lambda r: r.environments.protect("a", protected=True, stamp=r.stamp()),
    "retry": lambda r: r.environments.retry("a", r.stamp()),
    "put": lambda r: r.environments.put("a", {"tyk": "sha-2"}, r.stamp()),
}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("reason", SET)
def test_a_request_names_the_damage_and_what_to_do_and_changes_nothing(
    registry: Registry, name: str, reason: str
) -> None:
    before = damage(registry, "a", SET[reason])
    with pytest.raises(UnreadableRow) as refused:
        REQUESTS[name](registry)
    assert refused.value.message == f"the row of a cannot be read: {reason}"
    assert "gromit env retry a" in str(refused.value.hint)
    assert registry.store.read("a") == before


@pytest.mark.parametrize("reason", SET)
def test_a_listing_names_the_row_and_hides_no_other(registry: Registry, reason: str) -> None:
    damage(registry, "a", SET[reason])
    page = registry.environments.page(None, 10)
    assert [e.name for e in page.environments] == list(GOOD)
    assert [(row.name, row.fault.message) for row in page.unreadable] == [
        ("a", f"the row of a cannot be read: {reason}")
    ]


def test_work_of_an_unknown_kind_is_named(registry: Registry) -> None:
    damage(registry, "a", {Attribute.WORK: "mow"})
    with pytest.raises(UnreadableRow, match="`work` is 'mow', not one of sow, reap"):
        registry.environments.get("a")
