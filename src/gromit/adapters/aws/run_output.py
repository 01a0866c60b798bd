"""Output of Terraform in runs, from the logs of workers in CloudWatch.

Each line of a worker's log is a JSON object, which has the environment and the epoch of the claim.
Workers mask secrets before they write. The lines stay as long as the log group keeps them.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.adapters.aws.task_output import CALLS_PER_PAGE, PAGE_BYTES
from gromit.core.environments.past_runs import PastRun
from gromit.core.environments.phases import Work
from gromit.core.stack.task_output import WORKER_LOG_GROUPS, OutputLine, OutputPage, worker_line
from gromit.core.text import plain_output
from gromit.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient

EVENTS_PER_CALL = 500
SAMPLE = 20
"""Lines that show whether a log is JSON."""


class CloudWatchRunOutput:
    """The port `RunOutput`."""

    def __init__(self, client: "CloudWatchLogsClient") -> None:
        self._logs = client

    def of_run(self, run: PastRun, cursor: str | None) -> OutputPage:
        """Return the lines of a run, page by page.

        Where the history does not say which worker it was, the next worker's log follows.
        """
        kind, token = _place(run, cursor)
        found: list[OutputLine] = []
        with aws_errors(f"read the output of run {run.number} of {run.environment}"):
            for _ in range(CALLS_PER_PAGE):
                answer = self._filtered(run, kind, token)
                found += _lines(run, kind, answer)
                token = answer.get("nextToken", "")
                if not token:
                    following = run.kinds[run.kinds.index(kind) + 1 :]
                    if not following:
                        if not found and cursor is None:
                            self._check_format(run)
                        return OutputPage(tuple(found))
                    kind = following[0]
                if sum(len(line.text.encode()) for line in found) >= PAGE_BYTES:
                    break
        return OutputPage(tuple(found), f"{kind}:{token}")

    def _check_format(self, run: PastRun) -> None:
        """Raise `Conflict` if workers wrote lines in which nothing finds those of a run."""
        for kind in run.kinds:
            events = self._asked(run, kind, limit=SAMPLE).get("events", ())
            if events and not any(_record(event["message"]) for event in events):
                raise Conflict(
                    f"the log of {kind} is no JSON, so the lines of a run cannot be found in it",
                    hint=f"set log.format=json (GROMIT_LOG_FORMAT) for {kind}",
                )

    def _filtered(self, run: PastRun, kind: Work, token: str) -> Mapping[str, Any]:
        pattern = f'{{ ($.env = "{run.environment}") && ($.epoch = {run.number}) }}'
        more = {"nextToken": token} if token else {}
        return self._asked(run, kind, limit=EVENTS_PER_CALL, filterPattern=pattern, **more)

    def _asked(self, run: PastRun, kind: Work, **query: Any) -> Mapping[str, Any]:
        token = query.get("nextToken")
        place: dict[str, Any] = {
            "logGroupName": f"{WORKER_LOG_GROUPS}{kind}",
            "startTime": run.from_ms,
            "endTime": run.until_ms,
        }
        try:
            return self._logs.filter_log_events(**place, **query)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return {}
            if token and error_code(error) == "InvalidParameterException":
                raise _wrong_cursor() from error
            raise


def _place(run: PastRun, cursor: str | None) -> tuple[Work, str]:
    """Return the worker and the token where the page begins."""
    kind, _, token = (cursor or f"{run.kinds[0]}:").partition(":")
    if kind not in run.kinds:
        raise _wrong_cursor()
    return Work(kind), token


def _wrong_cursor() -> InvalidInput:
    return InvalidInput("the cursor is not of the previous page", hint="ask again without a cursor")


def _lines(run: PastRun, kind: Work, answer: Mapping[str, Any]) -> list[OutputLine]:
    found = []
    for event in answer.get("events", ()):
        record = _record(event["message"])
        # The emulator does not know patterns for JSON, and what is shown must be of this run alone.
        if (record.get("env"), record.get("epoch")) != (run.environment, run.number):
            continue
        if text := worker_line(record):
            line = plain_output(text)
            found.append(OutputLine(event["timestamp"], kind, str(run.number), line))
    return found


def _record(message: str) -> Mapping[str, Any]:
    """Return a line of a log as JSON; nothing if it is none."""
    try:
        record = json.loads(message)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
