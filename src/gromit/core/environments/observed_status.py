"""Status of an environment as an observation found it: problems, public names and health."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.row_writes import Row
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.health import HealthState, HealthStatus


@dataclass(frozen=True, slots=True)
class Degradation:
    """Components that do not run, or do not work, although the environment was ready."""

    at_ms: int
    """Instant at which the first of them was found."""
    components: Mapping[str, str]
    """Component to the reason."""

    @property
    def reason(self) -> str:
        """Return all reasons in one line."""
        return "; ".join(f"{name}: {why}" for name, why in sorted(self.components.items()))

    def to_row(self) -> dict[str, Any]:
        """Return the value of the row's attribute."""
        return {"at": self.at_ms, "components": dict(self.components)}

    @classmethod
    def from_row(cls, row: Row) -> "Degradation | None":
        """Return what a row stores; None if the environment is not degraded."""
        value = row.get(Attribute.PROBLEMS)
        return cls(value["at"], dict(value["components"])) if value else None


@dataclass(frozen=True, slots=True)
class Repairs:
    """Repairs that were scheduled one after the other."""

    times: int
    at_ms: int
    """Instant of the last one."""

    def to_row(self) -> dict[str, Any]:
        """Return the value of the row's attribute."""
        return {"times": self.times, "at": self.at_ms}

    @classmethod
    def from_row(cls, row: Row) -> "Repairs | None":
        """Return what a row stores; None if there was no repair."""
        value = row.get(Attribute.REPAIRS)
        return cls(value["times"], value["at"]) if value else None


def names_to_row(names: Mapping[str, NameStatus]) -> dict[str, Any]:
    """Return the value of the row's attribute for the status of public names."""
    return _statuses_to_row(names)


def names_from_row(row: Row) -> dict[str, NameStatus]:
    """Return the status of public names that a row stores.

    A state of a later release counts as unknown.
    """
    return {
        component: NameStatus(NameState(state), reason)
        for component, state, reason in _known_statuses(row, Attribute.DNS, NameState)
    }


def health_to_row(health: Mapping[str, HealthStatus]) -> dict[str, Any]:
    """Return the value of the row's attribute for the health of components."""
    return _statuses_to_row(health)


def health_from_row(row: Row) -> dict[str, HealthStatus]:
    """Return the health of components that a row stores.

    A state of a later release counts as unknown.
    """
    return {
        component: HealthStatus(HealthState(state), reason)
        for component, state, reason in _known_statuses(row, Attribute.HEALTH, HealthState)
    }


def _statuses_to_row(statuses: Mapping[str, NameStatus | HealthStatus]) -> dict[str, Any]:
    return {c: {"state": s.state.value, "reason": s.reason} for c, s in sorted(statuses.items())}


def _known_statuses(
    row: Row, attribute: Attribute, states: Iterable[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield component, state and reason of each stored status whose state is known."""
    known = frozenset(states)
    for component, value in sorted(row.get(attribute, {}).items()):
        if value["state"] in known:
            yield component, value["state"], value["reason"]


def components_to_repair(
    problems: Iterable[str], health: Mapping[str, HealthStatus]
) -> frozenset[str]:
    """Return the components among the `problems` that an apply may repair: those that do not run.

    One with a bad answer of its own program runs as it was applied.
    """
    return frozenset(c for c in problems if c not in health or health[c].is_good)
