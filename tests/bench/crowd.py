"""Many clients that report a build at the same instant, each over a connection of its own."""

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter

from gromit.core.security.roles import Role
from gromit.web.clients.retries import Retries
from tests.bench.law import LINEAR, Curve, Extent, Goal, Law, Measured
from tests.bench.load import build_of, connect, tls_context
from tests.bench.served import MeasuredServe, measured_serve

CLIENTS = (50, 150, 500)
ENVIRONMENTS = 100
RETRIES = Retries()
"""Repetition that the client of the product does, too."""
_RESET = (OSError, EOFError, asyncio.IncompleteReadError)


@dataclass(slots=True)
class _Ends:
    answered: int = 0
    failed: int = 0
    attempts: Counter[int] = field(default_factory=Counter)
    """Clients by the number of attempts that they needed."""


def _measure(extent: Extent) -> Measured:
    points, cpu = [], []
    sizes, ends, memory = extent.sizes(*CLIENTS), _Ends(), 0.0
    with measured_serve(extent.folder, rows=ENVIRONMENTS) as serve:
        for size in sizes:
            extent.say(f"{size} clients at once")
            before, began = serve.cpu_s(), perf_counter()
            ends = asyncio.run(_crowd(serve, size))
            points.append((float(size), perf_counter() - began))
            cpu.append((float(size), max(0.01, serve.cpu_s() - before)))
            memory = serve.memory_mb()
    again = sum(count for attempts, count in ends.attempts.items() if attempts > 1)
    return Measured(
        (
            Goal(
                what=f"of {sizes[-1]} clients at once, those that retries did not help",
                unit="clients",
                limit=0,
                measured=ends.failed,
            ),
            Goal(what="those that tried again", unit="clients", limit=None, measured=again),
            Goal(what="memory of serve after it", unit="MB", limit=150, measured=memory),
        ),
        Curve("clients at once", "CPU time of serve, s", tuple(cpu), most=LINEAR),
        (Curve("clients at once", "time until the last answer, s", tuple(points)),),
    )


async def _crowd(serve: MeasuredServe, size: int) -> _Ends:
    context, ends = tls_context(serve, Role.GATEWAY), _Ends()
    await asyncio.gather(*(_client(serve, context, number, ends) for number in range(size)))
    return ends


async def _client(serve: MeasuredServe, context: ssl.SSLContext, number: int, ends: _Ends) -> None:
    began = perf_counter()
    for attempt in range(1, RETRIES.attempts + 1):
        if await _is_answered(serve, context, build_of(number, ENVIRONMENTS)):
            ends.answered += 1
            ends.attempts[attempt] += 1
            return
        if perf_counter() - began >= RETRIES.within_s:
            break
        await asyncio.sleep(RETRIES._pause(attempt))
    ends.failed += 1


async def _is_answered(serve: MeasuredServe, context: ssl.SSLContext, request: bytes) -> bool:
    """Whether serve takes the build; a 503 is worth another attempt, as a reset is."""
    try:
        connection = await connect(serve, context)
    except _RESET:
        return False
    try:
        answer = await connection.send(request)
    except _RESET:
        return False
    finally:
        await connection.close()
    assert answer.status in {200, 503}, answer
    return answer.status == 200


LAW = Law(
    "No client of 500 that report a build at once is refused for good.",
    _measure,
)
