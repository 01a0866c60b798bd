"""Many runs at once: claims work, keeps a bounded number of runs going, and tells what came of them."""

import math
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import structlog

from gromit.core.environments.claims import Claim, NoWork
from gromit.core.environments.environment import Work
from gromit.core.environments.protocol import Problem, RunEnding
from gromit.errors import BackendError, ConfigRootUnusable, Suspended
from gromit.ports import ChangeFeed, Progress
from gromit.services.runs import Runner

log = structlog.get_logger(__name__)

SLICE_S = 0.5
"""Longest wait that does not look at the stop signal, at finished runs, and at the suspension file."""
RECHECK_S = (0.5, 2.0)
"""Pauses before further looks at work after an announcement: the index of work lags behind the write that was announced."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of one run."""

    name: str
    ending: RunEnding
    problem: Problem | None
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How much a worker may do."""

    parallel: int
    limit: int | None = None
    """Environments that may be worked on within the window, however often each; None: no limit."""
    window_s: float = math.inf


@dataclass(slots=True)
class WorkerPool:
    """Works on environments, several at once."""

    kind: Work
    runner: Runner
    bounds: WorkerLimits
    stop: threading.Event
    monotonic: Callable[[], float]
    progress: Callable[[str], Progress]
    """Gives, for an environment's name, where its progress goes."""
    done: Callable[[RunResult], None]
    """Called with each outcome as it comes."""
    _running: set[Future[RunResult]] = field(default_factory=set)
    _begun: dict[str, float] = field(default_factory=dict)
    _is_limited: bool = False
    _passed: float | None = None

    def once(self) -> None:
        """Work until nothing is due.

        Raises `Suspended`, `ConfigRootUnusable` or `Temporary` when nothing more may begin; what has begun is ended first.
        """
        with ThreadPoolExecutor(self.bounds.parallel, thread_name_prefix=self.kind) as pool:
            try:
                while not self.stop.is_set():
                    full = len(self._running) >= self.bounds.parallel
                    self._collect(block=full)
                    if full or self._next(pool) is None:
                        continue  # after any wait the stop signal is looked at first
                    if not self._running:
                        break
                    self._collect(block=True)
            finally:
                self._drain()
        if not self.stop.is_set():
            log.info("work.passed", kind=str(self.kind), environments=len(self._begun))

    def watch(self, feed: ChangeFeed, backstop_s: float) -> None:
        """Work on whatever comes, until told to stop. Never raises for what passes: it says so once and waits."""
        halted, echoes = "", deque[float]()
        with ThreadPoolExecutor(self.bounds.parallel, thread_name_prefix=self.kind) as pool:
            while not self.stop.is_set():
                self._collect(block=False)
                if len(self._running) >= self.bounds.parallel:
                    self._collect(block=True)
                    continue
                try:
                    pause = self._next(pool)
                except (Suspended, ConfigRootUnusable, BackendError) as error:
                    if error.message != halted:
                        log.warning(
                            "work.halted", kind=self.kind, reason=error.message, hint=error.hint
                        )
                    halted, pause = error.message, NoWork(1.0)
                else:
                    halted = ""
                    self._tell_passed(pause, backstop_s)
                if pause is not None:
                    longest = echoes.popleft() if echoes else backstop_s
                    if self._idle(feed, min(pause.retry_s or longest, longest)):
                        echoes = deque(RECHECK_S)
            self._drain()

    def _tell_passed(self, pause: NoWork | None, often_s: float) -> None:
        """Say that all that was due has been begun, but not for every announcement: at most this often."""
        now = self.monotonic()
        if pause is not None and (self._passed is None or now - self._passed >= often_s):
            self._passed = now
            log.info("work.passed", kind=str(self.kind), environments=len(self._begun))

    def _next(self, pool: ThreadPoolExecutor) -> NoWork | None:
        """Begin one more run; `NoWork` if there is none to begin."""
        self.runner.release_left()
        self.runner.guard()
        if self._limited():
            return NoWork(None)
        match self.runner.queue.claim(self.kind):
            case Claim() as claim:
                self._begun.setdefault(claim.name, self.monotonic())
                self._running.add(pool.submit(self._run, claim))
                return None
            case NoWork() as nothing:
                return nothing

    def _limited(self) -> bool:
        oldest = self.monotonic() - self.bounds.window_s
        self._begun = {name: begun for name, begun in self._begun.items() if begun > oldest}
        reached = self.bounds.limit is not None and len(self._begun) >= self.bounds.limit
        if reached and not self._is_limited:
            log.warning("work.limited", kind=self.kind, limit=self.bounds.limit)
        self._is_limited = reached
        return reached

    def _run(self, claim: Claim) -> RunResult:
        begun = self.monotonic()
        finish = self.runner.run(claim, self.progress(claim.name))
        return RunResult(claim.name, finish.ending, finish.problem, self.monotonic() - begun)

    def _collect(self, *, block: bool) -> None:
        """Take the outcomes of runs that have ended; if `block`, wait until one has."""
        while True:
            ended, self._running = wait(
                self._running, timeout=SLICE_S if block else 0, return_when=FIRST_COMPLETED
            )
            for future in ended:
                self.done(future.result())
            if ended or not block or not self._running:
                return

    def _drain(self) -> None:
        while self._running:
            self._collect(block=True)

    def _idle(self, feed: ChangeFeed, seconds: float) -> bool:
        """Wait so many seconds, or for an announcement: then True."""
        until = self.monotonic() + seconds
        while not self.stop.is_set() and (left := until - self.monotonic()) > 0:
            if feed.wait(min(SLICE_S, left)):
                return True
            self._collect(block=False)
        return False
