"""AWS quotas: the number of environments that each one allows, the tightest quota first.

    quota                an environment needs                            AWS's default limit
    Fargate vCPU         the CPU of all components                       6 (a new account)
    security groups      one for each component                          2,500 per region
    network interfaces   one for each task, so one for each component    5,000 per region
    Cloud Map instances  one for each task, all in the same namespace    2,000 per namespace
    EFS access points    one for each component with config files        10,000 per file system
    records of the zone  one for each public component, and one more     10,000 per zone
    ECS clusters         one                                             10,000 per region

The additional record marks the names as gromit's.
Task definitions need no check: AWS limits the revisions of a family (1,000,000) and the rate of
registration (one per second), but not the number of families. Services of a namespace are limited
only by the records of its zone, to the same number as instances.
The figures describe environments at rest: a rollout briefly runs two tasks of a component.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import floor

from gromit.core.stack.catalogue import Catalogue


class Quota(StrEnum):
    """A limit that every environment brings closer. The names are stable and appear in logs."""

    VCPU = "fargate.vcpu"
    GROUPS = "vpc.security_groups"
    INTERFACES = "vpc.network_interfaces"
    INSTANCES = "cloudmap.instances"
    ACCESS_POINTS = "efs.access_points"
    RECORDS = "route53.records"
    CLUSTERS = "ecs.clusters"


@dataclass(frozen=True, slots=True)
class DefaultLimit:
    """Limit of an account without increases, and AWS's name for the quota."""

    title: str
    limit: int


DEFAULT_LIMITS: Mapping[Quota, DefaultLimit] = {
    Quota.VCPU: DefaultLimit("Fargate On-Demand vCPU", 6),
    Quota.GROUPS: DefaultLimit("VPC security groups", 2500),
    Quota.INTERFACES: DefaultLimit("network interfaces", 5000),
    Quota.INSTANCES: DefaultLimit("Cloud Map instances of the namespace", 2000),
    Quota.ACCESS_POINTS: DefaultLimit("EFS access points of the config file system", 10_000),
    Quota.RECORDS: DefaultLimit("records of the public zone", 10_000),
    Quota.CLUSTERS: DefaultLimit("ECS clusters", 10_000),
}
"""The lowest limits that AWS documents. Many accounts get more without a request, and none less."""


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """Limit and usage of a quota, as AWS reports them."""

    limit: float | None
    """Limit of this account; None if AWS did not report it."""
    used: float | None
    """Current usage by anything in the account; None if unknown.

    An unknown usage is estimated from the environments.
    """
    problem: str = ""
    """Reason why AWS did not report the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaHeadroom:
    """Distance to a quota."""

    quota: Quota
    limit: float
    used: float
    per_environment: float
    environments: int
    """Number of environments at which this quota is exhausted, existing ones included."""
    from_aws: bool
    """Whether AWS reported the limit of this account; otherwise it is the default limit."""

    @property
    def percent(self) -> int:
        """Usage in percent of the limit, rounded down; 100 for a limit of zero."""
        return floor(100 * self.used / self.limit) if self.limit > 0 else 100


@dataclass(frozen=True, slots=True)
class QuotaThresholds:
    """Thresholds at which a quota is reported as wrong."""

    percent: int
    """Usage from which on a quota is wrong, in percent."""
    environments: int | None
    """Number of environments that every quota must allow; None: not checked."""
    warn_percent: int = 60
    """Usage from which on a capacity is close, in percent."""


def per_environment(catalogue: Catalogue) -> Mapping[Quota, Fraction]:
    """Need of one environment for each quota, by the table above."""
    components = catalogue.components.values()
    each = Fraction(len(components))
    return {
        Quota.VCPU: Fraction(sum(c.cpu for c in components), 1024),
        Quota.GROUPS: each,
        Quota.INTERFACES: each,
        Quota.INSTANCES: each,
        Quota.ACCESS_POINTS: Fraction(sum(c.config_path is not None for c in components)),
        Quota.RECORDS: Fraction(sum(c.public for c in components) + 1),
        Quota.CLUSTERS: Fraction(1),
    }


def quota_headrooms(
    usages: Mapping[Quota, QuotaUsage], costs: Mapping[Quota, Fraction], environments: int
) -> tuple[QuotaHeadroom, ...]:
    """Headroom of every quota that an environment needs, the tightest quota first.

    `environments` is the number of existing ones. Example: the shipped catalogue in a new account
    where nothing runs. 6 vCPU allow four environments of 1.5 each. The second quota is that of
    2,000 Cloud Map instances, which allows 333 environments of six.
    """
    headrooms = [
        _headroom(quota, usages.get(quota, QuotaUsage(None, None)), costs[quota], environments)
        for quota in Quota
        if costs.get(quota)
    ]
    order = list(Quota)
    return tuple(sorted(headrooms, key=lambda h: (h.environments, order.index(h.quota))))


def _headroom(quota: Quota, usage: QuotaUsage, each: Fraction, environments: int) -> QuotaHeadroom:
    limit = Fraction(DEFAULT_LIMITS[quota].limit if usage.limit is None else usage.limit)
    used = each * environments if usage.used is None else Fraction(usage.used)
    return QuotaHeadroom(
        quota=quota,
        limit=float(limit),
        used=float(used),
        per_environment=float(each),
        environments=environments + max(0, floor((limit - used) / each)),
        from_aws=usage.limit is not None,
    )
