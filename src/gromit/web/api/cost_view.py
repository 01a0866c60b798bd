"""Cost of an environment as clients see it."""

from dataclasses import dataclass

from gromit.core.environments.environment import Environment
from gromit.core.environments.running import ran_ms
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.prices import HOURS, Prices, hourly_cost

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class CostView:
    """Estimated cost in US dollars: tasks and public addresses, without traffic and storage."""

    month: float
    """Of 730 hours in which it runs; one that is parked costs nothing."""
    so_far: float
    """Since its creation, without the time in which it was parked, at today's sizes and prices."""
    ran_s: int
    """Seconds in which it has run since its creation."""


def cost_view(
    environment: Environment, catalogue: Catalogue, prices: Prices, now_ms: int
) -> CostView | None:
    """Return the cost of an environment, by the sizes that the catalogue has now.

    None if it is not known which components it has.
    """
    if environment.made is None:
        return None
    known = catalogue.components
    found = [known[c.name] for c in environment.made.components if c.name in known]
    hourly, ran = hourly_cost(found, prices), ran_ms(environment, now_ms)
    return CostView(round(hourly * HOURS, 2), round(hourly * ran / _HOUR_MS, 2), ran // 1000)
