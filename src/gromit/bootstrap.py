"""The composition root: settings in, wired parts out. Here, and only here, clock, chance, user and host are read."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gromit.core.environment import Work
from gromit.core.time import Millis
from gromit.errors import ConfigError

if TYPE_CHECKING:
    from datetime import timedelta

    import boto3

    from gromit.adapters.config_root import ConfigTree
    from gromit.adapters.dynamodb import DynamoStore
    from gromit.adapters.route53 import Route53Zone
    from gromit.adapters.state_bucket import S3StateBucket
    from gromit.adapters.terraform import Terraform
    from gromit.config import Settings
    from gromit.core.catalogue import Catalogue
    from gromit.core.claims import Claim
    from gromit.core.lifecycle import Stamp
    from gromit.core.protocol import Step
    from gromit.ports import ImageRegistry, OwnerWatch, PlatformSource, Progress, ServiceStates, TaskSource
    from gromit.services.chitragupta import Chitragupta
    from gromit.services.clusters import Clusters
    from gromit.services.migration import Line, Migration
    from gromit.services.runs import Doing
    from gromit.services.sowing import Sower
    from gromit.services.working import Outcome, Workers
    from gromit.web.admission import Parts
    from gromit.web.changes import Changes
    from gromit.web.client import ServeChanges, ServeClient, ServeEnvironments
    from gromit.web.metrics import Metrics
    from gromit.web.server import Server

Value = TypeVar("Value")

MAX_WATCH_WINDOW_S = 3600.0
"""A watching reap counts its limit within an hour; a single pass is one run."""


def now_ms() -> Millis:
    """The time, by this machine's clock."""
    return Millis(time.time_ns() // 1_000_000)


def needed(value: Value | None, setting: str) -> Value:
    """A setting that must be there. Raises `ConfigError` naming it."""
    if value is None:
        variable = "GROMIT_" + setting.replace(".", "_").upper()
        raise ConfigError(f"{setting} is not set", hint=f"set {variable}, or {setting} in config.yaml")
    return value


@cache
def session() -> "boto3.Session":
    """One AWS session for the process. `AWS_REGION` counts as it does for AWS's other SDKs; boto3 itself does not read it."""
    from gromit.adapters import aws

    return aws.new_session(os.environ.get("AWS_REGION") or None)


# ── what everything stands on ─────────────────────────────────────────────────────────────────────


def catalogue(settings: "Settings") -> "Catalogue":
    """The components of every environment: the catalogue file, cut to `repos`. Raises `ConfigError`."""
    from gromit.adapters import catalogue_file

    return catalogue_file.load(settings.catalogue, settings.repos)


def config_root(_settings: "Settings", root: Path) -> "ConfigTree":
    """The config tree below `root`; it is not looked at before it is used."""
    from gromit.adapters.config_root import ConfigTree

    return ConfigTree(root)


def image_registry(settings: "Settings") -> "ImageRegistry":
    """The container registries of `registryid`."""
    from gromit.adapters import aws
    from gromit.adapters.ecr import EcrImages

    return EcrImages(session().client("ecr", config=aws.CLIENT), settings.registryid)


def service_states(_settings: "Settings") -> "ServiceStates":
    """The services of environments, as ECS has them."""
    from gromit.adapters import aws
    from gromit.adapters.ecs_services import EcsServices

    return EcsServices(session().client("ecs", config=aws.CLIENT))


def platform_source(settings: "Settings") -> "PlatformSource":
    """What environments are built on, from the SSM parameter `cluster.platform`."""
    from gromit.adapters import aws
    from gromit.adapters.platform_parameter import PlatformParameter

    return PlatformParameter(session().client("ssm", config=aws.CLIENT), settings.cluster.platform)


def environment_store(settings: "Settings") -> "DynamoStore":
    """The table of environments, made if it is missing."""
    from gromit.adapters import aws
    from gromit.adapters.dynamodb import DynamoStore, ensure_table

    client = session().client("dynamodb", config=aws.CLIENT)
    ensure_table(client, settings.tablename)
    return DynamoStore(client, settings.tablename)


def state_bucket(settings: "Settings") -> "S3StateBucket":
    """Terraform's states of environments, and their locks."""
    from gromit.adapters import aws
    from gromit.adapters.state_bucket import S3StateBucket

    return S3StateBucket(
        client=session().client("s3", config=aws.CLIENT),
        bucket=settings.state.bucket,
        who=operator(),
        now=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid.uuid4()),
    )


