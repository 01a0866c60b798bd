"""Adoption of what exists of an environment although its Terraform state does not contain it.

A worker that is killed together with its Terraform leaves such resources, and so does a state that
was lost. Without adoption every later apply would fail because they exist already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from gromit.core.environments.claims import Claim
from gromit.core.stack.adoption import (
    Adoption,
    needs_look,
    plan_adoption,
    require_own_cluster,
)
from gromit.core.stack.contract import StackInput
from gromit.core.stack.resources import Resource
from gromit.ports import Progress, StateBucket
from gromit.services.clearing import Clearer
from gromit.services.run_states import SafeState
from gromit.services.v1_states import take_over_state

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Adopter:
    """Prepares an apply for resources that the state does not contain."""

    states: StateBucket
    clear: Clearer

    def __call__(
        self, claim: Claim, stack: StackInput, state: SafeState, progress: Progress
    ) -> Mapping[str, str]:
        """Return what the apply has to import, and remove what would be in its way.

        A state of gromit v1 is taken over first. AWS is asked only if the last run did not end
        well, or the state has nothing. Raises `BackendError` if something cannot be removed, and
        `UnsafeState` for a state that cannot be taken over, or if another owns the cluster.
        """
        components = stack.components.keys()
        head = take_over_state(self.states, state.head, state.lock, components, progress)
        if not needs_look(claim.spec_hash, head):
            return {}
        held = head.held if head is not None else {}
        tainted = head.tainted if head is not None else frozenset()

        def look() -> Sequence[Resource]:
            return self.clear.resources.find(stack.name, stack.platform)

        def plan() -> Adoption:
            return plan_adoption(stack, look(), held, tainted)

        found = look()
        require_own_cluster(stack.name, found, held)
        adoption = plan_adoption(stack, found, held, tainted)
        if adoption.strays:
            self.clear(stack.name, lambda: plan().strays, progress)
        for address, id_ in sorted(adoption.imports.items()):
            log.info("resource.adopted", env=stack.name, address=address, id=id_)
            progress(f"adopting {id_} as {address}")
        return adoption.imports
