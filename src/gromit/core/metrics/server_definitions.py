"""Metrics of the servers: requests, connections, logins and certificates."""

from gromit.core.metrics.definition import (
    DURATIONS_S,
    MetricDefinition,
    MetricKind,
    MetricLabel,
)
from gromit.core.security.roles import Role

SERVE = ("serve",)
GATEWAY = ("gateway",)
SERVERS = (*SERVE, *GATEWAY)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other")
UNMATCHED = "unmatched"
"""Route of a request for a path that does not exist, or that was refused before its route."""
BROWSER, COMMAND = "browser", "command"

# ── requests and connections ──────────────────────────────────────────────────────────────────────

_METHOD = MetricLabel("method", METHODS)
_ROUTE = MetricLabel(
    "route",
    meaning=f"route as the code declares it, without names of environments; `{UNMATCHED}` for "
    "paths that do not exist, and for what is refused before its route is known",
)
REQUESTS = MetricDefinition(
    name="gromit_requests_total",
    kind=MetricKind.COUNTER,
    help="Requests by route and status",
    unit="requests",
    labels=(
        _METHOD,
        _ROUTE,
        MetricLabel("status", meaning="HTTP status; 499: the client left before the answer"),
    ),
    parts=SERVERS,
    source="the outermost layer of the server, which also sees what limits refuse",
)
REQUEST_DURATION = MetricDefinition(
    name="gromit_request_duration_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time from the head of a request to the head of its answer",
    unit="seconds",
    labels=(_METHOD, _ROUTE),
    parts=SERVERS,
    source="the outermost layer of the server; a stream counts until it begins",
    buckets=DURATIONS_S,
)
WATCHERS = MetricDefinition(
    name="gromit_watchers",
    kind=MetricKind.GAUGE,
    help="Open streams of changes",
    unit="streams",
    labels=(MetricLabel("who", ("parts", "people")),),
    parts=SERVE,
    source="the streams of this process",
)
CONNECTIONS_CUT = MetricDefinition(
    name="gromit_connections_cut_total",
    kind=MetricKind.COUNTER,
    help="Connections closed because they exceeded a limit of size or time",
    unit="connections",
    labels=(
        MetricLabel("reason", ("body", "certificate", "displaced", "head", "share", "unread")),
    ),
    parts=SERVERS,
    source="the server",
)
CONNECTIONS_REFUSED = MetricDefinition(
    name="gromit_connections_refused_total",
    kind=MetricKind.COUNTER,
    help="Connections beyond the limit of a listener",
    unit="connections",
    parts=SERVERS,
    source="the server",
)
HANDSHAKES_FAILED = MetricDefinition(
    name="gromit_tls_handshakes_failed_total",
    kind=MetricKind.COUNTER,
    help="Failed TLS handshakes",
    unit="handshakes",
    labels=(
        MetricLabel(
            "reason",
            (
                "certificate", "closed", "displaced", "no_certificate", "protocol", "timeout",
                "version",
            ),
        ),
    ),
    parts=SERVERS,
    source="the server",
)  # fmt: skip

LOGINS = MetricDefinition(
    name="gromit_logins_total",
    kind=MetricKind.COUNTER,
    help="Logins of people by way and outcome",
    unit="logins",
    labels=(
        MetricLabel("way", (BROWSER, COMMAND)),
        MetricLabel("outcome", ("done", "refused")),
    ),
    parts=GATEWAY,
    source="logins in a browser, and with `gromit login`",
)

# ── certificates ──────────────────────────────────────────────────────────────────────────────────

CERTIFICATE_EXPIRES = MetricDefinition(
    name="gromit_certificate_expires_timestamp_seconds",
    kind=MetricKind.GAUGE,
    help="Expiry of this process's server certificate",
    unit="seconds since 1970",
    parts=SERVERS,
    source="the certificate in use",
)
CLIENT_CERTIFICATES = MetricDefinition(
    name="gromit_client_certificate_expires_timestamp_seconds",
    kind=MetricKind.GAUGE,
    help="Earliest expiry of the client certificates that were used in the last day, by role",
    unit="seconds since 1970",
    labels=(MetricLabel("role", tuple(Role)),),
    parts=SERVE,
    source="requests to this process; of one name only the certificate that was used last counts",
)
CA_EXPIRES = MetricDefinition(
    name="gromit_ca_expires_timestamp_seconds",
    kind=MetricKind.GAUGE,
    help="Expiry of the CA of client certificates; of the last one while several are trusted",
    unit="seconds since 1970",
    parts=SERVE,
    source="the certificates of the setting `ca`",
)

SERVER_DEFINITIONS = (
    REQUESTS,
    REQUEST_DURATION,
    WATCHERS,
    CONNECTIONS_CUT,
    CONNECTIONS_REFUSED,
    HANDSHAKES_FAILED,
    CERTIFICATE_EXPIRES,
    CLIENT_CERTIFICATES,
    CA_EXPIRES,
    LOGINS,
)
