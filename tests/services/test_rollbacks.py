"""Rollback: what comes back, until when, and in which races."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Phase, Work
from gromit.core.stack.made import MadeComponent, MadeStack
from gromit.core.time import iso
from gromit.errors import Conflict, InvalidInput, NotFound, Temporary
from gromit.services.ledger import Ledger
from gromit.services.reporting import BuildResult
from gromit.services.rollbacks import Rollbacks
from tests.services.registry import CATALOGUE, Registry

ADA = "developer:ada@example.com"
NAME = "app-test"


class Place:
    """A registry with rollbacks, and a worker that makes what is desired."""

    def __init__(self) -> None:
        self.registry = Registry()
        ledger = Ledger(self.registry.store, self.registry.announcer)
        self.rollbacks = Rollbacks(ledger, self.registry.images, CATALOGUE)
        self.claims = 0

    @property
    def environment(self) -> Environment:
        return self.registry.environments.get(NAME)

    @property
    def desired(self) -> dict[str, str]:
        found = self.environment
        return {r: found.versions[r].version for r in sorted(found.reported)}

    def build(self, repository: str, version: str, sequence: int | None = None) -> BuildResult:
        """Push an image and report its build."""
        self.registry.images.push(repository, version)
        return self.registry.report(repository, version, sequence=sequence)[0]

    def sow(self) -> None:
        """Make what is desired, as a worker does."""
        self.registry.now_ms += 60_000
        self.claims += 1
        nonce = f"n{self.claims}"
        claim = self.registry.leases.claim(Work.SOW, Claimant("w", nonce), self.registry.now_ms)
        assert isinstance(claim, Environment)
        self.registry.now_ms += 14_000
        made = tuple(
            MadeComponent(
                name=c.name,
                version=claim.versions[c.repository].version,
                repository=c.repository,
            )
            for c in CATALOGUE.components.values()
            if c.repository is not None
        )
        self.registry.leases.sown(
            NAME,
            Fence("w", claim.epoch),
            nonce,
            MadeStack("h", "r", made, "Terraform 1.15"),
            self.registry.stamp("w"),
        )

    def run(self, *builds: tuple[str, str]) -> None:
        """Build and sow, one after the other."""
        for repository, version in builds:
            self.build(repository, version)
            self.sow()

    def back(self, to: str | None = None, component: str | None = None, **more: Any) -> Environment:
        self.claims += 1
        more = {"mark": f"mark-{self.claims}", **more}
        return self.rollbacks.roll_back(NAME, to, component, self.registry.stamp(ADA), **more)


@pytest.fixture
def place() -> Place:
    return Place()


# ── what comes back ───────────────────────────────────────────────────────────────────────────────


def test_the_history_says_what_was_sown_and_how_long_it_took(place: Place) -> None:
    place.run(("tyk", "a"))
    event = place.environment.events[-1]
    assert event.text == "tyk=a, tyk-analytics=master, tyk-pump=main in 14s; Terraform 1.15"
    assert (event.versions["tyk"], event.took_s) == ("a", 14)


def test_the_versions_before_the_last_change_come_back_and_say_why(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk-pump", "p"), ("tyk", "b"))
    at = iso(place.registry.now_ms)
    back = place.back()
    assert place.desired == {"tyk": "a", "tyk-pump": "p"}
    assert back.phase(place.registry.now_ms) is Phase.PENDING
    assert back.events[-1].actor == ADA
    assert back.events[-1].text == "tyk=a (from b); until a newer build of each"
    assert (
        back.pins["tyk"].text("tyk")
        == f"rolled back from b by {ADA} at {at}; until a newer build of tyk"
    )


def test_a_build_that_never_ran_is_what_is_left_first(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk", "b"))
    place.build("tyk", "broken")
    place.back()
    assert place.desired == {"tyk": "b"}


def test_each_further_step_goes_further_back_and_never_forth(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk", "b"), ("tyk", "c"))
    for expected in ("b", "a"):
        place.back()
        place.sow()
        assert place.desired == {"tyk": expected}
        assert place.environment.pins["tyk"].left == "c"
    with pytest.raises(Conflict, match="has run no earlier versions"):
        place.back()


def test_one_component_goes_back_alone(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk", "b"), ("tyk-pump", "p"), ("tyk-pump", "q"))
    place.back(component="tyk")
    assert place.desired == {"tyk": "a", "tyk-pump": "q"}
    with pytest.raises(InvalidInput, match="there is no component 'nope'"):
        place.back(component="nope")
    with pytest.raises(Conflict, match="no earlier versions"):
        place.back(component="redis")


def test_a_version_or_a_moment_says_how_far(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk-pump", "p"), ("tyk", "b"), ("tyk", "c"))
    place.back("a")
    assert place.desired == {"tyk": "a", "tyk-pump": "p"}
    place.back("c")  # to the newest build again: no pin is left
    assert (place.desired["tyk"], place.environment.pins) == ("c", {})
    place.back("1m10s")
    assert place.desired["tyk"] == "b"
    place.registry.images.push("tyk-pump", "main")  # its default branch ran then
    place.back(iso(place.registry.now_ms - 74_000 * 3))
    assert place.desired["tyk"] == "a"
    with pytest.raises(Conflict, match="does not go back to"):
        place.back("10m")
    with pytest.raises(Conflict, match="has these versions already"):
        place.back("a")


@pytest.mark.parametrize("to", ["zzz", "master ", "12", "2026-01-31T08:15:00", "-5h"])
def test_what_is_neither_a_version_nor_a_moment_is_refused_with_what_ran(
    place: Place, to: str
) -> None:
    place.run(("tyk", "a"), ("tyk", "b"))
    with pytest.raises(InvalidInput, match="is no version that ran in app-test") as refused:
        place.back(to)
    assert "the last versions are tyk=b, tyk=a;" in (refused.value.hint or "")


def test_only_reported_versions_go_back(place: Place) -> None:
    place.run(("tyk", "a"))
    place.registry.images.push("tyk-pump", NAME)
    place.run(("tyk", "b"))
    assert place.environment.versions["tyk-pump"].version == NAME
    place.back()
    assert place.environment.versions["tyk-pump"].version == NAME
    assert place.desired == {"tyk": "a"}


def test_many_failures_do_not_forget_what_ran(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk", "b"))
    for number in range(200):
        place.registry.environments.redeploy(NAME, "tyk", place.registry.stamp(), f"m{number}")
    place.back()
    assert place.desired == {"tyk": "a"}
    assert len(place.environment.events) <= 60


def test_a_row_of_an_older_release_goes_back_to_what_it_made(place: Place) -> None:
    place.run(("tyk", "a"))
    row = dict(place.environment.row)
    events = [{k: v for k, v in e.items() if k not in {"versions", "took"}} for e in row["events"]]
    place.registry.store.put({**row, "events": events})
    place.build("tyk", "b")
    place.back()
    assert place.desired == {"tyk": "a"}


# ── what is refused ───────────────────────────────────────────────────────────────────────────────


def test_an_image_that_is_gone_does_not_come_back(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk", "b"))
    place.registry.images.remove("tyk", "a")
    revision = place.environment.revision
    with pytest.raises(Conflict, match="the registry has no image tyk:a any more"):
        place.back()
    place.registry.images.problem = Temporary("the registry is away")
    with pytest.raises(Temporary, match="away"):
        place.back()
    assert place.environment.revision == revision


def test_what_is_not_there_or_deleted_does_not_go_back(place: Place) -> None:
    with pytest.raises(NotFound, match="could not find env"):
        place.back()
    place.run(("tyk", "a"), ("tyk", "b"))
    place.registry.environments.delete(NAME, place.registry.stamp())
    with pytest.raises(Conflict, match="app-test is deleted"):
        place.back()


# ── until when ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("version", "sequence", "result", "desired"),
    [
        ("c", 8, BuildResult.ACCEPTED, "c"),
        ("old", 6, BuildResult.STALE, "a"),
        ("c", 7, BuildResult.STALE, "a"),
        ("b", 7, BuildResult.PINNED, "a"),
        ("b", 9, BuildResult.PINNED, "a"),  # its job ran again
        ("a", 5, BuildResult.DUPLICATE, "a"),
        ("c", None, BuildResult.ACCEPTED, "c"),
        ("b", None, BuildResult.PINNED, "a"),
    ],
)
def test_only_a_newer_build_ends_it(
    place: Place, version: str, sequence: int | None, result: BuildResult, desired: str
) -> None:
    for known, number in (("a", 5), ("b", 7)):
        place.build("tyk", known, number)
        place.sow()
    place.back()
    place.sow()
    assert place.build("tyk", version, sequence) is result
    assert place.desired == {"tyk": desired}
    assert bool(place.environment.pins) is (desired == "a")
    assert not any(a.startswith(("p#", "b#")) for a in place.environment.row) or desired == "a"


def test_a_job_that_ran_again_keeps_its_place_in_the_order(place: Place) -> None:
    for known, number in (("a", 5), ("b", 7)):
        place.build("tyk", known, number)
        place.sow()
    place.back()
    place.build("tyk", "b", 9)
    assert place.build("tyk", "c", 8) is BuildResult.STALE
    assert place.build("tyk", "c", 10) is BuildResult.ACCEPTED


def test_builds_of_other_repositories_do_not_end_it(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk", "b"))
    place.back()
    place.build("tyk-pump", "p")
    assert (place.desired["tyk"], set(place.environment.pins)) == ("a", {"tyk"})


@pytest.mark.parametrize("change", ["put", "patch", "retire", "revive"])
def test_other_changes_of_the_version_end_it(place: Place, change: str) -> None:
    place.run(("tyk", "a"), ("tyk-pump", "p"), ("tyk", "b"))
    place.back()
    environments, stamp = place.registry.environments, place.registry.stamp()
    if change == "put":
        environments.put(NAME, {"tyk": "b"}, stamp)
    elif change == "patch":
        environments.patch(NAME, {"tyk": "b"}, stamp)
    elif change == "retire":
        environments.retire(NAME, "tyk", stamp)
    else:
        environments.delete(NAME, stamp)
        assert place.build("tyk", "b") is BuildResult.ACCEPTED
    assert place.environment.pins == {}
    assert not any(a.startswith(("p#", "b#")) for a in place.environment.row)


# ── races ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_build_that_arrives_meanwhile_is_what_is_rolled_back_from(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk", "b"))
    place.registry.store.meddling = [lambda: place.build("tyk", "c")]
    place.back()
    # The new build never ran, so the step goes back from it.
    assert place.desired == {"tyk": "b"}
    assert place.environment.pins["tyk"].left == "c"


def test_a_rollback_before_the_write_of_a_build_keeps_that_build_out(place: Place) -> None:
    for known, number in (("a", 5), ("b", 7)):
        place.build("tyk", known, number)
        place.sow()
    place.registry.store.meddling = [place.back]
    assert place.build("tyk", "b", 8) is BuildResult.DUPLICATE  # as it was when the row was read
    assert place.desired == {"tyk": "a"}
    assert place.build("tyk", "b", 9) is BuildResult.PINNED


def test_a_rollback_keeps_out_a_build_that_another_process_had_begun_to_write(
    place: Place,
) -> None:
    place.run(("tyk", "a"))
    other = Registry(store=place.registry.store, images=place.registry.images)
    other.images.push("tyk", "b")

    def report_and_roll_back() -> None:
        place.run(("tyk", "b"))
        place.back()

    place.registry.store.meddling = [report_and_roll_back]
    assert other.report("tyk", "b")[0] is BuildResult.PINNED
    assert place.desired == {"tyk": "a"}
    assert place.environment.pins["tyk"].left == "b"


def test_a_repeated_request_counts_once_also_after_a_newer_build(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk", "b"))
    first = place.back(mark="m1")
    assert place.back(mark="m1").revision == first.revision
    place.build("tyk", "c")
    place.back(mark="m1")
    assert place.desired == {"tyk": "c"}
    place.back(mark="m2")
    assert place.desired == {"tyk": "b"}


def test_two_requests_with_one_mark_at_once_count_once(place: Place) -> None:
    place.run(("tyk", "a"), ("tyk", "b"), ("tyk", "c"))
    place.registry.store.meddling = [lambda: place.back(mark="m1")]
    place.back(mark="m1")
    assert place.desired == {"tyk": "b"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("build"),
                st.sampled_from("abcdef"),
                st.none() | st.integers(min_value=1, max_value=6),
            ),
            st.tuples(st.just("back"), st.none(), st.none()),
            st.tuples(st.just("sow"), st.none(), st.none()),
        ),
        max_size=14,
    )
)
def test_no_older_build_ends_a_pin(steps: list[tuple[str, str | None, int | None]]) -> None:
    place = Place()
    place.run(("tyk", "first"))
    for what, version, sequence in steps:
        before = place.environment
        pin, newest = before.pins.get("tyk"), before.sequences.get("tyk")
        if what == "build":
            assert version is not None
            place.build("tyk", version, sequence)
            is_old = sequence is not None and newest is not None and sequence <= newest
            if pin is not None and (is_old or version == pin.left):
                assert place.environment.pins == {"tyk": pin}
                assert place.desired == {"tyk": pin.to}
            elif pin is not None and version != pin.to:
                assert (place.environment.pins, place.desired) == ({}, {"tyk": version})
        elif what == "sow" and before.work is Work.SOW:
            place.sow()
        elif what == "back":
            try:
                after = place.back(mark=f"m{before.revision}")
            except Conflict:
                assert place.environment.revision == before.revision
                continue
            known = pin.left if pin else before.versions["tyk"].version
            assert after.pins["tyk"].left == known
            assert after.versions["tyk"].version != known
            assert after.sequences == before.sequences
