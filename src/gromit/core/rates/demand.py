"""Calls that environments need of AWS, by rate, and the number of environments that a rate allows.

With K components, of which P are public, an environment needs these calls:

| rate | its creation | a build of one component | its deletion |
|---|---|---|---|
| `route53` | 3 | 3 | 2 |
| `ecs.definitions` | K | 2 | K |
| `ecs.clusters` | 1 | 0 | 1 |
| `ecs.cluster_reads` | 2 | 1 | 4 |
| `ecs.services` | K | 1 | 2 K |
| `ecs.service_reads` | K + 24 | K + 25 | 4 K + 2 |
| `ecs.task_reads` | 2 | 2 | 1 |
| `cloudmap` | 3 K | 2 K | 3 K, and the services of all environments / 100 |
| `ec2.interfaces` | 1 | 1 | K |

Terraform makes most of them; 24 reads are a rollout of a minute that is looked at every 5 s. A pass
of chitragupta reads the records in pages of 300, the interfaces in pages of 1,000 and the clusters
in pages of 100. It runs at its backstop and after each change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from gromit.core.rates.aws_rates import AWS_RATES, AwsRate

HOUR_S = 3600
ROLLOUT_READS = 24
"""Reads of services while a rollout settles: two every 5 s, for a minute."""
LOOKS_OF_REAP = 2
"""Looks at the cluster of an environment: before and after Terraform destroys it."""
_MOST = 1 << 24


@dataclass(frozen=True, slots=True)
class EnvironmentShape:
    """Number of components of each environment."""

    components: int
    public: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Changes of environments, and the pauses of chitragupta."""

    builds_per_hour: float
    """Builds of one component, for each environment."""
    lives_per_day: float = 1.0
    """Creations and deletions, for each environment."""
    backstop_s: float = 60.0
    pause_s: float = 5.0

    @property
    def lives_per_hour(self) -> float:
        """Return creations in an hour, for each environment."""
        return self.lives_per_day / 24


_Calls = Mapping[AwsRate, float]


def creation_calls(shape: EnvironmentShape) -> _Calls:
    """Return the calls of a first apply, and of its publication."""
    k = shape.components
    return {
        AwsRate.ROUTE53: 3,
        AwsRate.DEFINITIONS: k,
        AwsRate.CLUSTERS: 1,
        AwsRate.CLUSTER_READS: 2,
        AwsRate.SERVICES: k,
        AwsRate.SERVICE_READS: k + ROLLOUT_READS,
        AwsRate.TASK_READS: 2,
        AwsRate.CLOUD_MAP: 3 * k,
        AwsRate.INTERFACES: 1,
    }


def build_calls(shape: EnvironmentShape) -> _Calls:
    """Return the calls of an apply that changes one image, and of its publication."""
    k = shape.components
    return {
        AwsRate.ROUTE53: 3,
        AwsRate.DEFINITIONS: 2,
        AwsRate.CLUSTERS: 0,
        AwsRate.CLUSTER_READS: 1,
        AwsRate.SERVICES: 1,
        AwsRate.SERVICE_READS: k + 1 + ROLLOUT_READS,
        AwsRate.TASK_READS: 2,
        AwsRate.CLOUD_MAP: 2 * k,
        AwsRate.INTERFACES: 1,
    }


def deletion_calls(shape: EnvironmentShape, environments: int) -> _Calls:
    """Return the calls of reap for one environment."""
    k = shape.components
    pages = ceil(environments * k / 100)  # of Cloud Map's names, after the destroy
    return {
        AwsRate.ROUTE53: 2,
        AwsRate.DEFINITIONS: k,
        AwsRate.CLUSTERS: 1,
        AwsRate.CLUSTER_READS: 2 + LOOKS_OF_REAP,
        AwsRate.SERVICES: 2 * k,
        AwsRate.SERVICE_READS: 4 * k + 2,
        AwsRate.TASK_READS: 1,
        AwsRate.CLOUD_MAP: 3 * k + pages,
        AwsRate.INTERFACES: k,
    }


def pass_calls(shape: EnvironmentShape, environments: int) -> _Calls:
    """Return the calls of a pass of chitragupta that changes nothing."""
    return {
        AwsRate.ROUTE53: ceil((environments * (shape.public + 1) + 2) / 300),
        AwsRate.CLUSTER_READS: ceil(environments / 100),
        AwsRate.INTERFACES: max(1, ceil(environments * shape.components / 1000)),
    }


def calls_per_second(shape: EnvironmentShape, activity: Activity, environments: int) -> _Calls:
    """Return the sustained calls of all environments, by rate."""
    builds = environments * activity.builds_per_hour
    lives = environments * activity.lives_per_hour
    most = HOUR_S / max(1.0, activity.pause_s)
    passes = min(most, HOUR_S / activity.backstop_s + builds + 2 * lives)
    parts = (
        (builds, build_calls(shape)),
        (lives, creation_calls(shape)),
        (lives, deletion_calls(shape, environments)),
        (passes, pass_calls(shape, environments)),
    )
    return {
        rate: sum(count * calls.get(rate, 0) for count, calls in parts) / HOUR_S for rate in AwsRate
    }


def environments_allowed(shape: EnvironmentShape, activity: Activity, rate: AwsRate) -> int:
    """Return the largest number of environments whose calls stay within a rate."""
    limit = AWS_RATES[rate].rate.per_second
    return _largest(lambda n: calls_per_second(shape, activity, n)[rate] <= limit)


def _largest(is_enough: Callable[[int], bool]) -> int:
    """Return the largest number for which something holds that ends to hold once."""
    low, high = 0, 1
    while high < _MOST and is_enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_enough(middle) else (low, middle)
    return low
