"""Search of the audit in the log group of serve, in CloudWatch Logs.

CloudWatch filters by events, environment and name, so that most lines never leave it. What it
returns is filtered again: a pattern compares texts, and not what they mean.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gromit.adapters.audit_lines import parse_audit_line
from gromit.adapters.aws.client import aws_errors, error_code
from gromit.core.security.audit import (
    EVENTS,
    WHO,
    AuditEntry,
    AuditPage,
    AuditQuery,
    chosen_entries,
)
from gromit.errors import InvalidInput

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient

ENTRIES_PER_PAGE = 500
CALLS_PER_PAGE = 10
"""Calls after which a page ends. A call may find nothing, and still have a next one."""
_PATTERN_MAX = 1024
"""Characters of a pattern that CloudWatch accepts."""
_PLAIN = re.compile(r"[\w.:@/+ -]+", re.ASCII)
"""Text that a pattern can compare; other text is compared only here."""


class AuditLogGroup:
    """The port `AuditLog`. A cursor is CloudWatch's own."""

    def __init__(self, client: "CloudWatchLogsClient", group: str) -> None:
        self._logs = client
        self._group = group

    def search(self, query: AuditQuery, cursor: str | None) -> AuditPage:
        """Return the entries of some calls that a query chooses."""
        found: list[AuditEntry] = []
        token = cursor
        with aws_errors("search the audit"):
            for _ in range(CALLS_PER_PAGE):
                answer = self._call(query, token)
                lines = (parse_audit_line(event["message"]) for event in answer["events"])
                found += chosen_entries((line for line in lines if line), query)
                token = answer.get("nextToken")
                if token is None or len(found) >= ENTRIES_PER_PAGE:
                    break
        return AuditPage(tuple(sorted(found, key=lambda entry: entry.at_ms)), token)

    def _call(self, query: AuditQuery, token: str | None) -> Any:
        more: dict[str, Any] = {} if token is None else {"nextToken": token}
        if query.until_ms is not None:
            more["endTime"] = query.until_ms
        try:
            return self._logs.filter_log_events(
                logGroupName=self._group,
                filterPattern=audit_pattern(query),
                startTime=query.since_ms,
                limit=ENTRIES_PER_PAGE,
                **more,
            )
        except ClientError as error:
            if token is not None and error_code(error) == "InvalidParameterException":
                raise InvalidInput(
                    "the cursor is not of the previous page", hint="ask again without a cursor"
                ) from error
            raise


def audit_pattern(query: AuditQuery) -> str:
    """Return CloudWatch's filter pattern for a query; it may match more than the query chooses."""
    pattern = _any(f'$.event = "{event}"' for event in EVENTS)
    for part in _choices(query):
        longer = f"{pattern} && {part}"
        # What does not fit is compared only here.
        pattern = longer if len(longer) <= _PATTERN_MAX - len("{  }") else pattern
    return f"{{ {pattern} }}"


def _choices(query: AuditQuery) -> Iterator[str]:
    if query.environment is not None and _PLAIN.fullmatch(query.environment):
        name = query.environment
        yield _any([f'$.env = "{name}"', f'$.path = "*/{name}*"'])
    if query.by is not None and _PLAIN.fullmatch(query.by):
        yield _any(f'$.{field} = "*{query.by}*"' for field in WHO)


def _any(comparisons: Iterator[str] | list[str]) -> str:
    return f"({' || '.join(comparisons)})"
