"""Lines of the audit as serve writes them: JSON with a timestamp."""

import json

from gromit.core.security.audit import AuditEntry
from gromit.core.time import parse_iso


def parse_audit_line(text: str) -> AuditEntry | None:
    """Return the entry of a line of serve's log; None for other text, such as a traceback."""
    try:
        fields = json.loads(text)
        return AuditEntry(parse_iso(fields["timestamp"]), fields)
    except (ValueError, TypeError, KeyError):
        return None
