"""`gromit chitragupta`: what keeps the public DNS records."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from gromit.adapters.aws.lazy_client import lazy_client
from gromit.bootstrap.aws_session import paced_session
from gromit.bootstrap.clients import serve_client
from gromit.bootstrap.dns_backends import cluster_source, record_store, service_states, task_source
from gromit.bootstrap.machine import domain, now_ms
from gromit.bootstrap.passes import pass_figures
from gromit.config.schema import Settings
from gromit.core.stack.public_components import PublicComponents
from gromit.ports.health import ComponentPrograms
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from gromit.services.health import HealthLook, HealthObserver, HealthRound, HealthWatch
from gromit.services.observing import Observer
from gromit.services.pass_reports import PassReporter
from gromit.services.watch_loop import WatchIntervals
from gromit.web.clients.environments import ServeEnvironments, ServeObservations


def build_chitragupta(
    settings: Settings,
    known: PublicComponents,
    health: HealthLook | None = None,
    passes: PassReporter | None = None,
) -> Chitragupta:
    """Build chitragupta on the public zone of the settings, for public components.

    `health` asks the programs of components; without it, each pass asks them all. `passes` reports
    passes.
    """
    policy = DnsPolicy(
        domain=domain(settings),
        ttl=settings.dns.ttl,
        components=known.names,
        delete_percent=settings.dns.delete_percent,
        delete_free=settings.dns.delete_free,
        installation=settings.installation,
    )
    paced_session(settings)
    serve = serve_client(settings)
    observer = Observer(
        clusters=cluster_source(settings),
        services=service_states(),
        sink=ServeObservations(serve),
        owner=policy.owner,
        health=HealthObserver(
            source=health or HealthRound(programs=_programs(), rest=time.sleep, clock=now_ms),
            checks=known.checks,
            domain=policy.domain,
        ),
    )
    return Chitragupta(
        wanted=ServeEnvironments(serve),
        tasks=task_source(settings, known),
        zone=record_store(settings),
        policy=policy,
        observer=observer,
        passes=passes,
        published=pass_figures().published,
    )


@contextmanager
def health_watch() -> Iterator[HealthWatch]:
    """Yield what asks programs in the background, with a thread of its own."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="health") as background:
        yield HealthWatch(
            programs=_programs(),
            background=background,
            monotonic=time.monotonic,
            clock=now_ms,
        )


def _programs() -> ComponentPrograms:
    """Client of programs, made when one is asked: a pass without environments asks none."""

    def make() -> ComponentPrograms:
        from gromit.web.clients.component_health import HttpPrograms  # noqa: PLC0415

        return HttpPrograms()

    return lazy_client(make)


def watch_intervals(settings: Settings, stop: threading.Event) -> WatchIntervals:
    """Pauses of a watching chitragupta. A stop signal ends its rest."""
    dns = settings.dns
    return WatchIntervals(
        backstop_s=dns.backstop.total_seconds(),
        pause_s=min(dns.pause, dns.backstop).total_seconds(),
        rest=stop.wait,
        monotonic=time.monotonic,
    )
