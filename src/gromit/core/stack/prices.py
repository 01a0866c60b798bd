"""Prices of AWS that the cost of environments depends on, and the cost of components.

The only place of these figures: the page of costs, the tests that compute it from a plan, and the
costs of environments all take them from here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from gromit.core.stack.contract import ContainerSettings

REGION, YEAR = "eu-central-1", 2026
"""Region and year of the prices."""
HOURS = 730
"""Hours of a month."""
_UNITS, _MIB = 1024, 1024
"""CPU units of a core, and MiB of a GiB."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars for an hour."""

    vcpu: float = 1.15 * 0.04048
    gib: float = 1.15 * 0.004445
    address: float = 0.005
    """Of a public address."""

    def with_changes(self, changes: Iterable[str]) -> Self:
        """Return prices with some of them changed, each as `vcpu=0.05`."""
        pairs = (change.partition("=") for change in changes)
        return replace(self, **{name: float(number) for name, _, number in pairs})


PRICES = Prices()


def hourly_cost(components: Iterable[ContainerSettings], prices: Prices) -> float:
    """Return the dollars that tasks of components cost in an hour, one task each."""
    return sum(
        c.cpu / _UNITS * prices.vcpu
        + c.memory / _MIB * prices.gib
        + (prices.address if c.public else 0)
        for c in components
    )
