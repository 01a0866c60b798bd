"""Routes of the workers: claims, renewals and results. Only the role worker may use them."""

import math
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, Path
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from starlette.responses import JSONResponse, Response

from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Environment
from gromit.core.environments.failures import Failure
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Work
from gromit.core.environments.run_progress import COUNT_MAX, TEXT_MAX, RunProgress
from gromit.core.environments.suspensions import FileReport
from gromit.core.metrics.definitions import DONE, RELEASED
from gromit.core.names import NAME_MAX
from gromit.core.stack.contract import LINEAGE_MAX, SERIAL_MAX, StateMark
from gromit.core.stack.made import COMPONENTS_MAX, REVISION_MAX, MadeComponent, MadeStack
from gromit.core.stack.task_output import LAST_TASKS, TASK_MAX, StoppedTask
from gromit.core.text import plain_line
from gromit.errors import Suspended
from gromit.services.last_lines import read_last_lines
from gromit.services.leases import NoWorkAvailable
from gromit.web.api.admission import ApiDeps, CurrentCaller, Deps
from gromit.web.api.claim_view import ClaimView, claim_view
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router
from gromit.web.bodies import body_schema, json_body

router = new_router("/v1/claims")

Text = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Name = Annotated[str, Path(max_length=NAME_MAX)]
EPOCH_MAX = 2**53 - 1
"""Far above any real epoch: it starts at a creation time in milliseconds and grows by one."""
AGE_MAX_S = 2**31
"""Longest age of a full check, decades in seconds."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileBody(_Body):
    """Content of the file `noprocess` in the config root."""

    reason: Annotated[StrictStr, Field(max_length=500)] = ""
    by: Annotated[StrictStr, Field(max_length=500)] = ""
    at: Annotated[StrictStr, Field(max_length=500)] = ""


class ClaimRequest(_Body):
    """A worker's request for work."""

    kind: Annotated[Work, Field(description="sow or reap")]
    holder: Annotated[Text, Field(description="unique id of the worker")]
    nonce: Annotated[Text, Field(description="unique id of this request, to repeat it safely")]
    task: Annotated[
        StrictStr | None, Field(max_length=300, description="ARN of the worker's ECS task")
    ] = None
    suspended: Annotated[
        FileBody | None,
        Field(
            description="the file `noprocess`, if the worker has seen it: then serve gives no work"
        ),
    ] = None


class FenceBody(_Body):
    """Identity of a claim."""

    holder: Annotated[Text, Field(description="worker that made the claim")]
    epoch: Annotated[
        StrictInt, Field(ge=0, le=EPOCH_MAX, description="epoch in the response to the claim")
    ]

    @property
    def fence(self) -> Fence:
        """The claim's fence."""
        return Fence(self.holder, self.epoch)


class ProgressBody(_Body):
    """The step that a run has completed or waits for, and the number of completed steps."""

    text: Annotated[
        StrictStr,
        Field(
            min_length=1,
            max_length=TEXT_MAX,
            description="a step, such as a resource that was created; without secrets",
        ),
    ]
    done: Annotated[StrictInt | None, Field(ge=0, le=COUNT_MAX)] = None
    total: Annotated[StrictInt | None, Field(ge=0, le=COUNT_MAX)] = None

    @property
    def progress(self) -> RunProgress:
        """The progress that serve keeps."""
        return RunProgress(plain_line(self.text), self.done, self.total)


class RenewBody(FenceBody):
    """Extension of a claim."""

    state_lost: Annotated[
        StrictBool,
        Field(description="the recorded Terraform state is gone: forget its lineage and serial"),
    ] = False
    hooks: Annotated[
        list[Text] | None,
        Field(
            max_length=1000,
            description="components whose hook on_create has succeeded; null keeps the record",
        ),
    ] = None
    progress: Annotated[
        ProgressBody | None,
        Field(description="progress of the run; null keeps what was reported before"),
    ] = None


class StateBody(_Body):
    """Identity and age of a Terraform state."""

    lineage: Annotated[StrictStr, Field(min_length=1, max_length=LINEAGE_MAX)]
    serial: Annotated[StrictInt, Field(ge=0, le=SERIAL_MAX)]


