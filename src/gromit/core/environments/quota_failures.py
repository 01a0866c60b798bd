"""Quotas that a run has hit: the words of AWS, terraform and ECS for each, and what raises it.

A quota is full until a person raises it or deletes something, so it deserves a long pause. A
throttle is no quota: it ends by itself within seconds (`THROTTLES`). The names of quotas that
`gromit doctor aws` counts are the doctor's own.
"""

import re
from dataclasses import dataclass

THROTTLES = re.compile(
    r"Throttl|RequestLimitExceeded|TooManyRequests|TooManyUpdates|[Rr]ate exceeded|SlowDown"
    r"|ProvisionedThroughputExceeded|PriorRequestNotComplete|retry quota exceeded"
    r"|Too many concurrent attempts"
)
"""Words for a rate that was exceeded. AWS writes its codes in this case, and branches have none."""

_INCREASE = "aws service-quotas request-service-quota-increase"
_CONSOLE = "request an increase in the console of Service Quotas"


@dataclass(frozen=True, slots=True)
class KnownQuota:
    """A quota, and how it is recognised and raised."""

    name: str
    """Stable name; the doctor's one for a quota that it counts."""
    title: str
    words: re.Pattern[str]
    default: int | None
    """AWS's lowest default; None if there is none, or if it depends on the resource."""
    more: str
    """Instruction to get more."""


def _from_aws(service: str, code: str) -> str:
    request = f"{_INCREASE} --service-code {service} --quota-code {code} --desired-value NUMBER"
    return f"run `{request}`"


def _words(text: str) -> re.Pattern[str]:
    return re.compile(text)


_PULLS = KnownQuota(
    "registry.pulls",
    "image pulls from a public registry",
    _words(r"[Pp]ull rate limit|\btoomanyrequests\b"),
    None,
    "copy the image to ECR, or use a mirror such as public.ecr.aws in the catalogue",
)
"""Before the throttles: its words look like one, but the rate is one of hours."""

KNOWN_QUOTAS: tuple[KnownQuota, ...] = (
    _PULLS,
    KnownQuota(
        "fargate.vcpu",
        "Fargate On-Demand vCPU",
        _words(r"reached the limit on the number of (?:vCPUs|(?:spot )?tasks)"),
        6,
        _from_aws("fargate", "L-3032A538"),
    ),
    KnownQuota(
        "fargate.capacity",
        "AWS's own capacity for Fargate in these zones",
        _words(r"[Cc]apacity is unavailable"),
        None,
        "wait, or add subnets in another zone; in a new account, compare `fargate.vcpu` as well",
    ),
    KnownQuota(
        "vpc.subnet_addresses",
        "free addresses of the subnets",
        _words(
            r"InsufficientFreeAddresses|NoFreeAddressesInSubnet|InsufficientCidrBlocks"
            r"|enough free addresses in subnet|sufficient free Ipv4 addresses"
        ),
        None,
        "add subnets or larger ones in terraform/base",
    ),
    KnownQuota(
        "vpc.security_group_rules",
        "rules of a security group",
        _words(r"RulesPerSecurityGroupLimitExceeded"),
        60,
        _CONSOLE,
    ),
    KnownQuota(
        "vpc.security_groups",
        "VPC security groups",
        _words(r"\bSecurityGroupLimitExceeded"),
        2500,
        _from_aws("vpc", "L-E79EC296"),
    ),
    KnownQuota(
        "vpc.network_interfaces",
        "network interfaces",
        _words(r"NetworkInterfaceLimitExceeded"),
        5000,
        _from_aws("vpc", "L-DF5E4CA3"),
    ),
    KnownQuota(
        "cloudmap.instances",
        "Cloud Map instances of the namespace",
        _words(r"(?i:service ?discovery|cloud map).*(?:ResourceLimit|ServiceQuota)Exceeded"),
        2000,
        _from_aws("AWSCloudMap", "L-D95E8A57"),
    ),
    KnownQuota(
        "efs.access_points",
        "EFS access points of the config file system",
        _words(r"AccessPointLimitExceeded"),
        10_000,
        _CONSOLE,
    ),
    KnownQuota(
        "route53.records",
        "records of the public zone",
        _words(r"MAX_RRSETS_BY_ZONE"),
        10_000,
        _CONSOLE,
    ),
    KnownQuota(
        "route53.zones",
        "hosted zones of the account",
        _words(r"TooManyHostedZones|MAX_HOSTED_ZONES_BY_OWNER"),
        500,
        _CONSOLE,
    ),
    KnownQuota(
        "ecs.clusters",
        "ECS clusters",
        _words(r"(?:ECS Cluster|CreateCluster).*(?:Limit|Quota)Exceeded"),
        10_000,
        _from_aws("ecs", "L-21C621EB"),
    ),
    KnownQuota(
        "ecs.services",
        "ECS services of a cluster, or tasks of a service",
        _words(
            r"(?:ECS Service|CreateService).*(?:Limit|Quota)Exceeded|[Ss]ervices limit exceeded"
            r"|Desired count exceeds limit"
        ),
        5000,
        _CONSOLE,
    ),
    KnownQuota(
        "logs.groups",
        "log groups",
        _words(r"(?:Log Group|CreateLogGroup).*LimitExceeded"),
        1_000_000,
        _CONSOLE,
    ),
    KnownQuota(
        "aws",
        "a quota of AWS that the message names",
        _words(
            r"\w*(?:Quota|Limits?)Exceeded|TooMany[A-Z]\w+|Cannot exceed quota"
            r"|[Rr]eached (?:the|your) (?:limit|quota|maximum)|Limits Exceeded"
            r"|maximum number of (?!attempts|retries)"  # which AWS's SDK writes of any failure
        ),
        None,
        _CONSOLE,
    ),
)
"""All of them; the first whose words are in a message is the one. The last one is for the rest."""

_LIMIT = re.compile(r"(?:limit|quota|maximum) of (\d[\d,]*)|Cannot exceed quota for \w+: (\d+)")
"""A limit that AWS names in its message."""


@dataclass(frozen=True, slots=True)
class QuotaHit:
    """A quota that a failure names."""

    quota: KnownQuota
    limit: str | None
    """Present limit, if the message says it."""

    @property
    def text(self) -> str:
        """Return the quota with its limit, for people."""
        quota = self.quota
        limits = [f"the limit is {self.limit}"] if self.limit else []
        limits += [f"AWS's lowest default is {quota.default:,}"] if quota.default else []
        return f"{quota.title} ({', '.join([quota.name, *limits])})"

    @property
    def remedy(self) -> str:
        """Return what a person has to do first."""
        quota = self.quota
        return (
            f"ask the operators of gromit: the quota {quota.name} is used up ({quota.title});"
            f" to get more, {quota.more}; or delete environments"
        )


def find_quota(message: str) -> QuotaHit | None:
    """Return the quota that a message of AWS, terraform or ECS names; None for a throttle."""
    if not _PULLS.words.search(message) and THROTTLES.search(message):
        return None
    for quota in KNOWN_QUOTAS:
        if quota.words.search(message):
            return QuotaHit(quota, _limit(message))
    return None


def _limit(message: str) -> str | None:
    found = _LIMIT.search(message)
    return next(filter(None, found.groups())) if found else None
