"""Logs of the workers of a local cloud in the emulated log groups, as ECS writes them on AWS.

serve reads the output of runs there. Only lines of runs are copied: the emulator keeps them all in
memory.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from gromit.core.stack.task_output import WORKER_LOG_GROUPS

COPIED = ("sow", "reap")
"""Workers whose lines are copied."""
KEPT_DAYS = 30
_PAUSE_S = 1.0
_BATCH = 500
"""Lines of one request; CloudWatch accepts 1 MB."""
_DAY_MS = 86_400_000

log = structlog.get_logger(__name__)


class WorkerLogs:
    """Copies what workers write from now on to a stream of their log group, in a thread."""

    def __init__(self, logs: Path, client: Callable[[], Any]) -> None:
        """`logs` is the folder with their log files, `client` makes a client of the emulator."""
        self._files = {worker: logs / f"{worker}.log" for worker in COPIED}
        self._make_client = client
        self._client: Any = None
        # What was written before is in the emulator's state already.
        self._offsets = {worker: _size(file) for worker, file in self._files.items()}
        self._stream = f"local/{time.time_ns() // 1_000_000}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker-logs", daemon=True)
        self._is_prepared = False

    def start(self) -> None:
        """Copy from now on."""
        self._thread.start()

    def finish(self) -> None:
        """Copy what the workers have written last, and stop; do nothing if it was never started.

        The workers must have ended, and the emulator must not have.
        """
        if self._thread.ident is None:
            return
        self._stop.set()
        self._thread.join()
        self._copy_all()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_S):
            self._copy_all()

    def _copy_all(self) -> None:
        try:
            if not self._is_prepared:
                self._prepare()
                self._is_prepared = True
            for worker in COPIED:
                self._copy(worker)
        except (OSError, BotoCoreError, ClientError) as error:
            log.debug("worker_logs.not_copied", reason=str(error))  # the next round repeats it

    def _prepare(self) -> None:
        """Make the groups and their streams, and drop streams as a retention of days does."""
        self._client = self._make_client()
        for worker in COPIED:
            group = {"logGroupName": f"{WORKER_LOG_GROUPS}{worker}"}
            _unless_exists(self._client, self._client.create_log_group, **group)
            oldest_ms = time.time_ns() // 1_000_000 - KEPT_DAYS * _DAY_MS
            for stream in self._client.describe_log_streams(**group)["logStreams"]:
                if stream["creationTime"] < oldest_ms:
                    self._client.delete_log_stream(**group, logStreamName=stream["logStreamName"])
            create = self._client.create_log_stream
            _unless_exists(self._client, create, **group, logStreamName=self._stream)

    def _copy(self, worker: str) -> None:
        with self._files[worker].open("rb") as file:
            file.seek(self._offsets[worker])
            content = file.read()
        whole, newline, _ = content.rpartition(b"\n")
        events = [event for line in whole.split(b"\n") if (event := _event(line)) is not None]
        events.sort(key=lambda event: event["timestamp"])  # CloudWatch refuses any other order
        for at in range(0, len(events), _BATCH):
            self._client.put_log_events(
                logGroupName=f"{WORKER_LOG_GROUPS}{worker}",
                logStreamName=self._stream,
                logEvents=events[at : at + _BATCH],
            )
        self._offsets[worker] += len(whole) + len(newline)


def _unless_exists(client: Any, make: Callable[..., Any], **what: str) -> None:
    try:
        make(**what)
    except client.exceptions.ResourceAlreadyExistsException:
        return


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _event(line: bytes) -> Mapping[str, Any] | None:
    """Return a line of a run for CloudWatch; None for any other line."""
    try:
        record = json.loads(line)
        if "epoch" not in record:
            return None
        at = datetime.fromisoformat(record["timestamp"])
    except (ValueError, TypeError, KeyError):
        return None
    return {"timestamp": int(at.timestamp() * 1000), "message": line.decode()}
