"""Routes below /v1 that change one environment."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from gromit.core.security.roles import Role
from gromit.core.time import parse_duration
from gromit.errors import InvalidInput
from gromit.services.leftovers import Leftovers
from gromit.web.api.admission import ApiDeps, Caller, CurrentCaller, Deps, WishOrRepair
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router
from gromit.web.api.views import EnvironmentView
from gromit.web.bodies import body_schema, json_body

router = new_router("/v1/environments")

_MARK = (
    "unique id of this redeployment, chosen by the client; a repeated request with the same mark, "
    "for example after a lost response, does nothing"
)


class RedeployRequest(BaseModel):
    """Components to redeploy."""

    model_config = ConfigDict(extra="forbid")

    component: Annotated[
        StrictStr | None, Field(description="component to redeploy; all if absent")
    ] = None
    mark: Annotated[
        StrictStr | None, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description=_MARK)
    ] = None


class RollbackRequest(BaseModel):
    """Versions to go back to."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[
        StrictStr | None,
        Field(
            min_length=1,
            max_length=128,
            description="version that ran before, or a moment: 2h (ago) or an ISO 8601 time; "
            "without one, the versions before the last change",
        ),
    ] = None
    component: Annotated[
        StrictStr | None, Field(description="only the version of this component")
    ] = None
    mark: Annotated[
        StrictStr | None, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description=_MARK)
    ] = None


class ExtendRequest(BaseModel):
    """Extension of a lifetime."""

    model_config = ConfigDict(extra="forbid")

    duration: Annotated[
        StrictStr,
        Field(min_length=1, max_length=40, description="time from now, such as 12h or 3d"),
    ]


@router.delete("/{name}", responses=error_responses(404, 409))
def delete(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Delete an environment; a developer only where one of their repositories has reported."""
    delete_environment(caller, deps, name)
    return deps.detail(deps.environments.inspect(name))


@router.post("/{name}/protect", responses=error_responses(404, 409))
def protect(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Protect an environment from deletion; a developer only as many as the limit allows."""
    stamp = deps.stamp(caller)
    if caller.role is Role.DEVELOPER:
        return deps.detail(deps.developers.protect(name, stamp))
    return deps.detail(deps.environments.protect(name, protected=True, stamp=stamp))


@router.post("/{name}/unprotect", responses=error_responses(404, 409))
def unprotect(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Allow the deletion of an environment again; a developer only if they have protected it."""
    stamp = deps.stamp(caller)
    if caller.role is Role.DEVELOPER:
        return deps.detail(deps.developers.unprotect(name, stamp))
    return deps.detail(deps.environments.protect(name, protected=False, stamp=stamp))


@router.post("/{name}/park", responses=error_responses(404, 409))
def park(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Stop all tasks of an environment, and keep its row, config and data."""
    return deps.detail(deps.parking.park(name, deps.stamp(caller)))


@router.post("/{name}/unpark", responses=error_responses(404, 409))
def unpark(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Start the newest versions of a parked environment."""
    return deps.detail(deps.parking.unpark(name, deps.stamp(caller)))


@router.post(
    "/{name}/redeploy",
    openapi_extra=body_schema(RedeployRequest),
    responses=error_responses(404, 409),
)
def redeploy(
    stamp: WishOrRepair,
    deps: Deps,
    name: str,
    body: Annotated[RedeployRequest, Depends(json_body(RedeployRequest))],
) -> EnvironmentView:
    """Redeploy one or all components although no version changed, with edited config files."""
    return deps.detail(deps.environments.redeploy(name, body.component, stamp, body.mark))


@router.post(
    "/{name}/rollback",
    openapi_extra=body_schema(RollbackRequest),
    responses=error_responses(404, 409),
)
def rollback(
    caller: CurrentCaller,
    deps: Deps,
    name: str,
    body: Annotated[RollbackRequest, Depends(json_body(RollbackRequest))],
) -> EnvironmentView:
    """Bring back versions that ran before, until newer builds arrive."""
    stamp = deps.stamp(caller)
    return deps.detail(deps.rollbacks.roll_back(name, body.to, body.component, stamp, body.mark))


@router.post(
    "/{name}/extend",
    openapi_extra=body_schema(ExtendRequest),
    responses=error_responses(404, 409),
)
def extend(
    caller: CurrentCaller,
    deps: Deps,
    name: str,
    body: Annotated[ExtendRequest, Depends(json_body(ExtendRequest))],
) -> EnvironmentView:
    """Keep an environment for a time at least, counted from now."""
    length = parse_duration(body.duration)
    if not isinstance(length, timedelta):
        raise InvalidInput(
            f"{body.duration!r} is not a duration", hint="for example 12h, 3d or 1d12h"
        )
    known = deps.environments.get(name).name
    return deps.detail(deps.lifetimes.extend(known, length, deps.stamp(caller)))


@router.post("/{name}/retry", responses=error_responses(404, 409))
def retry(stamp: WishOrRepair, deps: Deps, name: str) -> EnvironmentView:
    """Make work that failed due at once, also a deletion. Work that is due stays as it is."""
    return deps.detail(deps.environments.retry(name, stamp))


@router.post("/{name}/reap", responses=error_responses(404, 409))
def reap(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Let reap destroy what exists of an environment without a row, or with a tombstone."""
    environments = deps.environments
    leftovers = Leftovers(environments.ledger, environments.policy, environments.new_id)
    return deps.detail(leftovers.reap(name, deps.stamp(caller)))


def delete_environment(caller: Caller, deps: ApiDeps, name_or_ref: str) -> None:
    """Delete an environment for a caller. A developer is limited to their repositories."""
    if caller.repositories is None:
        deps.environments.delete(name_or_ref, deps.stamp(caller))
    else:
        deps.developers.delete(name_or_ref, deps.stamp(caller), caller.repositories)
    deps.outcome("delete", "deleted")
