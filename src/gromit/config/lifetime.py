"""Settings of lifetimes."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from gromit.config.group import SettingsGroup, setting
from gromit.config.values import Duration, InvalidValue, PositiveDuration, read_names
from gromit.core.time import parse_duration

# The rules of environments are many modules, and of all commands only serve needs them.
if TYPE_CHECKING:
    from gromit.core.environments.lifetime import LifetimePolicy, LifetimeRule
    from gromit.core.environments.sweep import SweepPolicy

_RULE = re.compile(r"(?P<name>[a-z0-9*?-]+)(@(?P<repository>[\w.*?-]+))?=(?P<idle>[0-9.dhms]+)")


def parse_rule(text: str) -> "LifetimeRule":
    """Return the rule in a text such as `demo-*=0` or `*@tyk-ui=30d`. Raises `InvalidValue`."""
    from gromit.core.environments.lifetime import LifetimeRule  # noqa: PLC0415

    match = _RULE.fullmatch(text)
    idle = parse_duration(match["idle"]) if match else None
    if match is None or not isinstance(idle, timedelta):
        raise InvalidValue(
            f"{text!r} is not NAME=DURATION or NAME@REPOSITORY=DURATION, like demo-*=30d"
        )
    idle_ms = int(idle.total_seconds() * 1000)
    return LifetimeRule(match["name"], match["repository"], idle_ms, text)


def read_rules(value: object) -> tuple[str, ...]:
    """Return the texts of rules."""
    rules = read_names(value)
    for rule in rules:
        parse_rule(rule)
    return rules


class LifetimeSettings(SettingsGroup):
    """Lifetimes of environments that are not used."""

    idle: Duration = setting(
        default=timedelta(days=14),
        description="time after the last build report or action of a person at which an "
        "environment expires; 0: never",
    )
    rules: Annotated[tuple[str, ...], read_rules] = setting(
        default=(),
        description="other idle times, each as NAME=DURATION or NAME@REPOSITORY=DURATION "
        "(with * as wildcard; 0: never); the first one that matches counts",
    )
    extend_max: PositiveDuration = setting(
        default=timedelta(days=90), description="longest time that `gromit env extend` accepts"
    )
    limit: int = setting(
        default=10, gt=0, description="environments that may expire within an hour"
    )
    sweep_pause: PositiveDuration = setting(
        default=timedelta(hours=6),
        description="shortest time between the two lists of branches that must lack a branch "
        "before it counts as deleted",
    )
    sweep_percent: int = setting(
        default=20,
        gt=0,
        le=100,
        description="largest share of a repository's branches in environments that one list "
        "retires, but at least one",
    )

    @property
    def policy(self) -> "LifetimePolicy":
        """The policy that these settings describe."""
        from gromit.core.environments.lifetime import LifetimePolicy  # noqa: PLC0415

        return LifetimePolicy(
            idle_ms=int(self.idle.total_seconds() * 1000),
            rules=tuple(parse_rule(rule) for rule in self.rules),
            extend_max_ms=int(self.extend_max.total_seconds() * 1000),
            limit=self.limit,
        )

    @property
    def sweep(self) -> "SweepPolicy":
        """The policy of sweeps that these settings describe."""
        from gromit.core.environments.sweep import SweepPolicy  # noqa: PLC0415

        return SweepPolicy(int(self.sweep_pause.total_seconds() * 1000), self.sweep_percent)
