"""Port for a search of the audit."""

from typing import Protocol

from gromit.core.security.audit import AuditPage, AuditQuery


class AuditLog(Protocol):
    """Lines of serve's log. Methods raise `Denied`, `Temporary` or `BackendError`."""

    def search(self, query: AuditQuery, cursor: str | None) -> AuditPage:
        """Return the entries that a query chooses, page by page; a page may be empty.

        Raises `InvalidInput` for a cursor that is not of the previous page.
        """
