"""Cost of a listing of all environments for serve."""

import math

from tests.bench.law import Curve, Extent, Goal, Law, Measured
from tests.bench.sample_row import sample_item
from tests.bench.served import measured_serve
from tests.bench.simulated_table import PAGE_BYTES, item_bytes

EVENTS = 1
"""The row has some 2 KB then, which is the ordinary size."""
SIZES = (100, 1_000, 10_000)
CPU_MS = 0.3
"""For each environment: 3 s for 10,000."""


def measure_listing(extent: Extent, path: str, cpu_ms: float) -> Measured:
    """Measure what all pages of a list cost, with a goal for each environment in ms."""
    points, scans, cpu_s, memory = [], 0, 0.0, 0.0
    sizes = extent.sizes(*SIZES)
    for size in sizes:
        extent.say(f"{size} environments")
        folder = extent.folder / str(size)
        folder.mkdir(mode=0o700)
        with measured_serve(folder, size, EVENTS) as serve:
            before = serve.cpu_s()
            cursor: str | None = None
            while True:
                query = {"limit": "500", **({"cursor": cursor} if cursor else {})}
                page = serve.client.get(path, params=query).raise_for_status().json()
                cursor = page["next"]
                if cursor is None:
                    break
            cpu_s = serve.cpu_s() - before
            scans = serve.table.take_calls()["Scan"]
            memory = serve.memory_mb()
        points.append((float(size), max(cpu_s, 0.01)))
    fewest = math.ceil(sizes[-1] / min(500, PAGE_BYTES // item_bytes(sample_item(EVENTS))))
    return Measured(
        (
            Goal(
                what=f"scans for {sizes[-1]:,} environments",
                unit="scans",
                limit=fewest,
                measured=scans,
                is_count=True,
            ),
            Goal(
                what="CPU time of serve for each environment",
                unit="ms",
                limit=cpu_ms,
                measured=1000 * cpu_s / sizes[-1],
            ),
            Goal(what="memory of serve after it", unit="MB", limit=150, measured=memory),
        ),
        Curve("environments", "CPU time of serve, s", tuple(points)),
    )


def _measure(extent: Extent) -> Measured:
    return measure_listing(extent, "/v1/environments", CPU_MS)


LAW = Law(
    "A listing reads each page of the table once, at the same cost for each row.",
    _measure,
    held_by=("tests/web/api/test_listing_counts.py",),
)
