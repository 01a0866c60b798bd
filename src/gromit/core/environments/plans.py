"""What sow and reap would do, and why: for every environment, also for those that are left alone. Shown by `--dry-run`."""

from collections.abc import Iterable
from dataclasses import dataclass

from gromit.core.environments.environment import Phase, Work
from gromit.core.environments.work import is_claimable


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSummary:
    """What the plan needs to know of one environment."""

    name: str
    phase: Phase
    generation: int
    observed: int
    due_in_s: float
    """Seconds until its work is due; negative if it is."""
    protected: bool
    attempts: int
    holder: str | None


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """One line of a plan."""

    name: str
    action: str
    """`sow`, `reap` or `none`."""
    why: str


def plan(
    kind: Work, environments: Iterable[EnvironmentSummary], limit: int | None
) -> list[PlannedAction]:
    """One item for each environment, those to be worked on first, in the order in which they are due.

    | phase            | sow                          | reap                                        |
    |------------------|------------------------------|---------------------------------------------|
    | pending          | sow                          | none: it is wanted                          |
    | failed           | sow when due                 | none: it is wanted                          |
    | sowing, reaping  | none: somebody works on it   | none: somebody works on it                  |
    | ready            | none: it runs as wanted      | none: it is wanted                          |
    | deleting         | none: reap's                 | reap when the grace is over, not protected  |
    """
    ordered = sorted(environments, key=lambda e: (e.due_in_s, e.name))
    items = [_item(kind, e) for e in ordered]
    chosen = [i for i in items if i.action != "none"]
    beyond = (
        [
            PlannedAction(i.name, "none", f"{i.why}; but one run does at most {limit}")
            for i in chosen[limit:]
        ]
        if limit
        else []
    )
    return [*chosen[: limit or None], *beyond, *(i for i in items if i.action == "none")]


def _item(kind: Work, e: EnvironmentSummary) -> PlannedAction:
    # The rule of a claim decides; the rest only finds the words.
    if is_claimable(kind, e.phase, due=e.due_in_s <= 0, protected=e.protected):
        return PlannedAction(e.name, kind, _why_work(kind, e))
    return PlannedAction(e.name, "none", _why_none(kind, e))


def _why_work(kind: Work, e: EnvironmentSummary) -> str:
    if kind is Work.REAP:
        return "it is deleted, and its grace is over"
    made = f"generation {e.observed} was made" if e.observed else "nothing was made yet"
    return f"generation {e.generation} is wanted, {made}"


def _why_none(kind: Work, e: EnvironmentSummary) -> str:
    match e.phase:
        case Phase.SOWING | Phase.REAPING:
            return f"{e.holder} is working on it"
        case Phase.DELETING:
            return _why_not_reaped(kind, e)
        case Phase.GONE:
            return "it is gone"
        case Phase.PENDING | Phase.FAILED | Phase.READY:
            return _why_not_sown(kind, e)


def _why_not_sown(kind: Work, e: EnvironmentSummary) -> str:
    if kind is Work.REAP:
        return "it is wanted"
    if e.phase is Phase.READY:
        return f"generation {e.generation} runs as wanted"
    return f"its last {e.attempts} tries failed; the next is in {e.due_in_s:.0f} s"


def _why_not_reaped(kind: Work, e: EnvironmentSummary) -> str:
    if kind is Work.SOW:
        return "it is deleted: reap's to do"
    if e.protected:
        return "it is protected"
    return f"it is deleted, but a build can revive it for {e.due_in_s:.0f} s"
