"""Time in which an environment has run: parking stops it, and nothing counts twice."""

from gromit.core.environments import parking
from gromit.core.environments.environment import parse_environment
from gromit.core.environments.running import ran_ms
from tests.core.environments.lives import BORN, after, born, claim, sown, stamp

HOUR = 3_600_000


def test_what_was_never_applied_has_not_run() -> None:
    assert ran_ms(parse_environment(born()), BORN + HOUR) == 0


def test_what_was_never_parked_runs_since_its_creation() -> None:
    assert ran_ms(parse_environment(sown(claim(born()))), BORN + 3 * HOUR) == 3 * HOUR


def test_parked_hours_do_not_count() -> None:
    row, at = sown(claim(born())), BORN
    for day in range(1, 4):
        at += 5 * HOUR
        ran = ran_ms(parse_environment(row), at)
        row = after(row, parking.park(stamp(at), ran))
        assert ran_ms(parse_environment(row), at + 9 * HOUR) == ran == day * 5 * HOUR
        at += 19 * HOUR
        row = after(row, parking.unpark(stamp(at)))
    assert ran_ms(parse_environment(row), at + HOUR) == 16 * HOUR