def terraform_runner(settings: "Settings", states: "S3StateBucket") -> "Terraform":
    """The packaged stack's terraform."""
    from gromit import log
    from gromit.adapters.provider_mirror import user_cache
    from gromit.adapters.terraform import Terraform
    from gromit.adapters.terraform_session import Outside, Setup
    from gromit.core.terraform import Backend

    region = needed(session().region_name, "AWS_REGION")
    setup = Setup(
        backend=Backend(bucket=settings.state.bucket, region=region, extra=settings.terraform.backend),
        cache=user_cache(os.environ),
        work=settings.terraform.work or Path(tempfile.gettempdir()) / f"gromit-{os.getuid()}",
        command=settings.terraform.command,
        mirror=settings.terraform.mirror,
        overlay=settings.terraform.overlay,
        timeout=settings.sow.timeout,
        grace=settings.terraform.grace,
    )
    return Terraform(setup, Outside(environ=os.environ, mask=log.mask, rescue=states.keep_errored))


def operator() -> str:
    """Who runs this process, for reasons and audits: `alice@bastion`."""
    import getpass
    import socket

    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


# ── serve ─────────────────────────────────────────────────────────────────────────────────────────


def api_server(settings: "Settings", clock: Callable[[], Millis] = now_ms) -> "Server":
    """`gromit serve`: the mTLS API, and health and metrics on an address of their own."""
    from gromit.adapters.pki_files import DenyListFile
    from gromit.core.roles import Role
    from gromit.web.api import build_app
    from gromit.web.changes import Changes
    from gromit.web.health import health_app
    from gromit.web.metrics import Metrics
    from gromit.web.server import Listener, Server
    from gromit.web.tls import Identity, ServerTls

    serve = settings.serve
    key = needed(serve.key, "serve.key").get_secret_value()
    tls = ServerTls(
        Identity(needed(serve.cert, "serve.cert"), key, needed(settings.ca, "ca")),
        tls_min=serve.tls_min,
        default_role=Role(serve.default_role) if serve.default_role else None,
        denylist=DenyListFile(serve.denylist) if serve.denylist else None,
    )
    store, changes = environment_store(settings), Changes()
    metrics = Metrics(store, clock)
    api = build_app(replace(_parts(settings, store, changes, metrics), now_ms=clock))
    health = health_app(metrics.registry, metrics.not_ready)
    return Server(Listener(api, serve.listen, tls), Listener(health, serve.health), on_stop=changes.close)


def _parts(settings: "Settings", store: "DynamoStore", changes: "Changes", metrics: "Metrics") -> "Parts":
    from gromit import log
    from gromit.services.environments import Environments, Policy
    from gromit.services.leases import Leases, Terms
    from gromit.services.ledger import Ledger
    from gromit.web.admission import LogLevel, Parts, caller_of
    from gromit.web.views import Views

    ledger, shown = Ledger(store, changes), catalogue(settings)
    terms = Terms(_ms(settings.lease.ttl), _ms(settings.sow.retry), _ms(settings.sow.retry_max))
    policy = Policy(settings.environments.protected, _ms(settings.reap.grace))
    return Parts(
        environments=Environments(ledger, image_registry(settings), shown, policy, lambda: uuid.uuid4().hex),
        leases=Leases(ledger, terms, random.random),
        views=Views(shown, settings.cluster.domain),
        changes=changes,
        identify=caller_of,
        now_ms=now_ms,
        log_level=LogLevel(log.get_level, log.set_level),
        outcome=metrics.count,
    )


# ── clients of serve ──────────────────────────────────────────────────────────────────────────────


