"""Take-over of the Terraform state of gromit v1, before the first run of ours acts on it."""

from collections.abc import Collection, Mapping
from typing import Any

import structlog

from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.contract import StateHead
from gromit.core.stack.v1_states import TakenState, take_state
from gromit.ports import Progress, StateBucket

log = structlog.get_logger(__name__)


def take_over_state(
    states: StateBucket,
    head: StateHead | None,
    lock: Lock,
    components: Collection[str],
    progress: Progress,
) -> StateHead | None:
    """Return the head of the state that a run may act on; `head` itself if it is not gromit v1's.

    `components` are those that stay. Raises `UnsafeState` if gromit cannot manage what it contains.
    """
    if head is None or not head.is_v1:
        return head
    taken: list[TakenState] = []

    def change(state: Mapping[str, Any]) -> Mapping[str, Any] | None:
        found = take_state(lock.environment, state, components)
        if found is None:
            return None
        taken.append(found)
        return found.state

    kept = states.rewrite(lock, change)
    progress(f"taking over the state of gromit v1, which is kept as {kept}")
    for found in taken:
        for old, new in sorted(found.moved.items()):
            log.info("state.moved", env=lock.environment, address=new, was=old)
            progress(f"{old} becomes {new}")
    return states.head(lock.environment)
