"""Worker pool of sow and reap: claims work, keeps a bounded number of runs, reports results."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from gromit.core.environments.claims import Claim, NoWork
from gromit.core.environments.phases import Work
from gromit.core.environments.worker_protocol import Problem, RunEnding
from gromit.errors import (
    BackendError,
    ConfigRootUnusable,
    Denied,
    GromitError,
    Suspended,
    Temporary,
)
from gromit.ports import Progress, WorkFeed
from gromit.services.pass_reports import PassReporter
from gromit.services.runs import Runner
from gromit.services.watch_loop import SLICE_S, NewReasons, WatchIntervals, WatchLoop

log = structlog.get_logger(__name__)

RETRY_S = 1.0
"""Longest wait after a failed attempt to claim work."""
RECHECK_S = (0.5, 2.0)
"""Waits before further claims after an announcement, until a worker has claimed the work.

The index of due work lags behind the write that was announced.
"""
UPKEEP_S = 30.0
"""Pause between two calls of the upkeep."""
CLAIM_FAILURES_MAX = 3
"""Failed claims in a row that a single pass passes over."""
HALT_REPORT_S = 30.0
"""Interval at which a suspended worker informs serve."""
COUNTED = frozenset({RunEnding.DONE, RunEnding.FENCED})
"""Endings that count towards the limit. A fenced run may have destroyed something before."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """Result of one run."""

    name: str
    ending: RunEnding
    problem: Problem | None
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Limits of a worker process."""

    parallel: int
    """Largest number of runs at once."""
    limit: int | None = None
    """Largest number of environments that runs finish in a window, however often each.

    None: no limit. A failure does not count, so that it takes no place of an environment that can
    be done.
    """
    window_s: float = math.inf
    """Length of the window, in seconds."""


