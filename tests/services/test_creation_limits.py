"""Limits of new environments, and what counting them costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Work
from gromit.errors import Conflict
from gromit.ports import RowPage
from gromit.services.creation_limits import FRESH_MS, RECOUNT_MS, CreationLimits
from gromit.services.reporting import BuildResult
from tests.services.registry import MeddledStore, Registry


class _CountedStore(MeddledStore):
    """A table that counts its listings."""

    listings = 0

    def page(
        self, after: str | None, limit: int, attributes: Sequence[str] | None = None
    ) -> RowPage:
        """Return one page, and count a listing with the first one."""
        self.listings += after is None
        return super().page(after, limit, attributes)


@dataclass
class _Limited(Registry):
    store: MeddledStore = field(default_factory=_CountedStore)
    limits: CreationLimits = field(default_factory=lambda: CreationLimits(3, 4))

    @property
    def listings(self) -> int:
        assert isinstance(self.store, _CountedStore)
        return self.store.listings

    def fill(self, count: int, *, repository: str = "tyk", requester: str | None = None) -> None:
        for number in range(count):
            self.report(repository, ref=f"{repository}-{number}", requester=requester)


@pytest.fixture
def registry() -> _Limited:
    return _Limited()


def test_a_repository_has_as_many_environments_as_it_may(registry: _Limited) -> None:
    registry.fill(3)
    with pytest.raises(Conflict, match=r"^tyk has 3 environments") as refused:
        registry.report("tyk", ref="one-more")
    assert "environments.per_repository" in str(refused.value.hint)
    assert "gromit env list --repository tyk" in str(refused.value.hint)
    assert registry.store.read("one-more") is None
    assert registry.report("tyk-pump", ref="one-more")[0] is BuildResult.ACCEPTED


def test_builds_of_known_environments_are_never_refused(registry: _Limited) -> None:
    registry.fill(3)
    registry.report("tyk-pump", ref="joined")
    assert registry.report("tyk", "sha-2", "tyk-0")[0] is BuildResult.ACCEPTED
    assert registry.report("tyk", "sha-2", "tyk-0")[0] is BuildResult.DUPLICATE
    assert registry.report("tyk", "sha-2", "joined")[0] is BuildResult.ACCEPTED
    registry.environments.delete("tyk-0", registry.stamp())
    assert registry.report("tyk", "sha-3", "tyk-0")[0] is BuildResult.ACCEPTED


def test_a_token_has_as_many_environments_of_all_repositories_as_it_may(
    registry: _Limited,
) -> None:
    registry.fill(2, repository="tyk", requester="id0")
    registry.fill(2, repository="tyk-pump", requester="id0")
    with pytest.raises(Conflict, match=r"^token id0 has 4 environments") as refused:
        registry.report("tyk", ref="one-more", requester="id0")
    assert "environments.per_token" in str(refused.value.hint)
    assert registry.report("tyk", ref="one-more", requester="id1")[0] is BuildResult.ACCEPTED


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda r: r.environments.delete("tyk-0", r.stamp()), id="delete"),
        pytest.param(lambda r: r.environments.retire("tyk-0", "tyk", r.stamp()), id="retire"),
    ],
)
def test_a_deletion_makes_room_within_seconds(
    registry: _Limited, end: Callable[[Registry], None]
) -> None:
    registry.fill(3, requester="id0")
    end(registry)
    with pytest.raises(Conflict):
        registry.report("tyk", ref="one-more")
    registry.now_ms += RECOUNT_MS
    assert registry.report("tyk", ref="one-more")[0] is BuildResult.ACCEPTED


def test_a_reborn_environment_belongs_to_the_token_that_revived_it(registry: _Limited) -> None:
    registry.fill(1, requester="id0")
    row = registry.store.read("tyk-0")
    assert row is not None
    assert row["requester"] == "id0"
    registry.environments.delete("tyk-0", registry.stamp())
    registry.now_ms += registry.grace_ms
    claimed = registry.leases.claim(Work.REAP, Claimant("w", "n"), registry.now_ms)
    assert isinstance(claimed, Environment)
    registry.leases.reaped("tyk-0", Fence("w", claimed.epoch), "n", registry.stamp())
    registry.report("tyk", "sha-2", "tyk-0")
    row = registry.store.read("tyk-0")
    assert row is not None
    assert "requester" not in row


def test_a_flood_of_new_branches_costs_one_listing_in_some_seconds(registry: _Limited) -> None:
    refused = 0
    for number in range(200):
        try:
            registry.report("tyk", ref=f"branch-{number}")
        except Conflict:
            refused += 1
        registry.now_ms += 100
    assert refused == 197
    assert registry.listings <= 1 + 200 * 100 // RECOUNT_MS


def test_many_builds_of_known_environments_cost_no_listing(registry: _Limited) -> None:
    registry.fill(2)
    assert registry.listings == 1
    for number in range(50):
        registry.report("tyk", f"sha-{number}", "tyk-0")
        registry.now_ms += FRESH_MS
    assert registry.listings == 1


@pytest.mark.parametrize(("repositories", "tokens"), [(0, 4), (3, 0), (0, 0)])
def test_0_is_no_limit(repositories: int, tokens: int) -> None:
    registry = _Limited(limits=CreationLimits(repositories, tokens))
    if repositories:
        registry.fill(3, requester="id0")
        registry.fill(3, repository="tyk-pump", requester="id0")
    if tokens:
        registry.fill(4, requester="id0")
        with pytest.raises(Conflict, match="token id0"):
            registry.report("tyk", ref="one-more", requester="id0")
    if not repositories and not tokens:
        registry.fill(20, requester="id0")
        assert registry.listings == 0


def test_another_serve_is_counted_within_a_minute(registry: _Limited) -> None:
    registry.fill(2)
    other = Registry(store=registry.store)
    other.report("tyk", ref="of-the-other")
    registry.now_ms += FRESH_MS
    with pytest.raises(Conflict):
        registry.report("tyk", ref="one-more")


def test_v1_rows_and_damaged_rows_do_not_disturb_the_count(registry: _Limited) -> None:
    registry.store.put({"name": "old", "state": "processed", "tyk": "sha"})
    registry.store.put({"name": "odd", "want": 7, "v#tyk": 3, "requester": ["x"]})
    registry.fill(3)
    with pytest.raises(Conflict):
        registry.report("tyk", ref="one-more")
