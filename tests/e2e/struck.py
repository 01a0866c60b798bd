"""A worker that something happens to at a chosen moment: it kills itself, or stops as if its machine slept.

`python -m tests.e2e.struck sow|reap MOMENT SIGNAL ROOT`, with the settings of a worker in its environment. MOMENT is
`before:STEP`, a step of the protocol, or `after:CALL`, one of the calls by which the reaper does its work. It writes `ready` when
all is prepared, begins when it reads a line, and writes a line before the signal: the name of the environment.
"""

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from gromit import log
from gromit.bootstrap.workers import WorkerCallbacks, workers
from gromit.config.load import load_settings
from gromit.core.environments.claims import Claim
from gromit.core.environments.environment import Work
from gromit.core.environments.protocol import ProtocolStep
from gromit.services.reaping import Reaper


class Moment:
    """When the signal comes, and for which environment."""

    def __init__(self, text: str, number: signal.Signals) -> None:
        self._when, _, self._what = text.partition(":")
        self._number = number
        self._name = ""

    def before(self, claim: Claim, step: ProtocolStep) -> None:
        """Called before each step."""
        self._name = claim.name
        if (self._when, self._what) == ("before", type(step).__name__):
            self._strike()

    def after(self, call: str, function: Any) -> Any:
        """The function, followed by the signal if this is the moment."""

        def called(*arguments: Any) -> Any:
            result = function(*arguments)
            if (self._when, self._what) == ("after", call):
                self._strike()
            return result

        return called

    def _strike(self) -> None:
        print(f"struck {self._name}", flush=True)  # noqa: T201 - the test listens
        # to this very thread: a process of several threads goes on for a moment after it has sent itself a SIGSTOP
        signal.pthread_kill(threading.get_ident(), self._number)


class Watched:
    """A port of which one method is followed by the moment."""

    def __init__(self, port: Any, method: str, moment: Moment) -> None:
        self._port, self._method, self._moment = port, method, moment

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._moment.after(name, found) if name == self._method else found


def watched(reaper: Reaper, moment: Moment) -> Reaper:
    """The reaper, with each of its calls that change something watched."""
    return replace(
        reaper,
        retire_records=moment.after("retire_records", reaper.retire_records),
        terraform=Watched(reaper.terraform, "destroy", moment),
        states=Watched(reaper.states, "delete", moment),
        root=Watched(reaper.root, "remove", moment),
    )


def main(kind: Work, moment: Moment, root: Path) -> None:
    """One pass, of which one environment is worked on at a time."""
    settings = load_settings(os.environ).settings
    log.configure_logging(settings.log.level, settings.log.format)
    reporting = WorkerCallbacks(
        threading.Event(), lambda _name: lambda _text: None, lambda _outcome: None, moment.before
    )
    crew = workers(settings, kind, root, reporting)
    runner = crew.pool.runner
    if isinstance(runner.do, Reaper):
        crew.pool.runner = replace(runner, do=watched(runner.do, moment))
    print("ready", flush=True)  # noqa: T201 - the test listens
    sys.stdin.readline()
    crew.pool.once()
    crew.close()


if __name__ == "__main__":
    main(Work(sys.argv[1]), Moment(sys.argv[2], signal.Signals[sys.argv[3]]), Path(sys.argv[4]))
