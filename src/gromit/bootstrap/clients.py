"""Clients of serve."""

from collections.abc import Callable

from gromit.bootstrap.machine import require_setting
from gromit.config.schema import Settings
from gromit.web.clients.connections import HttpConnections
from gromit.web.clients.serve import ServeChanges, ServeClient
from gromit.web.tls import CertificateFiles, ClientTls


def serve_client(settings: Settings) -> ServeClient:
    """Client of serve that presents the client certificate of the settings."""
    url = require_setting(settings.serve.url, "serve.url")
    key = require_setting(settings.client.key, "client.key").get_secret_value()
    tls = ClientTls(
        CertificateFiles(
            require_setting(settings.client.cert, "client.cert"),
            key,
            require_setting(settings.ca, "ca"),
        )
    )
    return ServeClient(HttpConnections(url, tls))


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
    """Whether serve's address and a client certificate are set."""
    client = settings.client
    return None not in {settings.serve.url, settings.ca, client.cert, client.key}


def suspension_check(settings: Settings) -> Callable[[], None]:
    """Return a check that raises `Suspended` if serve says that processing is suspended."""
    return serve_client(settings).check_suspension


def change_feed(settings: Settings, progress: str | None = None) -> ServeChanges:
    """Feed of the changes that serve announces, and of the progress of one environment."""
    return ServeChanges(serve_client(settings), progress)
