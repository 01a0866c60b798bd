"""Durations of runs, and of the way from a build to an answering URL.

Nothing is kept: a run that began before serve is not measured.
"""

import threading
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Phase, Work
from gromit.core.metrics import definitions
from gromit.core.stack.addresses import NameState
from gromit.core.stack.health import HealthState
from gromit.web.server.metrics import histogram

FORGOTTEN_MS = 24 * 3_600_000
"""Age of a run without an outcome, or of one whose URL never answered, that is forgotten."""
_ANSWERS = frozenset({HealthState.PASS, HealthState.WARN})


@dataclass(frozen=True, slots=True)
class _ClaimedRun:
    kind: Work
    epoch: int
    at_ms: int
    requested_ms: int | None
    """Instant of the request; None for a repair, which no one requested."""


@dataclass(frozen=True, slots=True)
class _AwaitedAnswer:
    requested_ms: int
    at_ms: int


class RunMetrics:
    """Durations of runs by outcome, and of requests until they are served. Thread-safe."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._lock = threading.Lock()
        self._claimed: dict[str, _ClaimedRun] = {}
        self._awaited: dict[str, _AwaitedAnswer] = {}
        self._runs = histogram(definitions.RUNS, registry)
        self._ready = histogram(definitions.BUILD_READY, registry)
        self._answered = histogram(definitions.BUILD_ANSWERED, registry)

    def claimed(self, kind: Work, environment: Environment, now_ms: int) -> None:
        """Note a claim. A repeated request for the same claim changes nothing."""
        since = environment.row.get(Attribute.SINCE)
        is_requested = kind is Work.SOW and environment.observed < environment.generation
        requested_ms = since if is_requested and type(since) is int else None
        with self._lock:
            self._forget_old(now_ms)
            self._awaited.pop(environment.name, None)
            known = self._claimed.get(environment.name)
            if known is None or known.epoch != environment.epoch:
                self._claimed[environment.name] = _ClaimedRun(
                    kind, environment.epoch, now_ms, requested_ms
                )

    def ended(self, environment: Environment, outcome: str, now_ms: int) -> None:
        """Measure a run that has ended; one that is reported twice counts once."""
        name = environment.name
        with self._lock:
            run = self._claimed.pop(name, None)
            if run is None:
                return
            self._runs.labels(run.kind, outcome).observe((now_ms - run.at_ms) / 1000)
            is_newest = environment.observed == environment.generation
            if outcome != definitions.DONE or run.requested_ms is None or not is_newest:
                return
            self._ready.observe(max(0, now_ms - run.requested_ms) / 1000)
            if not environment.parked:
                self._awaited[name] = _AwaitedAnswer(run.requested_ms, now_ms)

    def observed(self, environment: Environment, now_ms: int) -> None:
        """Measure the way to an answering URL, if an observation has found its end."""
        if not _is_answering(environment, now_ms):
            return
        with self._lock:
            awaited = self._awaited.pop(environment.name, None)
        if awaited is not None:
            self._answered.observe(max(0, now_ms - awaited.requested_ms) / 1000)

    def _forget_old(self, now_ms: int) -> None:
        oldest_ms = now_ms - FORGOTTEN_MS
        self._claimed = {n: run for n, run in self._claimed.items() if run.at_ms >= oldest_ms}
        self._awaited = {n: one for n, one in self._awaited.items() if one.at_ms >= oldest_ms}


def _is_answering(environment: Environment, now_ms: int) -> bool:
    """Whether all names are published, and all programs that were asked work."""
    names, health = environment.dns.values(), environment.health.values()
    return (
        environment.phase(now_ms) is Phase.READY
        and bool(names)
        and bool(health)
        and all(name.state is NameState.PUBLISHED for name in names)
        and all(program.state in _ANSWERS for program in health)
    )