def serve_client(settings: "Settings") -> "ServeClient":
    """The client of serve, with the client certificate of the settings."""
    import httpx2

    from gromit.web.client import TIMEOUT, ServeClient
    from gromit.web.tls import ClientTls, Identity

    key = needed(settings.client.key, "client.key").get_secret_value()
    tls = ClientTls(Identity(needed(settings.client.cert, "client.cert"), key, needed(settings.ca, "ca")))
    http = httpx2.Client(
        base_url=needed(settings.serve.url, "serve.url"),
        verify=tls.context,
        timeout=TIMEOUT,
        trust_env=False,
        event_hooks={"request": [lambda _request: tls.refresh()]},
    )
    return ServeClient(http)


def wanted_environments(settings: "Settings") -> "ServeEnvironments":
    """What serve says of all environments."""
    from gromit.web.client import ServeEnvironments

    return ServeEnvironments(serve_client(settings))


def change_feed(settings: "Settings") -> "ServeChanges":
    """What serve announces."""
    from gromit.web.client import ServeChanges

    return ServeChanges(serve_client(settings))


# ── workers ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Reporting:
    """How a worker is stopped, and where it tells what it does."""

    stop: threading.Event
    progress: "Callable[[str], Progress]"
    done: "Callable[[Outcome], None]"
    before: "Callable[[Claim, Step], None]" = lambda _claim, _step: None


@dataclass(frozen=True, slots=True)
class Crew:
    """A pool of workers, how to interrupt what they run, and how to tidy up when they have ended."""

    pool: "Workers"
    interrupt: Callable[[], None]
    close: Callable[[], None]


def workers(settings: "Settings", kind: Work, root: Path, reporting: Reporting) -> Crew:
    """Workers of one kind on the config tree below `root`."""
    from gromit.services.runs import Runner
    from gromit.services.working import Bounds, Workers
    from gromit.web.client import ServeQueue, new_holder

    owners = owner_watch(settings)
    tree, states = config_root(settings, root), state_bucket(settings)
    terraform = terraform_runner(settings, states)
    do = sower(settings, tree, terraform, reporting.stop) if kind is Work.SOW else _reaper(settings, tree, terraform, states)
    runner = Runner(
        queue=ServeQueue(serve_client(settings), new_holder(), owners.me().ecs_task),
        states=states,
        owners=owners,
        guard=tree.check,
        do=do,
        renew_s=settings.lease.renew.total_seconds(),
        before=reporting.before,
    )
    limit = settings.reap.limit if kind is Work.REAP else None
    bounds = Bounds(settings.sow.parallel or 2 * _cores(), limit, MAX_WATCH_WINDOW_S)
    pool = Workers(kind, runner, bounds, reporting.stop, time.monotonic, reporting.progress, reporting.done)
    return Crew(pool, terraform.interrupt, terraform.close)


def owner_watch(_settings: "Settings") -> "OwnerWatch":
    """Who we are, and who is dead."""
    from gromit.adapters import aws
    from gromit.adapters.owner_watch import ProcessOwnerWatch, own_task

    return ProcessOwnerWatch(ecs=session().client("ecs", config=aws.CLIENT), task=own_task(os.environ))


def sower(settings: "Settings", tree: "ConfigTree", terraform: "Terraform", stop: threading.Event) -> "Sower":
    """What makes one environment."""
    from gromit.adapters.stack_files import fingerprint
    from gromit.services.sowing import Patience, Sower

    patience = Patience(settings.sow.settle.total_seconds(), settings.sow.settle_poll.total_seconds(), time.monotonic, stop.wait)
    return Sower(
        catalogue=catalogue(settings),
        domain=settings.cluster.domain,
        fingerprint=fingerprint(),
        platform=platform_source(settings),
        images=image_registry(settings),
        root=tree,
        terraform=terraform,
        services=service_states(settings),
        patience=patience,
    )


def _reaper(settings: "Settings", tree: "ConfigTree", terraform: "Terraform", states: "S3StateBucket") -> "Doing":
    from gromit.services.reaping import Reaper

    return Reaper(
        retire_records=record_keeper(settings).retire,
        platform=platform_source(settings),
        root=tree,
        terraform=terraform,
        services=service_states(settings),
        states=states,
    )


# ── public names ──────────────────────────────────────────────────────────────────────────────────


