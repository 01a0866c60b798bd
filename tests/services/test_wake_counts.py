"""Looks for work that one build causes, by watcher. A test fails with one look more."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Work
from gromit.core.environments.run_progress import RunProgress
from gromit.core.environments.turns import DueRows
from gromit.core.environments.wakes import Watcher
from gromit.core.stack.made import MadeStack
from gromit.errors import GromitError
from gromit.services.watch_loop import WatchIntervals, WatchLoop
from gromit.services.workers import RECHECK_S
from gromit.web.announcements import Announcement, HeardChanges
from tests.services.registry import MeddledStore, Registry

BACKSTOP_S = 60.0
UNTIL_S = 50.0
"""End of a scene, before the backstop."""


class LaggingStore(MeddledStore):
    """A table whose index of work shows a write some time later."""

    def __init__(self, lag_s: float) -> None:
        super().__init__()
        self.lag_s = lag_s
        self.shown_at = 0.0
        self.now_s: Callable[[], float] = lambda: 0.0
        self.looks = 0

    def due(self, kind: str, now_ms: int, limit: int, claim_id: str | None = None) -> DueRows:
        """Find nothing that was written just now."""
        self.looks += 1
        if self.now_s() < self.shown_at:
            return DueRows((), None, None)
        return super().due(kind, now_ms, limit, claim_id)


@dataclass
class Scene:
    """One watcher on virtual time, which others are on, too."""

    watcher: Watcher
    lag_s: float = 0.0
    script: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    """Instants and what happens then, in order."""
    runs_s: float = math.inf
    """Length of a run."""
    now: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.store = LaggingStore(self.lag_s)
        self.store.now_s = lambda: self.now
        self.registry = Registry(store=self.store)
        self.heard = HeardChanges(lambda change: change.makes_work_for(self.watcher))
        self.delivered = 0
        self.looked = 0
        self.claims = 0

    def build(self, version: str) -> Callable[[], object]:
        """Return the report of a build."""

        def report() -> None:
            self.registry.report(version=version)
            self.store.shown_at = self.now + self.lag_s

        return report

    def claim_elsewhere(self) -> None:
        """Claim the work as another worker."""
        self.store.shown_at = 0.0
        self._claim("another")

    def wait(self, seconds: float) -> bool:
        """Let time pass until an announcement counts, at most `seconds`."""
        end = round(self.now + max(seconds, 0.001), 3)  # so that time passes in any case
        while not self._hear():
            if not self.script or self.script[0][0] > end:
                self._advance(end)
                return False
            at, action = self.script.pop(0)
            self._advance(max(at, self.now))
            action()
        self.heard.end_wait()
        return True

    def looks(self) -> int:
        """Watch until the end of the scene. Return the looks for work after the first one."""
        WatchLoop(
            feed=self,
            stop=self.stop,
            intervals=WatchIntervals(
                backstop_s=BACKSTOP_S, rest=lambda _s: None, monotonic=lambda: self.now
            ),
            retried=(GromitError,),
            report=lambda error, _count: pytest.fail(error.message),
            recheck_s=() if self.watcher is Watcher.CHITRAGUPTA else RECHECK_S,
            is_awaited=self.heard.is_awaited,
            forget=self.heard.forget,
        ).run(self._step)
        return self.looked - 1

    def _step(self) -> float:
        if self.watcher is Watcher.CHITRAGUPTA:
            self.looked += 1
            return math.inf
        before = self.store.looks
        found = self._claim("own")
        self.looked += self.store.looks - before
        if found is None:
            return math.inf
        self.script.append((self.now + self.runs_s, lambda: self._end(found)))
        self.script.sort(key=lambda entry: entry[0])
        return 0.0

    def _claim(self, holder: str) -> Environment | None:
        kind = Work.REAP if self.watcher is Watcher.REAP else Work.SOW
        self.claims += 1
        claimant = Claimant(holder, f"nonce-{self.claims}")
        found = self.registry.leases.claim(kind, claimant, self.registry.now_ms)
        return found if isinstance(found, Environment) else None

    def _end(self, run: Environment) -> None:
        stamp = ChangeContext("own", self.registry.now_ms)
        fence = self.registry.fence(run)
        claim_id = str(run.row["claim_id"])
        self.registry.leases.sown(run.name, fence, claim_id, MadeStack("hash"), stamp)

    def _hear(self) -> bool:
        announcer = self.registry.announcer
        changes = zip(announcer.heard, announcer.woken, strict=True)
        new = list(changes)[self.delivered :]
        self.delivered += len(new)
        wakes = [
            self.heard.hear(
                Announcement(name, kind, None if woken is None else frozenset(map(str, woken)))
            )
            for (name, kind), woken in new
        ]
        return any(wakes)

    def _advance(self, to: float) -> None:
        self.registry.now_ms += round((to - self.now) * 1000)
        self.now = to
        if to >= UNTIL_S:
            self.stop.set()


@pytest.mark.parametrize(("lag_s", "looks"), [(0.0, 2), (0.3, 3), (2.2, 4)])
def test_a_build_costs_the_worker_that_takes_it_a_look_more_than_the_index_needs(
    lag_s: float, looks: int
) -> None:
    """One look finds it, and one more that nothing else is due."""
    scene = Scene(Watcher.SOW, lag_s=lag_s, runs_s=10.0)
    scene.script = [(10.0, scene.build("sha-1"))]
    assert scene.looks() == looks


@pytest.mark.parametrize("claimed_s", [0.0, 0.4])
def test_a_build_that_another_worker_takes_costs_one_look(claimed_s: float) -> None:
    scene = Scene(Watcher.SOW, lag_s=1.0)
    scene.script = [(10.0, scene.build("sha-1")), (10.0 + claimed_s, scene.claim_elsewhere)]
    assert scene.looks() == 1


def test_a_build_that_no_worker_may_take_costs_three_looks() -> None:
    scene = Scene(Watcher.SOW, lag_s=math.inf)
    scene.script = [(10.0, scene.build("sha-1"))]
    assert scene.looks() == 3


def test_a_build_costs_reap_no_look() -> None:
    scene = Scene(Watcher.REAP)
    scene.script = [(10.0, scene.build("sha-1")), (20.0, scene.build("sha-2"))]
    assert scene.looks() == 0


def test_a_build_of_a_known_environment_costs_chitragupta_a_pass_when_it_is_made() -> None:
    scene = Scene(Watcher.CHITRAGUPTA)
    scene.build("sha-1")()
    scene.delivered = len(scene.registry.announcer.heard)

    def make() -> None:
        run = scene._claim("another")
        assert run is not None
        scene._end(run)

    scene.script = [(10.0, scene.build("sha-2")), (20.0, make)]
    assert scene.looks() == 1


@pytest.mark.parametrize("watcher", Watcher)
def test_what_makes_work_for_none_wakes_none(watcher: Watcher) -> None:
    scene = Scene(watcher, lag_s=0.0)
    scene.registry.report(version="sha-1")
    run = scene.registry.leases.claim(Work.SOW, Claimant("w", "n"), scene.registry.now_ms)
    assert isinstance(run, Environment)
    fence = scene.registry.fence(run)
    scene.delivered = len(scene.registry.announcer.heard)
    now_ms = scene.registry.now_ms

    def renew(progress: RunProgress | None) -> None:
        scene.registry.leases.renew(run.name, fence, now_ms, progress)

    def protect() -> None:
        stamp = ChangeContext("alice", now_ms)
        scene.registry.environments.protect(run.name, protected=True, stamp=stamp)

    scene.script = [
        (10.0, lambda: renew(None)),
        (15.0, lambda: renew(RunProgress("a: created", 1, 2))),
        (20.0, protect),
        (25.0, scene.build("sha-1")),
        (30.0, scene.build("sha-2")),
    ]
    assert scene.looks() == 0
