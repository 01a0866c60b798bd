"""Settings of environments."""

import re
from typing import TYPE_CHECKING, Annotated

from gromit.config.group import SettingsGroup, setting
from gromit.config.values import InvalidValue, NameList, items_matching, read_text

# Of all commands only serve needs time zones.
if TYPE_CHECKING:
    from gromit.core.environments.weekly_hours import WeeklyHours

_SLEEP = re.compile(r"outside (?P<spans>.+) (?P<zone>\S+)")


def parse_sleep(text: str) -> "WeeklyHours":
    """Return the hours outside of which environments sleep. Raises `InvalidValue`."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from gromit.core.environments.weekly_hours import WeeklyHours, parse_spans  # noqa: PLC0415

    match = _SLEEP.fullmatch(" ".join(text.split()))
    if match is None:
        example = "outside mon-fri 07:00-20:00 Europe/Berlin"
        raise InvalidValue(f"{text!r} is not `outside HOURS ZONE`, like {example}")
    try:
        return WeeklyHours(parse_spans(match["spans"]), ZoneInfo(match["zone"]), match[0])
    except (KeyError, OSError):
        raise InvalidValue(f"this machine knows no time zone {match['zone']!r}") from None
    except ValueError as error:
        raise InvalidValue(str(error)) from error


def read_sleep(value: object) -> str:
    """Return the text of hours."""
    text = read_text(value)
    parse_sleep(text)
    return text


class EnvironmentSettings(SettingsGroup):
    """Rules for all environments."""

    protected: NameList = setting(
        default=("master", "main", "release-*"),
        description="names (with * as wildcard) of environments that are protected at creation, "
        "and that branches with a `/` do not get",
    )
    per_repository: int = setting(
        default=100,
        ge=0,
        description="environments that one repository may have; builds of more branches are "
        "refused; 0: no limit",
    )
    per_token: int = setting(
        default=200,
        ge=0,
        description="environments that one token of the gateway, or the jobs of one repository, "
        "may create; 0: no limit",
    )
    protected_per_developer: int = setting(
        default=5,
        ge=0,
        description="environments that one developer may protect; 0: no limit",
    )
    sleep: Annotated[str, read_sleep] | None = setting(
        default=None,
        description="weekly hours and their time zone, outside of which environments that no one "
        "protects or uses are parked, such as outside mon-fri 07:00-20:00 Europe/Berlin; "
        "unset: they never sleep",
    )
    prices: Annotated[
        tuple[str, ...], items_matching(r"^(vcpu|gib|address)=[0-9]{1,6}(\.[0-9]{1,9})?$")
    ] = setting(
        default=(),
        description="dollars for an hour, for the costs of environments, such as vcpu=0.05: of "
        "vcpu, gib and address (a public one); unset: estimates of eu-central-1, 2026",
    )

    @property
    def awake(self) -> "WeeklyHours | None":
        """Hours outside of which environments sleep; None if they never do."""
        return None if self.sleep is None else parse_sleep(self.sleep)
