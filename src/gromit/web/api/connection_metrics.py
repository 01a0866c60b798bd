"""Gauges of serve's connections: open streams, and expiries of certificates in use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gromit.core.metrics import server_definitions as definitions
from gromit.core.metrics.definition import MetricReading
from gromit.core.time import Millis
from gromit.web.api.changes import ChangeHub
from gromit.web.api.sightings import Sightings
from gromit.web.server.tls import ServerTls


@dataclass(frozen=True, slots=True)
class ConnectionReadings:
    """Readings of this process of serve."""

    sightings: Sightings
    changes: ChangeHub
    tls: ServerTls
    now_ms: Callable[[], Millis]

    def watchers(self) -> Iterator[MetricReading]:
        """Yield the numbers of open streams."""
        parts, people = self.changes.count_watchers()
        yield MetricReading(definitions.WATCHERS, parts, ("parts",))
        yield MetricReading(definitions.WATCHERS, people, ("people",))

    def certificates(self) -> Iterator[MetricReading]:
        """Yield when the CA expires, and the first certificate of each role."""
        ca_ms = self.tls.ca_expires_ms()
        if ca_ms is not None:
            yield MetricReading(definitions.CA_EXPIRES, ca_ms / 1000)
        for role, expires_ms in self.sightings.expiries(self.now_ms()).items():
            yield MetricReading(definitions.CLIENT_CERTIFICATES, expires_ms / 1000, (role,))
