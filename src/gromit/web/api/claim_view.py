"""A claim as the worker that made it sees it."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.environments.environment import Environment, RepositoryVersion
from gromit.core.environments.fallbacks import branch_tags
from gromit.core.environments.full_checks import full_check_s
from gromit.core.environments.phases import Want
from gromit.core.stack.contract import StateMark
from gromit.core.stack.made import MadeComponent
from gromit.web.api.progress_view import ProgressView, progress_view


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimView:
    """Facts that a worker needs about an environment that it has claimed."""

    name: str
    want: Want
    generation: int
    claimed: int | None
    epoch: int
    versions: Mapping[str, str]
    redeploys: Mapping[str, str]
    spec_hash: str | None
    parked: bool
    state: StateMark | None
    made: tuple[MadeComponent, ...]
    """Components as the last successful apply made them."""
    hooks: tuple[str, ...]
    branch_tags: tuple[str, ...]
    """Tags that images of its branch have, for fallbacks; none if they may be of an earlier one."""
    recipe: str
    """Hash of the catalogue and the stack's files that they were made of; "" if not known."""
    checked_s: int | None
    """Seconds since the last full check; null if the run has to make one. Always present."""
    observed: int
    infra: bool
    ttl_ms: int
    progress: ProgressView | None
    """Always present: a worker reports progress only to a serve that has this field."""


def claim_view(
    environment: Environment,
    versions: Mapping[str, RepositoryVersion],
    ttl_ms: int,
    now_ms: int,
) -> ClaimView:
    """Return the facts that a worker needs about an environment that it has claimed."""
    lease = environment.lease
    return ClaimView(
        name=environment.name,
        want=environment.want,
        generation=environment.generation,
        claimed=lease.claimed if lease else None,
        epoch=environment.epoch,
        versions={r: v.version for r, v in versions.items()},
        redeploys=dict(environment.redeploys),
        spec_hash=environment.trusted_hash,
        parked=environment.parked,
        state=environment.state,
        made=environment.made.components if environment.made else (),
        hooks=environment.hooks,
        branch_tags=branch_tags(environment),
        recipe=environment.made.recipe if environment.made else "",
        checked_s=full_check_s(environment, now_ms),
        observed=environment.observed,
        infra=environment.infra,
        ttl_ms=ttl_ms,
        progress=progress_view(environment),
    )
