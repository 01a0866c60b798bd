"""Settings of environments: sleep and prices."""

import pytest

from gromit.config.load import load_settings
from gromit.errors import ConfigError

SLEEP, PRICES = "GROMIT_ENVIRONMENTS_SLEEP", "GROMIT_ENVIRONMENTS_PRICES"


def test_hours_and_their_zone_are_read() -> None:
    given = "outside mon-fri 07:00-20:00, sat 09:00-13:00 Europe/Berlin"
    awake = load_settings({SLEEP: given}).settings.environments.awake
    assert awake is not None
    assert (len(awake.spans), str(awake.zone), awake.text) == (6, "Europe/Berlin", given)
    assert load_settings({}).settings.environments.awake is None


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        (SLEEP, "mon-fri 07:00-20:00 Europe/Berlin", "is not `outside HOURS ZONE`"),
        (SLEEP, "outside mon-fri 07:00-20:00", "is not DAYS HH:MM-HH:MM"),
        (SLEEP, "outside mon 07:00-08:00 Nowhere/Town", "knows no time zone 'Nowhere/Town'"),
        (SLEEP, "outside mon 07:00-08:00 ../../etc/passwd", "ZoneInfo keys"),
        (PRICES, "vcpu=free", "should match pattern"),
        (PRICES, "ram=1", "should match pattern"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, value: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        load_settings({name: value})
