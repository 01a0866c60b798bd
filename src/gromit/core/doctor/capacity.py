"""Capacities without a quota in AWS: addresses, rates of calls, and gromit's own processes.

Each is used by the environments. A capacity is close from one usage on, and wrong from another,
or when fewer environments than required fit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from gromit.core.doctor.findings import Check, Finding, ok, warning, wrong
from gromit.core.doctor.quotas import QuotaThresholds
from gromit.core.load import CpuUse, MemoryUse
from gromit.core.rates.aws_rates import AWS_RATES
from gromit.core.rates.demand import (
    Activity,
    EnvironmentShape,
    calls_per_second,
    environments_allowed,
)

PUBLIC_ADDRESSES = "vpc.public_addresses"
PRIVATE_ADDRESSES = "vpc.private_addresses"
ROLLOUTS = 4
"""Environments that are redeployed at once, for which each component needs a second address."""


FORETOLD = 10
"""Environments from which on their number is foretold from the CPU time of serve."""


@dataclass(frozen=True, slots=True)
class PlatformLoad:
    """Load of gromit's own processes, as serve knows it."""

    cpu: CpuUse | None
    memories: Mapping[str, MemoryUse]


@dataclass(frozen=True, slots=True)
class SubnetAddresses:
    """Addresses of one subnet."""

    free: int
    size: int
    """Addresses that AWS can give; it keeps five of each subnet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityUse:
    """Usage of one capacity."""

    name: str
    title: str
    unit: str
    used: float
    limit: float
    environments: int | None
    """Number of environments that it allows, existing ones included; None if not known."""
    remedy: str

    @property
    def percent(self) -> int:
        """Return the usage in percent of the limit, rounded down; 100 for a limit of zero."""
        return floor(100 * self.used / self.limit) if self.limit > 0 else 100


def address_use(
    name: str, subnets: Sequence[SubnetAddresses], each: int, environments: int
) -> CapacityUse:
    """Return the usage of the addresses of some subnets, of which an environment needs `each`.

    ECS spreads tasks evenly over the subnets, so the fullest one decides.
    """
    count = len(subnets)
    free = count * min((subnet.free for subnet in subnets), default=0) - ROLLOUTS * each
    limit = count * min((subnet.size for subnet in subnets), default=0) - ROLLOUTS * each
    return CapacityUse(
        name=name,
        title=f"{'public' if name == PUBLIC_ADDRESSES else 'private'} addresses",
        unit="addresses",
        used=limit - free,
        limit=limit,
        environments=environments + max(0, floor(free / each)),
        remedy="add subnets or larger ones in terraform/base, or delete environments",
    )


def rate_uses(
    shape: EnvironmentShape, activity: Activity, environments: int
) -> Sequence[CapacityUse]:
    """Return the usage of each rate of AWS, the tightest first."""
    calls = calls_per_second(shape, activity, environments)
    uses = [
        CapacityUse(
            name=str(rate),
            title=counted.title,
            unit="a second",
            used=calls[rate],
            limit=counted.rate.per_second,
            environments=environments_allowed(shape, activity, rate),
            remedy="ask AWS for a higher rate, raise dns.backstop, or delete environments",
        )
        for rate, counted in AWS_RATES.items()
    ]
    return sorted(uses, key=lambda use: (use.environments or 0, use.name))


def core_use(cpu: CpuUse, environments: int) -> CapacityUse:
    """Return the usage of the core of serve, which grows with the environments.

    With few environments the rest of its work hides their part, so their number is not foretold.
    """
    is_known = environments >= FORETOLD and cpu.percent > 0
    allowed = floor(environments * cpu.limit_percent / cpu.percent) if is_known else None
    return CapacityUse(
        name="serve.cpu",
        title="core of serve in its busiest minute",
        unit="% of a core",
        used=cpu.percent,
        limit=cpu.limit_percent,
        environments=allowed,
        remedy="raise serve_size in terraform/infra",
    )


def memory_use(part: str, memory: MemoryUse) -> CapacityUse:
    """Return the usage of the memory of a worker with its terraforms."""
    return CapacityUse(
        name=f"{part}.memory",
        title=f"memory of {part} with its terraforms",
        unit="MB",
        used=memory.peak_mb,
        limit=memory.limit_mb,
        environments=None,
        remedy="raise worker_size in terraform/infra, or lower sow.parallel",
    )


def judge_capacity(
    check: Check, uses: Sequence[CapacityUse], thresholds: QuotaThresholds
) -> list[Finding]:
    """One finding for each capacity, in the given order."""
    return [_judge(check, use, thresholds) for use in uses]


def judge_rates(uses: Sequence[CapacityUse], thresholds: QuotaThresholds) -> list[Finding]:
    """Return findings for rates: the tightest one, and all others that are close."""
    findings = judge_capacity(Check.RATES, uses, thresholds)
    return [f for f in findings if f is findings[0] or f.remedy]


def _judge(check: Check, use: CapacityUse, thresholds: QuotaThresholds) -> Finding:
    figures = f"{use.used:.4g} of {use.limit:g} {use.unit} used ({use.percent} %)"
    observed = f"{use.title}: {_room(use)}{figures}"
    if use.percent >= thresholds.percent or _is_short(use, thresholds.environments):
        return wrong(check, observed, use.remedy, use.name)
    if use.percent >= thresholds.warn_percent:
        return warning(check, observed, use.remedy, use.name)
    return ok(check, observed, use.name)


def _room(use: CapacityUse) -> str:
    if use.environments is None:
        return ""
    count = "1 environment" if use.environments == 1 else f"{use.environments} environments"
    return f"enough for {count}, "


def _is_short(use: CapacityUse, required: int | None) -> bool:
    return None not in {required, use.environments} and (use.environments or 0) < (required or 0)


def judge_quota_failures(failures: Mapping[str, tuple[str, str]]) -> list[Finding]:
    """Return a finding for each quota at which environments have failed.

    `failures` has the quota and its remedy for each environment.
    """
    if not failures:
        return [ok(Check.QUOTA_HIT, "no environment waits for a quota")]
    quotas = sorted({quota for quota, _ in failures.values()})
    return [_hit(quota, failures) for quota in quotas]


def _hit(quota: str, failures: Mapping[str, tuple[str, str]]) -> Finding:
    names = sorted(name for name, (hit, _) in failures.items() if hit == quota)
    shown = [*names[:_NAMES_SHOWN], *(["…"] if len(names) > _NAMES_SHOWN else [])]
    verb = "waits" if len(names) == 1 else "wait"
    count = "1 environment" if len(names) == 1 else f"{len(names)} environments"
    remedy = failures[names[0]][1].removeprefix("ask the operators of gromit: ")
    return wrong(Check.QUOTA_HIT, f"{count} {verb} for it: {', '.join(shown)}", remedy, quota)


_NAMES_SHOWN = 5
