"""Accepting fails with an error, and survives a lack of file descriptors.

`test_tls` and `test_server` test handshakes and many connections.
"""

import asyncio
import os
import socket
import subprocess
import sys

import pytest
import uvloop

from gromit.web.server.accept import Acceptor
from gromit.web.server.limits import ClientLimits

SHORTAGE = """
import os, resource, socket, threading
from gromit import log
from gromit.web.server.accept import Acceptor
from gromit.web.server.server import Listener, Server
from tests.fakes.clients import connection, read_until
from tests.waiting import PATIENCE_S
from tests.web.applications import mirror

log.configure_logging("info", "json")
noticed, warn = threading.Event(), Acceptor._warn

def warn_and_notice(*arguments):
    warn(*arguments)
    noticed.set()

Acceptor._warn = warn_and_notice
server = Server(Listener(mirror, "127.0.0.1:0"))
with server.running():
    with connection(server.address()) as first:
        waiting = [socket.socket() for _ in range(3)]
        taken = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = max(int(n) for n in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 3, taken[1]))
        # The clients have their files already. None is left for the server.
        fillers = []
        try:
            while True:
                fillers.append(os.dup(first.fileno()))
        except OSError:
            pass
        for each in waiting:
            each.connect(first.getpeername())
        assert noticed.wait(PATIENCE_S)
        for each in fillers:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, taken)
        for each in waiting:
            each.sendall(b"GET / HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n")
            read_until(each, b"200 OK")
            each.close()
print("served", len(waiting))
"""


def test_a_server_without_its_socket_says_so_instead_of_waiting_for_ever() -> None:
    async def main() -> None:
        ended = asyncio.Event()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(0)
        acceptor = Acceptor(
            listening, asyncio.Protocol, tls=None, limits=ClientLimits(), make_room=lambda _: True
        )
        acceptor.open(ended.set)
        await asyncio.wait_for(ended.wait(), 20)
        with pytest.raises((OSError, ValueError)):
            await acceptor.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def test_connections_that_came_while_there_were_no_files_left_are_served_afterwards() -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", SHORTAGE],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("served ")
    assert int(done.stdout.split()[1]) > 0
    assert "connection.not_accepted" in done.stderr
