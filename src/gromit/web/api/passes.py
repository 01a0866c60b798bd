"""Route of reports about passes. A part that ends with its pass has no port for Prometheus."""

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from starlette.responses import Response

from gromit.core.load import MemoryUse
from gromit.core.metrics.pass_report import (
    DURATIONS_MAX,
    CallCount,
    CallOutcome,
    DnsFigures,
    PassOutcome,
    PassPart,
    PassReport,
    TerraformAction,
    TerraformTime,
)
from gromit.web.api.admission import CurrentCaller, Deps
from gromit.web.api.routes import new_router
from gromit.web.bodies import body_schema, json_body

router = new_router("/v1/passes")

COUNT_MAX = 10**9
SECONDS_MAX = 10**7
Count = Annotated[StrictInt, Field(ge=0, le=COUNT_MAX)]
Seconds = Annotated[float, Field(ge=0, le=SECONDS_MAX, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CallCountBody(_Body):
    """Calls of one AWS service with one outcome."""

    service: Annotated[StrictStr, Field(min_length=1, max_length=60)]
    outcome: CallOutcome
    count: Count


class TerraformTimeBody(_Body):
    """Duration of one Terraform command."""

    action: TerraformAction
    is_done: StrictBool
    seconds: Seconds


class DnsFiguresBody(_Body):
    """Numbers of a pass of chitragupta."""

    records: Count
    blocked: Count
    created: Count
    updated: Count
    deleted: Count


class MemoryBody(_Body):
    """Memory of a worker with its terraforms, in MB."""

    peak_mb: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
    limit_mb: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class PassBody(_Body):
    """Report of one pass; of a watch, of the time since its last report."""

    part: PassPart
    outcome: PassOutcome
    seconds: Seconds
    calls: Annotated[list[CallCountBody], Field(max_length=200)] = Field(default_factory=list)
    terraform: Annotated[list[TerraformTimeBody], Field(max_length=DURATIONS_MAX)] = Field(
        default_factory=list
    )
    dns: DnsFiguresBody | None = None
    memory: MemoryBody | None = None
    lags: Annotated[
        list[Seconds],
        Field(
            max_length=DURATIONS_MAX,
            description="seconds from the start of a public task to the write of its record",
        ),
    ] = Field(default_factory=list)

    @property
    def report(self) -> PassReport:
        """The report."""
        return PassReport(
            part=self.part,
            outcome=self.outcome,
            seconds=self.seconds,
            calls=tuple(CallCount(c.service, c.outcome, c.count) for c in self.calls),
            terraform=tuple(TerraformTime(t.action, t.is_done, t.seconds) for t in self.terraform),
            dns=DnsFigures(**self.dns.model_dump()) if self.dns else None,
            memory=MemoryUse(**self.memory.model_dump()) if self.memory else None,
            lags=tuple(self.lags),
        )


@router.post("", openapi_extra=body_schema(PassBody), status_code=204)
def report_pass(
    _caller: CurrentCaller, deps: Deps, body: Annotated[PassBody, Depends(json_body(PassBody))]
) -> Response:
    """Count a pass of sow, reap or chitragupta in the metrics of serve. Nothing is kept."""
    deps.passes.report(body.report)
    return Response(status_code=204)
