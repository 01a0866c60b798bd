"""Route that searches the audit: who changed what, and who was refused, in all environments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from gromit.core.security.audit import AuditEntry, AuditQuery
from gromit.errors import Conflict, InvalidInput
from gromit.web.api.admission import CurrentCaller, Deps
from gromit.web.api.instants import instant_of, iso_with_milliseconds
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router

router = new_router("/v1")


class AuditFilter(BaseModel):
    """A choice of entries of the audit."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[
        str,
        Field(
            max_length=40,
            description="time, such as 2026-01-31T08:15:00Z, or a duration before now, such as 7d",
        ),
    ] = "1d"
    until: Annotated[
        str | None, Field(max_length=40, description="end of the search, the same; default: now")
    ] = None
    environment: Annotated[
        str | None, Field(max_length=255, description="only this environment, also if it is gone")
    ] = None
    by: Annotated[
        str | None,
        Field(
            max_length=255,
            description="only what was done by a person, token, job or serial whose name has "
            "this text",
        ),
    ] = None
    workers: Annotated[bool, Field(description="also what workers did")] = False
    cursor: Annotated[
        str | None, Field(max_length=1024, description="`next` of the previous page")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntryView:
    """A change, a refused request, or a change of the log level."""

    at: str
    """Time, with milliseconds."""
    by: str | None
    """Role and name of who did it; a worker has no role."""
    what: str
    """Kind of a change, `refused`, or `loglevel`."""
    environment: str | None
    """Environment that it is about; null if it is about none."""
    why: str | None
    """Reason of a change, or method, path and status of a refused request."""
    requester: str | None
    """Token or job that asked the gateway."""
    run: str | None
    """Run of the job."""
    serial: str | None
    """Serial of the certificate."""
    client: str | None
    """Address of the client."""


@dataclass(frozen=True, slots=True)
class AuditView:
    """Entries of the audit, oldest first."""

    entries: list[AuditEntryView]
    next: str | None
    """The cursor of the next page, which may be empty; null after the last one."""


@router.get("/audit", responses=error_responses(409))
def search_audit(
    _caller: CurrentCaller, deps: Deps, query: Annotated[AuditFilter, Query()]
) -> AuditView:
    """Search the audit in serve's own log."""
    if deps.audit is None:
        raise Conflict(
            "serve does not know where its log is kept",
            hint="set serve.audit_group or serve.audit_file, and start serve again",
        )
    now_ms = deps.now_ms()
    wanted = AuditQuery(
        instant_of(query.since, now_ms),
        None if query.until is None else instant_of(query.until, now_ms),
        query.environment,
        query.by,
        query.workers,
    )
    if wanted.until_ms is not None and wanted.until_ms <= wanted.since_ms:
        raise InvalidInput(
            "until is not after since",
            hint="a duration is counted back from now: since=2h&until=1h",
        )
    page = deps.audit.search(wanted, query.cursor)
    return AuditView([_view(entry) for entry in page.entries], page.next)


def _view(entry: AuditEntry) -> AuditEntryView:
    fields = entry.fields
    what, why = _described(fields)
    return AuditEntryView(
        at=iso_with_milliseconds(entry.at_ms),
        by=_text(fields, "by"),
        what=what,
        environment=entry.environment,
        why=why,
        requester=_text(fields, "requester"),
        run=_text(fields, "run"),
        serial=_text(fields, "serial"),
        client=_text(fields, "client"),
    )


def _described(fields: Mapping[str, Any]) -> tuple[str, str | None]:
    match fields["event"]:
        case "request.refused":
            asked = f"{_text(fields, 'method')} {_text(fields, 'path')}"
            return "refused", f"{asked}: {_text(fields, 'status')}"
        case "loglevel.changed":
            return "loglevel", f"from {_text(fields, 'before')} to {_text(fields, 'after')}"
        case _:
            return _text(fields, "kind") or "changed", _text(fields, "why")


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    found = fields.get(name)
    return None if found in {None, ""} else str(found)
