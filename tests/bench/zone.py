"""Calls and CPU time of a pass by the records of its zone, beside those of external-dns."""

from tests.aws_laws.laws import governed
from tests.bench.dns_pass import DnsScene
from tests.bench.law import LINEAR, Curve, Extent, Goal, Law, Measured, Table

RECORDS = (40, 400, 2_000)
"""As external-dns 0.21.0 was run with."""
RECORDS_EACH = 2
"""The address of the only component of an environment, and its mark."""
EXTERNAL_DNS = {40: (3, 0.07), 400: (5, 0.09), 2_000: (16, 0.27)}
"""Its calls and its CPU time in seconds, with the start of its process."""


def _measure(extent: Extent) -> Measured:
    cpu, calls, fewest, rows = [], [], 0, []
    sizes = extent.sizes(*RECORDS)
    with governed() as laws:
        scene = DnsScene(laws.clock, ("a",))
        for size in sizes:
            extent.say(f"{size} records")
            scene.grow(size // RECORDS_EACH)
            cost, fewest = scene.cost(), scene.fewest_calls()
            cpu.append((float(size), cost.cpu_s))
            dns_calls = cost.calls.total() - cost.calls["ecs.DescribeClusters"]
            calls.append((float(size), float(cost.calls.total())))
            theirs, their_s = EXTERNAL_DNS.get(size, ("", ""))
            seconds = f"{cost.cpu_s:.2f}"
            rows.append((f"{size:,}", str(dns_calls), str(theirs), seconds, str(their_s)))
    return Measured(
        (
            Goal(
                what=f"calls of a pass, {sizes[-1]:,} records",
                unit="calls",
                limit=fewest,
                measured=calls[-1][1],
                is_count=True,
            ),
        ),
        Curve("records", "CPU time of a pass, s", tuple(cpu), LINEAR),
        (Curve("records", "calls of a pass", tuple(calls), LINEAR, is_count=True),),
        (
            Table(
                "Beside external-dns 0.21.0, which was measured on the same records with another"
                " emulator. gromit's calls are those for DNS, without those that observe clusters;"
                " its CPU time is without the start of a process, which is part of the other:",
                (
                    "records",
                    "calls, gromit",
                    "calls, external-dns",
                    "CPU s, gromit",
                    "CPU s, external-dns",
                ),
                tuple(rows),
            ),
        ),
    )


LAW = Law(
    "A pass reads each page of the zone once.",
    _measure,
    held_by=("tests/aws_laws/test_budget.py", "tests/bench/test_laws.py"),
)