@dataclass(slots=True)
class WorkerPool:
    """Works on several environments at once."""

    kind: Work
    runner: Runner
    bounds: WorkerLimits
    stop: threading.Event
    monotonic: Callable[[], float]
    progress: Callable[[str], Progress]
    """Return the receiver of progress lines for an environment's name."""
    done: Callable[[RunResult], None]
    """Called with each result as soon as the run ends."""
    passes: PassReporter | None = None
    """Reports passes, for metrics."""
    forget: Callable[[], None] = lambda: None
    """Called at the beginning of a pass, and after a run that failed: reads count for a pass."""
    upkeep: Callable[[], object] | None = None
    """Called before work is claimed, at most every `UPKEEP_S` seconds."""
    _running: dict[Future[RunResult], str] = field(default_factory=dict)
    """Run to its environment."""
    _begun: dict[str, float] = field(default_factory=dict)
    """Environment to the instant of its first run within the window."""
    _counted: dict[str, float] = field(default_factory=dict)
    """Environment that counts towards the limit to the instant since which it does."""
    _tried: set[tuple[str, int]] | None = None
    """Environments and generations that the single pass has tried; None for a watch."""
    _claim_failures: int = 0
    """Number of claims that failed since the last one that did not."""
    _failed_claim: BackendError | None = None
    """Error of the last claim that the single pass has passed over."""
    _is_limited: bool = False
    _kept_up: float | None = None
    """Instant of the last upkeep."""
    _upkeep_faults: NewReasons = field(default_factory=NewReasons)
    _reported_halt: float | None = None
    """Instant at which serve was last informed that this worker is suspended."""
    _passed: float | None = None
    """Instant of the last `work.passed` of a watch."""

    def once(self) -> None:
        """Work until nothing is due, and finish all runs. Try each generation once.

        Raises `Suspended`, `ConfigRootUnusable` or `BackendError` if no more work may begin, and
        the last error if claims failed in between.
        """
        try:
            self._begin_pass()
            self._pass_once()
        except Suspended as halt:
            self._report_failure(halt)
            raise
        except GromitError as error:
            self._report_failure(error)
            log.warning(
                "work.pass_failed", kind=str(self.kind), reason=error.message, hint=error.hint
            )
            raise

    def _pass_once(self) -> None:
        self._tried, self._failed_claim = set(), None
        with ThreadPoolExecutor(self.bounds.parallel, thread_name_prefix=self.kind) as pool:
            try:
                while not self.stop.is_set():
                    full = self._is_full()
                    self._collect(block=full)
                    if full or self._next(pool) is None:
                        continue  # after each wait, check the stop signal first
                    if not self._running:
                        break
                    self._collect(block=True)
            finally:
                self._drain()
                self._tried = None
        if self._failed_claim:
            raise self._failed_claim
        if not self.stop.is_set():
            self._end_pass()

    def watch(self, feed: WorkFeed, backstop_s: float) -> None:
        """Work on whatever becomes due until the stop signal, then finish the runs in progress.

        A suspended system, an unusable config root and failures of serve are logged once while
        they last, and retried every second.
        """
        halts = NewReasons()
        self._begin_pass()
        with ThreadPoolExecutor(self.bounds.parallel, thread_name_prefix=self.kind) as pool:
            loop = self._loop(feed, backstop_s, halts)
            loop.run(lambda: self._step(pool, halts, backstop_s))
            self._drain()

    def _loop(self, feed: WorkFeed, backstop_s: float, halts: NewReasons) -> WatchLoop:
        def report(error: GromitError, _failures: int) -> None:
            for reason in halts.update([error.message]):
                self._report_failure(error)
                log.warning("work.halted", kind=self.kind, reason=reason, hint=error.hint)

        return WatchLoop(
            feed=feed,
            stop=self.stop,
            intervals=WatchIntervals(
                backstop_s=backstop_s, rest=self.stop.wait, monotonic=self.monotonic
            ),
            retried=(Suspended, ConfigRootUnusable, BackendError),
            report=report,
            retry_s=RETRY_S,
            recheck_s=RECHECK_S,
            is_awaited=feed.is_awaited,
            forget=feed.forget,
            between=lambda: self._collect(block=False),
        )

    def _step(self, pool: ThreadPoolExecutor, halts: NewReasons, backstop_s: float) -> float:
        """Begin one run if possible. Return the longest wait before the next step, in seconds."""
        self._collect(block=False)
        if self._is_full():
            self._collect(block=True)
            return 0.0
        pause = self._next(pool)
        halts.update([])
        if pause is None:
            return 0.0
        self._log_passed(backstop_s)
        return pause.retry_s or math.inf

    def _is_full(self) -> bool:
        return len(self._running) >= self.bounds.parallel

    def _log_passed(self, often_s: float) -> None:
        """Log `work.passed` when all due work has begun, at most every `often_s` seconds."""
        now = self.monotonic()
        if self._passed is None or now - self._passed >= often_s:
            self._passed = now
            self._end_pass()

    def _end_pass(self) -> None:
        """Do what needs no claim, now that all due work has begun, and log `work.passed`."""
        self.runner.remove_stale_locks()
        log.info("work.passed", kind=str(self.kind), environments=len(self._begun))
        if self.passes is not None:
            self.passes.done()
        self._begin_pass()

    def _begin_pass(self) -> None:
        self.forget()
        if self.passes is not None:
            self.passes.begin()

    def _report_failure(self, error: GromitError) -> None:
        if self.passes is not None:
            self.passes.failed(error)

    def _next(self, pool: ThreadPoolExecutor) -> NoWork | None:
        """Begin one more run. Return `NoWork` if none can begin."""
        self.runner.release_abandoned_locks()
        try:
            self.runner.guard()
        except Suspended as halt:
            self._report_halt(halt)
            raise
        self._keep_up()
        self._forget_old()
        if self._is_at_limit():
            return NoWork(None)
        try:
            answer = self.runner.queue.claim(self.kind)
        except BackendError as error:
            if not self._is_passed_over(error):
                raise
            return None
        self._claim_failures = 0
        match answer:
            case Claim() as claim if self._is_tried(claim):
                # It failed in this pass and is due again. Whatever else is due now is so because
                # of this pass, too: what failed comes last. A later pass tries it.
                with suppress(GromitError):  # without an answer, its lease ends by itself
                    self.runner.queue.release(claim)
                return NoWork(None)
            case Claim() as claim:
                self._begun.setdefault(claim.name, self.monotonic())
                self._running[pool.submit(self._run, claim)] = claim.name
                return None
            case NoWork() as no_work:
                return no_work

    def _keep_up(self) -> None:
        """Call the upkeep if it is time. Its failure is logged once, and keeps no work waiting."""
        now = self.monotonic()
        if self.upkeep is None or (self._kept_up is not None and now - self._kept_up < UPKEEP_S):
            return
        self._kept_up = now
        faults: list[str] = []
        try:
            self.upkeep()
        except GromitError as error:
            faults = [error.message]
        for reason in self._upkeep_faults.update(faults):
            log.warning("work.upkeep_failed", kind=str(self.kind), reason=reason)

    def _report_halt(self, halt: Suspended) -> None:
        """Report to serve why this worker starts nothing, so that people who wait learn it."""
        now = self.monotonic()
        if self._reported_halt is not None and now - self._reported_halt < HALT_REPORT_S:
            return
        self._reported_halt = now
        with suppress(GromitError):  # it is only for people; the halt itself does not need serve
            self.runner.queue.report_halt(self.kind, halt)

    def _is_passed_over(self, error: BackendError) -> bool:
        """Whether a single pass claims again after an error, because other work may be fine."""
        if self._tried is None or isinstance(error, Temporary | Denied):
            return False
        self._failed_claim = error
        self._claim_failures += 1
        log.warning("work.claim_failed", kind=str(self.kind), reason=error.message)
        return self._claim_failures <= CLAIM_FAILURES_MAX

    def _is_tried(self, claim: Claim) -> bool:
        """Whether the single pass has tried this generation before. Remember that it has now."""
        if self._tried is None:
            return False
        attempt = (claim.name, claim.generation)
        is_tried = attempt in self._tried
        self._tried.add(attempt)
        return is_tried

    def _is_at_limit(self) -> bool:
        """Whether the limit of the window is reached. Log once when it becomes so."""
        if self.bounds.limit is None:
            return False
        reached = len(self._counted) >= self.bounds.limit
        if reached and not self._is_limited:
            log.warning("work.limited", kind=self.kind, limit=self.bounds.limit)
        self._is_limited = reached
        # A run that goes on takes a place, which it gives back if it fails.
        return len({*self._counted, *self._running.values()}) >= self.bounds.limit

    def _forget_old(self) -> None:
        """Forget what began before the window."""
        oldest = self.monotonic() - self.bounds.window_s
        self._begun = {name: begun for name, begun in self._begun.items() if begun > oldest}
        self._counted = {name: since for name, since in self._counted.items() if since > oldest}

    def _run(self, claim: Claim) -> RunResult:
        begun = self.monotonic()
        finish = self.runner.run(claim, self.progress(claim.name))
        return RunResult(claim.name, finish.ending, finish.problem, self.monotonic() - begun)

    def _collect(self, *, block: bool) -> None:
        """Pass on the results of ended runs. If `block`, wait until at least one has ended."""
        while True:
            ended, _ = wait(
                self._running, timeout=SLICE_S if block else 0, return_when=FIRST_COMPLETED
            )
            for future in ended:
                self._end(future)
            if ended or not block or not self._running:
                return

    def _end(self, future: Future[RunResult]) -> None:
        del self._running[future]
        result = future.result()
        if result.problem is not None:
            self.forget()
        if result.ending in COUNTED:
            self._counted.setdefault(result.name, self.monotonic())
        self.done(result)

    def _drain(self) -> None:
        while self._running:
            self._collect(block=True)
