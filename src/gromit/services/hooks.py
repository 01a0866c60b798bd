"""Hooks of components: one-off tasks at the beginning and the end of an environment.

They run within the execution of a claim, so that the claim and the Terraform lock hold meanwhile.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from gromit.core.environments.claims import Claim
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.contract import Platform
from gromit.core.stack.hooks import HookKind, HookOutcome, HookTask, plan_hooks, without
from gromit.core.stack.resources import ResourceKind
from gromit.core.stack.task_output import task_id
from gromit.errors import BackendError, HookFailed, Suspended
from gromit.ports import HookTasks, Progress, WorkQueue
from gromit.services.clearing import Clearer

log = structlog.get_logger(__name__)

TRIES = 3
"""Attempts of a hook in one run of a worker."""
_END_S = 120.0
"""Time in which a task that was stopped has to end. Fargate kills it after 30 seconds."""
_RUNNING = frozenset({ResourceKind.SERVICE, ResourceKind.TASK})
"""Kinds that write data while a hook removes it. Among the tasks are hooks that were left."""


@dataclass(frozen=True, slots=True)
class HookPolicy:
    """Clock of the hooks, in seconds."""

    poll_s: float
    monotonic: Callable[[], float]
    pause: Callable[[float], bool]
    """Waits the given number of seconds; True if this worker must stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRunner:
    """Runs the hooks of environments."""

    catalogue: Catalogue
    clear: Clearer
    tasks: HookTasks
    queue: WorkQueue
    guard: Callable[[], None]
    """Raises `Suspended` or `ConfigRootUnusable` if no new work may begin."""
    policy: HookPolicy

    def on_create(self, claim: Claim, platform: Platform, progress: Progress) -> bool:
        """Run the hooks that have not succeeded in this incarnation; whether there were any.

        Each success is recorded at once. Raises `HookFailed` for a required hook.
        """
        kind, recorded = HookKind.ON_CREATE, set(claim.hooks)
        missing = without(self.catalogue.hooks(kind), recorded)
        if not missing:
            return False
        found = self.clear.resources.find(claim.name, platform)

        def record(task: HookTask) -> None:
            recorded.add(task.component)
            self.queue.record_hooks(claim, sorted(recorded))

        self._run(plan_hooks(missing, kind, claim.name, found, platform), record, progress)
        return True

    def on_reap(self, claim: Claim, platform: Platform | None, progress: Progress) -> None:
        """Run the hooks of an environment whose services have ended.

        From then on, its data counts as gone: a new life begins with all hooks `on_create`. Without
        a platform there is no network to run in. Raises `HookFailed` for a required hook.
        """
        if claim.hooks:
            self.queue.record_hooks(claim, ())
        hooks, kind = self.catalogue.hooks(HookKind.ON_REAP), HookKind.ON_REAP
        if not hooks or platform is None:
            return
        find = self.clear.resources.find
        tasks = plan_hooks(hooks, kind, claim.name, find(claim.name, platform), platform)
        if not tasks:
            return
        progress("ending its services")
        self.clear(
            claim.name,
            lambda: [r for r in find(claim.name, platform) if r.kind in _RUNNING],
            progress,
        )
        self._run(tasks, lambda _task: None, progress)

    def _run(
        self, tasks: Sequence[HookTask], succeeded: Callable[[HookTask], None], progress: Progress
    ) -> None:
        """Run tasks side by side, and those that failed again."""
        pending = tasks
        outcomes: Mapping[HookTask, HookOutcome] = {}
        for _ in range(TRIES):
            if not pending:
                return
            self.guard()
            outcomes = self._round(pending, progress)
            for task, outcome in outcomes.items():
                _log_end(task, outcome)
                progress(f"{task} ended: {outcome}")
                if outcome.succeeded:
                    succeeded(task)
            pending = [task for task in pending if not outcomes[task].succeeded]
        _require({task: outcomes[task] for task in pending})

    def _round(
        self, tasks: Sequence[HookTask], progress: Progress
    ) -> Mapping[HookTask, HookOutcome]:
        """Run each task once; return how each ended, or why it could not start."""
        outcomes: dict[HookTask, HookOutcome] = {}
        running: dict[HookTask, str] = {}
        for task in tasks:
            try:
                self._end_leftovers(task)
                running[task] = self.tasks.start(task)
                progress(f"{task} has started")
            except BackendError as error:
                outcomes[task] = HookOutcome(None, error.message)
        started_s = self.policy.monotonic()
        while running:
            waited_s = self.policy.monotonic() - started_s
            ended = {
                task: replace(outcome, task=task_id(id_))
                for task, id_ in running.items()
                if (outcome := self._look(task, id_, waited_s)) is not None
            }
            outcomes |= ended
            running = {task: id_ for task, id_ in running.items() if task not in ended}
            if running:
                self._wait(running)
        return outcomes

    def _look(self, task: HookTask, id_: str, waited_s: float) -> HookOutcome | None:
        """Return how a task ended; stop it if its time is over."""
        outcome = self.tasks.look(task, id_)
        if outcome is None and waited_s >= task.hook.timeout_s:
            self.tasks.stop(task, id_, "its time is over")
            return HookOutcome(None, f"not done after {task.hook.timeout_s} s, and stopped")
        return outcome

    def _wait(self, running: Mapping[HookTask, str]) -> None:
        """Wait a moment. Raises `Suspended`, and stops the tasks, if this worker must stop."""
        if self.policy.pause(self.policy.poll_s):
            for task, id_ in running.items():
                self.tasks.stop(task, id_, "its worker was asked to stop")
            raise Suspended("this worker was asked to stop while a hook ran")

    def _end_leftovers(self, task: HookTask) -> None:
        """Stop tasks of the same hook that a killed worker, or an earlier attempt, has left.

        Raises `BackendError` if one does not end.
        """
        until_s = self.policy.monotonic() + _END_S
        asked: set[str] = set()
        while running := self.tasks.running(task):
            for id_ in running:
                if id_ not in asked:
                    log.warning("hook.left_over", env=task.environment, task=id_)
                    self.tasks.stop(task, id_, "it is left from an earlier attempt")
                    asked.add(id_)
            if self.policy.monotonic() >= until_s:
                raise BackendError(f"an earlier task of the {task} does not end")
            self._wait({})


def _log_end(task: HookTask, outcome: HookOutcome) -> None:
    log.info(
        "hook.ended",
        env=task.environment,
        component=task.component,
        hook=task.kind,
        outcome=str(outcome),
    )


def _require(failures: Mapping[HookTask, HookOutcome]) -> None:
    """Log hooks that failed in all attempts. Raises `HookFailed` if one of them is required."""
    for task, outcome in failures.items():
        log.error(
            "hook.failed",
            env=task.environment,
            component=task.component,
            hook=task.kind,
            reason=str(outcome),
            required=task.hook.required,
        )
    needed = [task for task in failures if task.hook.required]
    if needed:
        raise HookFailed(
            "; ".join(f"{task} failed {TRIES} times: {failures[task]}" for task in needed),
            hint=f"read `gromit env logs {needed[0].environment} {needed[0].component}`,"
            " and correct the hook in the catalogue, or what it talks to",
            stopped={t.component: failures[t].task for t in needed if failures[t].task},
        )
