"""Pools of workers, which sow and reap share."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gromit.bootstrap.aws_session import paced_session
from gromit.bootstrap.clients import serve_client
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.machine import parallel_runs
from gromit.bootstrap.worker_backends import (
    managed_secrets,
    owner_watch,
    platform_source,
    state_bucket,
)
from gromit.bootstrap.worker_functions import FunctionParts, LazyWorkFunction, check_settings
from gromit.config.schema import Settings
from gromit.core.environments.claims import Claim
from gromit.core.environments.phases import Work
from gromit.core.environments.worker_protocol import ProtocolStep
from gromit.ports import Progress
from gromit.services.pass_memory import PassMemory
from gromit.services.pass_reports import PassReporter
from gromit.services.runs import Runner
from gromit.services.workers import RunResult, WorkerLimits, WorkerPool
from gromit.web.clients.worker_queue import ServeQueue, new_worker_id

MAX_WATCH_WINDOW_S = 3600.0
"""Period in which a watching reap counts its limit: an hour."""


@dataclass(frozen=True, slots=True)
class WorkerCallbacks:
    """Stop event of workers, and callbacks for their progress and results."""

    stop: threading.Event
    progress: Callable[[str], Progress]
    done: Callable[[RunResult], None]
    before: Callable[[Claim, ProtocolStep], None] = lambda _claim, _step: None
    passes: PassReporter | None = None


@dataclass(frozen=True, slots=True)
class RunningPool:
    """A pool of workers, with functions to interrupt its terraforms and to clean up at the end."""

    pool: WorkerPool
    interrupt: Callable[[], None]
    close: Callable[[], None]


def workers(settings: Settings, kind: Work, root: Path, reporting: WorkerCallbacks) -> RunningPool:
    """Build workers of one kind on the config tree below `root`."""
    check_settings(settings, kind)
    paced_session(settings)
    owners = owner_watch()
    tree, states = config_root(root), state_bucket(settings)
    serve = serve_client(settings)
    queue = ServeQueue(serve, new_worker_id(), owners.identify().ecs_task)
    memory = PassMemory(platform_source(settings), managed_secrets(), time.monotonic)
    parts = FunctionParts(settings, tree, states, queue, memory, reporting.stop)
    do = LazyWorkFunction(kind, parts)
    runner = Runner(
        queue=queue,
        states=states,
        owners=owners,
        guard=tree.check,
        do=do,
        renew_s=settings.lease.renew.total_seconds(),
        before=reporting.before,
    )
    limit = settings.reap.limit if kind is Work.REAP else None
    bounds = WorkerLimits(settings.sow.parallel or parallel_runs(), limit, MAX_WATCH_WINDOW_S)
    pool = WorkerPool(
        kind, runner, bounds, reporting.stop, time.monotonic, reporting.progress, reporting.done
    )
    pool.passes, pool.forget = reporting.passes, memory.forget
    if kind is Work.REAP:
        pool.upkeep = partial(serve.post, "/v1/lifetimes", {})
    return RunningPool(pool, do.interrupt, do.close)
