"""`gromit chitragupta`: what keeps the public DNS records."""

import threading
import time

from gromit.bootstrap.backends import cluster_source, record_store, service_states, task_source
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.clients import serve_client
from gromit.bootstrap.machine import domain
from gromit.config.schema import Settings
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from gromit.services.observing import Observer
from gromit.services.watch_loop import WatchIntervals
from gromit.web.clients.environments import ServeEnvironments, ServeObservations


def build_chitragupta(settings: Settings) -> Chitragupta:
    """Build chitragupta on the public zone of the settings."""
    known = configured_catalogue(settings)
    policy = DnsPolicy(
        domain=domain(settings),
        ttl=settings.dns.ttl,
        components=frozenset(c.name for c in known.components.values() if c.public),
        delete_percent=settings.dns.delete_percent,
        delete_free=settings.dns.delete_free,
    )
    serve = serve_client(settings)
    observer = Observer(
        clusters=cluster_source(),
        services=service_states(),
        sink=ServeObservations(serve),
        domain=policy.domain,
    )
    return Chitragupta(
        wanted=ServeEnvironments(serve),
        tasks=task_source(known),
        zone=record_store(settings),
        policy=policy,
        observer=observer,
    )


def watch_intervals(settings: Settings, stop: threading.Event) -> WatchIntervals:
    """Pauses of a watching chitragupta. A stop signal ends its rest."""
    dns = settings.dns
    return WatchIntervals(
        backstop_s=dns.backstop.total_seconds(),
        pause_s=min(dns.pause, dns.backstop).total_seconds(),
        rest=stop.wait,
        monotonic=time.monotonic,
    )
