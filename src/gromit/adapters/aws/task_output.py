"""Output of tasks in CloudWatch Logs.

The log driver `awslogs` writes each container to a stream of its own, `COMPONENT/CONTAINER/TASK`,
in the log group of the environment.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.core.stack.task_output import OutputLine, OutputPage, StoppedTask, log_group
from gromit.core.stack.terraform_events import Mask
from gromit.core.text import plain_output
from gromit.errors import InvalidInput

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import LogStreamTypeDef

LINE_BYTES = 4096
"""Bytes of a line that are kept; CloudWatch stores lines of up to 1 MB."""
PAGE_BYTES = 256 * 1024
"""Bytes of lines after which a page ends. The gateway forwards answers of up to 1 MiB."""
EVENTS_PER_CALL = 100
CALLS_PER_PAGE = 20
"""Calls after which a page ends. A search may find nothing in many calls, and still go on."""
STREAM_CALLS = 20
"""Calls of 50 streams each that look for a component's newest task.

Each start of a task makes a stream, so 1,000 of them are a component that crashes for a day.
"""
_ABSENT = "ResourceNotFoundException"
_STREAM = re.compile(r"([^/]+)/[^/]+/([^/]+)")


class CloudWatchTaskOutput:
    """The port `TaskOutput`, with secrets masked."""

    def __init__(
        self,
        client: "CloudWatchLogsClient",
        mask: Mask,
        impatient: "CloudWatchLogsClient | None" = None,
    ) -> None:
        """`impatient` reads single tasks, while a worker waits; by default `client`."""
        self._logs = client
        self._mask = mask
        self._impatient = impatient or client

    def newest(
        self, environment: str, components: Sequence[str], limit: int, *, previous: bool
    ) -> OutputPage:
        """Return the newest lines of each component's newest task, or of the one before it."""
        found: list[OutputLine] = []
        is_cut = False
        with aws_errors(f"read the output of {environment}"):
            for component in components:
                stream = self._stream(environment, component, previous=previous)
                if stream is None:
                    continue
                lines = self._tail(environment, stream, limit)
                is_cut = is_cut or len(lines) >= limit
                found += lines
        found.sort(key=lambda line: line.at_ms)
        kept = _newest_that_fit(found)
        return OutputPage(tuple(kept), is_cut=is_cut or len(kept) < len(found))

    def of_task(self, environment: str, task: StoppedTask, limit: int) -> Sequence[OutputLine]:
        """Return the last lines of one task, oldest first; none if it wrote nothing."""
        stream = f"{task.component}/{task.component}/{task.task}"
        with aws_errors(f"read the output of {environment}"):
            try:
                return self._tail(environment, stream, limit, self._impatient)
            except ClientError as error:
                if error_code(error) != _ABSENT:
                    raise
                return ()

    def since(
        self, environment: str, component: str | None, since_ms: int, cursor: str | None
    ) -> OutputPage:
        """Return lines of all tasks from an instant on, oldest first, page by page."""
        found: list[OutputLine] = []
        size = 0
        with aws_errors(f"read the output of {environment}"):
            pages = self._pages(environment, component, since_ms, cursor)
            for calls, (lines, token) in enumerate(pages, start=1):
                found += lines
                size += sum(len(line.text.encode()) for line in lines)
                if size >= PAGE_BYTES or calls == CALLS_PER_PAGE:
                    return OutputPage(tuple(found), token)
        return OutputPage(tuple(found))

    def _stream(self, environment: str, component: str, *, previous: bool) -> str | None:
        """Return the stream of a component's newest task, or of the task before it."""
        # The time of the last line is not exact for an hour, the time of creation is.
        streams = sorted(
            self._streams(environment, component),
            key=lambda s: (s.get("creationTime", 0), s["logStreamName"]),
            reverse=True,
        )
        wanted = 1 if previous else 0
        return streams[wanted]["logStreamName"] if len(streams) > wanted else None

    def _streams(self, environment: str, component: str) -> "Iterator[LogStreamTypeDef]":
        pages = self._logs.get_paginator("describe_log_streams").paginate(
            logGroupName=log_group(environment),
            logStreamNamePrefix=f"{component}/",
            PaginationConfig={"PageSize": 50, "MaxItems": 50 * STREAM_CALLS},
        )
        try:
            for page in pages:
                yield from page["logStreams"]
        except ClientError as error:
            if error_code(error) != _ABSENT:
                raise

    def _tail(
        self,
        environment: str,
        stream: str,
        limit: int,
        client: "CloudWatchLogsClient | None" = None,
    ) -> list[OutputLine]:
        """Return the last lines of a stream."""
        place: dict[str, Any] = {
            "logGroupName": log_group(environment),
            "logStreamName": stream,
            "startFromHead": False,
        }
        found: list[OutputLine] = []
        token: str | None = None
        while len(found) < limit:
            more: dict[str, Any] = {} if token is None else {"nextToken": token}
            answer = (client or self._logs).get_log_events(
                **place, limit=limit - len(found), **more
            )
            lines = [self._line(stream, event) for event in answer["events"]]
            found = lines + found
            # A call may return nothing before the end: only a repeated token is the end.
            if answer["nextBackwardToken"] == token:
                break
            token = answer["nextBackwardToken"]
        return found

    def _pages(
        self, environment: str, component: str | None, since_ms: int, cursor: str | None
    ) -> Iterator[tuple[list[OutputLine], str | None]]:
        token = cursor
        while True:
            query: dict[str, Any] = {"startTime": since_ms, "limit": EVENTS_PER_CALL}
            if component is not None:
                query["logStreamNamePrefix"] = f"{component}/"
            if token is not None:
                query["nextToken"] = token
            answer = self._filtered(environment, query, is_continued=cursor is not None)
            token = answer.get("nextToken")
            lines = [self._line(e["logStreamName"], e) for e in answer.get("events", ())]
            own = [line for line in lines if component in {None, line.component}]
            yield sorted(own, key=lambda line: line.at_ms), token
            if token is None:
                return

    def _filtered(
        self, environment: str, query: Mapping[str, Any], *, is_continued: bool
    ) -> Mapping[str, Any]:
        try:
            return self._logs.filter_log_events(logGroupName=log_group(environment), **query)
        except ClientError as error:
            if error_code(error) == _ABSENT:
                return {}
            if is_continued and error_code(error) == "InvalidParameterException":
                raise InvalidInput(
                    "the cursor is not of the previous page", hint="ask again without a cursor"
                ) from error
            raise

    def _line(self, stream: str, event: Mapping[str, Any]) -> OutputLine:
        named = _STREAM.fullmatch(stream)
        component, task = named.groups() if named else (stream, "")
        text = plain_output(self._mask(event["message"]))
        cut = text.encode()[:LINE_BYTES].decode(errors="ignore")
        return OutputLine(event["timestamp"], component, task, cut)


def _newest_that_fit(lines: Sequence[OutputLine]) -> Sequence[OutputLine]:
    size = 0
    for index in range(len(lines) - 1, -1, -1):
        size += len(lines[index].text.encode())
        if size > PAGE_BYTES:
            return lines[index + 1 :]
    return lines
