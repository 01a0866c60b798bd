"""Cost of TLS handshakes for serve, and what resumption of sessions would save.

serve resumes none, because a resumed session is not checked against the present CA.
"""

import asyncio
import ssl
from collections.abc import Callable
from time import thread_time

from gromit.core.security.roles import Role
from gromit.web.server.tls import ServerTls
from gromit.web.tls import ClientTls
from tests.bench.law import FLAT, Curve, Extent, Goal, Law, Measured
from tests.bench.load import build_of, connect, connections, send_all, tls_context
from tests.bench.served import MeasuredServe, measured_serve
from tests.web.serving import Certificates

HANDSHAKES = (100, 300, 1_000)
BUILDS = 500
ENVIRONMENTS = 100


def _measure(extent: Extent) -> Measured:
    builds = int(extent.pick(whole=BUILDS, small=100, smallest=5))
    sizes = extent.sizes(*HANDSHAKES)
    with measured_serve(extent.folder, rows=ENVIRONMENTS) as serve:
        extent.say("builds over one connection, then each over its own")
        _kept(serve, ENVIRONMENTS, 0)
        kept_ms, own_ms = _kept(serve, builds, 1_000), _own(serve, builds, 10_000)
        extent.say("handshakes, whole and resumed")
        points = [(float(size), _handshake_ms(serve.certificates, size)[0]) for size in sizes]
        whole_ms, resumed_ms = _handshake_ms(serve.certificates, sizes[-1])
    shown: tuple[tuple[str, str, float], ...] = (
        ("CPU time of serve for a build over a kept connection", "ms", kept_ms),
        ("CPU time of serve for a build over its own connection", "ms", own_ms),
        ("share of the connection in it", "%", 100 * (own_ms - kept_ms) / own_ms),
        ("CPU time of the server for a whole handshake", "ms", whole_ms),
        ("CPU time of the server for a resumed one", "ms", resumed_ms),
        ("saved by resumption of a build over its own connection", "%",
         100 * (whole_ms - resumed_ms) / own_ms),
    )  # fmt: skip
    return Measured(
        tuple(
            Goal(what=what, unit=unit, limit=None, measured=value) for what, unit, value in shown
        ),
        Curve("handshakes", "CPU time of the server for one, ms", tuple(points), most=FLAT),
    )


def _kept(serve: MeasuredServe, builds: int, first: int) -> float:
    async def send() -> float:
        async with connections(serve, 1) as opened:
            before = serve.cpu_s()
            await send_all(opened, [build_of(first + n, ENVIRONMENTS) for n in range(builds)])
            return 1000 * (serve.cpu_s() - before) / builds

    return asyncio.run(send())


def _own(serve: MeasuredServe, builds: int, first: int) -> float:
    async def send() -> float:
        context, before = tls_context(serve), serve.cpu_s()
        for number in range(builds):
            connection = await connect(serve, context)
            await send_all([connection], [build_of(first + number, ENVIRONMENTS)])
            await connection.close()
        return 1000 * (serve.cpu_s() - before) / builds

    return asyncio.run(send())


def _handshake_ms(certificates: Certificates, count: int) -> tuple[float, float]:
    """Return the server's CPU time of a whole handshake, and of a resumed one."""
    files, _ = certificates.issue("server", "localhost")
    server = ServerTls(files).context
    client = ClientTls(certificates.of(Role.GATEWAY)).context
    whole = [_shake(server, client, None)[0] for _ in range(count)]
    resuming = ServerTls(files).context
    resuming.options &= ~ssl.OP_NO_TICKET
    resuming.num_tickets = 1
    session = _shake(resuming, client, None)[1]
    resumed = []
    for _ in range(count):
        took, session = _shake(resuming, client, session)
        resumed.append(took)
    return 1000 * sum(whole) / count, 1000 * sum(resumed) / count


def _shake(
    server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[float, ssl.SSLSession | None]:
    """Do a handshake; return the server's CPU time and the session that the client then has."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(down, up, server_hostname="localhost", session=session)
    answering = server.wrap_bio(up, down, server_side=True)
    took_s, is_done = 0.0, False
    while not is_done:
        is_asked = _step(asking.do_handshake)
        began = thread_time()
        is_done = _step(answering.do_handshake) and is_asked
        took_s += thread_time() - began
    assert asking.session_reused is (session is not None)
    answering.write(b"x")
    asking.read(1)  # which takes the ticket, too
    return took_s, asking.session


def _step(handshake: Callable[[], None]) -> bool:
    try:
        handshake()
    except ssl.SSLWantReadError:
        return False
    return True


LAW = Law(
    "A handshake costs the same however many came before, and says what resumption would save.",
    _measure,
)
