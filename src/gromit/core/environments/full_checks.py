"""Full checks of environments: what makes one recent enough for a run to do without another.

In a full check, Terraform compares everything in its state with AWS, and sow looks at each image.
Both find what people or AWS have changed. Between two full checks, a run trusts what the last one
and the runs since then have left, if all of that is proven to be gromit's own work.
"""

from gromit.core.environments.claims import Claim
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Want
from gromit.core.stack.contract import StateHead


def full_check_s(environment: Environment, now_ms: int) -> int | None:
    """Return the seconds since the last full check; None if a run must make one.

    A run must make one unless the last run ended cleanly, and nothing is wrong now.
    """
    made = environment.made
    if made is None or made.checked_ms is None or environment.want is not Want.UP:
        return None
    if environment.trusted_hash is None or environment.degraded or environment.attempts:
        return None
    return max(0, (now_ms - made.checked_ms) // 1000)


def is_recently_checked(claim: Claim, recipe: str, interval_s: float) -> bool:
    """Whether a run may trust what the last full check saw.

    Not with another catalogue or stack, not when the environment is parked, and not when a person
    has asked for a redeployment: that may be because something is wrong.
    """
    if claim.spec_hash is None or claim.checked_s is None or claim.parked:
        return False
    if claim.recipe != recipe or is_redeployment(claim):
        return False
    return claim.checked_s < interval_s


def is_redeployment(claim: Claim) -> bool:
    """Whether a person has asked for a redeployment since the last success."""
    return any(c.redeploy != claim.redeploys.get(c.name) for c in claim.made)


def is_own_state(claim: Claim, head: StateHead | None) -> bool:
    """Whether a state is exactly the one that the last run left, and complete."""
    if head is None or head.mark != claim.state:
        return False
    return bool(head.resources) and not head.tainted and not head.is_v1
