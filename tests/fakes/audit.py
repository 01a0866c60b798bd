"""The audit in memory."""

from gromit.core.security.audit import AuditEntry, AuditPage, AuditQuery, chosen_entries
from gromit.errors import InvalidInput


class FakeAuditLog:
    """The port `AuditLog`, with one entry a page."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    def search(self, query: AuditQuery, cursor: str | None) -> AuditPage:
        """Return the next entry, if the query chooses it."""
        if cursor is not None and not (cursor.isdecimal() and len(cursor) < 10):
            raise InvalidInput("the cursor is not of the previous page")
        start = int(cursor or 0)
        after = start + 1
        chosen = chosen_entries(self.entries[start:after], query)
        return AuditPage(chosen, str(after) if after < len(self.entries) else None)
