"""The quotas as the doctor tells them: the nearest wall first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gromit.core.doctor.findings import Check, Finding, FindingStatus, skipped
from gromit.core.doctor.quotas import DEFAULT_LIMITS, Quota, QuotaHeadroom, QuotaUsage


@dataclass(frozen=True, slots=True)
class QuotaThresholds:
    """When a wall is too near."""

    percent: int
    """So much of a quota may be used."""
    environments: int | None
    """So many environments have to fit; None: those that exist."""


def judge_quotas(
    walls: Sequence[QuotaHeadroom], usages: Mapping[Quota, QuotaUsage], wanted: QuotaThresholds
) -> list[Finding]:
    """One finding for each wall, in the order given. A limit that AWS has not told is the usual one, and nothing is wrong by it."""
    return [
        _judge(w, usages.get(w.quota, QuotaUsage(None, None)), wanted, first=w is walls[0])
        for w in walls
    ]


def _judge(
    wall: QuotaHeadroom, usage: QuotaUsage, wanted: QuotaThresholds, *, first: bool
) -> Finding:
    title = DEFAULT_LIMITS[wall.quota].title
    where = f"{'next wall: ' if first else ''}{title} at {wall.environments} environments"
    if not wall.told:
        why = f": {usage.problem}" if usage.problem else ""
        return skipped(
            Check.QUOTA,
            f"{where}, if the limit is AWS's usual {wall.limit:g} (not told{why})",
            wall.quota,
        )
    seen = f"{where}: {wall.used:g} of {wall.limit:g} used ({wall.percent} %), {wall.per_environment:g} an environment"
    near = wall.percent >= wanted.percent or (
        wanted.environments is not None and wall.environments < wanted.environments
    )
    return Finding(
        check=Check.QUOTA,
        subject=wall.quota,
        state=FindingStatus.WRONG if near else FindingStatus.OK,
        seen=seen,
        remedy=f"ask AWS for more {title}{_by_how_much(wall, wanted)}, or let environments go"
        if near
        else "",
        wall=wall,
    )


def _by_how_much(wall: QuotaHeadroom, wanted: QuotaThresholds) -> str:
    missing = (wanted.environments or 0) - wall.environments
    return (
        f" ({missing} environments more are {missing * wall.per_environment:g})"
        if missing > 0
        else ""
    )
