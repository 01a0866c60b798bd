"""Durations of the last runs, for estimates. Nothing is kept: they begin again with serve."""

import threading
from collections import deque
from dataclasses import dataclass, field

from gromit.core.environments.phases import Work
from gromit.core.environments.queue_place import RunSample

KEPT = 50
"""Runs of each kind: enough for a median, and few enough to follow a change of the stack."""
FORGOTTEN_MS = 24 * 3_600_000
"""Age of a run without an outcome that is no longer counted: its worker was lost."""


_SUCCESSES = frozenset({"sown", "reaped"})
_ENDS = _SUCCESSES | {"failed", "released"}
"""Kinds of changes that end a run."""


@dataclass(frozen=True, slots=True)
class _Ended:
    seconds: float
    parallel: int


def _last_runs() -> dict[Work, deque[_Ended]]:
    return {kind: deque(maxlen=KEPT) for kind in Work}


@dataclass(slots=True)
class RunTimes:
    """Runs in progress, and the last ones that succeeded. Safe to use from any thread."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _begun: dict[str, tuple[Work, int]] = field(default_factory=dict)
    """Environment to the kind and the begin of its run."""
    _ended: dict[Work, deque[_Ended]] = field(default_factory=_last_runs)

    def begin(self, kind: Work, name: str, now_ms: int) -> None:
        """Note that a worker has claimed an environment; a repeated request changes nothing."""
        with self._lock:
            self._forget_lost(now_ms)
            if self._begun.get(name, (None, 0))[0] is not kind:
                self._begun[name] = kind, now_ms

    def end(self, name: str, now_ms: int, *, is_done: bool) -> None:
        """Note that a run has ended. Only a success counts for estimates."""
        with self._lock:
            kind, begun_ms = self._begun.get(name, (None, 0))
            if kind is not None and is_done:
                seconds = (now_ms - begun_ms) / 1000
                self._ended[kind].append(_Ended(seconds, self._running(kind)))
            self._begun.pop(name, None)

    def note(self, name: str, change: str, now_ms: int) -> None:
        """Note a change that another process recorded: it may have ended a run of this one."""
        if change in _ENDS:
            self.end(name, now_ms, is_done=change in _SUCCESSES)

    def sample(self, kind: Work) -> RunSample:
        """Return the last runs of a kind."""
        with self._lock:
            ended = tuple(self._ended[kind])
            running = self._running(kind)
        parallel = max([running, *(run.parallel for run in ended)])
        return RunSample(tuple(run.seconds for run in ended), parallel)

    def _running(self, kind: Work) -> int:
        return sum(1 for other, _ in self._begun.values() if other is kind)

    def _forget_lost(self, now_ms: int) -> None:
        for name, (_, begun_ms) in list(self._begun.items()):
            if now_ms - begun_ms > FORGOTTEN_MS:
                del self._begun[name]
