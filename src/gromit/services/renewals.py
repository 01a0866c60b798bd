"""Renewals of one claim while its run goes on, with the progress of the run."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from gromit.core.environments.claims import Claim
from gromit.core.environments.run_progress import RunProgress, fold_line
from gromit.errors import Conflict, GromitError
from gromit.ports import WorkQueue

log = structlog.get_logger(__name__)

PROGRESS_S = 2.0
"""Shortest time between two renewals, in seconds.

Each of them writes the row once. An apply of 3 minutes costs at most 90 writes in place of 9, which
is some thousandths of a dollar, and people see a step 2 seconds late at most.
"""


@dataclass(slots=True)
class Renewals:
    """Renews a claim at its interval, and sooner if there is progress. Thread-safe.

    If the claim is lost, the renewals end and the run goes on: it holds the Terraform lock, so no
    other worker can act, and its report will be refused.
    """

    queue: WorkQueue
    claim: Claim
    renew_s: float
    """Longest time between two renewals, in seconds."""
    progress_s: float = PROGRESS_S
    """Shortest time between two renewals, in seconds."""
    _progress: RunProgress | None = None
    _is_new: bool = False
    """Whether the progress has changed since it was last reported."""
    _is_ended: bool = False
    _changing: threading.Condition = field(default_factory=threading.Condition)

    def follow(self, line: str) -> None:
        """Take note of one line of progress."""
        if not self.claim.takes_progress:
            return
        with self._changing:
            progress = fold_line(self._progress, line)
            if progress != self._progress:
                self._progress, self._is_new = progress, True
                self._changing.notify_all()

    def end(self) -> None:
        """Renew no more: the report ends the claim, and a renewal after it would be refused."""
        with self._changing:
            self._is_ended = True
            self._changing.notify_all()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Renew the claim in a thread during the block, or until `end`."""
        thread = threading.Thread(target=self._run, name=f"renew-{self.claim.name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.end()
            thread.join()

    def _run(self) -> None:
        while self._wait():
            progress = self._take()
            try:
                self.queue.renew(self.claim, progress)
            except Conflict:
                # The report may have ended the claim during this very call. That is no loss.
                if not self._is_ended:
                    log.warning("claim.lost", env=self.claim.name)
                return
            except GromitError as error:
                # The lease may outlast the fault: try again at the next interval.
                log.warning("claim.not_renewed", env=self.claim.name, reason=error.message)
                self._give_back(progress)

    def _wait(self) -> bool:
        """Wait until the next renewal is due. Return False if the renewals have ended."""
        rest_s = min(self.progress_s, self.renew_s)
        with self._changing:
            self._changing.wait_for(lambda: self._is_ended, rest_s)
            self._changing.wait_for(lambda: self._is_ended or self._is_new, self.renew_s - rest_s)
            return not self._is_ended

    def _take(self) -> RunProgress | None:
        """Return the progress to report; None if it is reported already."""
        with self._changing:
            progress = self._progress if self._is_new else None
            self._is_new = False
            return progress

    def _give_back(self, progress: RunProgress | None) -> None:
        """Report the progress again with the next renewal."""
        with self._changing:
            self._is_new = self._is_new or progress is not None
