"""Reports of passes to serve, which shows them as metrics."""

from dataclasses import asdict

from gromit.core.metrics.pass_report import PassReport
from gromit.web.clients.serve import ServeClient


class ServePasses:
    """The port `PassSink`."""

    def __init__(self, client: ServeClient) -> None:
        self._client = client

    def report(self, report: PassReport) -> None:
        """Send one request."""
        self._client.call("POST", "/v1/passes", asdict(report))
