"""Work for the workers: claims, renewals and outcomes. Only the role worker gets here."""

import math
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr
from starlette.responses import JSONResponse, Response

from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Environment, Failure, Work
from gromit.core.environments.history import ChangeContext
from gromit.core.names import NAME_MAX
from gromit.services.leases import NoWorkAvailable
from gromit.web.api.admission import ApiDeps, CurrentCaller, Deps
from gromit.web.api.refusals import error_responses
from gromit.web.api.views import ClaimView
from gromit.web.bodies import body_schema, json_body

router = APIRouter(prefix="/v1/claims")

Text = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Name = Annotated[str, Path(max_length=NAME_MAX)]
EPOCH_MAX = 2**53 - 1
"""Epochs begin at a time of birth in milliseconds and are counted up by one: no real one is near it."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClaimRequest(_Body):
    """A worker asks for work."""

    kind: Work
    holder: Text
    nonce: Text
    task: Annotated[StrictStr | None, Field(max_length=300)] = None


class FenceBody(_Body):
    """Which claim is meant."""

    holder: Text
    epoch: Annotated[StrictInt, Field(ge=0, le=EPOCH_MAX)]

    @property
    def fence(self) -> Fence:
        """As the core knows it."""
        return Fence(self.holder, self.epoch)


class DoneBody(FenceBody):
    """It was made true: sown, or reaped."""

    kind: Work
    nonce: Text
    spec_hash: Annotated[StrictStr, Field(max_length=100)] = ""


class FailBody(FenceBody):
    """It did not work."""

    error_kind: Text
    message: Annotated[StrictStr, Field(max_length=2000)]


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "A claim.", "model": ClaimView},
    204: {
        "description": "There is nothing to do now.",
        "headers": {
            "Retry-After": {
                "description": "Seconds until there is, if known.",
                "schema": {"type": "integer"},
            }
        },
    },
}


@router.post("", openapi_extra=body_schema(ClaimRequest), responses=_ANSWERS)
def claim(
    _caller: CurrentCaller,
    parts: Deps,
    body: Annotated[ClaimRequest, Depends(json_body(ClaimRequest))],
) -> Response:
    """The oldest due work of a kind; 204 if there is none, with Retry-After if it is known when there will be."""
    now_ms = parts.now_ms()
    match parts.leases.claim(body.kind, Claimant(body.holder, body.nonce, body.task), now_ms):
        case NoWorkAvailable(next_ms):
            wait = (
                {"Retry-After": str(max(1, math.ceil((next_ms - now_ms) / 1000)))}
                if next_ms
                else None
            )
            return Response(status_code=204, headers=wait)
        case environment:
            parts.outcome("claim", body.kind)
            return JSONResponse(asdict(_claim(parts, environment)))


@router.post("/{name}/renew", openapi_extra=body_schema(FenceBody), responses=error_responses(409))
def renew(
    _caller: CurrentCaller,
    parts: Deps,
    name: Name,
    body: Annotated[FenceBody, Depends(json_body(FenceBody))],
) -> ClaimView:
    """Keep a claim; also how it is verified. 409 if it is no longer valid."""
    return _claim(parts, parts.leases.renew(name, body.fence, parts.now_ms()))


@router.post(
    "/{name}/release", openapi_extra=body_schema(FenceBody), responses=error_responses(409)
)
def release(
    _caller: CurrentCaller,
    parts: Deps,
    name: Name,
    body: Annotated[FenceBody, Depends(json_body(FenceBody))],
) -> ClaimView:
    """Give a claim back without an outcome. 409 if it is no longer valid."""
    return _claim(parts, parts.leases.release(name, body.fence))


@router.post("/{name}/done", openapi_extra=body_schema(DoneBody), responses=error_responses(409))
def done(
    _caller: CurrentCaller,
    parts: Deps,
    name: Name,
    body: Annotated[DoneBody, Depends(json_body(DoneBody))],
) -> ClaimView:
    """The claimed generation was made true. 409 if the claim is no longer valid: nothing is recorded then."""
    stamp = ChangeContext(body.holder, parts.now_ms())
    if body.kind is Work.SOW:
        environment = parts.leases.sown(name, body.fence, body.nonce, body.spec_hash, stamp)
    else:
        environment = parts.leases.reaped(name, body.fence, body.nonce, stamp)
    parts.outcome(body.kind, "done")
    return _claim(parts, environment)


@router.post("/{name}/fail", openapi_extra=body_schema(FailBody), responses=error_responses(409))
def fail(
    _caller: CurrentCaller,
    parts: Deps,
    name: Name,
    body: Annotated[FailBody, Depends(json_body(FailBody))],
) -> ClaimView:
    """It did not work; it will be due again. 409 if the claim is no longer valid."""
    environment = parts.leases.failed(
        name, body.fence, Failure(body.error_kind, body.message, parts.now_ms())
    )
    parts.outcome("run", body.error_kind)
    return _claim(parts, environment)


def _claim(parts: ApiDeps, environment: Environment) -> ClaimView:
    return parts.views.claim(environment, parts.leases.terms.ttl_ms)
