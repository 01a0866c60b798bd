"""Metrics of a server: registration of their definitions, and the counts of requests."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import product

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.routing import Route

from gromit.core.metrics.definition import MetricDefinition, MetricKind, MetricReading
from gromit.core.metrics.server_definitions import METHODS, REQUEST_DURATION, REQUESTS, UNMATCHED
from gromit.web.server.limits import App, Message, Receive, Scope, Send

CLIENT_LEFT = 499
"""Status of a request whose client left before the answer."""


def counter(definition: MetricDefinition, registry: CollectorRegistry = REGISTRY) -> Counter:
    """Register a counter. It has all its series from the start if their labels are listed."""
    made = Counter(definition.name, definition.help, definition.label_names, registry=registry)
    _make_series(definition, made)
    return made


def gauge(definition: MetricDefinition, registry: CollectorRegistry = REGISTRY) -> Gauge:
    """Register a gauge that keeps its value."""
    return Gauge(definition.name, definition.help, definition.label_names, registry=registry)


def histogram(definition: MetricDefinition, registry: CollectorRegistry = REGISTRY) -> Histogram:
    """Register a histogram. It has all its series from the start if their labels are listed."""
    made = Histogram(
        definition.name,
        definition.help,
        definition.label_names,
        buckets=definition.buckets,
        registry=registry,
    )
    _make_series(definition, made)
    return made


def _make_series(definition: MetricDefinition, made: Counter | Histogram) -> None:
    """Make the series of all values of the labels, so that their first event is an increase."""
    if definition.labels and all(label.values for label in definition.labels):
        for values in product(*(label.values for label in definition.labels)):
            made.labels(*values)


_Family = CounterMetricFamily | GaugeMetricFamily


class ReadMetrics(Collector):
    """Gauges and counters that are read at each scrape. What cannot be read has no values."""

    def __init__(
        self,
        read: Callable[[], Iterable[MetricReading]],
        *definitions: MetricDefinition,
    ) -> None:
        self._read = read
        self._definitions = definitions

    def describe(self) -> Iterator[_Family]:
        """Yield the metrics without values, so that registering them reads nothing."""
        yield from self._families().values()

    def collect(self) -> Iterator[_Family]:
        """Yield the metrics with their present values."""
        families = self._families()
        for reading in self._read():
            families[reading.definition.name].add_metric(reading.labels, reading.value)
        yield from families.values()

    def _families(self) -> dict[str, _Family]:
        return {d.name: _family(d) for d in self._definitions}


def _family(definition: MetricDefinition) -> _Family:
    is_counter = definition.kind is MetricKind.COUNTER
    kind = CounterMetricFamily if is_counter else GaugeMetricFamily
    return kind(definition.name, definition.help, labels=definition.label_names)


class RequestMetrics:
    """Counts the requests of `app`, whose routes are those of `routed`."""

    def __init__(self, app: App, routed: Starlette, registry: CollectorRegistry) -> None:
        self._app = app
        self._routed = routed
        self._requests = counter(REQUESTS, registry)
        self._durations = histogram(REQUEST_DURATION, registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), CLIENT_LEFT
        answered: float | None = None

        async def record(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.monotonic()
            await send(message)

        try:
            await self._app(scope, receive, record)
        finally:
            method = scope["method"] if scope["method"] in METHODS else METHODS[-1]
            route = _route(scope, self._routed)
            self._requests.labels(method, route, str(status)).inc()
            if answered is not None:
                self._durations.labels(method, route).observe(answered - begun)


def _route(scope: Scope, routed: Starlette) -> str:
    """Return the route of a request as it was declared."""
    found = scope.get("route")
    if found is not None:
        return str(found.path)
    # Starlette, unlike FastAPI, leaves the endpoint only. A few routes may share it.
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return UNMATCHED
    for route in routed.routes:
        if (
            isinstance(route, Route)
            and route.endpoint == endpoint
            and route.path_regex.match(scope["path"])
        ):
            return route.path
    return UNMATCHED
