"""Route that says in which container a person may run a program.

serve never relays the session: the person opens it at AWS, with their own AWS credentials.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from gromit.web.api.admission import CurrentCaller, Deps
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router
from gromit.web.bodies import body_schema, json_body

router = new_router("/v1/environments")


class ExecRequest(BaseModel):
    """Component in whose container a program should run."""

    model_config = ConfigDict(extra="forbid")

    component: Annotated[
        StrictStr, Field(min_length=1, max_length=63, description="component with `exec: true`")
    ]


@dataclass(frozen=True, slots=True)
class ExecTargetView:
    """Container of the newest running task of a component."""

    component: str
    region: str
    cluster: str
    task: str
    """Id of the ECS task."""
    container: str
    """Name of the container."""
    runtime: str
    """Runtime id of the container, which a session's target names."""


@router.post(
    "/{name}/exec", openapi_extra=body_schema(ExecRequest), responses=error_responses(404, 409)
)
def get_exec_target(
    caller: CurrentCaller,
    deps: Deps,
    name: str,
    body: Annotated[ExecRequest, Depends(json_body(ExecRequest))],
) -> ExecTargetView:
    """Record who runs a program in a component, and show the container to run it in."""
    found = deps.exec_access.grant(name, body.component, deps.stamp(caller))
    return ExecTargetView(
        body.component, found.region, found.cluster, found.task, found.container, found.runtime
    )
