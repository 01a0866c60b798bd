"""Judgement of the Terraform state of an environment, before a run acts on it.

Terraform makes AWS match whatever state is stored under the environment's key. If that is the state
of another environment, or an old one, terraform destroys or duplicates what runs.
"""

from collections.abc import Set as AbstractSet
from enum import StrEnum

from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.terraform import state_key
from gromit.errors import UnsafeState


class StateVerdict(StrEnum):
    """Result of a judgement. Only the first two allow a run to act."""

    USABLE = "usable"
    LOST = "lost"
    """The recorded state is gone: a run starts without one."""
    FOREIGN = "foreign"
    OLDER = "older"
    OTHER_LINEAGE = "other lineage"


def judge_state(
    environment: str, head: StateHead | None, recorded: StateMark | None
) -> StateVerdict:
    """Judge a state against what the last run left.

    | state           | owners       | lineage  | serial   | verdict       |
    |-----------------|--------------|----------|----------|---------------|
    | none            |              |          |          | lost          |
    | has resources   | another      |          |          | foreign       |
    | any             | ours or none | the same | not less | usable        |
    | has none        |              | another  |          | lost          |
    | has none        |              | the same | less     | lost          |
    | has resources   | ours or none | another  |          | other lineage |
    | has resources   | ours or none | the same | less     | older         |

    Without a recorded state, none is usable, and every lineage and serial counts as the same.
    """
    if head is None:
        return StateVerdict.LOST if recorded else StateVerdict.USABLE
    if head.strangers(environment):
        return StateVerdict.FOREIGN
    if recorded is None:
        return StateVerdict.USABLE
    is_same = head.mark.lineage == recorded.lineage
    if is_same and head.mark.serial >= recorded.serial:
        return StateVerdict.USABLE
    if not head.resources:
        return StateVerdict.LOST
    return StateVerdict.OLDER if is_same else StateVerdict.OTHER_LINEAGE


def require_safe_state(
    environment: str, head: StateHead | None, recorded: StateMark | None
) -> StateVerdict:
    """Return the verdict on a state that a run may act on. Raises `UnsafeState` for any other."""
    verdict = judge_state(environment, head, recorded)
    if head is not None and verdict is StateVerdict.FOREIGN:
        raise UnsafeState(
            f"the state of {environment} {_whose(head.strangers(environment))}",
            hint=f"nothing was touched; restore its own state from {_where(environment)}",
        )
    if head is not None and recorded is not None and verdict in _OUTDATED:
        raise UnsafeState(
            f"the state of {environment} {_OUTDATED[verdict]}: it has serial {head.mark.serial} of"
            f" lineage {head.mark.lineage}, and the last run left serial {recorded.serial} of"
            f" lineage {recorded.lineage}",
            hint=f"nothing was touched; restore the newest version from {_where(environment)}",
        )
    return verdict


_OUTDATED = {
    StateVerdict.OLDER: "is older than the last run's",
    StateVerdict.OTHER_LINEAGE: "is not the one that the last run left",
}


def _whose(strangers: AbstractSet[str]) -> str:
    named = sorted(strangers - {""})
    if not named:
        return "has resources of no environment: their tags lack `env`"
    return f"belongs to {', '.join(named)}"


def _where(environment: str) -> str:
    key = state_key(environment)
    return f"the versions of `{key}` in the state bucket, see docs/how-to/restore-a-state.md"
