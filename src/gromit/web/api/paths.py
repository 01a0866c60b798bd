"""Paths of requests as gromit v1 takes them.

| path                                        | is read as                           |
|---------------------------------------------|--------------------------------------|
| `//env/app`, from a base URL that ends in / | `/env/app`                           |
| `/env/app/`, `/env//app`, `/env/x/../app`   | the path of no environment: 404      |
| `/env/refs/heads/x/app`                     | the ref of a branch                  |
"""

from typing import Annotated

from fastapi import Depends

from gromit.core.environments import refusals
from gromit.core.names import parse_ref
from gromit.web.server.limits import App, Receive, Scope, Send

_NO_ELEMENTS = frozenset({"", ".", ".."})


class SingleLeadingSlash:
    """Passes requests on to `app` with one slash in front of the path."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. `raw_path`, which the audit logs, stays as it was sent."""
        if scope["type"] == "http" and scope["path"].startswith("//"):
            scope["path"] = "/" + scope["path"].lstrip("/")
        await self._app(scope, receive, send)


async def name_or_ref_in_path(name: str) -> str:
    """Return the name or ref behind `/env/`.

    Raises `NotFound` for an empty, `.` or `..` element, by which two paths would be one name, and
    `InvalidInput` for a ref that is no branch.
    """
    if not _NO_ELEMENTS.isdisjoint(name.split("/")):
        if name.lstrip("/").startswith("refs/"):
            parse_ref(name)
        raise refusals.not_found(name)
    return name


PathName = Annotated[str, Depends(name_or_ref_in_path)]
