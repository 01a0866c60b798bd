"""Access of people to running containers: its conditions, and what is recorded."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.history import HISTORY_MAX
from gromit.core.environments.row_writes import RowWrite
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.running_container import RunningContainer
from gromit.errors import Conflict, InvalidInput, NotFound
from gromit.services.exec_access import ExecAccess
from tests.fakes.running_containers import FakeRunningContainers
from tests.services.registry import CATALOGUE, Registry

RUNNING = RunningContainer(
    cluster="app-test",
    region="eu-central-1",
    task="0a1b",
    container="tyk",
    runtime="0a1b-1",
    takes_programs=True,
    is_connected=True,
)
WHO = "developer:ada"


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.report()
    return registry


def access(registry: Registry, container: RunningContainer | None = RUNNING) -> ExecAccess:
    """Access to an installation whose catalogue lets people run programs in tyk."""
    components = {n: replace(c, exec=n == "tyk") for n, c in CATALOGUE.components.items()}
    found = {} if container is None else {("app-test", "tyk"): container}
    return ExecAccess(
        registry.environments.ledger, Catalogue(components), FakeRunningContainers(found)
    )


def test_an_access_is_recorded_before_the_container_is_named(registry: Registry) -> None:
    with capture_logs() as lines:
        assert access(registry).grant("app-test", "tyk", registry.stamp(WHO)) == RUNNING
    event = registry.environments.inspect("app-test").events[-1]
    assert (event.kind, event.actor, event.text) == ("exec", WHO, "tyk, task 0a1b")
    (line,) = [line for line in lines if line["event"] == "environment.changed"]
    assert (line["by"], line["kind"], line["why"]) == (WHO, "exec", "tyk, task 0a1b")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "no task of tyk runs in app-test"),
        ({"takes_programs": False}, "was started without ECS Exec"),
        ({"is_connected": False}, "is not connected"),
        ({"runtime": ""}, "is not connected"),
    ],
)
def test_without_a_container_that_takes_programs_nothing_is_recorded(
    registry: Registry, change: dict[str, object] | None, message: str
) -> None:
    before = registry.environments.inspect("app-test").events
    container = None if change is None else replace(RUNNING, **change)  # type: ignore[arg-type]
    with pytest.raises(Conflict, match=message) as refused:
        access(registry, container).grant("app-test", "tyk", registry.stamp(WHO))
    assert refused.value.hint
    assert registry.environments.inspect("app-test").events == before


def test_only_components_that_the_catalogue_names_take_programs(registry: Registry) -> None:
    with pytest.raises(Conflict, match="does not let people run programs in redis"):
        access(registry).grant("app-test", "redis", registry.stamp(WHO))
    with pytest.raises(InvalidInput, match="no component 'typo'"):
        access(registry).grant("app-test", "typo", registry.stamp(WHO))


def test_an_environment_that_should_not_run_takes_no_programs(registry: Registry) -> None:
    with pytest.raises(NotFound):
        access(registry).grant("elsewhere", "tyk", registry.stamp(WHO))
    registry.parking.park("app-test", registry.stamp())
    marked = RowWrite(conditions=(), sets={"asleep": True})
    registry.store.write("app-test", marked)
    with pytest.raises(Conflict, match="app-test sleeps") as refused:
        access(registry).grant("app-test", "tyk", registry.stamp(WHO))
    assert refused.value.hint == "gromit env wake app-test"
    registry.store.write("app-test", RowWrite(conditions=(), removes=frozenset({"asleep"})))
    with pytest.raises(Conflict, match="app-test is parked"):
        access(registry).grant("app-test", "tyk", registry.stamp(WHO))
    registry.environments.delete("app-test", registry.stamp())
    with pytest.raises(Conflict, match="app-test is deleted"):
        access(registry).grant("app-test", "tyk", registry.stamp(WHO))


def test_a_history_that_is_full_has_room_for_one_more_access(registry: Registry) -> None:
    for _ in range(HISTORY_MAX + 1):
        access(registry).grant("app-test", "tyk", registry.stamp(WHO))
    events = registry.environments.inspect("app-test").events
    assert events[-1].kind == "exec"
    assert len(events) <= HISTORY_MAX
