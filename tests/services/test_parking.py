"""Parking at serve: requests, builds meanwhile, and races."""

import pytest

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Phase, Work
from gromit.core.stack.made import MadeStack
from gromit.errors import Conflict, NotFound
from gromit.services.leases import NoWorkAvailable
from gromit.services.reporting import BuildResult
from tests.services.registry import Registry


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.report()
    work_off(registry)
    return registry


def claim(registry: Registry) -> Environment | None:
    found = registry.leases.claim(Work.SOW, Claimant("w", f"n{registry.now_ms}"), registry.now_ms)
    registry.now_ms += 1
    return None if isinstance(found, NoWorkAvailable) else found


def work_off(registry: Registry) -> Environment:
    """Sow the environment that is due, and return it as it was claimed."""
    found = claim(registry)
    assert found
    assert found.lease
    fence = registry.fence(found)
    registry.leases.sown(found.name, fence, found.lease.claim_id, MadeStack("h"), registry.stamp())
    return found


def park(registry: Registry) -> Environment:
    return registry.parking.park("app-test", registry.stamp("operator:alice"))


def unpark(registry: Registry) -> Environment:
    return registry.parking.unpark("app-test", registry.stamp("operator:alice"))


def test_builds_of_a_parked_environment_wait_for_it_to_be_unparked(registry: Registry) -> None:
    assert park(registry).phase(registry.now_ms) is Phase.PENDING
    assert work_off(registry).parked
    assert registry.phase() is Phase.PARKED
    for version in ("sha-2", "sha-3"):
        result, environment = registry.report(version=version)
        assert (result, environment.phase(registry.now_ms)) == (BuildResult.PARKED, Phase.PARKED)
    assert registry.report(version="sha-3")[0] is BuildResult.DUPLICATE
    assert claim(registry) is None
    assert [e.kind for e in registry.environments.inspect("app-test").events][-2:] == ["build"] * 2
    unpark(registry)
    back = work_off(registry)
    assert (back.parked, back.versions["tyk"].version) == (False, "sha-3")
    assert registry.phase() is Phase.READY


def test_a_repeated_request_changes_nothing(registry: Registry) -> None:
    generation = park(registry).generation
    assert park(registry).generation == generation
    unpark(registry)
    assert unpark(registry).generation == generation + 1


def test_a_park_between_the_read_and_the_write_of_a_build_is_not_overlooked(
    registry: Registry,
) -> None:
    registry.store.meddling = [lambda: park(registry)]
    assert registry.report(version="sha-2")[0] is BuildResult.PARKED
    registry.store.meddling = [lambda: unpark(registry)]
    assert registry.report(version="sha-3")[0] is BuildResult.ACCEPTED
    assert registry.versions()["tyk"] == "sha-3"


def test_what_is_not_up_is_not_parked(registry: Registry) -> None:
    registry.environments.delete("app-test", registry.stamp())
    with pytest.raises(Conflict, match="app-test is deleted"):
        park(registry)
    with pytest.raises(NotFound):
        registry.parking.park("nowhere", registry.stamp())
