"""All metrics of gromit.

A name, a label and its values are public: dashboards and rules of others use them.
"""

from gromit.core.environments.failures import FailureClass
from gromit.core.environments.phases import UNREADABLE, Phase, Work
from gromit.core.environments.suspensions import ScopeKind
from gromit.core.metrics.definition import (
    DURATIONS_S,
    RUNS_S,
    MetricDefinition,
    MetricKind,
    MetricLabel,
)
from gromit.core.security.roles import Role
from gromit.core.stack.addresses import NameState
from gromit.core.stack.health import HealthState

SERVE = ("serve",)
SERVERS = ("serve", "gateway")
_TABLE = "the table, which serve reads once a minute at most, and only if it is asked"
_INDEX = "the table's index, read for each scrape"
_KIND = MetricLabel("kind", tuple(Work))
RELEASED, DONE = "released", "done"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other")
UNMATCHED = "unmatched"
"""Route of a request for a path that does not exist, or that was refused before its route."""

# ── environments ──────────────────────────────────────────────────────────────────────────────────

ENVIRONMENTS = MetricDefinition(
    name="gromit_environments",
    kind=MetricKind.GAUGE,
    help="Environments by phase, tombstones (gone) included",
    unit="environments",
    labels=(MetricLabel("phase", (*Phase, UNREADABLE)),),
    parts=SERVE,
    source=_TABLE,
)
PUBLIC_NAMES = MetricDefinition(
    name="gromit_public_names",
    kind=MetricKind.GAUGE,
    help="Public DNS names of components by state, as chitragupta last observed them",
    unit="names",
    labels=(MetricLabel("state", tuple(NameState)),),
    parts=SERVE,
    source=_TABLE,
)
COMPONENT_HEALTH = MetricDefinition(
    name="gromit_component_health",
    kind=MetricKind.GAUGE,
    help="Components by the health that their programs report",
    unit="components",
    labels=(MetricLabel("health", tuple(HealthState)),),
    parts=SERVE,
    source=_TABLE,
)
SUSPENSIONS = MetricDefinition(
    name="gromit_suspensions",
    kind=MetricKind.GAUGE,
    help="Suspensions in force",
    unit="suspensions",
    labels=(MetricLabel("scope", tuple(ScopeKind)),),
    parts=SERVE,
    source="the row of suspensions, read for each scrape",
)
EXPIRING = MetricDefinition(
    name="gromit_expiring_environments",
    kind=MetricKind.GAUGE,
    help="Environments that expire unless they are used, by the warning that they have had",
    unit="environments",
    labels=(MetricLabel("warning", ("first", "last")),),
    parts=SERVE,
    source=_INDEX,
)

# ── work ──────────────────────────────────────────────────────────────────────────────────────────

UNFINISHED_WORK = MetricDefinition(
    name="gromit_unfinished_work",
    kind=MetricKind.GAUGE,
    help="Environments with unfinished work, failed and leased work included",
    unit="environments",
    labels=(_KIND,),
    parts=SERVE,
    source=_INDEX,
)
OLDEST_DUE = MetricDefinition(
    name="gromit_oldest_work_age_seconds",
    kind=MetricKind.GAUGE,
    help="Age of the oldest due work that no worker holds",
    unit="seconds",
    labels=(_KIND,),
    parts=SERVE,
    source=_INDEX,
)
OLDEST_UNFINISHED = MetricDefinition(
    name="gromit_oldest_undone_age_seconds",
    kind=MetricKind.GAUGE,
    help="Age of the oldest unfinished work, failed and leased work included",
    unit="seconds",
    labels=(_KIND,),
    parts=SERVE,
    source=_INDEX,
)
OUTCOMES = MetricDefinition(
    name="gromit_outcomes_total",
    kind=MetricKind.COUNTER,
    help="Builds, deletions, claims, runs and failures by outcome",
    unit="outcomes",
    labels=(
        MetricLabel(
            "what",
            (
                "build",
                "claim",
                "delete",
                "failure",
                "lifetime",
                "observation",
                "reap",
                "run",
                "sow",
            ),
        ),
        MetricLabel("outcome", meaning="a word of the code for each of them, some 40 in all"),
    ),
    parts=SERVE,
    source="requests that serve accepted",
)  # fmt: skip
RUNS = MetricDefinition(
    name="gromit_run_duration_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time from a claim to its outcome: done, released, or the class of the failure",
    unit="seconds",
    labels=(_KIND, MetricLabel("outcome", (DONE, RELEASED, *FailureClass))),
    parts=SERVE,
    source="claims and outcomes of workers, without runs that began before serve did",
    buckets=RUNS_S,
)
BUILD_READY = MetricDefinition(
    name="gromit_build_ready_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time from a build, or another request, to sow's report that its services have settled",
    unit="seconds",
    parts=SERVE,
    source="claims and outcomes of sow; a newer request starts no new time while one waits",
    buckets=RUNS_S,
)
BUILD_ANSWERED = MetricDefinition(
    name="gromit_build_answered_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time from a build, or another request, until all programs answer at their public names",
    unit="seconds",
    parts=SERVE,
    source="the first observation of chitragupta that finds all names published and all programs "
    "healthy, so an interval of its passes may be added; only with health checks in the catalogue",
    buckets=RUNS_S,
)

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

DEFINITIONS = (
    ENVIRONMENTS,
    PUBLIC_NAMES,
    COMPONENT_HEALTH,
    SUSPENSIONS,
    EXPIRING,
    UNFINISHED_WORK,
    OLDEST_DUE,
    OLDEST_UNFINISHED,
    OUTCOMES,
    RUNS,
    BUILD_READY,
    BUILD_ANSWERED,
    REQUESTS,
    REQUEST_DURATION,
    WATCHERS,
    CONNECTIONS_CUT,
    CONNECTIONS_REFUSED,
    HANDSHAKES_FAILED,
    CERTIFICATE_EXPIRES,
    CLIENT_CERTIFICATES,
    CA_EXPIRES,
)
