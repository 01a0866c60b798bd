"""Plan of sow and reap: the action for every environment, and its reason.

`--dry-run` and `gromit plan` show it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gromit.core.environments.phases import UNREADABLE, Phase, Work
from gromit.core.environments.work import is_claimable
from gromit.core.time import Millis, parse_iso


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSummary:
    """Facts about one environment that decide its action."""

    name: str
    phase: Phase
    generation: int
    observed: int
    due_in_s: float
    """Seconds until its work is due; negative if it is overdue, infinite without work."""
    protected: bool
    attempts: int
    holder: str | None
    suspended: str | None = None
    """By whom, since when and why workers are kept from it; None if they are not."""


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """Action for one environment."""

    name: str
    action: str
    """`sow`, `reap` or `none`."""
    why: str


def unreadable_action(row: Mapping[str, Any]) -> PlannedAction:
    """Return the action for a row that serve cannot read, from serve's JSON view of it."""
    return PlannedAction(row["name"], "none", row["error"]["message"])


def environment_summary(view: Mapping[str, Any], now_ms: Millis) -> EnvironmentSummary:
    """Return the facts in serve's JSON view of an environment."""
    return EnvironmentSummary(
        name=view["name"],
        phase=Phase(view["phase"]),
        generation=view["generation"],
        observed=view["observed"],
        due_in_s=(parse_iso(view["due"]) - now_ms) / 1000 if view["due"] else math.inf,
        protected=view["protected"],
        attempts=view["attempts"],
        holder=view["lease"]["holder"] if view["lease"] else None,
        # A serve of an earlier release has no suspensions.
        suspended=view["suspended"]["text"] if view.get("suspended") else None,
    )


def plan_of_views(
    kind: Work, views: Iterable[Mapping[str, Any]], now_ms: Millis, limit: int | None
) -> list[PlannedAction]:
    """Return one action for each environment in serve's JSON views, also of unreadable rows."""
    listed = list(views)
    readable = [environment_summary(e, now_ms) for e in listed if e["phase"] != UNREADABLE]
    unreadable = [unreadable_action(e) for e in listed if e["phase"] == UNREADABLE]
    return [*plan(kind, readable, limit), *unreadable]


def plan(
    kind: Work, environments: Iterable[EnvironmentSummary], limit: int | None
) -> list[PlannedAction]:
    """Return one action for each environment: those with work first, by due time.

    Work that failed before comes after untried work, as serve hands work out.

    | phase            | sow                          | reap                                     |
    |------------------|------------------------------|------------------------------------------|
    | pending          | sow                          | none: desired                            |
    | failed           | sow when due                 | none: desired                            |
    | sowing, reaping  | none: a worker has it        | none: a worker has it                    |
    | ready            | none: it is up to date       | none: desired                            |
    | degraded         | sow when due, if it is       | none: desired                            |
    | deleting         | none: work of reap           | reap after the grace, if not protected   |

    A suspended environment is left alone. Actions beyond `limit` become `none`, because one pass
    finishes at most that many.
    """
    ordered = sorted(environments, key=lambda e: (e.attempts > 0, e.due_in_s, e.name))
    items = [_item(kind, e) for e in ordered]
    chosen = [i for i in items if i.action != "none"]
    idle = [i for i in items if i.action == "none"]
    if not limit:
        return [*chosen, *idle]
    over_limit = [_over_limit(i, limit) for i in chosen[limit:]]
    return [*chosen[:limit], *over_limit, *idle]


def _over_limit(item: PlannedAction, limit: int) -> PlannedAction:
    return PlannedAction(item.name, "none", f"{item.why}; but one pass does at most {limit}")


def _item(kind: Work, e: EnvironmentSummary) -> PlannedAction:
    # The rule of a claim decides; the functions below only find the reason.
    if is_claimable(kind, e.phase, due=e.due_in_s <= 0, protected=e.protected):
        if e.suspended is not None:
            return PlannedAction(e.name, "none", f"it is {e.suspended}")
        return PlannedAction(e.name, kind, _why_work(kind, e))
    return PlannedAction(e.name, "none", _why_none(kind, e))


def _why_work(kind: Work, e: EnvironmentSummary) -> str:
    if kind is Work.REAP:
        return "it is deleted, and its grace period is over"
    if e.phase is Phase.DEGRADED:
        return f"generation {e.generation} was applied, but a part of it does not run"
    observed = f"generation {e.observed} was applied" if e.observed else "none was applied yet"
    return f"generation {e.generation} is desired, {observed}"


def _why_none(kind: Work, e: EnvironmentSummary) -> str:
    match e.phase:
        case Phase.SOWING | Phase.REAPING:
            return f"{e.holder} is working on it"
        case Phase.DELETING:
            return _why_not_reaped(kind, e)
        case Phase.GONE:
            return "it is gone"
        case Phase.PENDING | Phase.FAILED | Phase.READY | Phase.DEGRADED | Phase.PARKED:
            return _why_not_sown(kind, e)


def _why_not_sown(kind: Work, e: EnvironmentSummary) -> str:
    if kind is Work.REAP:
        return "it is desired"
    if e.phase is Phase.PARKED:
        return "it is parked"
    if e.phase is Phase.READY:
        return f"generation {e.generation} is up to date"
    if e.due_in_s == math.inf:
        return "it runs as it was applied, but a program in it does not work"
    if not e.attempts:
        return f"a part of it does not run; its repair is due in {e.due_in_s:.0f} s"
    attempts = "1 attempt" if e.attempts == 1 else f"{e.attempts} attempts"
    return f"{attempts} failed; the next is in {e.due_in_s:.0f} s"


def _why_not_reaped(kind: Work, e: EnvironmentSummary) -> str:
    if kind is Work.SOW:
        return "it is deleted, which is work of reap"
    if e.protected:
        return "it is protected"
    return f"it is deleted, but a build can revive it for {e.due_in_s:.0f} s"
