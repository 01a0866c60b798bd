"""Route of the stream of changes."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import StreamingResponse

from gromit.core.names import NAME_MAX
from gromit.web.api.admission import Caller, CurrentCaller, Deps
from gromit.web.api.changes import StreamOwner
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router
from gromit.web.server.capacity import OWN_PARTS

router = new_router("/v1")

FollowedProgress = Annotated[
    str | None,
    Query(max_length=NAME_MAX, description="environment whose progress is sent too; * for all"),
]
OwnChanges = Annotated[
    bool,
    Query(description="only what this process of serve records, for other processes of serve"),
]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One event for every change.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/changes", response_class=StreamingResponse, responses=_STREAM | error_responses(429))
async def get_changes(
    caller: CurrentCaller,
    deps: Deps,
    progress: FollowedProgress = None,
    own: OwnChanges = False,  # noqa: FBT002 - a parameter of the query
) -> StreamingResponse:
    """Stream server-sent events: one unnamed event with `{"name", "kind"}` for each change."""
    owner = _stream_owner(caller)
    deps.changes.check_share(owner, is_peer=own)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    lines = deps.changes.stream(owner, progress, is_peer=own)
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)


def _stream_owner(caller: Caller) -> StreamOwner | None:
    """Return whose share a stream counts to; the control plane's own parts have none."""
    if caller.role in OWN_PARTS or caller.origin.serial is None:
        return None
    who = f"certificate {caller.origin.serial}" if caller.person is None else caller.actor
    return StreamOwner(who, caller.origin.client)
