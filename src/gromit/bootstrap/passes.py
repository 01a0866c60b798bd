"""Figures of this process about its passes, and where they are reported."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from gromit.bootstrap.aws_session import aws_calls
from gromit.bootstrap.clients import serve_client
from gromit.bootstrap.machine import memory_use, now_ms, parallel_runs
from gromit.config.schema import Settings
from gromit.core.metrics.pass_report import PassPart
from gromit.errors import ConfigError
from gromit.ports import PassSink
from gromit.services.pass_reports import PassFigures, PassReporter
from gromit.web.clients.passes import ServePasses
from gromit.web.clients.retries import Retries


@cache
def pass_figures() -> PassFigures:
    """Figures of this process, which all its parts add to."""
    return PassFigures(now_ms, lambda: aws_calls().totals())


def _measured(settings: Settings, part: PassPart) -> PassFigures:
    """Return the figures, with the memory of a worker."""
    figures = pass_figures()
    if part is not PassPart.CHITRAGUPTA:
        runs = settings.sow.parallel or parallel_runs()
        figures.memory = lambda: memory_use(runs)
    return figures


@contextmanager
def pass_reports(settings: Settings, part: PassPart, *, is_watch: bool) -> Iterator[PassReporter]:
    """Yield the reporter of a part's passes: to the port of a watch, if it has one, else to serve.

    Raises `ConfigError` if the port cannot be used.
    """
    listen = settings.metrics.listen
    if is_watch and listen is not None:
        with _own_port(listen) as sink:
            yield _reporter(settings, part, sink)
    else:
        # A pass that failed because of serve must not wait for serve again.
        once = Retries(attempts=1)
        yield _reporter(settings, part, ServePasses(serve_client(settings, once)))


def _reporter(settings: Settings, part: PassPart, sink: PassSink) -> PassReporter:
    return PassReporter(part, _measured(settings, part), sink, time.monotonic)


@contextmanager
def _own_port(listen: str) -> Iterator[PassSink]:
    """Serve metrics meanwhile. Yield what counts passes in them."""
    # Only a server needs the library.
    from prometheus_client import (  # noqa: PLC0415
        CollectorRegistry,
        ProcessCollector,
        start_http_server,
    )

    from gromit.web.server.pass_metrics import PassMetrics  # noqa: PLC0415

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    host, _, port = listen.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {listen} for metrics: {error.strerror or error}",
            hint="set metrics.listen to a free address of this machine",
        ) from error
    try:
        yield PassMetrics(now_ms, registry)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
