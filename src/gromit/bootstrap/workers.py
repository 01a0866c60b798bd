"""Workers: sow and reap."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gromit.bootstrap.backends import (
    config_root,
    configured_catalogue,
    image_registry,
    orphan_finder,
    owner_watch,
    platform_source,
    service_states,
    state_bucket,
    terraform_runner,
)
from gromit.bootstrap.chitragupta import build_chitragupta
from gromit.bootstrap.clients import serve_client
from gromit.bootstrap.machine import domain_if_set, parallel_runs
from gromit.core.environments.environment import Work

if TYPE_CHECKING:
    from gromit.adapters.aws.state_bucket import S3StateBucket
    from gromit.adapters.config_tree.root import ConfigTree
    from gromit.adapters.terraform.runner import Terraform
    from gromit.config.schema import Settings
    from gromit.core.environments.claims import Claim
    from gromit.core.environments.protocol import ProtocolStep
    from gromit.ports import Progress
    from gromit.services.inspection import StackInspector
    from gromit.services.runs import WorkFunction
    from gromit.services.sowing import Sower
    from gromit.services.workers import RunResult, WorkerPool


MAX_WATCH_WINDOW_S = 3600.0
"""A watching reap counts its limit within an hour; a single pass is one run."""


@dataclass(frozen=True, slots=True)
class WorkerCallbacks:
    """How a worker is stopped, and where it tells what it does."""

    stop: threading.Event
    progress: "Callable[[str], Progress]"
    done: "Callable[[RunResult], None]"
    before: "Callable[[Claim, ProtocolStep], None]" = lambda _claim, _step: None


@dataclass(frozen=True, slots=True)
class RunningPool:
    """A pool of workers, how to interrupt what they run, and how to tidy up when they have ended."""

    pool: "WorkerPool"
    interrupt: Callable[[], None]
    close: Callable[[], None]


def workers(
    settings: "Settings", kind: Work, root: Path, reporting: WorkerCallbacks
) -> RunningPool:
    """Workers of one kind on the config tree below `root`."""
    from gromit.services.runs import Runner
    from gromit.services.workers import WorkerLimits, WorkerPool
    from gromit.web.clients.serve import ServeQueue, new_worker_id

    owners = owner_watch(settings)
    tree, states = config_root(settings, root), state_bucket(settings)
    terraform = terraform_runner(settings, states)
    do = (
        sower(settings, tree, terraform, reporting.stop)
        if kind is Work.SOW
        else _reaper(settings, tree, terraform, states)
    )
    runner = Runner(
        queue=ServeQueue(serve_client(settings), new_worker_id(), owners.me().ecs_task),
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
    return RunningPool(pool, terraform.interrupt, terraform.close)


def sower(
    settings: "Settings", tree: "ConfigTree", terraform: "Terraform", stop: threading.Event
) -> "Sower":
    """What makes one environment."""
    from gromit.adapters.terraform.stack_files import stack_hash
    from gromit.services.sowing import SettlePolicy, Sower

    patience = SettlePolicy(
        settings.sow.settle.total_seconds(),
        settings.sow.settle_poll.total_seconds(),
        time.monotonic,
        stop.wait,
    )
    return Sower(
        catalogue=configured_catalogue(settings),
        domain=domain_if_set(settings),
        fingerprint=stack_hash(),
        platform=platform_source(settings),
        images=image_registry(settings),
        root=tree,
        terraform=terraform,
        services=service_states(settings),
        patience=patience,
    )


def inspector(settings: "Settings", tree: "ConfigTree", tell: "Progress") -> "StackInspector":
    """What gives a stack's inputs to a person who looks; `tell` hears what is missing."""
    from gromit.services.inspection import StackInspector

    return StackInspector(
        catalogue=configured_catalogue(settings),
        platform=platform_source(settings),
        images=image_registry(settings),
        root=tree,
        warn=tell,
    )


def _reaper(
    settings: "Settings", tree: "ConfigTree", terraform: "Terraform", states: "S3StateBucket"
) -> "WorkFunction":
    from gromit.services.reaping import Reaper

    return Reaper(
        retire_records=build_chitragupta(settings).retire,
        platform=platform_source(settings),
        root=tree,
        terraform=terraform,
        leftovers=orphan_finder(),
        states=states,
    )
