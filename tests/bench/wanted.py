"""Cost of the list that chitragupta reads, without histories."""

from tests.bench.law import Extent, Law, Measured
from tests.bench.listing import measure_listing

CPU_MS = 0.15
"""For each environment: half of what a listing may cost."""


def _measure(extent: Extent) -> Measured:
    return measure_listing(extent, "/v1/wanted", CPU_MS)


LAW = Law(
    "The list of what is wanted reads each page of the table once, and no history.",
    _measure,
    held_by=("tests/web/api/test_listing_counts.py",),
)