class _OutcomeBody(FenceBody):
    state: Annotated[
        StateBody | None,
        Field(description="Terraform state that the run left; null keeps what is recorded"),
    ] = None

    @property
    def mark(self) -> StateMark | None:
        """The state that the run left."""
        return StateMark(self.state.lineage, self.state.serial) if self.state else None


class MadeBody(_Body):
    """A component as the apply made it."""

    name: Text
    version: Text
    repository: Annotated[StrictStr | None, Field(max_length=256)] = None
    digest: Annotated[StrictStr | None, Field(max_length=200)] = None
    revision: Annotated[StrictStr | None, Field(max_length=REVISION_MAX)] = None
    redeploy: Annotated[StrictStr | None, Field(max_length=64)] = None
    port: Annotated[StrictInt | None, Field(ge=1, le=65535)] = None
    gone: Annotated[
        StrictStr | None,
        Field(max_length=200, description="desired version, if its image is gone"),
    ] = None


class DoneBody(_OutcomeBody):
    """Success of a claim: the environment was sown or reaped."""

    kind: Annotated[Work, Field(description="sow or reap")]
    nonce: Annotated[Text, Field(description="nonce of the claim")]
    spec_hash: Annotated[
        StrictStr, Field(max_length=100, description="hash of what runs now; only for sow")
    ] = ""
    recipe: Annotated[
        StrictStr, Field(max_length=100, description="hash of the catalogue and the stack's files")
    ] = ""
    program: Annotated[
        StrictStr,
        Field(max_length=100, description="product and version of the terraform that applied"),
    ] = ""
    checked_s: Annotated[
        StrictInt | None,
        Field(ge=0, le=AGE_MAX_S, description="seconds since the last full check, if known"),
    ] = None
    made: Annotated[
        list[MadeBody],
        Field(max_length=COMPONENTS_MAX, description="components that run now; only for sow"),
    ] = Field(default_factory=list)

    @property
    def result(self) -> MadeStack:
        """The worker's result."""
        made = tuple(MadeComponent(**c.model_dump()) for c in self.made)
        program = plain_line(self.program)
        return MadeStack(self.spec_hash, self.recipe, made, program, self.checked_s)


class StoppedBody(_Body):
    """A task of a component that stopped although it should run."""

    component: Text
    task: Annotated[
        StrictStr, Field(pattern=r"^[A-Za-z0-9-]+$", max_length=TASK_MAX, description="its id")
    ]

    @property
    def stopped(self) -> StoppedTask:
        """The stopped task."""
        return StoppedTask(self.component, self.task)


class FailBody(_OutcomeBody):
    """Failure of a claim."""

    error_kind: Annotated[Text, Field(description="code of the error")]
    message: Annotated[StrictStr, Field(max_length=2000, description="reason, for people")]
    stopped: Annotated[
        list[StoppedBody],
        Field(
            max_length=LAST_TASKS,
            description="tasks that stopped although they should run; serve keeps their last lines",
        ),
    ] = []


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The claimed work.", "model": ClaimView},
    204: {
        "description": "No work is due.",
        "headers": {
            "Retry-After": {
                "description": "Seconds until work is due, if known.",
                "schema": {"type": "integer"},
            }
        },
    },
}


@router.post(
    "", openapi_extra=body_schema(ClaimRequest), responses={**_ANSWERS, **error_responses(423)}
)
def claim(
    _caller: CurrentCaller,
    deps: Deps,
    body: Annotated[ClaimRequest, Depends(json_body(ClaimRequest))],
) -> Response:
    """Claim due work of a kind. Repositories take turns, and the oldest work of one comes first.

    204 if no work is due, with Retry-After if the time of the next work is known. 423 while
    processing is suspended.
    """
    now_ms = deps.now_ms()
    if (file := body.suspended) is not None:
        deps.suspensions.worker_halted(FileReport(file.reason, file.by, file.at), now_ms)
        deps.sightings.worker(body.kind, body.holder, now_ms, "suspended")
        raise Suspended("the worker is suspended by the file in its config root")
    try:
        found = deps.leases.claim(body.kind, Claimant(body.holder, body.nonce, body.task), now_ms)
    except Suspended:
        deps.sightings.worker(body.kind, body.holder, now_ms, "suspended")
        raise
    match found:
        case NoWorkAvailable(next_ms):
            deps.sightings.worker(body.kind, body.holder, now_ms, "no work is due")
            return Response(status_code=204, headers=_retry_after(next_ms, now_ms))
        case environment:
            deps.outcome("claim", body.kind)
            deps.run_times.begin(body.kind, environment.name, now_ms)
            deps.run_metrics.claimed(body.kind, environment, now_ms)
            deps.sightings.worker(body.kind, body.holder, now_ms, environment.name)
            return JSONResponse(asdict(_claim(deps, environment)))


