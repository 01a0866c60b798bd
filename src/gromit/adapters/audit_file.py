"""Search of the audit in a file with serve's log, as a local cloud has it."""

from itertools import islice
from pathlib import Path

from gromit.adapters.audit_lines import parse_audit_line
from gromit.core.security.audit import AuditPage, AuditQuery, chosen_entries
from gromit.errors import BackendError, InvalidInput

LINES_PER_PAGE = 5000
_DIGITS_MAX = 15
"""Digits of the number of lines in any log."""


class AuditFile:
    """The port `AuditLog`. A cursor is the number of lines that were read."""

    def __init__(self, path: Path, lines_per_page: int = LINES_PER_PAGE) -> None:
        self._path = path
        self._lines_per_page = lines_per_page

    def search(self, query: AuditQuery, cursor: str | None) -> AuditPage:
        """Return the entries of the next lines that a query chooses."""
        start = _start(cursor)
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                lines = list(islice(file, start, start + self._lines_per_page))
        except OSError as error:
            raise BackendError(f"could not read the audit: {error}") from error
        found = (entry for line in lines if (entry := parse_audit_line(line)))
        is_last = len(lines) < self._lines_per_page
        after = None if is_last else str(start + len(lines))
        return AuditPage(chosen_entries(found, query), after)


def _start(cursor: str | None) -> int:
    if cursor is not None and not (cursor.isdecimal() and len(cursor) <= _DIGITS_MAX):
        raise InvalidInput(
            "the cursor is not of the previous page", hint="ask again without a cursor"
        )
    return int(cursor or 0)
