"""Sweeps: dead branches go after two lists, in shares, and nothing else is touched."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gromit.core.environments.phases import Want
from gromit.core.environments.sweep import DeadBranch, SweepPolicy, retired_share
from gromit.core.names import branch_digest
from gromit.errors import InvalidInput
from gromit.services.sweeps import SweepResult, Sweeps
from tests.services.registry import CATALOGUE, GRACE_MS, Registry

HOUR = 3_600_000
PAUSE = 6 * HOUR
DAY = 24 * HOUR
ALL = SweepPolicy(PAUSE, 100)


@dataclass
class Place:
    """A registry, and sweeps on its table."""

    policy: SweepPolicy = ALL
    registry: Registry = field(default_factory=Registry)

    def __post_init__(self) -> None:
        ledger = self.registry.environments.ledger
        self.sweeps = Sweeps(ledger, CATALOGUE, self.policy, GRACE_MS)

    def sweep(self, *branches: str, repository: str = "tyk", later_ms: int = 0) -> SweepResult:
        self.registry.now_ms += later_ms
        listed = [branch_digest(b) for b in ("master", *branches)]
        return self.sweeps.run(repository, listed, self.registry.stamp("gateway:g"))

    def row(self, name: str = "app-test") -> dict[str, Any]:
        return dict(self.registry.store.read(name) or {})


def test_a_branch_is_dead_if_two_lists_lack_it() -> None:
    place = Place()
    place.registry.report()
    place.registry.report("tyk-pump")
    assert place.sweep() == SweepResult(missing=["app-test"])
    assert place.sweep(later_ms=PAUSE - 1) == SweepResult(missing=["app-test"])
    assert place.sweep(later_ms=1) == SweepResult(retired=["app-test"])
    environment = place.registry.environments.inspect("app-test")
    assert environment.reported == {"tyk-pump"}
    assert place.registry.versions()["tyk"] == "master"
    assert (environment.events[-1].kind, environment.events[-1].actor) == ("retired", "gateway:g")
    assert environment.missing == {}
    assert place.sweep(later_ms=DAY) == SweepResult()


def test_the_last_repository_deletes_the_environment_with_its_grace() -> None:
    place = Place()
    place.registry.report()
    place.sweep()
    assert place.sweep(later_ms=DAY).retired == ["app-test"]
    environment = place.registry.environments.inspect("app-test")
    assert (environment.want, environment.due_ms) == (
        Want.GONE,
        place.registry.now_ms + GRACE_MS,
    )
    place.registry.report(version="sha-2")
    assert place.registry.environments.inspect("app-test").want is Want.UP


def test_a_branch_that_is_listed_again_was_not_dead() -> None:
    place = Place()
    place.registry.report(ref="feature/app-test")
    place.sweep()
    assert "g#tyk" in place.row()
    assert place.sweep("feature/app-test", later_ms=DAY) == SweepResult()
    assert "g#tyk" not in place.row()
    assert place.sweep(later_ms=DAY).missing == ["app-test"], "the first list again"


@pytest.mark.parametrize(
    ("version", "sequence"), [("sha-2", 2), ("sha-1", 1), ("sha-1", 2), ("sha-0", 0)]
)
def test_a_branch_that_was_built_in_between_is_not_dead(version: str, sequence: int) -> None:
    place = Place()
    place.registry.report(sequence=1)
    place.sweep()
    place.registry.report(version=version, sequence=sequence)
    assert place.sweep(later_ms=DAY) == SweepResult(missing=["app-test"])


def test_a_build_between_the_read_and_the_write_saves_it() -> None:
    for again in ("sha-1", "sha-2"):
        place = Place()
        place.registry.report()
        place.sweep()
        place.registry.now_ms += DAY
        place.registry.store.meddling = [partial(place.registry.report, version=again)]
        assert place.sweep().retired == []
        assert place.registry.environments.inspect("app-test").reported == {"tyk"}


def test_what_is_protected_set_without_a_branch_deleted_or_unreadable_stays() -> None:
    place = Place()
    registry, stamp = place.registry, place.registry.stamp()
    registry.report(ref="release-5")
    registry.report(ref="kept")
    registry.environments.protect("kept", protected=True, stamp=stamp)
    registry.report(ref="set")
    registry.environments.patch("set", {"tyk": "sha-9"}, stamp)
    registry.report(ref="gone")
    registry.environments.delete("gone", stamp)
    registry.report(ref="odd")
    registry.store.put({**place.row("odd"), "generation": "x"})
    registry.store.put({"name": "old", "state": "new", "tyk": "sha"})
    before = {n: place.row(n) for n in ("release-5", "kept", "set", "gone", "odd", "old")}
    for _ in range(3):
        assert place.sweep(later_ms=DAY) == SweepResult()
    assert {n: place.row(n) for n in before} == before


def test_only_a_share_goes_at_once_the_longest_dead_first() -> None:
    place = Place(SweepPolicy(PAUSE, 30))
    for i in range(10):
        place.registry.report(ref=f"app-{i}")
    place.sweep(*(f"app-{i}" for i in range(5)))
    place.sweep(later_ms=HOUR)
    done = place.sweep(later_ms=DAY)
    assert done.retired == ["app-5", "app-6", "app-7"]
    assert done.waiting == ["app-8", "app-9", "app-0", "app-1", "app-2", "app-3", "app-4"]
    again = place.sweep(later_ms=PAUSE - 1)
    assert (again.retired, len(again.waiting)) == ([], 7), "repeating a list retires no more"
    assert place.sweep(later_ms=1).retired == ["app-8", "app-9"]


@pytest.mark.parametrize(
    ("known", "dead", "percent", "share"),
    [(10, 10, 20, 2), (3, 3, 20, 1), (3, 0, 20, 0), (5, 2, 100, 2), (400, 100, 20, 80)],
)
def test_the_share(known: int, dead: int, percent: int, share: int) -> None:
    registry = Registry()
    one = DeadBranch(registry.report()[1], 1)
    assert retired_share(known, [one] * dead, SweepPolicy(PAUSE, percent)) == share


def test_an_unknown_repository_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Place().sweep(repository="stranger")


NAMES = ("one", "two", "three")
LISTS = st.frozensets(st.sampled_from(NAMES))


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["sweep", "build"]),
            st.sampled_from(["tyk", "tyk-pump"]),
            LISTS,
            st.integers(0, 2 * PAUSE),
        ),
        max_size=25,
    )
)
def test_a_sweep_never_touches_another_repository_nor_a_branch_that_was_seen(
    steps: list[tuple[str, str, Iterable[str], int]],
) -> None:
    place = Place()
    seen: dict[tuple[str, str], int] = {}
    for number, (what, repository, names, later) in enumerate(steps):
        place.registry.now_ms += later
        now = place.registry.now_ms
        if what == "build":
            for name in names:
                place.registry.report(repository, f"sha-{number}", ref=name)
                seen[repository, name] = now
            continue
        before = {n: _parts(place, n) for n in NAMES}
        result = place.sweep(*names, repository=repository)
        seen.update({(repository, n): now for n in names if repository in before[n]})
        for name in NAMES:
            lost = before[name].items() - _parts(place, name).items()
            assert {r for r, _ in lost} <= {repository}
            assert bool(lost) == (name in result.retired)
            assert not lost or now - seen[repository, name] >= PAUSE


def _parts(place: Place, name: str) -> dict[str, Any]:
    """Return the reported version of each repository, also of a deleted environment."""
    row = place.row(name)
    return {a[2:]: v for a, v in row.items() if a.startswith("v#")}
