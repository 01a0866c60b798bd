"""Builds that serve takes in a second of one core, from clients that keep their connections."""

import asyncio
from time import perf_counter, thread_time

from gromit.adapters.aws.client import TABLE_CLIENT, new_session
from gromit.adapters.aws.dynamodb import DynamoStore
from gromit.core.environments.row_writes import Exists, RowWrite
from tests.bench.law import FLAT, Curve, Extent, Goal, Law, Measured, Table
from tests.bench.load import build_of, connections, get_of, send_all
from tests.bench.served import MeasuredServe, measured_serve
from tests.web.serving import REGION

CLIENTS = (1, 16, 100)
BUILDS = 2_000
ENVIRONMENTS = 100
PER_CORE = 200
_DISCARDED = "Connection pool is full"
"""Words with which the SDK says that more threads than connections want the table."""


def _measure(extent: Extent) -> Measured:
    builds = int(extent.pick(whole=BUILDS, small=400, smallest=20))
    clients = CLIENTS[:1] if extent.is_smallest else CLIENTS
    with measured_serve(extent.folder, rows=ENVIRONMENTS) as serve:
        _send(serve, 1, [build_of(number, ENVIRONMENTS) for number in range(ENVIRONMENTS)])
        points, rates, sent = [], [], ENVIRONMENTS
        for count in clients:
            extent.say(f"{builds} builds from {count} clients")
            requests = [build_of(sent + number, ENVIRONMENTS) for number in range(builds)]
            sent += builds
            cpu_s, took_s = _send(serve, count, requests)
            points.append((float(count), 1000 * cpu_s / builds))
            rates.append(builds / took_s)
        extent.say("what limits")
        bare_s, _ = _send(serve, clients[-1], [get_of("/v1/whoami")] * builds)
        memory, discarded = serve.memory_mb(), serve.lines(_DISCARDED)
        write_ms = _write_ms(serve, builds)
    build_ms, bare_ms = points[-1][1], 1000 * bare_s / builds
    shares = (
        ("TLS, HTTP and the route, as of a request that asks for nothing", bare_ms),
        ("the write to the table, with the SDK", write_ms),
        ("all else: reading the body, the decision, the row, the log, threads", None),
        ("a build", build_ms),
    )
    rest_ms = build_ms - bare_ms - write_ms
    return Measured(
        (
            Goal(
                what=f"builds a second and core, {clients[-1]} clients",
                unit="/s",
                limit=PER_CORE,
                measured=1000 / build_ms,
                is_least=True,
            ),
            *(
                Goal(
                    what=f"builds a second on this machine, {count} clients",
                    unit="/s",
                    limit=None,
                    measured=rate,
                )
                for count, rate in zip(clients, rates, strict=True)
            ),
            Goal(
                what="connections to the table that serve discarded",
                unit="connections",
                limit=0,
                measured=discarded,
            ),
            Goal(what="memory of serve after it", unit="MB", limit=150, measured=memory),
        ),
        Curve("clients", "CPU time of serve for a build, ms", tuple(points), most=FLAT),
        tables=(
            Table(
                "CPU time of one build, by what needs it. The largest part limits the rate:",
                ("part", "ms"),
                tuple((what, f"{rest_ms if ms is None else ms:.2f}") for what, ms in shares),
            ),
        ),
    )


def _send(serve: MeasuredServe, clients: int, requests: list[bytes]) -> tuple[float, float]:
    """Return the CPU time of serve, and the time that passed."""

    async def send() -> tuple[float, float]:
        async with connections(serve, clients) as opened:
            cpu_s, began = serve.cpu_s(), perf_counter()
            await send_all(opened, requests)
            return serve.cpu_s() - cpu_s, perf_counter() - began

    return asyncio.run(send())


def _write_ms(serve: MeasuredServe, writes: int) -> float:
    """Return the CPU time of one conditional write with the adapter alone."""
    store = bare_store(serve)
    write = RowWrite(conditions=(Exists("name"),), increments={"n": 1})
    store.write("e00000", write)
    began = thread_time()
    for _ in range(writes):
        store.write("e00000", write)
    return 1000 * (thread_time() - began) / writes


def bare_store(serve: MeasuredServe) -> DynamoStore:
    """Return the adapter of the table, with the client that serve has."""
    client = new_session(REGION).client(
        "dynamodb",
        endpoint_url=serve.table.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=TABLE_CLIENT,
    )
    return DynamoStore(client, "environments")


LAW = Law(
    "serve takes 200 builds a second of one core, and no more clients make one dearer.",
    _measure,
)
