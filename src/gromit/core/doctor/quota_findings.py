"""Findings about quotas: the tightest quota first."""

from collections.abc import Mapping, Sequence

from gromit.core.doctor.findings import Check, Finding, FindingStatus, skipped
from gromit.core.doctor.quotas import (
    DEFAULT_LIMITS,
    Quota,
    QuotaHeadroom,
    QuotaThresholds,
    QuotaUsage,
)


def judge_quotas(
    headrooms: Sequence[QuotaHeadroom],
    usages: Mapping[Quota, QuotaUsage],
    thresholds: QuotaThresholds,
) -> list[Finding]:
    """One finding for each quota, in the given order.

    A quota is skipped if AWS did not report its limit: the default limit raises no alarm.
    """
    return [
        _judge(
            headroom,
            usages.get(headroom.quota, QuotaUsage(None, None)),
            thresholds,
            is_first=headroom is headrooms[0],
        )
        for headroom in headrooms
    ]


def _judge(
    headroom: QuotaHeadroom, usage: QuotaUsage, thresholds: QuotaThresholds, *, is_first: bool
) -> Finding:
    title = DEFAULT_LIMITS[headroom.quota].title
    prefix = "tightest quota: " if is_first else ""
    room = f"{prefix}{title}: enough for {_environments(headroom.environments)}"
    if not headroom.from_aws:
        reason = f": {usage.problem}" if usage.problem else ""
        return skipped(
            Check.QUOTA,
            f"{room} at AWS's default limit of {headroom.limit:g} (limit not reported{reason})",
            headroom.quota,
        )
    is_close = _is_close(headroom, thresholds)
    amount = _missing_amount(headroom, thresholds)
    return Finding(
        check=Check.QUOTA,
        subject=headroom.quota,
        state=FindingStatus.WRONG if is_close else FindingStatus.OK,
        observed=f"{room}, {_figures(headroom)}",
        remedy=f"request more {title} from AWS{amount}, or delete environments" if is_close else "",
        headroom=headroom,
    )


def _is_close(headroom: QuotaHeadroom, thresholds: QuotaThresholds) -> bool:
    if headroom.percent >= thresholds.percent:
        return True
    return thresholds.environments is not None and headroom.environments < thresholds.environments


def _figures(headroom: QuotaHeadroom) -> str:
    used = f"{headroom.used:g} of {headroom.limit:g} used ({headroom.percent} %)"
    return f"{used}, {headroom.per_environment:g} per environment"


def _missing_amount(headroom: QuotaHeadroom, thresholds: QuotaThresholds) -> str:
    """Amount to request, in brackets; empty if all required environments fit."""
    missing = (thresholds.environments or 0) - headroom.environments
    if missing <= 0:
        return ""
    return f" ({missing * headroom.per_environment:g} more for {_environments(missing)})"


def _environments(count: int) -> str:
    return "1 environment" if count == 1 else f"{count} environments"
