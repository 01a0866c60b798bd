"""Route of the doctors: each sends its report after its daily run, and `/v1/platform` shows it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

from gromit.core.doctor.findings import FindingStatus
from gromit.core.doctor.reports import (
    LINES_MAX,
    TEXT_MAX,
    DoctorReport,
    KeptReport,
    QuotaLine,
    ReportKind,
    ReportLine,
)
from gromit.core.text import plain_line
from gromit.core.time import iso
from gromit.services.doctor_reports import DoctorReports
from gromit.web.api.admission import ApiDeps, CurrentCaller, Deps
from gromit.web.api.routes import new_router
from gromit.web.bodies import body_schema, json_body

router = new_router("/v1/reports")

QUOTAS_MAX = 50
COUNT_MAX = 1_000_000
_Text = Annotated[StrictStr, Field(max_length=TEXT_MAX)]
_Count = Annotated[StrictInt, Field(ge=0, le=COUNT_MAX)]
_Figure = Annotated[StrictFloat | StrictInt, Field(ge=0, le=1e12)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LineBody(_Body):
    """A finding that people should see."""

    check: _Text
    subject: _Text = ""
    state: FindingStatus
    seen: _Text
    remedy: _Text = ""


class QuotaBody(_Body):
    """Usage of an AWS quota."""

    quota: _Text
    used: _Figure
    limit: _Figure
    percent: _Count
    environments: _Count


class ReportBody(_Body):
    """Findings of a doctor."""

    kind: ReportKind
    checked: _Count
    wrong: _Count
    lines: Annotated[list[LineBody], Field(max_length=LINES_MAX)]
    quotas: Annotated[list[QuotaBody], Field(max_length=QUOTAS_MAX)] = []

    @property
    def report(self) -> DoctorReport:
        """The report, with texts in one line."""
        return DoctorReport(
            self.kind,
            self.checked,
            self.wrong,
            tuple(
                ReportLine(
                    plain_line(one.check),
                    plain_line(one.subject),
                    one.state,
                    plain_line(one.seen),
                    plain_line(one.remedy),
                )
                for one in self.lines
            ),
            tuple(
                QuotaLine(plain_line(q.quota), q.used, q.limit, q.percent, q.environments)
                for q in self.quotas
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReportView:
    """The last report of a doctor."""

    kind: ReportKind
    at: str
    by: str
    checked: int
    """Number of findings, or of environments that were compared."""
    wrong: int
    lines: list[ReportLine]
    """Wrong findings, and certificates; lines beyond the first hundred are left out."""
    quotas: list[QuotaLine]


@router.post("", openapi_extra=body_schema(ReportBody))
def take_report(
    caller: CurrentCaller, deps: Deps, body: Annotated[ReportBody, Depends(json_body(ReportBody))]
) -> DoctorReportView:
    """Keep the report of a doctor until its next one."""
    kept = KeptReport(body.report, iso(deps.now_ms()), caller.actor)
    _reports(deps).keep(kept)
    return _view(kept)


def last_reports(deps: ApiDeps) -> list[DoctorReportView]:
    """Return the last report of each doctor. One read of the reserved row."""
    return [_view(kept) for kept in _reports(deps).last()]


def _reports(deps: ApiDeps) -> DoctorReports:
    return DoctorReports(deps.environments.ledger.store)


def _view(kept: KeptReport) -> DoctorReportView:
    report = kept.report
    return DoctorReportView(
        kind=report.kind,
        at=kept.at,
        by=kept.by,
        checked=report.checked,
        wrong=report.wrong,
        lines=list(report.lines),
        quotas=list(report.quotas),
    )
