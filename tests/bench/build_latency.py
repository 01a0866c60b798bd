"""Time that serve adds to the write of a build, at a steady rate."""

import asyncio
from collections.abc import Sequence
from time import perf_counter, sleep

from gromit.core.environments.row_writes import Exists, RowWrite
from tests.bench.build_rate import bare_store
from tests.bench.law import Curve, Extent, Goal, Law, Measured
from tests.bench.load import build_of, connections, percentile, send_at_rate
from tests.bench.served import MeasuredServe, measured_serve

RATES = (10, 25, 50)
CLIENTS = 8
ENVIRONMENTS = 100
ADDED_MS = 10.0
LESS = 0.25
"""Share of the time that lower rates get, which have no goal."""
SLICES = 4
"""Builds and bare writes take turns, so that both meet the same machine."""


def _measure(extent: Extent) -> Measured:
    seconds = extent.pick(whole=40, small=8, smallest=0.4)
    rates = RATES[-1:] if extent.is_smallest else RATES
    points = []
    goals: tuple[Goal, ...] = ()
    with measured_serve(extent.folder, rows=ENVIRONMENTS) as serve:
        _builds(serve, [build_of(number, ENVIRONMENTS) for number in range(ENVIRONMENTS)], 500)
        bare_writes = _BareWrites(serve)
        for rate in rates:
            extent.say(f"{rate} builds a second")
            share = 1 if rate == rates[-1] else LESS
            bare, builds = _take_turns(serve, bare_writes, rate, seconds * share)
            added_ms = 1000 * (percentile(builds, 0.99) - percentile(bare, 0.99))
            points.append((float(rate), max(0.01, added_ms)))
            goals = _goals(rate, bare, builds, added_ms)
    return Measured(goals, Curve("builds a second", "p99 that serve adds, ms", tuple(points)))


def _goals(
    rate: int, bare: Sequence[float], builds: Sequence[float], added_ms: float
) -> tuple[Goal, ...]:
    shown = [
        Goal(
            what=f"p{share:.0%} of {name}".replace("%", ""),
            unit="ms",
            limit=None,
            measured=1000 * percentile(values, share),
        )
        for name, values in (("a bare conditional write", bare), ("a build", builds))
        for share in (0.5, 0.99)
    ]
    added = Goal(
        what=f"p99 that serve adds at {rate} builds a second",
        unit="ms",
        limit=ADDED_MS,
        measured=added_ms,
    )
    return (added, *shown)


def _take_turns(
    serve: MeasuredServe, bare_writes: "_BareWrites", rate: int, seconds: float
) -> tuple[list[float], list[float]]:
    bare, builds = list[float](), list[float]()
    count = max(1, round(seconds * rate / 2 / SLICES))
    for turn in range(SLICES):
        bare += bare_writes.send(count, rate)
        first = (rate * SLICES + turn) * count + 1_000_000
        requests = [build_of(first + number, ENVIRONMENTS) for number in range(count)]
        builds += _builds(serve, requests, rate)
    return bare, builds


class _BareWrites:
    """Conditional writes with the adapter alone."""

    def __init__(self, serve: MeasuredServe) -> None:
        self._store = bare_store(serve)
        self._write = RowWrite(conditions=(Exists("name"),), increments={"n": 1})
        self._store.write("e00000", self._write)  # which opens the connection

    def send(self, count: int, rate: int) -> list[float]:
        """Write at a steady rate; return the seconds that each took."""
        began, took = perf_counter(), list[float]()
        for number in range(count):
            sleep(max(0.0, began + number / rate - perf_counter()))
            sent = perf_counter()
            self._store.write("e00000", self._write)
            took.append(perf_counter() - sent)
        return took


def _builds(serve: MeasuredServe, requests: list[bytes], rate: float) -> list[float]:
    async def send() -> list[float]:
        async with connections(serve, CLIENTS) as opened:
            return await send_at_rate(opened, requests, rate)

    return asyncio.run(send())


LAW = Law(
    "At 50 builds a second serve adds at most 10 ms to 99 of 100 writes.",
    _measure,
)
