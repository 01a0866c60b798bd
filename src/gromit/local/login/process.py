"""The process `login` of a local cloud: the provider, on a loopback address.

Run as `python -m gromit.local.login.process SPEC`, where SPEC is the JSON of `spec.ProviderSpec`.
"""

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from gromit.local.login.grants import LocalClient, LoginState
from gromit.local.login.made_up import COMMAND_CLIENT, GATEWAY_CLIENT, LoginSecrets
from gromit.local.login.provider import provider_app
from gromit.local.login.spec import ProviderSpec

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def clients(spec: ProviderSpec) -> tuple[LocalClient, ...]:
    """Return the clients of the gateway and of the command line."""
    gateway = LocalClient(
        id=GATEWAY_CLIENT,
        secret=LoginSecrets.read(Path(spec.secrets)).client,
        redirects=frozenset({f"{spec.gateway}/login/callback"}),
    )
    command = LocalClient(id=COMMAND_CLIENT, grants=("authorization_code", "refresh_token", DEVICE))
    return gateway, command


@contextmanager
def running(spec: ProviderSpec) -> Iterator[None]:
    """Answer for the length of a `with`."""
    # Addresses of requests contain codes.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = provider_app(spec.issuer, LoginState(spec.people, clients(spec)))
    server = make_server("127.0.0.1", spec.port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    """Run the provider of the first argument until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with running(ProviderSpec.from_json(sys.argv[1])):
        stop.wait()


if __name__ == "__main__":
    main()
