"""`gromit chitragupta`: what keeps the public DNS records."""

import threading
import time

from gromit.bootstrap.backends import record_store, task_source
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.clients import desired_environments
from gromit.bootstrap.machine import domain
from gromit.config.schema import Settings
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from gromit.services.watch_loop import WatchIntervals


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
    tasks = task_source(known)
    return Chitragupta(
        wanted=desired_environments(settings),
        tasks=tasks,
        zone=record_store(settings),
        policy=policy,
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
