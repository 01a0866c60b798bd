"""Looks for work that one build causes, by watcher, on virtual time."""

import math

from gromit.core.environments.wakes import Watcher
from tests.bench.law import Curve, Extent, Goal, Law, Measured
from tests.services.test_wake_counts import Scene

LAGS_S = (0.01, 0.3, 2.2)
"""Times after which the index of work shows a build. DynamoDB's is mostly below the second one."""
ORDINARY_S = 0.3
MOST = 3


def _looks(watcher: Watcher, lag_s: float = 0.0, claimed_s: float = math.inf) -> int:
    """Return the looks of a watcher after one build, which another one claims at some time."""
    scene = Scene(watcher, lag_s=lag_s, runs_s=10.0)
    scene.script = [(10.0, scene.build("sha-1"))]
    if claimed_s < math.inf:
        scene.script.append((10.0 + claimed_s, scene.claim_elsewhere))
    return scene.looks()


def _measure(extent: Extent) -> Measured:
    extent.say("one build")
    taken = [(lag_s, float(_looks(Watcher.SOW, lag_s))) for lag_s in LAGS_S]
    figures = (
        ("the worker that takes it", MOST, dict(taken)[ORDINARY_S]),
        ("another worker", MOST, _looks(Watcher.SOW, 1.0, 0.4)),
        ("reap, which it makes no work for", 0, _looks(Watcher.REAP)),
    )
    slow = Goal(
        what=f"looks of the worker that takes it, if the index lags {LAGS_S[-1]:g} s",
        unit="looks",
        limit=None,
        measured=taken[-1][1],
        is_count=True,
    )
    return Measured(
        (
            *(
                Goal(
                    what=f"looks of {who} after one build",
                    unit="looks",
                    limit=limit,
                    measured=looks,
                    is_count=True,
                )
                for who, limit, looks in figures
            ),
            slow,
        ),
        Curve("lag of the index of work, s", "looks of the worker that takes it", tuple(taken)),
    )


LAW = Law(
    "A build wakes only watchers that it makes work for, and each looks at most three times.",
    _measure,
    held_by=("tests/services/test_wake_counts.py",),
)
