"""Cost of work that is due at once, claimed and reported as done by some workers."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gromit.core.security.roles import Role
from tests.bench.law import LINEAR, Curve, Extent, Goal, Law, Measured
from tests.bench.load import Connection, connect, post_of, tls_context
from tests.bench.sample_row import due_item
from tests.bench.served import MeasuredServe, measured_serve

DUE = (100, 300, 1_000)
WORKERS = (1, 4, 16)
EVENTS = 1


@dataclass(frozen=True, slots=True)
class _Cost:
    cpu_s: float
    calls: Mapping[str, int]
    looks: int
    """Requests for work, those in vain included."""

    def per_environment(self, due: int, operation: str) -> float:
        """Return the calls for one environment, without the looks in vain at the end."""
        in_vain = self.looks - due if operation == "Query" else 0
        return (self.calls.get(operation, 0) - in_vain) / due


def _measure(extent: Extent) -> Measured:
    sizes = extent.sizes(*DUE)
    curves, last = [], dict[int, _Cost]()
    for workers in WORKERS[:1] if extent.is_smallest else WORKERS:
        points = []
        for due in sizes:
            extent.say(f"{due} due environments, {workers} workers")
            folder = extent.folder / f"{workers}-{due}"
            folder.mkdir(mode=0o700)
            last[workers] = _drain(folder, due, workers)
            points.append((float(due), max(0.01, last[workers].cpu_s)))
        curves.append(
            Curve(
                "environments that are due at once",
                "CPU time of serve until all are done, s",
                tuple(points),
                most=LINEAR,
                label=_workers(workers),
            )
        )
    goals = [goal for workers in last for goal in _goals(workers, sizes[-1], last[workers])]
    return Measured(tuple(goals), curves[0], tuple(curves[1:]))


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _goals(workers: int, due: int, cost: _Cost) -> list[Goal]:
    is_alone = workers == 1  # others race for the same rows, so their counts vary
    name = f"{_workers(workers)}, {due:,} due"
    return [
        Goal(
            what=f"queries for one environment, {name}",
            unit="queries",
            limit=1 if is_alone else None,
            measured=cost.per_environment(due, "Query"),
            is_count=is_alone,
        ),
        Goal(
            what=f"writes for one environment, {name}",
            unit="writes",
            limit=2 if is_alone else None,
            measured=cost.per_environment(due, "UpdateItem"),
            is_count=is_alone,
        ),
        Goal(
            what=f"CPU time of serve for one environment, {name}",
            unit="ms",
            limit=None,
            measured=1000 * cost.cpu_s / due,
        ),
    ]


def _drain(folder: Path, due: int, workers: int) -> _Cost:
    with measured_serve(folder, due, row=due_item(EVENTS)) as serve:
        before = serve.cpu_s()
        done, looks = asyncio.run(_work(serve, workers))
        assert done == due, f"{done} of {due} were claimed"
        return _Cost(serve.cpu_s() - before, serve.table.take_calls(), looks)


async def _work(serve: MeasuredServe, workers: int) -> tuple[int, int]:
    """Return the environments that were worked off, and the requests for work."""
    context = tls_context(serve, Role.WORKER)
    opened = [await connect(serve, context) for _ in range(workers)]
    serve.table.take_calls()
    done = await asyncio.gather(*(_worker(one, f"w{n}") for n, one in enumerate(opened)))
    for connection in opened:
        await connection.close()
    return sum(done), sum(done) + workers


async def _worker(connection: Connection, holder: str) -> int:
    done = 0
    while True:
        asked = {"kind": "sow", "holder": holder, "nonce": secrets.token_hex(16)}
        answer = await connection.send(post_of("/v1/claims", asked))
        if answer.status == 204:
            return done
        assert answer.status == 200, answer
        claim = json.loads(answer.body)
        outcome = {**asked, "epoch": claim["epoch"], "spec_hash": "h"}
        ended = await connection.send(post_of(f"/v1/claims/{claim['name']}/done", outcome))
        assert ended.status == 200, ended
        done += 1


LAW = Law(
    "Work that is due at once costs each worker one query for an environment, whatever waits.",
    _measure,
    held_by=("tests/services/test_claim_counts.py",),
)
