"""AWS's quotas against the number of environments: where the next wall is, and how many environments stand before it.

    quota                 an environment takes                                 AWS's usual limit
    Fargate vCPU          the cpu of all components                            6 (a new account)
    security groups       one a component                                      2,500 a region
    network interfaces    one a task, so one a component                       5,000 a region
    Cloud Map instances   one a task, all in the one namespace                 2,000 a namespace
    EFS access points     one a component with config files                    10,000 a file system
    records of the zone   one a public component, and the mark of ownership    10,000 a zone
    ECS clusters          one                                                  10,000 a region

Task definitions are no wall: AWS limits the revisions of a family (1,000,000), not the families, and their registration only by
rate (one a second). Services of a namespace are limited by nothing but the records of its zone, as many as instances.
The figures count environments at rest: while a component is rolled over, its task is there twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import floor

from gromit.core.stack.catalogue import Catalogue


class Quota(StrEnum):
    """A limit that grows near with every environment. The names are stable, and stand in logs."""

    VCPU = "fargate.vcpu"
    GROUPS = "vpc.security_groups"
    INTERFACES = "vpc.network_interfaces"
    INSTANCES = "cloudmap.instances"
    ACCESS_POINTS = "efs.access_points"
    RECORDS = "route53.records"
    CLUSTERS = "ecs.clusters"


@dataclass(frozen=True, slots=True)
class DefaultLimit:
    """What AWS gives an account that has asked for nothing, and what it calls that."""

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
"""The lowest figures that AWS documents: many accounts get more without asking, and none gets less than it is told here."""


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """What AWS says of one quota."""

    limit: float | None
    """How much is allowed; None if AWS did not say."""
    used: float | None
    """How much is in use, by whomever; None if AWS did not say: then it is reckoned from the environments."""
    problem: str = ""
    """Why AWS did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaHeadroom:
    """Where one quota ends."""

    quota: Quota
    limit: float
    used: float
    per_environment: float
    environments: int
    """As many exist when nothing more fits: those that exist now, and those for which there is room."""
    told: bool
    """AWS has said the limit of this account; else it is the usual one."""

    @property
    def percent(self) -> int:
        """How much of it is used; 100 also for a limit of nothing."""
        return floor(100 * self.used / self.limit) if self.limit > 0 else 100


def per_environment(catalogue: Catalogue) -> Mapping[Quota, Fraction]:
    """What one environment takes of each quota, by the table above."""
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
    """All walls, the nearest first; a quota of which an environment takes nothing is none.

    `environments` are those that exist. The shipped catalogue in a new account, where nothing runs: 6 vCPU are four environments of
    1.5 each, and the next wall is that of 2,000 Cloud Map instances, 333 environments of six.
    """
    found = [
        _wall(q, usages.get(q, QuotaUsage(None, None)), costs[q], environments)
        for q in Quota
        if costs.get(q)
    ]
    return tuple(sorted(found, key=lambda w: (w.environments, list(Quota).index(w.quota))))


def _wall(quota: Quota, usage: QuotaUsage, each: Fraction, environments: int) -> QuotaHeadroom:
    limit = Fraction(DEFAULT_LIMITS[quota].limit if usage.limit is None else usage.limit)
    used = each * environments if usage.used is None else Fraction(usage.used)
    return QuotaHeadroom(
        quota=quota,
        limit=float(limit),
        used=float(used),
        per_environment=float(each),
        environments=environments + max(0, floor((limit - used) / each)),
        told=usage.limit is not None,
    )
