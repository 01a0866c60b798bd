"""Replacement of all versions: what it costs, and what it does to rows that it has not read."""

from collections.abc import Mapping
from typing import Any

import pytest

from gromit.core.environments.environment import Source
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import Row, RowWrite, WriteResult
from gromit.errors import Conflict, UnreadableRow
from tests.services.registry import CATALOGUE, MeddledStore, Registry

ALL = dict.fromkeys(sorted(CATALOGUE.repositories), "sha")
ONE = {"tyk": "sha"}


class CountingStore(MeddledStore):
    """A table that counts its reads, without the one within each of its writes."""

    reads = 0

    def read(self, name: str) -> Row | None:
        """Count the read."""
        self.reads += 1
        return super().read(name)

    def write(self, name: str, write: RowWrite) -> WriteResult:
        """Do not count what the store in memory reads itself."""
        outcome = super().write(name, write)
        self.reads -= 1
        return outcome


def cost(registry: Registry, versions: Mapping[str, str]) -> int:
    """Return the calls to the table and to the registries that one replacement takes."""
    store = registry.store
    assert isinstance(store, CountingStore)
    registry.images.asked.clear()
    store.reads, store.writes = 0, 0
    registry.environments.put("app-test", versions, registry.stamp())
    # The registries of AWS need one call for each repository.
    asked = {repository for query in registry.images.asked for repository, _ in query}
    return len(asked) + store.writes + store.reads


@pytest.fixture
def registry() -> Registry:
    return Registry(store=CountingStore())


@pytest.mark.parametrize("exists", [True, False], ids=["existing", "new"])
@pytest.mark.parametrize("versions", [ALL, ONE, {}], ids=["all", "one", "none"])
def test_a_replacement_costs_one_call_and_one_for_each_other_repository(
    registry: Registry, versions: dict[str, str], *, exists: bool
) -> None:
    if exists:
        registry.report()
    assert cost(registry, versions) == 1 + len(CATALOGUE.repositories - set(versions))


def test_the_history_says_that_it_was_created_and_with_what(registry: Registry) -> None:
    environment = registry.environments.put("app-test", ONE, registry.stamp("op"))
    assert [(e.kind, e.actor) for e in environment.events] == [
        ("created", "op"),
        ("replaced", "op"),
    ]
    again = registry.environments.put("app-test", ALL, registry.stamp("op"))
    assert [e.kind for e in again.events] == ["created", "replaced", "replaced"]
    assert (again.incarnation, again.created_ms) == (
        environment.incarnation,
        environment.created_ms,
    )
    assert (again.generation, again.revision) == (2, 2)


def test_a_protected_name_is_protected_from_the_first_replacement_on(registry: Registry) -> None:
    assert registry.environments.put("master", ONE, registry.stamp()).protected
    registry.environments.protect("master", protected=False, stamp=registry.stamp())
    assert not registry.environments.put("master", ONE, registry.stamp()).protected


def test_versions_of_repositories_that_are_not_known_any_longer_go_too(registry: Registry) -> None:
    registry.report()
    row = dict(registry.store.read("app-test") or {})
    registry.store.put({**row, "v#portal": "sha-9", "r#portal": "app-test"})
    environment = registry.environments.put("app-test", ONE, registry.stamp())
    assert "portal" not in environment.versions
    assert "r#portal" not in (registry.store.read("app-test") or {})


def test_a_deleted_environment_is_brought_back(registry: Registry) -> None:
    registry.report()
    registry.environments.delete("app-test", registry.stamp())
    environment = registry.environments.put("app-test", ONE, registry.stamp())
    assert (environment.want, environment.incarnation) == (Want.UP, "incarnation-1")
    assert environment.versions["tyk-pump"].source is Source.DEFAULT


DAMAGE: dict[str, dict[str, Any]] = {
    "history": {"events": ["x"]},
    "history, no list": {"events": 5},
    "counter": {"generation": "two"},
    "version": {"v#tyk": 7},
    "failure": {"last_error": "no"},
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_row_is_as_before_and_nothing_is_announced(registry: Registry, kind: str) -> None:
    registry.report()
    before = {**(registry.store.read("app-test") or {}), **DAMAGE[kind]}
    registry.store.put(before)
    registry.announcer.heard.clear()
    with pytest.raises(UnreadableRow):
        registry.environments.put("app-test", ALL, registry.stamp())
    assert registry.store.read("app-test") == before
    assert registry.announcer.heard == []


@pytest.mark.parametrize("state", ["new", "deleted"])
def test_a_row_of_gromit_v1_is_left_alone(registry: Registry, state: str) -> None:
    flat = {"name": "app-test", "state": state, "tyk": "x"}
    registry.store.put(flat)
    with pytest.raises(Conflict, match="from gromit v1"):
        registry.environments.put("app-test", ALL, registry.stamp())
    assert registry.store.read("app-test") == flat
