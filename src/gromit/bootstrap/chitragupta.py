"""chitragupta, and what people see of clusters."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

import threading
import time
from typing import TYPE_CHECKING

from gromit.bootstrap.backends import (
    configured_catalogue,
    record_store,
    service_states,
    session,
    task_source,
)
from gromit.bootstrap.clients import desired_environments
from gromit.bootstrap.machine import domain, domain_if_set

if TYPE_CHECKING:
    from gromit.config.schema import Settings
    from gromit.services.chitragupta import Chitragupta
    from gromit.services.clusters import Clusters
    from gromit.services.watching import WatchIntervals


def build_chitragupta(settings: "Settings") -> "Chitragupta":
    """chitragupta: what keeps the public records."""
    from gromit.services.chitragupta import Chitragupta, DnsPolicy

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


def watch_intervals(settings: "Settings", stop: threading.Event) -> "WatchIntervals":
    """How often a watching chitragupta passes."""
    from gromit.services.watching import WatchIntervals

    dns = settings.dns
    return WatchIntervals(
        backstop_s=dns.backstop.total_seconds(),
        pause_s=min(dns.pause, dns.backstop).total_seconds(),
        rest=stop.wait,
        monotonic=time.monotonic,
    )


def clusters(settings: "Settings") -> "Clusters":
    """The clusters of environments, for people to look at."""
    from gromit.adapters.aws import client as aws
    from gromit.adapters.aws.ecs_clusters import EcsClusters
    from gromit.services.clusters import Clusters

    known = configured_catalogue(settings)
    return Clusters(
        wanted=lambda: desired_environments(settings).wanted(),
        clusters=EcsClusters(session().client("ecs", config=aws.CLIENT)),
        services=service_states(settings),
        tasks=task_source(known),
        catalogue=known,
        domain=domain_if_set(settings),
    )
