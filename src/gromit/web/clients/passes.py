"""Reports of passes to serve, which shows them as metrics."""

from dataclasses import asdict

from gromit.core.metrics.pass_report import PassReport
from gromit.errors import InvalidInput
from gromit.web.clients.serve import ServeClient


class ServePasses:
    """The port `PassSink`."""

    def __init__(self, client: ServeClient) -> None:
        self._client = client

    def report(self, report: PassReport) -> None:
        """Send one request; a second one without the memory if serve does not know that field."""
        body = asdict(report)
        memory = body.pop("memory")
        if memory is not None and self._is_accepted({**body, "memory": memory}):
            return
        self._client.call("POST", "/v1/passes", body)

    def _is_accepted(self, body: dict[str, object]) -> bool:
        try:
            self._client.call("POST", "/v1/passes", body)
        except InvalidInput:
            return False
        return True