@router.post("/{name}/renew", openapi_extra=body_schema(RenewBody), responses=error_responses(409))
def renew(
    _caller: CurrentCaller,
    deps: Deps,
    name: Name,
    body: Annotated[RenewBody, Depends(json_body(RenewBody))],
) -> ClaimView:
    """Extend a claim, and verify that it is valid. 409 if it no longer is."""
    now_ms = deps.now_ms()
    progress = body.progress.progress if body.progress else None
    environment = deps.leases.renew(name, body.fence, now_ms, progress)
    if body.state_lost:
        environment = deps.leases.forget_state(name, body.fence, now_ms)
    if body.hooks is not None:
        environment = deps.leases.record_hooks(name, body.fence, body.hooks, now_ms)
    return _claim(deps, environment)


@router.post(
    "/{name}/release", openapi_extra=body_schema(FenceBody), responses=error_responses(409)
)
def release(
    _caller: CurrentCaller,
    deps: Deps,
    name: Name,
    body: Annotated[FenceBody, Depends(json_body(FenceBody))],
) -> ClaimView:
    """Give a claim back without a result. 409 if it is no longer valid."""
    environment = deps.leases.release(name, body.fence)
    now_ms = deps.now_ms()
    deps.run_times.end(name, now_ms, is_done=False)
    deps.run_metrics.ended(environment, RELEASED, now_ms)
    return _claim(deps, environment)


@router.post("/{name}/done", openapi_extra=body_schema(DoneBody), responses=error_responses(409))
def done(
    _caller: CurrentCaller,
    deps: Deps,
    name: Name,
    body: Annotated[DoneBody, Depends(json_body(DoneBody))],
) -> ClaimView:
    """Record that the claimed generation runs (sow), or that the environment is destroyed (reap).

    409 if the claim is no longer valid; then nothing is recorded.
    """
    stamp = ChangeContext(body.holder, deps.now_ms(), body.mark)
    if body.kind is Work.SOW:
        environment = deps.leases.sown(name, body.fence, body.nonce, body.result, stamp)
    else:
        environment = deps.leases.reaped(name, body.fence, body.nonce, stamp)
    deps.outcome(body.kind, "done")
    deps.run_times.end(name, stamp.now_ms, is_done=True)
    deps.run_metrics.ended(environment, DONE, stamp.now_ms)
    return _claim(deps, environment)


@router.post("/{name}/fail", openapi_extra=body_schema(FailBody), responses=error_responses(409))
def fail(
    _caller: CurrentCaller,
    deps: Deps,
    name: Name,
    body: Annotated[FailBody, Depends(json_body(FailBody))],
) -> ClaimView:
    """Record a failure; the work becomes due again later. 409 if the claim is no longer valid."""
    output = read_last_lines(deps.output, name, [s.stopped for s in body.stopped])
    failure = Failure(body.error_kind, body.message, deps.now_ms(), output)
    environment = deps.leases.failed(name, body.fence, failure, body.mark)
    deps.outcome("run", body.error_kind)
    deps.run_times.end(name, failure.at_ms, is_done=False)
    deps.run_metrics.ended(environment, failure.failure_class, failure.at_ms)
    deps.outcome("failure", failure.failure_class)
    return _claim(deps, environment)


def _retry_after(next_ms: int | None, now_ms: int) -> dict[str, str] | None:
    """Return the header with the seconds until work is due, at least 1; None if unknown."""
    if not next_ms:
        return None
    return {"Retry-After": str(max(1, math.ceil((next_ms - now_ms) / 1000)))}


def _claim(deps: ApiDeps, environment: Environment) -> ClaimView:
    versions = deps.views.versions(environment)
    return claim_view(environment, versions, deps.leases.policy.ttl_ms, deps.now_ms())
