"""`gromit serve` without its limit of connections: `python -m tests.bench.roomy_serve serve`.

It has 256 by default, and gateways pass its stream of changes on. So the growth of its cost with
watchers shows only without the limit.
"""

from gromit.cli import main
from gromit.web.server.server import Listener

CONNECTIONS = 4_096

if __name__ == "__main__":
    limits = Listener.__dataclass_fields__["limits"].default
    object.__setattr__(limits, "connections", CONNECTIONS)
    object.__setattr__(limits, "handshakes", CONNECTIONS)
    main()
