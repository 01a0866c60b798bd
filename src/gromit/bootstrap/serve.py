"""`gromit serve`: the API, and a second listener for health and metrics."""

import random
import uuid
from collections.abc import Callable
from dataclasses import replace

from gromit import log
from gromit.adapters.aws.dynamodb import DynamoStore
from gromit.adapters.security.pki_files import DenyListFile
from gromit.bootstrap.backends import environment_store, image_registry
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.machine import domain_if_set, now_ms, require_setting, to_ms
from gromit.config.schema import Settings
from gromit.core.security.roles import Role
from gromit.core.time import Millis
from gromit.services.environments import EnvironmentPolicy, Environments
from gromit.services.leases import LeasePolicy, Leases
from gromit.services.ledger import Ledger
from gromit.services.lifetimes import Lifetimes
from gromit.services.suspensions import SuspensionRegistry
from gromit.web.api.admission import ApiDeps, LogLevel, get_caller
from gromit.web.api.app import build_app
from gromit.web.api.audit import RequestAudit
from gromit.web.api.changes import ChangeHub
from gromit.web.api.metrics import Metrics
from gromit.web.api.views import EnvironmentViews
from gromit.web.server.health import health_app
from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import ServerTls
from gromit.web.tls import CertificateFiles


def build_serve(settings: Settings, clock: Callable[[], Millis] = now_ms) -> Server:
    """Build the mTLS API, and a second listener for health and metrics."""
    serve = settings.serve
    key = require_setting(serve.key, "serve.key").get_secret_value()
    tls = ServerTls(
        CertificateFiles(
            require_setting(serve.cert, "serve.cert"), key, require_setting(settings.ca, "ca")
        ),
        tls_min=serve.tls_min,
        default_role=Role(serve.default_role) if serve.default_role else None,
        denylist=DenyListFile(serve.denylist) if serve.denylist else None,
    )
    store, changes = environment_store(settings), ChangeHub()
    metrics = Metrics(store, clock)
    api = build_app(replace(_api_deps(settings, store, changes, metrics), now_ms=clock))

    def not_ready() -> str | None:
        return metrics.not_ready() or tls.expiry_problem(clock())

    health = health_app(metrics.registry, not_ready, metrics.log_ages)
    return Server(
        Listener(api, serve.listen, tls, around=RequestAudit),
        Listener(health, serve.health),
        on_stop=changes.close,
    )


def _api_deps(
    settings: Settings, store: DynamoStore, changes: ChangeHub, metrics: Metrics
) -> ApiDeps:
    ledger, known = Ledger(store, changes), configured_catalogue(settings)
    terms = LeasePolicy(
        to_ms(settings.lease.ttl), to_ms(settings.sow.retry), to_ms(settings.sow.retry_max)
    )
    policy = EnvironmentPolicy(settings.environments.protected, to_ms(settings.reap.grace))
    return ApiDeps(
        environments=Environments(
            ledger, image_registry(settings), known, policy, lambda: uuid.uuid4().hex
        ),
        leases=Leases(ledger, terms, random.random),
        lifetimes=Lifetimes(ledger, settings.lifetime.policy, to_ms(settings.reap.grace)),
        views=EnvironmentViews(known, domain_if_set(settings), settings.lifetime.policy),
        suspensions=SuspensionRegistry(ledger, known),
        changes=changes,
        identify=get_caller,
        now_ms=now_ms,
        log_level=LogLevel(log.get_level, log.set_level),
        outcome=metrics.count,
    )
