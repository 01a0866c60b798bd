"""The canary: created, redeployed once in an interval, and successful only once it answers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Environment
from gromit.core.environments.observation import Observation
from gromit.core.environments.phases import Phase, Work
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.health import HealthCheck, HealthState, HealthStatus
from gromit.core.stack.made import MadeStack
from gromit.errors import Temporary
from gromit.services.canary import Canary, CanaryPolicy
from gromit.services.observations import Observations
from tests.services.registry import CATALOGUE, Registry

NAME, INTERVAL_MS = "canary", 3_600_000
ASKED = Catalogue(
    {
        **CATALOGUE.components,
        "tyk": replace(CATALOGUE.components["tyk"], health=HealthCheck(path="/hello")),
    }
)
WELL = {"tyk": HealthStatus(HealthState.PASS, "")}


class World:
    """A canary on a table in memory, with a sow and a chitragupta that follow the test."""

    def __init__(self, known: Catalogue = ASKED) -> None:
        self.registry = Registry()
        self.canary = Canary(self.registry.environments, known, CanaryPolicy(NAME, INTERVAL_MS))
        self.look()

    @property
    def environment(self) -> Environment:
        found = self.registry.environments.ledger.find(NAME)
        assert found is not None
        return found

    def phase(self) -> Phase:
        return self.environment.phase(self.registry.now_ms)

    def success_ms(self) -> int | None:
        return self.canary.success_ms

    def look(self, after_ms: int = 0) -> None:
        self.registry.now_ms += after_ms
        self.canary.look(self.registry.now_ms)

    def sow(self) -> int:
        """Sow the canary. Return the time."""
        now_ms = self.registry.now_ms
        found = self.registry.leases.claim(Work.SOW, Claimant("w", f"n{now_ms}"), now_ms)
        assert isinstance(found, Environment)
        fence = Fence("w", found.epoch)
        self.registry.leases.sown(NAME, fence, "n", MadeStack("h"), self.registry.stamp())
        return now_ms

    def observe(self, state: HealthState = HealthState.PASS) -> None:
        names = {"tyk": NameStatus(NameState.PUBLISHED)}
        health = {"tyk": HealthStatus(state, "")}
        seen = Observation(NAME, self.environment.epoch, {}, names, health)
        Observations(self.registry.environments.ledger, 1, 1).record([seen], self.registry.stamp())


def test_it_is_created_from_default_branches() -> None:
    world = World()
    assert world.phase() is Phase.PENDING
    assert world.environment.reported == frozenset()
    assert world.environment.versions["tyk-pump"].version == "main"


def test_one_component_is_redeployed_once_in_each_interval() -> None:
    world = World()
    world.sow()
    world.look()
    assert world.phase() is Phase.READY, "it was created in this interval"
    world.look(INTERVAL_MS)
    assert world.phase() is Phase.PENDING
    assert world.environment.redeploys.keys() == {"tyk"}
    world.sow()
    world.look(60_000)
    assert world.phase() is Phase.READY, "it was redeployed in this interval"
    world.look(INTERVAL_MS)
    assert world.phase() is Phase.PENDING


def test_a_run_succeeds_once_chitragupta_has_found_that_everything_answers() -> None:
    world = World()
    sown_ms = world.sow()
    world.look(60_000)
    assert world.success_ms() is None
    world.observe(HealthState.UNKNOWN)
    world.look()
    assert world.success_ms() is None
    world.observe()
    world.look()
    assert world.success_ms() == sown_ms
    world.look(INTERVAL_MS)
    world.sow()
    world.look()
    assert world.success_ms() == sown_ms, "the new tasks have not answered yet"


def test_without_health_checks_a_finished_run_is_a_success() -> None:
    world = World(CATALOGUE)
    sown_ms = world.sow()
    world.look()
    assert world.success_ms() == sown_ms


def test_a_canary_that_fails_has_no_success_and_is_tried_again() -> None:
    world = World()
    sown_ms = world.sow()
    world.observe()
    world.look()
    for _ in range(3):
        world.look(INTERVAL_MS)
        assert world.phase() is Phase.PENDING
    assert world.success_ms() == sown_ms


def test_a_deleted_canary_is_left_alone_until_it_is_gone() -> None:
    world = World()
    world.sow()
    world.registry.environments.delete(NAME, world.registry.stamp())
    world.look(INTERVAL_MS)
    assert world.phase() is Phase.DELETING


@pytest.fixture
def no_table() -> Callable[[], None]:
    def fail() -> None:
        raise Temporary("the table does not answer")

    return fail


def test_a_table_that_does_not_answer_stops_nothing(no_table: Callable[[], None]) -> None:
    world = World()
    world.sow()
    world.registry.store.meddling.append(no_table)
    world.look(INTERVAL_MS)
    assert world.phase() is Phase.READY
    world.look()
    assert world.phase() is Phase.PENDING


def test_without_a_component_there_is_no_canary_and_the_log_says_why() -> None:
    registry = Registry()
    with capture_logs() as logs:
        Canary(registry.environments, Catalogue({}), CanaryPolicy(NAME, INTERVAL_MS)).look(0)
    assert registry.store.read(NAME) is None
    assert [line["reason"] for line in logs if line["event"] == "canary.failed"] == [
        "the catalogue has no component, so a canary would prove nothing"
    ]


def test_a_parked_canary_is_named_once_and_is_no_success() -> None:
    world = World()
    world.sow()
    world.registry.parking.park(NAME, world.registry.stamp())
    with capture_logs() as logs:
        for _ in range(3):
            world.look(INTERVAL_MS)
    assert [line["reason"] for line in logs if line["event"] == "canary.failed"] == [
        "canary is parked, so it proves nothing: unpark it"
    ]
    assert world.success_ms() is None
    world.registry.parking.unpark(NAME, world.registry.stamp())
    world.sow()
    world.observe()
    world.look()
    assert world.success_ms() is not None
