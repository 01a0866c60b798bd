"""`gromit gateway`: its listener, and its client of serve."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry

from gromit.bootstrap.machine import now_ms, require_setting
from gromit.bootstrap.tokens import build_tokens, token_file
from gromit.config.schema import Settings
from gromit.core.security.loopback import is_loopback
from gromit.core.security.oidc import oidc_policy
from gromit.core.time import Millis
from gromit.errors import ConfigError
from gromit.web.gateway import issuer
from gromit.web.gateway.app import GatewayDeps, build_gateway, with_access_log
from gromit.web.gateway.door import PeopleDoor
from gromit.web.gateway.forwarded import ForwardedClient
from gromit.web.gateway.job_tokens import JobTokenVerifier
from gromit.web.gateway.upstream import Upstream, upstream_client
from gromit.web.server.health import health_app
from gromit.web.server.limits import RateLimit
from gromit.web.server.metrics import RequestMetrics
from gromit.web.server.proxies import Networks
from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import ServerTls
from gromit.web.tls import CertificateFiles, ClientTls


def gateway_server(settings: Settings, now_ms: Callable[[], Millis] = now_ms) -> Server:
    """Server of `gromit gateway`. Raises `ConfigError` if a setting that it needs is missing."""
    front = settings.gateway
    token_file(settings).entries()  # a gateway without tokens fails at once, not at a request
    key = require_setting(settings.client.key, "client.key").get_secret_value()
    tls = ClientTls(
        CertificateFiles(
            require_setting(settings.client.cert, "client.cert"),
            key,
            require_setting(settings.ca, "ca"),
        )
    )
    upstream = Upstream(
        upstream_client(require_setting(settings.serve.url, "serve.url"), tls), front.timeout
    )
    rate, jobs = RateLimit(front.rate), _job_tokens(settings)
    door = _door(settings, upstream, now_ms)
    deps = GatewayDeps(build_tokens(settings).recognise, upstream, rate, now_ms, jobs, door)
    app = build_gateway(deps)
    forwarders = Networks(front.forwarders)
    logged = with_access_log(now_ms)
    registry = CollectorRegistry()
    return Server(
        Listener(
            app,
            front.listen,
            _front_tls(settings),
            around=lambda inner: RequestMetrics(
                ForwardedClient(logged(inner), forwarders), app, registry
            ),
            proxies=Networks(front.proxies),
            shared=Networks((*front.proxies, *front.forwarders)),
        ),
        *_metrics_listener(settings, registry),
        on_stop=door.stop if door is not None else lambda: None,
    )


def _metrics_listener(settings: Settings, registry: CollectorRegistry) -> Iterator[Listener]:
    """Yield the listener of health and metrics, if it has an address."""
    if settings.metrics.listen is not None:
        yield Listener(health_app(registry, lambda: None), settings.metrics.listen)


def _door(
    settings: Settings, upstream: Upstream, now_ms: Callable[[], Millis]
) -> PeopleDoor | None:
    """Door for people; None if they cannot log in."""
    if settings.gateway.login.issuer is None:
        return None
    # The library for logins is slow to import.
    from gromit.bootstrap.people import people_door  # noqa: PLC0415

    return people_door(settings, upstream, now_ms)


def _job_tokens(settings: Settings) -> JobTokenVerifier | None:
    """Verifier of the OIDC tokens of jobs; None if the gateway does not accept such tokens.

    Raises `ConfigError`.
    """
    oidc = settings.gateway.oidc
    if oidc.audience is None:
        return None
    keys = issuer.IssuerKeyCache(
        issuer.issuer_client(), issuer.keys_url(oidc.issuer, oidc.keys), now_ms
    )
    return JobTokenVerifier(keys, oidc_policy(oidc.issuer, oidc.audience, oidc.owners), now_ms)


def _front_tls(settings: Settings) -> ServerTls | None:
    """TLS of the gateway's own listener. Its clients need no certificate and may be older."""
    front = settings.gateway
    if front.cert is None and front.key is None:
        if not front.plain and not is_loopback(front.listen.rpartition(":")[0].strip("[]")):
            raise ConfigError(
                f"the gateway would take tokens in clear on {front.listen}",
                hint="set gateway.cert and gateway.key, or listen on 127.0.0.1, "
                "or set gateway.plain behind a proxy that terminates TLS",
            )
        return None
    key = require_setting(front.key, "gateway.key").get_secret_value()
    return ServerTls(
        CertificateFiles(require_setting(front.cert, "gateway.cert"), key), tls_min="1.2"
    )
