"""Routes that show everything at a glance: all environments in brief, and the platform.

The page reads them. A row in brief is a tenth of an environment's view, and one request reads one
page of the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from gromit.core.environments.environment import Environment, Source
from gromit.core.environments.lifetime import lifetime_of
from gromit.core.environments.phases import Phase, Work
from gromit.core.environments.suspensions import ActiveSuspensions
from gromit.core.load import CpuUse, MemoryUse
from gromit.core.time import iso
from gromit.errors import Conflict, InvalidInput, NotFound, UnreadableRow
from gromit.services.environments import UnreadableEntry
from gromit.web.api import fault_views
from gromit.web.api.admission import ApiDeps, CurrentCaller, Deps
from gromit.web.api.cost_view import CostView
from gromit.web.api.doctor_reports import DoctorReportView, last_reports
from gromit.web.api.fault_views import SetAsideView, SuspensionView
from gromit.web.api.routes import new_router
from gromit.web.api.sightings import CallerSighting, WorkerSighting

router = new_router("/v1")

ROWS_MAX = 500
NAMES_MAX = 50
TROUBLE_MAX = 300
"""Characters of a failure's reason in a row."""


class OverviewQuery(BaseModel):
    """Page of an overview, or the rows of some environments."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=ROWS_MAX, description="rows of the table to read")] = (
        ROWS_MAX
    )
    cursor: Annotated[
        str | None, Field(max_length=255, description="`next` of the previous page")
    ] = None
    names: Annotated[
        str | None,
        Field(
            max_length=6000,
            description=f"comma-separated names of at most {NAMES_MAX} environments, and no others",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewRow:
    """One environment in brief."""

    name: str
    phase: Phase
    versions: Mapping[str, str]
    """Reported versions, by repository."""
    owner: str | None
    """Token, job or person that created it; null if it is not known."""
    created: str
    changed: str
    expires: str | None
    protected: bool
    trouble: str | None
    """Reason of the last failure, or what does not run or work; shortened."""
    suspended: str | None
    """The suspension that keeps workers from it, as one line; null without one."""
    components: int
    """Number of components that run."""
    cost: CostView | None
    """Estimate; null before its first apply."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Environments in brief, tombstones included."""

    environments: list[OverviewRow]
    set_aside: list[SetAsideView]
    """Rows that cannot be parsed."""
    missing: list[str]
    """Requested names without a row."""
    suspensions: list[SuspensionView]
    next: str | None
    """The cursor of the next page; null after the last one."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """Unfinished work of one kind, failed and claimed work included."""

    kind: Work
    unfinished: int
    oldest: str | None
    """When the oldest was requested."""
    oldest_name: str | None


@dataclass(frozen=True, slots=True)
class CreationLimitsView:
    """Environments that a repository and a token may have; 0 is no limit."""

    per_repository: int
    per_token: int


@dataclass(frozen=True, slots=True)
class PlatformView:
    """State of the platform, as this process of serve knows it."""

    now: str
    queue: list[QueueView]
    workers: list[WorkerSighting]
    """Workers that have asked this process for work, the last one first."""
    callers: list[CallerSighting]
    """Certificates with which this process was asked, the last one first."""
    suspensions: list[SuspensionView]
    limits: CreationLimitsView
    doctors: list[DoctorReportView]
    """The last report of each doctor; none of a doctor that has not reported yet."""
    cpu: CpuUse | None
    """CPU time of this process in its busiest minute; null in its first minute."""
    memories: Mapping[str, MemoryUse]
    """Memory that sow and reap have last reported, by part."""


@router.get("/overview")
def get_overview(
    _caller: CurrentCaller, deps: Deps, query: Annotated[OverviewQuery, Query()]
) -> Overview:
    """Show environments in brief, page by page, or those that are named."""
    now_ms = deps.now_ms()
    suspensions = deps.suspensions.current(now_ms)
    missing: list[str] = []
    after: str | None = None
    if query.names is None:
        page = deps.environments.page(query.cursor, query.limit)
        found, unreadable, after = page.environments, page.unreadable, page.last
    else:
        found, unreadable, missing = _named(deps, query.names)
    return Overview(
        [_row(deps, e, now_ms, suspensions) for e in found],
        [fault_views.set_aside(e) for e in unreadable],
        missing,
        [fault_views.suspension(s) for s in suspensions.found],
        after,
    )


@router.get("/platform")
def get_platform(_caller: CurrentCaller, deps: Deps) -> PlatformView:
    """Show the queue, workers, certificates in use, suspensions, limits and the doctors' reports.

    Workers and certificates are those that this process of serve has seen since its start.
    """
    now_ms = deps.now_ms()
    limits = deps.environments.limits
    return PlatformView(
        iso(now_ms),
        [_queue(deps, kind) for kind in Work],
        deps.sightings.workers(),
        deps.sightings.callers(),
        [fault_views.suspension(s) for s in deps.suspensions.current(now_ms).found],
        CreationLimitsView(limits.per_repository, limits.per_token),
        last_reports(deps),
        deps.cpu(),
        deps.memories(),
    )


def _named(deps: ApiDeps, text: str) -> tuple[list[Environment], list[UnreadableEntry], list[str]]:
    """Return the environments of some names, the unreadable ones, and the names without a row."""
    names = sorted({name for name in text.split(",") if name})
    if len(names) > NAMES_MAX:
        raise InvalidInput(
            f"{len(names)} names are more than {NAMES_MAX}", hint="ask for fewer at once"
        )
    found: list[Environment] = []
    unreadable: list[UnreadableEntry] = []
    missing: list[str] = []
    for name in names:
        try:
            found.append(deps.environments.inspect(name))
        except (NotFound, InvalidInput):  # changes of suspensions have a name, too
            missing.append(name)
        except (UnreadableRow, Conflict) as fault:
            unreadable.append(UnreadableEntry(name, fault, is_tombstone=False))
    return found, unreadable, missing


def _row(
    deps: ApiDeps, environment: Environment, now_ms: int, suspensions: ActiveSuspensions
) -> OverviewRow:
    phase = environment.phase(now_ms)
    ends_ms = lifetime_of(environment, deps.views.lifetimes).ends_ms
    halt = suspensions.shown_for(environment.name, environment.reported)
    reported = sorted(environment.versions.items())
    return OverviewRow(
        name=environment.name,
        phase=phase,
        versions={r: v.version for r, v in reported if v.source is Source.REPORTED},
        owner=environment.owner,
        created=iso(environment.created_ms),
        changed=iso(environment.changed_ms),
        expires=iso(ends_ms) if ends_ms is not None else None,
        protected=environment.protected,
        trouble=_trouble(environment),
        suspended=str(halt) if halt and phase is not Phase.GONE else None,
        components=len(environment.made.components) if environment.made else 0,
        cost=deps.views.cost(environment, now_ms),
    )


def _trouble(environment: Environment) -> str | None:
    failure = environment.failure or fault_views.contradiction_view(environment)
    if failure is not None:
        return failure.message[:TROUBLE_MAX]
    degraded = environment.degraded
    return degraded.reason[:TROUBLE_MAX] if degraded else None


def _queue(deps: ApiDeps, kind: Work) -> QueueView:
    unfinished = deps.environments.ledger.store.unfinished(kind)
    if not unfinished:
        return QueueView(kind, 0, None, None)
    oldest = min(unfinished, key=lambda name: (unfinished[name], name))
    return QueueView(kind, len(unfinished), iso(unfinished[oldest]), oldest)
