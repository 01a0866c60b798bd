"""Calls that the report of a build costs. A test fails with one call more."""

from collections import Counter
from collections.abc import Iterable, Mapping

import pytest

from gromit.core.stack.component_inputs import Image
from gromit.errors import UnreadableRow
from gromit.services.known_rows import ROWS, KnownRows
from gromit.services.reporting import BuildResult
from tests.services.registry import CATALOGUE, CountedStore, CountingImages, Registry

REPOSITORIES = sorted(CATALOGUE.repositories)


class CountedImages(CountingImages):
    """A registry that counts a call for each repository, as ECR does."""

    def __init__(self, calls: Counter[str]) -> None:
        super().__init__()
        self.calls = calls

    def digests(self, images: Iterable[Image]) -> Mapping[Image, str]:
        """Count the calls of a look-up."""
        wanted = set(images)
        if wanted:
            self.calls["registry"] += len({repository for repository, _ in wanted})
        return super().digests(wanted)


def a_registry() -> tuple[Registry, Counter[str]]:
    """Return a registry, and the counter of its calls."""
    store = CountedStore()
    return Registry(store=store, images=CountedImages(store.calls)), store.calls


@pytest.fixture
def counted() -> tuple[Registry, Counter[str]]:
    return a_registry()


def complete(registry: Registry) -> None:
    for repository in REPOSITORIES:
        registry.report(repository, "sha-1")


def change_elsewhere(registry: Registry, attributes: Mapping[str, str] | None = None) -> None:
    """Change the row as another process of serve does."""
    row = dict(registry.store.read("app-test") or {})
    registry.store.put({**row, "revision": row["revision"] + 1, **(attributes or {})})


def test_a_build_of_a_new_environment_asks_once_for_each_other_repository(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    registry.report()
    assert calls == {"read": 1, "registry": len(REPOSITORIES) - 1, "write": 1}


def test_a_build_of_a_known_environment_is_one_write(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    complete(registry)
    calls.clear()
    assert registry.report(version="sha-2")[0] is BuildResult.ACCEPTED
    assert calls == {"write": 1}


def test_it_asks_for_each_repository_that_has_not_reported(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    registry.report()
    calls.clear()
    registry.report(version="sha-2")
    assert calls == {"registry": len(REPOSITORIES) - 1, "write": 1}


@pytest.mark.parametrize("sequence", [None, 7])
def test_the_same_build_again_is_one_read(
    counted: tuple[Registry, Counter[str]], sequence: int | None
) -> None:
    registry, calls = counted
    registry.report(sequence=sequence)
    calls.clear()
    assert registry.report(sequence=sequence)[0] is BuildResult.DUPLICATE
    assert calls == {"read": 1}


def test_an_old_build_is_one_read(counted: tuple[Registry, Counter[str]]) -> None:
    registry, calls = counted
    registry.report(sequence=7)
    calls.clear()
    assert registry.report(version="old", sequence=6)[0] is BuildResult.STALE
    assert calls == {"read": 1}


def test_a_build_of_an_environment_that_this_process_has_not_seen_is_read_first(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    complete(registry)
    registry.environments.ledger.known.keep("app-test", None)
    calls.clear()
    registry.report(version="sha-2")
    assert calls == {"read": 1, "write": 1}


def test_what_another_process_has_changed_costs_a_refused_write_and_no_read(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    complete(registry)
    change_elsewhere(registry, {"v#tyk-pump": "theirs"})
    calls.clear()
    registry.report(version="sha-2")
    assert calls == {"refused": 1, "write": 1}
    assert registry.versions()["tyk-pump"] == "theirs"


def test_a_guess_that_is_stale_asks_the_registry_once(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    registry.report()
    change_elsewhere(registry)
    calls.clear()
    registry.report(version="sha-2")
    assert calls == {"refused": 1, "registry": len(REPOSITORIES) - 1, "write": 1}


def test_a_build_between_two_others_of_another_process_is_not_lost() -> None:
    """Two processes of serve on one table know different rows."""
    one, calls = a_registry()
    two = Registry(store=one.store, images=one.images)
    for number in range(4):
        one.report("tyk", f"one-{number}")
        two.report("tyk-pump", f"two-{number}")
    assert one.versions()["tyk"] == "one-3"
    assert one.versions()["tyk-pump"] == "two-3"
    assert calls["refused"] == 6  # all but the first of each


def test_parking_and_unparking_by_another_process_are_respected() -> None:
    one, _ = a_registry()
    two = Registry(store=one.store, images=one.images)
    complete(one)
    two.parking.park("app-test", two.stamp())
    assert one.report(version="sha-2")[0] is BuildResult.PARKED
    two.parking.unpark("app-test", two.stamp())
    assert one.report(version="sha-3")[0] is BuildResult.ACCEPTED


def test_a_damaged_row_that_was_corrected_takes_the_next_build(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, _ = counted
    registry.report()
    row = dict(registry.store.read("app-test") or {})
    registry.store.put({**row, "v#tyk": {}})
    with pytest.raises(UnreadableRow):
        registry.report(version="sha-2")
    registry.store.put(row)
    assert registry.report(version="sha-2")[0] is BuildResult.ACCEPTED


def test_rows_are_known_without_their_history_and_the_oldest_is_forgotten() -> None:
    known = KnownRows()
    for number in range(ROWS + 1):
        known.keep(f"e{number}", {"name": f"e{number}", "events": [1, 2]})
    assert known.guess("e0") is None
    assert known.guess("e1") == {"name": "e1"}
    known.keep("e1", None)
    assert known.guess("e1") is None


def test_a_patch_of_a_known_environment_is_one_write(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    registry.report()
    calls.clear()
    registry.environments.patch("app-test", {"tyk-pump": "p-1"}, registry.stamp())
    assert calls == {"write": 1}


def test_a_patch_of_an_environment_that_this_process_has_not_seen_is_read_first(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    registry.report()
    registry.environments.ledger.known.keep("app-test", None)
    calls.clear()
    registry.environments.patch("app-test", {"tyk-pump": "p-1"}, registry.stamp())
    assert calls == {"read": 1, "write": 1}


def test_a_patch_keeps_what_another_process_has_changed(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    complete(registry)
    change_elsewhere(registry, {"v#tyk-pump": "theirs"})
    calls.clear()
    registry.environments.patch("app-test", {"tyk": "p-1"}, registry.stamp())
    assert calls == {"refused": 1, "write": 1}
    assert registry.versions()["tyk-pump"] == "theirs"
    assert registry.versions()["tyk"] == "p-1"
