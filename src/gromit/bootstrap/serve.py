"""`gromit serve`: the API, and a second listener for health and metrics."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from prometheus_client import CollectorRegistry

from gromit import log
from gromit.adapters.security.pki_files import DenyListFile
from gromit.adapters.terraform.stack_files import stack_hash
from gromit.bootstrap.aws_session import aws_calls
from gromit.bootstrap.backends import (
    audit_log,
    environment_store,
    image_registry,
    run_output,
    running_containers,
    task_output,
)
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.change_streams import change_streams
from gromit.bootstrap.machine import (
    cpu_limit_percent,
    domain_if_set,
    now_ms,
    require_setting,
    to_ms,
)
from gromit.config.schema import Settings
from gromit.core.environments.phases import Work
from gromit.core.environments.sleep import SleepPolicy
from gromit.core.metrics import server_definitions as definitions
from gromit.core.metrics.definitions import CANARY_INTERVAL, CANARY_SUCCESS
from gromit.core.security.roles import Role
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.component_inputs import recipe_hash
from gromit.core.stack.prices import PRICES
from gromit.core.time import Millis
from gromit.ports import EnvironmentStore, ImageRegistry
from gromit.ports.run_output import RunOutput
from gromit.ports.running_containers import RunningContainers
from gromit.ports.task_output import TaskOutput
from gromit.services.canary import Canary, CanaryPolicy
from gromit.services.creation_limits import CreationLimits
from gromit.services.developers import Developers
from gromit.services.environments import EnvironmentPolicy, Environments
from gromit.services.exec_access import ExecAccess
from gromit.services.leases import LeasePolicy, Leases
from gromit.services.ledger import Ledger
from gromit.services.lifetimes import Lifetimes
from gromit.services.observations import Observations
from gromit.services.parking import ParkingLot
from gromit.services.rollbacks import Rollbacks
from gromit.services.sleeping import Sleeper
from gromit.services.suspensions import SuspensionRegistry
from gromit.services.sweeps import Sweeps
from gromit.web.api.admission import ApiDeps, LogLevel, get_caller
from gromit.web.api.age_lines import AgeLines
from gromit.web.api.app import build_app
from gromit.web.api.audit import RequestAudit
from gromit.web.api.canary_metrics import CanaryReadings
from gromit.web.api.changes import ChangeHub
from gromit.web.api.connection_metrics import ConnectionReadings
from gromit.web.api.metrics import Metrics
from gromit.web.api.views import EnvironmentViews
from gromit.web.server.core_use import CoreUse
from gromit.web.server.health import health_app
from gromit.web.server.limits import App
from gromit.web.server.metrics import RequestMetrics
from gromit.web.server.pass_metrics import PassMetrics
from gromit.web.server.proxies import Networks
from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import ServerTls
from gromit.web.tls import CertificateFiles


@dataclass(frozen=True, slots=True)
class ServeParts:
    """Parts of serve that hold data of environments."""

    store: EnvironmentStore
    images: ImageRegistry
    catalogue: Catalogue
    changes: ChangeHub
    output: TaskOutput
    run_output: RunOutput
    containers: RunningContainers


def build_serve(settings: Settings, clock: Callable[[], Millis] = now_ms) -> Server:
    """Build the mTLS API, and a second listener for health and metrics."""
    serve, tls = settings.serve, _tls(settings)
    store, changes = environment_store(settings), ChangeHub()
    metrics = Metrics(store, clock, _overdue_ms(settings), lambda: aws_calls().totals())
    ages = AgeLines(metrics.log_ages, clock, to_ms(serve.age_interval))
    core_use = CoreUse(cpu_limit_percent())
    parts = ServeParts(
        store,
        image_registry(settings),
        configured_catalogue(settings),
        changes,
        task_output(),
        run_output(),
        running_containers(settings),
    )
    deps = replace(
        api_deps(settings, parts),
        now_ms=clock,
        outcome=metrics.count,
        run_metrics=metrics.runs,
        passes=metrics.passes,
        memories=metrics.passes.memories,
        cpu=core_use.busiest,
    )
    api = build_app(deps)
    connections = ConnectionReadings(deps.sightings, changes, tls, clock)
    metrics.add(connections.watchers, definitions.WATCHERS)
    metrics.add(connections.certificates, definitions.CLIENT_CERTIFICATES, definitions.CA_EXPIRES)

    canary = _canary(settings, deps.environments, parts.catalogue)
    canary_metrics = CanaryReadings(canary)
    metrics.add(canary_metrics.read, CANARY_SUCCESS, CANARY_INTERVAL)

    def look() -> None:
        core_use.look()
        ages.look()
        if canary is not None:
            canary.look(clock())

    def not_ready() -> str | None:
        return metrics.not_ready() or tls.expiry_problem(clock())

    proxies = Networks(serve.proxies)
    streams = change_streams(settings, deps)
    health = health_app(metrics.registry, not_ready, look)

    def around(app: App) -> App:
        return RequestMetrics(RequestAudit(app), api, metrics.registry)

    return Server(
        Listener(api, serve.listen, tls, around=around, proxies=proxies, shared=proxies),
        Listener(health, serve.health, proxies=proxies, shared=proxies),
        on_start=streams.start,
        on_stop=streams.stop,
    )


def _tls(settings: Settings) -> ServerTls:
    serve = settings.serve
    key = require_setting(serve.key, "serve.key").get_secret_value()
    return ServerTls(
        CertificateFiles(
            require_setting(serve.cert, "serve.cert"), key, require_setting(settings.ca, "ca")
        ),
        tls_min=serve.tls_min,
        default_role=Role(serve.default_role) if serve.default_role else None,
        denylist=DenyListFile(serve.denylist) if serve.denylist else None,
    )


def _canary(settings: Settings, environments: Environments, known: Catalogue) -> Canary | None:
    name, interval = settings.serve.canary.name, settings.serve.canary.interval
    if name is None:
        return None
    return Canary(environments, known, CanaryPolicy(name, to_ms(interval)))


def _sleep_policy(settings: Settings) -> SleepPolicy:
    """Return when environments sleep; the canary never does."""
    canary = settings.serve.canary.name
    return SleepPolicy(settings.environments.awake, () if canary is None else (canary,))


def _overdue_ms(settings: Settings) -> dict[Work, int]:
    return {
        Work.SOW: to_ms(settings.sow.overdue),
        Work.REAP: to_ms(settings.reap.overdue),
    }


def _highest_role_of_people(settings: Settings) -> Role | None:
    return None if settings.serve.people == "none" else Role(settings.serve.people)


def api_deps(settings: Settings, parts: ServeParts) -> ApiDeps:
    """Build what the API's routes use. It counts no outcomes."""
    ledger, known = Ledger(parts.store, parts.changes), parts.catalogue
    terms = LeasePolicy(
        to_ms(settings.lease.ttl), to_ms(settings.sow.retry), to_ms(settings.sow.retry_max)
    )
    rules = settings.environments
    policy = EnvironmentPolicy(rules.protected, to_ms(settings.reap.grace))
    limits = CreationLimits(rules.per_repository, rules.per_token)
    return ApiDeps(
        environments=Environments(
            ledger, parts.images, known, policy, lambda: uuid.uuid4().hex, limits
        ),
        leases=Leases(ledger, terms, random.random),
        observations=Observations(ledger, terms.retry_ms, terms.retry_max_ms),
        lifetimes=Lifetimes(ledger, settings.lifetime.policy, to_ms(settings.reap.grace)),
        sweeps=Sweeps(ledger, known, settings.lifetime.sweep, to_ms(settings.reap.grace)),
        views=EnvironmentViews(
            known,
            domain_if_set(settings),
            settings.lifetime.policy,
            PRICES.with_changes(rules.prices),
            recipe_hash(known, stack_hash()),
        ),
        parking=ParkingLot(ledger),
        sleeper=Sleeper(ledger, _sleep_policy(settings)),
        rollbacks=Rollbacks(ledger, parts.images, known),
        exec_access=ExecAccess(ledger, known, parts.containers),
        developers=Developers(ledger, policy.grace_ms, rules.protected_per_developer),
        suspensions=SuspensionRegistry(ledger, known),
        changes=parts.changes,
        output=parts.output,
        run_output=parts.run_output,
        audit=audit_log(settings),
        identify=partial(get_caller, highest=_highest_role_of_people(settings)),
        now_ms=now_ms,
        log_level=LogLevel(log.get_level, log.set_level),
        passes=PassMetrics(now_ms, CollectorRegistry()),
        outcome=lambda _what, _outcome: None,
    )
