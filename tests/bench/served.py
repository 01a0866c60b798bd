"""serve in a process of its own before a simulated table, and what its process costs."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from gromit.core.security.roles import Role
from gromit.web.tls import ClientTls
from tests.bench.processes import START
from tests.bench.sample_row import sample_item
from tests.bench.simulated_table import RunningTable, simulated_table
from tests.waiting import PATIENCE_S, wait_for
from tests.web.serving import REGION, Certificates

_TICKS_S = 1 / os.sysconf("SC_CLK_TCK")
_LISTENING = re.compile(r'"addresses": \["([^"]+)"')


@dataclass(frozen=True, slots=True)
class MeasuredServe:
    """A running serve, one client of it, and its table."""

    client: httpx2.Client
    """A client of an operator."""
    table: RunningTable
    pid: int
    address: str
    """Host and port."""
    certificates: Certificates
    log: Path

    def lines(self, text: str) -> int:
        """Return the number of lines of its log that contain a text."""
        return sum(text in line for line in self.log.read_text(encoding="utf-8").splitlines())

    def cpu_s(self) -> float:
        """Return the CPU time of its process so far, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) * _TICKS_S

    def memory_mb(self) -> float:
        """Return the memory that its process holds, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000


@contextmanager
def measured_serve(
    folder: Path,
    rows: int,
    events: int = 20,
    *,
    row: Mapping[str, Any] | None = None,
    module: str = "gromit",
) -> Iterator[MeasuredServe]:
    """Run serve on a table with a number of rows, each with at least a number of events.

    `row` is another row than the sample. `module` runs serve in another way.
    """
    certificates = Certificates(folder)
    server, _ = certificates.issue("server", "localhost", "127.0.0.1")
    log = folder / "serve.log"
    item = sample_item(events) if row is None else row
    with simulated_table(item, rows) as table, log.open("w") as output:
        environ = _environ(certificates, server.cert, server.key, table.url)
        process = START.get()(module, ["serve"], environ, output.fileno())
        try:
            wait_for("serve", lambda: _address(log) is not None)
            address = str(_address(log))
            tls = ClientTls(certificates.of(Role.OPERATOR))
            with httpx2.Client(
                base_url=f"https://{address}",
                verify=tls.context,
                timeout=PATIENCE_S,
                trust_env=False,
            ) as client:
                client.get("/v1/whoami").raise_for_status()
                table.take_calls()
                yield MeasuredServe(client, table, process.pid, address, certificates, log)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _environ(certificates: Certificates, cert: str, key: str, endpoint: str) -> Mapping[str, str]:
    return {
        "HOME": str(certificates.folder),
        "PATH": os.environ["PATH"],
        "PYTHONUNBUFFERED": "1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "GROMIT_TABLENAME": "environments",
        "GROMIT_CA": certificates.ca,
        "GROMIT_SERVE_CERT": cert,
        "GROMIT_SERVE_KEY": key,
        "GROMIT_SERVE_LISTEN": "127.0.0.1:0",
        "GROMIT_SERVE_HEALTH": "127.0.0.1:0",
        "GROMIT_CLUSTER_DOMAIN": "dev.example.com",
        "GROMIT_ENVIRONMENTS_PER_REPOSITORY": "0",  # no limit: laws create more than the default
    }


def _address(log: Path) -> str | None:
    found = _LISTENING.search(log.read_text(encoding="utf-8"))
    return found[1] if found else None
