"""Cost of the stream of changes by the number of its watchers."""

import asyncio
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gromit.core.security.roles import Role
from tests.bench.law import FLAT, LINEAR, Curve, Extent, Goal, Law, Measured
from tests.bench.load import (
    Connection,
    build_of,
    connect,
    connections,
    get_of,
    send_all,
    tls_context,
)
from tests.bench.served import MeasuredServe, measured_serve

WATCHERS = (10, 100, 1_000)
CHANGES = 40
ENVIRONMENTS = 10
_FILES = 4_096


@dataclass(frozen=True, slots=True)
class _Cost:
    cpu_ms: float
    """Of serve for one change."""
    bytes_each: float
    """For one change and one watcher."""


def _measure(extent: Extent) -> Measured:
    changes = int(extent.pick(whole=CHANGES, small=20, smallest=5))
    sizes = extent.sizes(*WATCHERS)
    _allow_files()
    cpu, sent, memory, each_mb = [], [], [], 0.0
    with measured_serve(
        extent.folder, rows=ENVIRONMENTS, module="tests.bench.roomy_serve"
    ) as serve:
        asyncio.run(_watched(serve, 0, changes, 0))
        alone_ms = asyncio.run(_watched(serve, 0, changes, changes))[0].cpu_ms
        for number, size in enumerate(sizes, start=2):
            extent.say(f"{size} watchers")
            before = serve.memory_mb()
            cost, with_watchers = asyncio.run(_watched(serve, size, changes, number * changes))
            cpu.append((float(size), cost.cpu_ms))
            sent.append((float(size), cost.bytes_each))
            each_mb = (with_watchers - before) / size
            memory.append((float(size), max(0.1, with_watchers)))
    shown = (
        ("CPU time of serve for one change, without watchers", "ms", alone_ms),
        ("CPU time of serve for one change and watcher", "ms", (cpu[-1][1] - alone_ms) / sizes[-1]),
        ("memory of serve for one watcher", "KB", 1000 * each_mb),
    )
    return Measured(
        tuple(
            Goal(what=what, unit=unit, limit=None, measured=value) for what, unit, value in shown
        ),
        Curve("watchers", "CPU time of serve for a change, ms", tuple(cpu), LINEAR),
        (
            Curve("watchers", "bytes for one change and watcher", tuple(sent), FLAT, is_count=True),
            Curve("watchers", "memory of serve, MB", tuple(memory), LINEAR),
        ),
    )


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


async def _watched(
    serve: MeasuredServe, watchers: int, changes: int, first: int
) -> tuple[_Cost, float]:
    """Return the cost of changes with a number of watchers, and the memory of serve, in MB."""
    builds = [build_of(first + number, ENVIRONMENTS) for number in range(changes)]
    async with _streams(serve, watchers) as streams, connections(serve, 1) as opened:
        memory, before = serve.memory_mb(), serve.cpu_s()
        hearing = asyncio.gather(*(_hear(stream, changes) for stream in streams))
        await send_all(opened, builds)
        received = await hearing
        cpu_ms = 1000 * (serve.cpu_s() - before) / changes
    return _Cost(cpu_ms, sum(received) / max(1, watchers * changes)), memory


@asynccontextmanager
async def _streams(serve: MeasuredServe, count: int) -> AsyncIterator[Sequence[Connection]]:
    context = tls_context(serve, Role.WORKER)
    opened = []
    try:
        for _ in range(count):
            connection = await connect(serve, context)
            opened.append(connection)
            await connection.open_stream(get_of("/v1/changes"))
            await connection.reader.readuntil(b": connected\n\n\r\n")
        yield opened
    finally:
        await asyncio.gather(*(connection.close() for connection in opened))


async def _hear(connection: Connection, changes: int) -> int:
    """Return the bytes of a number of changes, without those of heartbeats."""
    received, heard = 0, 0
    while heard < changes:
        line = await connection.reader.readuntil(b"\n\n\r\n")
        if b"data:" in line:
            received += len(line)
            heard += 1
    return received


LAW = Law(
    "A change costs serve the same for each watcher of the stream, however many there are.",
    _measure,
    held_by=("tests/bench/test_laws.py",),
)
