"""Starts workers that are killed or stopped at a chosen moment (`struck`)."""

import signal

from tests.e2e.processes import Process
from tests.e2e.stage import Stage

_ONE_AT_A_TIME = {"GROMIT_SOW_PARALLEL": "1"}


def kill_at(stage: Stage, kind: str, moments: tuple[str, ...]) -> dict[str, str]:
    """Kill workers, each at its moment and with its own claim; return the environment by moment."""
    workers = [_worker(stage, kind, moment, signal.SIGKILL) for moment in moments]
    for worker in workers:
        worker.until_said("ready")
    for worker in workers:
        worker.say("go\n")
    found = {}
    for moment, worker in zip(moments, workers, strict=True):
        worker.ended(-signal.SIGKILL)
        found[moment] = worker.out.split()[-1]
    assert len(set(found.values())) == len(moments), "each had its own environment"
    return found


def fall_asleep_at(stage: Stage, kind: str, moment: str) -> Process:
    """Return a worker that stops at its moment, as if its machine slept; SIGCONT wakes it."""
    worker = _worker(stage, kind, moment, signal.SIGSTOP)
    worker.until_said("ready")
    worker.say("go\n")
    worker.until_stopped()
    return worker


def _worker(stage: Stage, kind: str, moment: str, number: signal.Signals) -> Process:
    arguments = [kind, moment, number.name, stage.root]
    return stage.launch("tests.e2e.struck", arguments, {**stage.worker, **_ONE_AT_A_TIME})
