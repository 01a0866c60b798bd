"""Clients of serve."""

from collections.abc import Callable

from gromit.bootstrap.machine import require_setting
from gromit.config.schema import Settings
from gromit.core.environments.wakes import Watcher
from gromit.core.names import parse_ref
from gromit.errors import ConfigError
from gromit.web.clients.connections import HttpConnections
from gromit.web.clients.retries import Retries
from gromit.web.clients.serve import ServeChanges, ServeClient
from gromit.web.tls import CertificateFiles, ClientTls


def serve_client(settings: Settings, retries: Retries | None = None) -> ServeClient:
    """Client of serve with the certificate of the settings, or else with the kept login.

    `retries` are those with a certificate.

    Raises `ConfigError` without either.
    """
    if settings.client.cert is None and settings.client.key is None:
        # Certificates are quicker, and their commands import nothing of logins.
        from gromit.bootstrap.login import gateway_client, kept_login  # noqa: PLC0415

        kept = kept_login(settings)
        if kept is not None:
            return gateway_client(settings, kept)
        if settings.gateway.url is not None:
            raise ConfigError(
                f"you are not logged in at {settings.gateway.url}, and have no certificate",
                hint=f"run `gromit login {settings.gateway.url}`",
            )
    url = require_setting(settings.serve.url, "serve.url")
    return ServeClient(HttpConnections(url, client_tls(settings)), retries)


def client_tls(settings: Settings) -> ClientTls:
    """TLS with the client certificate of the settings. Raises `ConfigError` without one."""
    key = require_setting(settings.client.key, "client.key").get_secret_value()
    cert = require_setting(settings.client.cert, "client.cert")
    return ClientTls(CertificateFiles(cert, key, require_setting(settings.ca, "ca")))


def worker_settings(settings: Settings) -> Settings:
    """Settings of a worker: its clients present the worker's own certificate, if one is set.

    Raises `ConfigError` for a certificate without its key, and for a key without its certificate.
    """
    own = settings.worker
    if own.cert is None and own.key is None:
        return settings
    identity = {
        "cert": require_setting(own.cert, "worker.cert"),
        "key": require_setting(own.key, "worker.key"),
    }
    return settings.copy_with(client=settings.client.copy_with(**identity))


def has_serve(settings: Settings) -> bool:
    """Whether there is a way to serve: its address and a certificate, or a login."""
    client = settings.client
    if client.cert is None and client.key is None:
        from gromit.bootstrap.login import kept_login  # noqa: PLC0415 - as in `serve_client`

        return kept_login(settings) is not None
    return None not in {settings.serve.url, settings.ca, client.cert, client.key}


def suspension_check(settings: Settings) -> Callable[[], None]:
    """Return a check that raises `Suspended` if serve says that processing is suspended."""
    return serve_client(settings).check_suspension


def work_feed(settings: Settings, watcher: Watcher) -> ServeChanges:
    """Feed of the changes that make work for a watcher."""
    return ServeChanges(
        serve_client(settings), concerns=lambda change: change.makes_work_for(watcher)
    )


def environment_feed(settings: Settings, name_or_ref: str) -> ServeChanges:
    """Feed of the changes of one environment, and of the progress of its runs."""
    ref = parse_ref(name_or_ref)
    names = frozenset({name_or_ref, ref.leaf, ref.environment})
    return ServeChanges(serve_client(settings), ref.leaf, lambda change: change.is_about(names))
