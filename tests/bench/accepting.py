"""Cost of the report of a build for serve, and of requests beside it."""

from collections.abc import Callable, Sequence
from statistics import mean, median_low

from tests.bench.law import Curve, Extent, Goal, Law, Measured
from tests.bench.sample_row import REPOSITORIES
from tests.bench.served import MeasuredServe, measured_serve

ROUNDS = (100, 1_000)
KNOWN = "refs/heads/feature/e00000"
BUILD_MS, REQUEST_MS = 5.0, 2.0

Send = Callable[[MeasuredServe, int], object]


def _build(name: str) -> Send:
    def send(serve: MeasuredServe, number: int) -> None:
        body = {"repo": "tyk", "ref": name.format(number), "sha": f"{number:040x}"}
        serve.client.post("/newbuild", json=body).raise_for_status()

    return send


def _get(serve: MeasuredServe, _number: int) -> None:
    serve.client.get("/v1/environments/e00001").raise_for_status()


def _patch(serve: MeasuredServe, number: int) -> None:
    serve.client.patch("/env/e00001", json={"tyk": f"sha-{number}"}).raise_for_status()


def _cost(serve: MeasuredServe, rounds: int, send: Send) -> tuple[float, Sequence[int]]:
    """Return the CPU time of one request in ms, and the calls of each."""
    send(serve, 0)  # the first one reads what is not known yet
    before, calls = serve.cpu_s(), []
    for number in range(1, rounds + 1):
        serve.table.take_calls()
        send(serve, number)
        calls.append(sum(serve.table.take_calls().values()))
    return 1000 * (serve.cpu_s() - before) / rounds, calls


def _measure(extent: Extent) -> Measured:
    rounds = extent.sizes(*ROUNDS)
    with measured_serve(extent.folder, rows=2) as serve:
        extent.say("builds of a known environment")
        points = [(float(count), _cost(serve, count, _build(KNOWN))[0]) for count in rounds]
        build_ms, known = _cost(serve, rounds[-1], _build(KNOWN))
        extent.say("builds of new environments")
        _, new = _cost(serve, rounds[0], _build("refs/heads/new-{}"))
        extent.say("other requests")
        get_ms, _ = _cost(serve, rounds[-1], _get)
        patch_ms, _ = _cost(serve, rounds[-1], _patch)
        memory = serve.memory_mb()
    counts = (
        ("calls for a build of a known environment", 1, median_low(known)),
        ("calls for a build of a new environment", len(REPOSITORIES) + 1, median_low(new)),
    )
    times = (
        ("CPU time of serve for a build", BUILD_MS, build_ms),
        ("CPU time of serve for GET", REQUEST_MS, get_ms),
        ("CPU time of serve for PATCH", REQUEST_MS, patch_ms),
    )
    return Measured(
        (
            *(
                Goal(what=what, unit="calls", limit=limit, measured=count, is_count=True)
                for what, limit, count in counts
            ),
            Goal(
                what="calls on average, with those that cut a full history",
                unit="calls",
                limit=None,
                measured=mean(known),
            ),
            *(Goal(what=what, unit="ms", limit=limit, measured=ms) for what, limit, ms in times),
            Goal(what="memory of serve after all builds", unit="MB", limit=80, measured=memory),
        ),
        Curve("builds", "CPU time of serve for one, ms", tuple(points)),
    )


LAW = Law(
    "A build costs one write, and the same CPU time however many came before.",
    _measure,
    held_by=("tests/services/test_build_counts.py",),
)
