"""Routes of suspensions: what operators have stopped, until when and why."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from gromit.core.environments.suspensions import REASON_MAX, ScopeKind
from gromit.core.time import parse_iso
from gromit.errors import InvalidInput
from gromit.web.api import fault_views
from gromit.web.api.admission import CurrentCaller, Deps
from gromit.web.api.fault_views import SuspensionView
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router
from gromit.web.bodies import body_schema, json_body

router = new_router("/v1/suspensions")

FOR_MAX_S = 366 * 86_400


class ScopeBody(BaseModel):
    """Scope to suspend, or to resume."""

    model_config = ConfigDict(extra="forbid")

    scope: Annotated[ScopeKind, Field(description="all, environment or repository")]
    target: Annotated[
        StrictStr | None, Field(max_length=255, description="environment or repository")
    ] = None
    reason: Annotated[
        StrictStr, Field(max_length=REASON_MAX, description="reason, shown to all who wait")
    ] = ""


class SuspendBody(ScopeBody):
    """A new suspension."""

    reason: Annotated[
        StrictStr,
        Field(
            min_length=1,
            max_length=REASON_MAX,
            pattern=r"\S",
            description="reason, shown to all who wait",
        ),
    ]
    until: Annotated[
        StrictStr | None,
        Field(
            max_length=40,
            pattern=r"(Z|[+-]\d\d:\d\d)$",
            description="end, in ISO 8601 with a time zone",
        ),
    ] = None
    for_s: Annotated[
        StrictInt | None,
        Field(ge=1, le=FOR_MAX_S, description="duration in seconds, in place of `until`"),
    ] = None


@dataclass(frozen=True, slots=True)
class SuspensionList:
    """All suspensions that are in force."""

    suspensions: list[SuspensionView]


@dataclass(frozen=True, slots=True)
class ResumeReceipt:
    """The suspension that has ended, and those that are left."""

    ended: SuspensionView | None
    left: list[SuspensionView]


@router.get("")
def list_suspensions(_caller: CurrentCaller, deps: Deps) -> SuspensionList:
    """List what is suspended, also by the file `noprocess` if a worker has reported it."""
    return SuspensionList(_left(deps))


@router.post("", openapi_extra=body_schema(SuspendBody), responses=error_responses(404, 409))
def suspend(
    caller: CurrentCaller,
    deps: Deps,
    body: Annotated[SuspendBody, Depends(json_body(SuspendBody))],
) -> SuspensionView:
    """Suspend all processing, one environment or one repository. What runs is finished."""
    stamp = deps.stamp(caller)
    scope = deps.suspensions.scope(body.scope, body.target)
    end_ms = _end(body, stamp.now_ms)
    found = deps.suspensions.suspend(scope, body.reason.strip(), end_ms, stamp)
    return fault_views.suspension(found)


@router.post("/resume", openapi_extra=body_schema(ScopeBody))
def resume(
    caller: CurrentCaller,
    deps: Deps,
    body: Annotated[ScopeBody, Depends(json_body(ScopeBody))],
) -> ResumeReceipt:
    """End a suspension. Nothing changes if there is none."""
    scope = deps.suspensions.scope(body.scope, body.target)
    ended = deps.suspensions.resume(scope, body.reason.strip(), deps.stamp(caller))
    return ResumeReceipt(fault_views.suspension(ended) if ended else None, _left(deps))


def _left(deps: Deps) -> list[SuspensionView]:
    return [fault_views.suspension(s) for s in deps.suspensions.current(deps.now_ms()).found]


def _end(body: SuspendBody, now_ms: int) -> int | None:
    """Return when a suspension ends, by serve's clock. Raises `InvalidInput`."""
    if body.until is not None and body.for_s is not None:
        raise InvalidInput("`until` and `for_s` exclude each other", hint="give one of them")
    if body.for_s is not None:
        return now_ms + body.for_s * 1000
    if body.until is None:
        return None
    try:
        return parse_iso(body.until)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{body.until!r} is not a time", hint="for example 2026-01-31T08:15:00Z"
        ) from None