def record_store(settings: "Settings") -> "Route53Zone":
    """The public zone, `cluster.zoneid`."""
    from gromit.adapters.route53 import CLIENT, Route53Zone

    def sleep(seconds: float) -> None:
        time.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - spreads retries, protects nothing

    client = session().client("route53", config=CLIENT)
    return Route53Zone(client, needed(settings.cluster.zoneid, "cluster.zoneid"), _domain(settings), sleep)


def record_keeper(settings: "Settings") -> "Chitragupta":
    """chitragupta: what keeps the public records."""
    from gromit.services.chitragupta import Chitragupta, Policy

    known = catalogue(settings)
    policy = Policy(
        domain=_domain(settings),
        ttl=settings.dns.ttl,
        components=frozenset(c.name for c in known.components.values() if c.public),
        delete_percent=settings.dns.delete_percent,
        delete_free=settings.dns.delete_free,
    )
    tasks = task_source(known)
    return Chitragupta(wanted=wanted_environments(settings), tasks=tasks, zone=record_store(settings), policy=policy)


def task_source(known: "Catalogue") -> "TaskSource":
    """The tasks of the public components of a catalogue."""
    from gromit.adapters import aws
    from gromit.adapters.ecs_tasks import EcsTasks

    return EcsTasks(session().client("ec2", config=aws.CLIENT), session().client("ecs", config=aws.CLIENT), known)


def clusters(settings: "Settings") -> "Clusters":
    """The clusters of environments, for people to look at."""
    from gromit.adapters import aws
    from gromit.adapters.ecs_clusters import EcsClusters
    from gromit.services.clusters import Clusters

    known = catalogue(settings)
    return Clusters(
        wanted=lambda: wanted_environments(settings).wanted(),
        clusters=EcsClusters(session().client("ecs", config=aws.CLIENT)),
        services=service_states(settings),
        tasks=task_source(known),
        catalogue=known,
        domain=settings.cluster.domain,
    )


def _domain(settings: "Settings") -> str:
    return needed(settings.cluster.domain, "cluster.domain").lower().removesuffix(".")


# ── migration ─────────────────────────────────────────────────────────────────────────────────────


def stamp(what: str) -> "Stamp":
    """A stamp for a change that a person makes with a command."""
    from gromit.core.lifecycle import Stamp

    return Stamp(f"{what}:{operator()}", now_ms())


def prepare_table(settings: "Settings", *, dry_run: bool) -> "list[Line]":
    """Give the table what it lacks, or say what that is."""
    from gromit.adapters import aws
    from gromit.adapters.dynamodb_table import Table
    from gromit.services.migration import Line

    table = Table(session().client("dynamodb", config=aws.CLIENT), settings.tablename, time.sleep)
    lines = []
    for part in table.lacks():
        if not dry_run:
            table.give(part)
        lines.append(Line("table", settings.tablename, f"would add {part}" if dry_run else f"added {part}", "gromit needs it"))
    return lines


def prepare_root(root: Path, *, dry_run: bool) -> "list[Line]":
    """Write the config root's marker, or say that it is missing."""
    from gromit.adapters.config_root import MARKER, init_root
    from gromit.services.migration import Line

    if (root / MARKER).is_file() or (not dry_run and not init_root(root)):
        return []
    return [Line("root", str(root), "would mark" if dry_run else "marked", "workers refuse a root without its marker")]


def migration(settings: "Settings") -> "Migration":
    """What takes rows and records over; records only where a zone is set."""
    from gromit.adapters import aws
    from gromit.adapters.dynamodb import DynamoStore
    from gromit.services.migration import Migration

    return Migration(
        store=DynamoStore(session().client("dynamodb", config=aws.CLIENT), settings.tablename),
        zone=record_store(settings) if settings.cluster.zoneid else None,
        catalogue=catalogue(settings),
        domain=settings.cluster.domain,
        protected=settings.environments.protected,
        grace_ms=_ms(settings.reap.grace),
        new_id=lambda: uuid.uuid4().hex,
    )


def _cores() -> int:
    return os.cpu_count() or 1


def _ms(length: "timedelta") -> int:
    return int(length.total_seconds() * 1000)
