"""Lifetimes: when an environment that is not used expires, and why.

The deadline is derived: the last activity plus the idle time that the settings give it, or the end
of an extension if that is later. So a new setting counts at once, also for environments that exist.
The row stores the activity, the extension, and the warnings that were given.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Want
from gromit.core.time import format_duration, iso

LIVE, EXPIRED = "live", "expired"
"""Parts of the index of lifetimes: environments with a deadline, and those that have expired."""
_FIRST_LEAD_MS, _LAST_LEAD_MS = 24 * 3_600_000, 3_600_000
"""Times between the two warnings and the deadline."""
WARNINGS = 2


@dataclass(frozen=True, slots=True)
class LifetimeRule:
    """Idle time of the environments that match two patterns with `*` as wildcard."""

    name: str
    repository: str | None
    """Pattern of a repository with a reported version; None matches all environments."""
    idle_ms: int
    """0: they do not expire."""
    text: str
    """The rule as the settings have it."""

    def matches(self, name: str, repositories: Iterable[str]) -> bool:
        """Whether the rule counts for an environment with reported versions of repositories."""
        if not fnmatchcase(name, self.name):
            return False
        pattern = self.repository
        return pattern is None or any(fnmatchcase(r, pattern) for r in repositories)


@dataclass(frozen=True, slots=True)
class LifetimePolicy:
    """Idle times of all environments."""

    idle_ms: int = 0
    """Idle time where no rule matches; 0: they do not expire."""
    rules: tuple[LifetimeRule, ...] = ()
    """The first rule that matches counts."""
    extend_max_ms: int = 90 * 86_400_000
    """Longest extension, from the time of the request on."""
    limit: int = 10
    """Environments that may expire within an hour."""


NO_EXPIRY = LifetimePolicy()


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When an environment expires, and why."""

    ends_ms: int | None
    """The deadline; None if it does not expire."""
    why: str
    first_lead_ms: int = 0
    """Time between the first warning and the deadline."""
    last_lead_ms: int = 0
    """Time between the last warning and the deadline."""


def lifetime_of(environment: Environment, policy: LifetimePolicy) -> Lifetime:
    """Return when an environment expires, and why."""
    if environment.want is Want.GONE:
        return Lifetime(None, "it is deleted")
    if environment.protected:
        return Lifetime(None, "it is protected")
    idle_ms, source = _idle(environment, policy)
    if not idle_ms:
        return Lifetime(None, f"{source} is 0")
    if environment.touched_ms is None:
        # A row of an older version: the next pass starts its idle time.
        return Lifetime(None, "its idle time has not started yet")
    length = format_duration(timedelta(milliseconds=idle_ms))
    why = f"{length} ({source}) after the last activity, {iso(environment.touched_ms)}"
    ends_ms = environment.touched_ms + idle_ms
    if environment.keep_until_ms > ends_ms:
        ends_ms, why = environment.keep_until_ms, f"extended, or warned late; otherwise {why}"
    first_ms, last_ms = min(_FIRST_LEAD_MS, idle_ms // 2), min(_LAST_LEAD_MS, idle_ms // 8)
    return Lifetime(ends_ms, why, first_ms, last_ms)


def _idle(environment: Environment, policy: LifetimePolicy) -> tuple[int, str]:
    """Return the idle time of an environment, and the setting that it comes from."""
    for rule in policy.rules:
        if rule.matches(environment.name, environment.reported):
            return rule.idle_ms, f"rule {rule.text}"
    return policy.idle_ms, "lifetime.idle"


def scheduled_look(at_ms: int) -> dict[str, Any]:
    """Return the attributes that schedule a look at the lifetime of an environment."""
    return {Attribute.LIFE: LIVE, Attribute.LOOK_AT: at_ms}


def activity(now_ms: int) -> dict[str, Any]:
    """Return the attributes of a change that is an activity: the idle time starts again.

    The look at once finds the deadline, which depends on what the change has left.
    """
    return {Attribute.TOUCHED: now_ms, **scheduled_look(now_ms)}
