"""Calls of passes of sow, reap and chitragupta, by the number of environments with work.

Terraform's own calls do not count. It would take and release the lock of a state itself, so the two
calls for the lock are in the place of its own.

A changed image costs six calls of sow itself besides:

| call | why no other call says it |
|---|---|
| `s3.GetObject`, before | an apply needs no refresh only if the state is that of the last run |
| `ecr.BatchGetImage` | a tag may have moved since serve saw it, and a mark needs the manifest |
| `ecr.PutImage`, before | keeps the image while applies fail, perhaps for days |
| `ecr.PutImage`, after | moves the mark of the former image, which a failure must not lose |
| `ecs.DescribeServices` | Terraform ends before the rollout does |
| `s3.GetObject`, after | Terraform does not say serial and size of the state that it has written |
"""

from collections.abc import Callable, Sequence

from tests.aws_laws.worker_world import Calls, WorkerWorld, worker_world
from tests.bench.law import LINEAR, Curve, Extent, Goal, Law, Measured

SIZES = (10, 50, 200)
CHANGED, UNCHANGED, DELETED = 8, 2, 22
"""Calls of AWS for each environment, of four components with images of three repositories."""
REQUESTS = 3
"""Requests to serve for each environment: the claim, its verification, and the outcome."""
PER_PASS = 2
"""Calls of AWS for all environments of a pass: stale locks, and the platform."""
PAGED = 0.5
"""Largest exponent of the calls of chitragupta, which come in pages of AWS."""


def _aws(calls: Calls) -> int:
    return sum(n for name, n in calls.items() if not name.startswith(("serve.", "table.")))


def _serve(calls: Calls) -> int:
    return sum(n for name, n in calls.items() if name.startswith("serve."))


Pass = Callable[[WorkerWorld, Sequence[str]], Calls]


def _changed(world: WorkerWorld, names: Sequence[str]) -> Calls:
    world.build("tyk-pump", *names)
    return world.sow()


def _unchanged(world: WorkerWorld, names: Sequence[str]) -> Calls:
    for name in names:
        world.report_again(name)
    return world.sow()


def _quiet(world: WorkerWorld, names: Sequence[str]) -> Calls:
    del names
    world.publish()
    return world.publish()


def _deleted(world: WorkerWorld, names: Sequence[str]) -> Calls:
    world.delete(*names)
    return world.reap()


PASSES: tuple[tuple[str, Pass, int | None], ...] = (
    ("sow, changed images", _changed, CHANGED),
    ("sow, nothing changed", _unchanged, UNCHANGED),
    ("chitragupta, nothing changed", _quiet, None),
    ("reap", _deleted, DELETED),
)
"""Passes in their order in the life of environments, and calls of AWS for each environment."""


def _measure(extent: Extent) -> Measured:
    found: dict[str, list[tuple[float, Calls]]] = {name: [] for name, _, _ in PASSES}
    with worker_world() as world:
        for size in extent.sizes(*SIZES):
            extent.say(f"{size} environments")
            names = [f"e{size}-{number:04d}" for number in range(size)]
            world.build("tyk-pump", *names)
            world.sow()
            for name, act, _ in PASSES:
                found[name].append((float(size), act(world, names)))
    goals, curves = [], []
    for name, _, each in PASSES:
        count, calls = found[name][-1]
        if each is not None:
            goals.append(
                Goal(
                    what=f"calls of AWS, {name}, each of {count:.0f} environments",
                    unit="calls",
                    limit=each,
                    measured=(_aws(calls) - PER_PASS) / count,
                    is_count=True,
                )
            )
            goals.append(
                Goal(
                    what=f"requests to serve, {name}, each of {count:.0f} environments",
                    unit="requests",
                    limit=REQUESTS,
                    measured=(_serve(calls) - 1) / count,
                    is_count=True,
                )
            )
        points = tuple((at, float(_aws(some))) for at, some in found[name])
        most = PAGED if each is None else LINEAR
        curves.append(
            Curve("environments", "calls of AWS of a pass", points, most, name, is_count=True)
        )
    return Measured(tuple(goals), curves[0], tuple(curves[1:]))


LAW = Law(
    "A pass makes the same few calls for each environment with work, whatever their number.",
    _measure,
    held_by=("tests/aws_laws/test_worker_counts.py", "tests/bench/test_laws.py"),
)
