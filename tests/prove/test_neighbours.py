"""The watch over two installations finds each kind of touch."""

from collections.abc import Callable, Iterator

import pytest

from gromit.core.stack.resources import ResourceKind
from tests.prove import neighbours
from tests.prove.installation import DOMAIN, Installation


@pytest.fixture
def pair() -> Iterator[tuple[Installation, Installation]]:
    with (
        Installation(name="team-a") as first,
        Installation(name="team-b", neighbour=first) as second,
    ):
        first.build("tyk", "master", "sha-1")
        first.sow()
        first.publish()
        yield first, second


def _remove_log_group(first: Installation, second: Installation) -> None:
    found = first.cloud.resources.existing["master"]
    (group,) = [r for r in found if r.kind is ResourceKind.LOG_GROUP]
    second.cloud.remove(second.cloud.seen(group))


def _stop_service(_first: Installation, second: Installation) -> None:
    second.cloud.scale("master", "tyk", 0)


def _take_record(_first: Installation, second: Installation) -> None:
    del second.zone.content[f"tyk.master.{DOMAIN}", "A", ""]


def _take_mark(_first: Installation, second: Installation) -> None:
    del second.zone.content[f"_gromit.master.{DOMAIN}", "TXT", ""]


def _set_state_aside(first: Installation, _second: Installation) -> None:
    del first.states.heads["master"]


@pytest.mark.parametrize(
    "touch", [_remove_log_group, _stop_service, _take_record, _take_mark, _set_state_aside]
)
def test_a_touch_is_found(
    pair: tuple[Installation, Installation],
    touch: Callable[[Installation, Installation], None],
) -> None:
    first, second = pair
    side = neighbours.Side(first, ("master",))
    before = side.contents()
    assert before["resources"]
    assert before["records"]
    touch(first, second)
    assert side.contents() != before


def test_a_removal_is_a_violation(pair: tuple[Installation, Installation]) -> None:
    first, second = pair
    _remove_log_group(first, second)
    assert second.cloud.violations == [
        "team-b removed log group /gromit/master (of the installation team-a)"
    ]


def test_the_second_one_is_refused_by_the_name_of_the_first(
    pair: tuple[Installation, Installation],
) -> None:
    first, second = pair
    before = neighbours.Side(first, ("master",)).contents()
    second.build("tyk", "master", "sha-2")
    second.sow()
    second.publish()
    found = second.environment("master")
    assert found is not None
    assert found["phase"] == "failed"
    assert "belongs to the installation team-a" in found["error"]["message"]
    assert neighbours.Side(first, ("master",)).contents() == before
