"""Work for the workers: claims, renewals and outcomes. Only the role worker gets here."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr
from starlette.responses import JSONResponse, Response

from gromit.core.environment import Environment, Failure, Work
from gromit.core.lifecycle import Claimant, Fence, Stamp
from gromit.services.leases import Nothing
from gromit.web.admission import Admitted, Parts, With
from gromit.web.bodies import body_of, schema_of

router = APIRouter(prefix="/v1/claims")

Text = Annotated[StrictStr, Field(min_length=1, max_length=200)]


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
    epoch: StrictInt

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


@router.post("", openapi_extra=schema_of(ClaimRequest))
def claim(_caller: Admitted, parts: With, body: Annotated[ClaimRequest, Depends(body_of(ClaimRequest))]) -> Response:
    """The oldest due work of a kind; 204 if there is none, with Retry-After if it is known when there will be."""
    now_ms = parts.now_ms()
    match parts.leases.claim(body.kind, Claimant(body.holder, body.nonce, body.task), now_ms):
        case Nothing(next_ms):
            wait = {"Retry-After": str(max(1, math.ceil((next_ms - now_ms) / 1000)))} if next_ms else None
            return Response(status_code=204, headers=wait)
        case environment:
            parts.outcome("claim", body.kind)
            return JSONResponse(_claim(parts, environment))


@router.post("/{name}/renew", openapi_extra=schema_of(FenceBody))
def renew(_caller: Admitted, parts: With, name: str, body: Annotated[FenceBody, Depends(body_of(FenceBody))]) -> Mapping[str, Any]:
    """Keep a claim; also how it is verified. 409 if it is no longer valid."""
    return _claim(parts, parts.leases.renew(name, body.fence, parts.now_ms()))


@router.post("/{name}/release", openapi_extra=schema_of(FenceBody))
def release(
    _caller: Admitted, parts: With, name: str, body: Annotated[FenceBody, Depends(body_of(FenceBody))]
) -> Mapping[str, Any]:
    """Give a claim back without an outcome. 409 if it is no longer valid."""
    return _claim(parts, parts.leases.release(name, body.fence))


@router.post("/{name}/done", openapi_extra=schema_of(DoneBody))
def done(_caller: Admitted, parts: With, name: str, body: Annotated[DoneBody, Depends(body_of(DoneBody))]) -> Mapping[str, Any]:
    """The claimed generation was made true. 409 if the claim is no longer valid: nothing is recorded then."""
    stamp = Stamp(body.holder, parts.now_ms())
    if body.kind is Work.SOW:
        environment = parts.leases.sown(name, body.fence, body.nonce, body.spec_hash, stamp)
    else:
        environment = parts.leases.reaped(name, body.fence, body.nonce, stamp)
    parts.outcome(body.kind, "done")
    return _claim(parts, environment)


@router.post("/{name}/fail", openapi_extra=schema_of(FailBody))
def fail(_caller: Admitted, parts: With, name: str, body: Annotated[FailBody, Depends(body_of(FailBody))]) -> Mapping[str, Any]:
    """It did not work; it will be due again. 409 if the claim is no longer valid."""
    environment = parts.leases.failed(name, body.fence, Failure(body.error_kind, body.message, parts.now_ms()))
    parts.outcome("run", body.error_kind)
    return _claim(parts, environment)


def _claim(parts: Parts, environment: Environment) -> Mapping[str, Any]:
    return parts.views.claim(environment, parts.leases.terms.ttl_ms)
