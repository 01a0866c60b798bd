"""Environments that ECS has to confirm, and the merge of both listings."""

import pytest

from gromit.core.dns.plan import RecordSet, ZoneChanges
from gromit.core.dns.tasks import PublicTask, TaskListing, merge_listings, unconfirmed

DOMAIN = "dev.example.com"
TYK = f"tyk.app.{DOMAIN}"
COMPONENTS = frozenset({"tyk", "dash"})
WHOLE = TaskListing(
    (PublicTask("app", "tyk", "1.1.1.1"), PublicTask("app", "dash", "2.2.2.2")), complete=True
)


def change(name: str) -> tuple[tuple[RecordSet, str], ...]:
    return ((RecordSet(name, "A", 10, frozenset({"1.1.1.1"})), "because"),)


def test_ecs_is_not_asked_about_an_environment_that_runs_as_published() -> None:
    assert unconfirmed(WHOLE, ZoneChanges(), DOMAIN, {"app": True}, COMPONENTS) == frozenset()


@pytest.mark.parametrize(
    "changes",
    [
        ZoneChanges(creates=change(TYK)),
        ZoneChanges(upserts=change(TYK)),
        ZoneChanges(deletes=change(TYK)),
    ],
    ids=["new", "moved", "gone"],
)
def test_ecs_is_asked_about_wanted_environments_whose_records_would_change(
    changes: ZoneChanges,
) -> None:
    assert unconfirmed(WHOLE, changes, DOMAIN, {"app": True}, COMPONENTS) == {"app"}
    assert unconfirmed(WHOLE, changes, DOMAIN, {"app": False}, COMPONENTS) == frozenset()


def test_ecs_is_asked_about_wanted_environments_that_lack_a_component() -> None:
    listing = TaskListing((PublicTask("app", "tyk", "1.1.1.1"),), complete=True)
    assert unconfirmed(
        listing, ZoneChanges(), DOMAIN, {"app": True, "b": True, "c": False}, COMPONENTS
    ) == {"app", "b"}
    assert unconfirmed(listing, ZoneChanges(), DOMAIN, {"b": True}, frozenset()) == frozenset()


def test_a_listing_that_was_cut_short_does_not_make_us_ask_about_all_that_is_missing() -> None:
    cut = TaskListing((), complete=False, reason="page 1 failed")
    assert unconfirmed(
        cut, ZoneChanges(creates=change(TYK)), DOMAIN, {"app": True, "b": True}, COMPONENTS
    ) == {"app"}


def whole(tasks: list[PublicTask]) -> TaskListing:
    return TaskListing(tuple(tasks), complete=True)


def settled(seen: list[PublicTask], running: list[PublicTask], published: set[str]) -> set[str]:
    listing = merge_listings(
        whole(seen), whole(running), frozenset({"app"}), frozenset(published), DOMAIN
    )
    return {f"{t.environment}/{t.component}/{t.address}" for t in listing.tasks}


OLD, NEW = PublicTask("app", "tyk", "1.1.1.1"), PublicTask("app", "tyk", "9.9.9.9")


def test_a_task_that_starts_is_not_published_before_it_runs() -> None:
    assert settled([NEW], [], set()) == set()


def test_a_task_that_starts_or_stops_does_not_count_beside_one_that_runs() -> None:
    assert settled([OLD, NEW], [NEW], {TYK}) == {"app/tyk/9.9.9.9"}


def test_a_published_name_keeps_the_addresses_that_are_still_ours_while_none_runs() -> None:
    assert settled([OLD], [], {TYK}) == {"app/tyk/1.1.1.1"}


def test_a_running_task_that_carries_no_tags_is_found() -> None:
    assert settled([], [NEW], set()) == {"app/tyk/9.9.9.9"}


def test_environments_that_were_not_asked_about_stay_as_seen() -> None:
    other = PublicTask("b", "tyk", "3.3.3.3")
    assert settled([other], [], set()) == {"b/tyk/3.3.3.3"}


@pytest.mark.parametrize(
    ("seen", "confirmed"), [("page 2", ""), ("", "throttled"), ("page 2", "throttled")]
)
def test_a_listing_is_whole_only_if_both_are(seen: str, confirmed: str) -> None:
    listing = merge_listings(
        TaskListing((), not seen, seen),
        TaskListing((), not confirmed, confirmed),
        frozenset(),
        frozenset(),
        DOMAIN,
    )
    assert not listing.complete
    assert listing.reason == "; ".join(r for r in (seen, confirmed) if r)
