"""A worker that kills itself, or stops as if its machine slept, at a chosen moment.

Usage: `python -m tests.e2e.struck sow|reap MOMENT SIGNAL ROOT`, with a worker's settings in the
environment. MOMENT is `before:STEP` with a step of the protocol, or `after:CALL` with one of the
reaper's calls. The program writes `ready` when it is prepared and starts when it reads a line.
Before the signal it writes a line with the name of the environment.
"""

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from gromit import log
from gromit.bootstrap.worker_functions import LazyWorkFunction
from gromit.bootstrap.workers import WorkerCallbacks, workers
from gromit.config.load import load_settings
from gromit.core.environments.claims import Claim
from gromit.core.environments.phases import Work
from gromit.core.environments.worker_protocol import ProtocolStep
from gromit.services.reaping import Reaper


class Moment:
    """Moment of the signal, and the environment of the claim."""

    def __init__(self, text: str, number: signal.Signals) -> None:
        self._when, _, self._what = text.partition(":")
        self._number = number
        self._name = ""

    def before(self, claim: Claim, step: ProtocolStep) -> None:
        """Strike before a step if this is the moment."""
        self._name = claim.name
        if (self._when, self._what) == ("before", type(step).__name__):
            self._strike()

    def after(self, call: str, function: Any) -> Any:
        """Return the function, followed by the signal if this is the moment."""

        def called(*arguments: Any) -> Any:
            result = function(*arguments)
            if (self._when, self._what) == ("after", call):
                self._strike()
            return result

        return called

    def _strike(self) -> None:
        print(f"struck {self._name}", flush=True)  # noqa: T201 - the test reads it
        # To this thread: after a SIGSTOP to the process, its threads run on for a moment.
        signal.pthread_kill(threading.get_ident(), self._number)


class Watched:
    """A port with one method that the signal may follow."""

    def __init__(self, port: Any, method: str, moment: Moment) -> None:
        self._port, self._method, self._moment = port, method, moment

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._moment.after(name, found) if name == self._method else found


def watched(reaper: Reaper, moment: Moment) -> Reaper:
    """Return the reaper with all of its changing calls watched."""
    return replace(
        reaper,
        retire_records=moment.after("retire_records", reaper.retire_records),
        terraform=Watched(reaper.terraform, "destroy", moment),
        states=Watched(reaper.states, "delete", moment),
        root=Watched(reaper.root, "remove", moment),
    )


def main(kind: Work, moment: Moment, root: Path) -> None:
    """Run one pass, one environment at a time."""
    settings = load_settings(os.environ).settings
    log.configure_logging(settings.log.level, settings.log.format)
    callbacks = WorkerCallbacks(
        threading.Event(), lambda _name: lambda _text: None, lambda _outcome: None, moment.before
    )
    running = workers(settings, kind, root, callbacks)
    runner = running.pool.runner
    assert isinstance(runner.do, LazyWorkFunction)
    do = runner.do.built()
    if isinstance(do, Reaper):
        running.pool.runner = replace(runner, do=watched(do, moment))
    print("ready", flush=True)  # noqa: T201 - the test reads it
    sys.stdin.readline()
    running.pool.once()
    running.close()


if __name__ == "__main__":
    main(Work(sys.argv[1]), Moment(sys.argv[2], signal.Signals[sys.argv[3]]), Path(sys.argv[4]))
