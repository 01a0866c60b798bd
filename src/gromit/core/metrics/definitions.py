"""All metrics of gromit.

A name, a label and its values are public: dashboards and rules of others use them.
"""

from gromit.core.environments.failures import FailureClass
from gromit.core.environments.phases import UNREADABLE, Phase, Work
from gromit.core.environments.suspensions import ScopeKind
from gromit.core.metrics.definition import (
    RUNS_S,
    MetricDefinition,
    MetricKind,
    MetricLabel,
)
from gromit.core.metrics.pass_report import (
    AWS_SERVICES,
    CallOutcome,
    PassOutcome,
    PassPart,
    TerraformAction,
)
from gromit.core.metrics.server_definitions import SERVE, SERVER_DEFINITIONS
from gromit.core.stack.addresses import NameState
from gromit.core.stack.health import HealthState

_TABLE = "the table, which serve reads once a minute at most, and only if it is asked"
_INDEX = "the table's index, read for each scrape"
_KIND = MetricLabel("kind", tuple(Work))
RELEASED, DONE, FAILED = "released", "done", "failed"
_PASSES = "reports of passes; of a watch with a port of its own, its own passes"
PASSING = ("serve", "sow", "reap", "chitragupta")
"""Parts with the metrics of passes: serve of all that have no port."""
_PART = MetricLabel("part", tuple(PassPart))

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

CANARY_SUCCESS = MetricDefinition(
    name="gromit_canary_success_timestamp_seconds",
    kind=MetricKind.GAUGE,
    help="End of the canary's last run after which its names were published and it answered",
    unit="seconds since 1970",
    parts=SERVE,
    source="the canary's row, read each minute; only with `serve.canary.name`, and after a start "
    "of serve only from the next success on",
)
CANARY_INTERVAL = MetricDefinition(
    name="gromit_canary_interval_seconds",
    kind=MetricKind.GAUGE,
    help="Time between two redeployments of the canary",
    unit="seconds",
    parts=SERVE,
    source="the setting `serve.canary.interval`; only with `serve.canary.name`",
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

# ── passes ────────────────────────────────────────────────────────────────────────────────────────

PASSES = MetricDefinition(
    name="gromit_passes_total",
    kind=MetricKind.COUNTER,
    help="Passes of sow, reap and chitragupta by outcome",
    unit="passes",
    labels=(_PART, MetricLabel("outcome", tuple(PassOutcome))),
    parts=PASSING,
    source=_PASSES,
)
PASS_DURATION = MetricDefinition(
    name="gromit_pass_duration_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Duration of passes that have done their work, with all runs in them",
    unit="seconds",
    labels=(_PART,),
    parts=PASSING,
    source=_PASSES,
    buckets=RUNS_S,
)
LAST_PASS = MetricDefinition(
    name="gromit_last_pass_timestamp_seconds",
    kind=MetricKind.GAUGE,
    help="End of the last pass that has done its work",
    unit="seconds since 1970",
    labels=(_PART,),
    parts=PASSING,
    source=f"{_PASSES}; no value until the first pass after a start of serve",
)
FAILED_PASSES = MetricDefinition(
    name="gromit_failed_passes",
    kind=MetricKind.GAUGE,
    help="Passes that have failed in a row; suspended ones count neither way",
    unit="passes",
    labels=(_PART,),
    parts=PASSING,
    source=f"{_PASSES}; a pass that cannot reach serve is not reported to it",
)
TERRAFORM = MetricDefinition(
    name="gromit_terraform_duration_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Duration of Terraform's commands in runs",
    unit="seconds",
    labels=(MetricLabel("action", tuple(TerraformAction)), MetricLabel("outcome", (DONE, FAILED))),
    parts=PASSING,
    source=_PASSES,
    buckets=RUNS_S,
)
DNS_RECORDS = MetricDefinition(
    name="gromit_dns_records",
    kind=MetricKind.GAUGE,
    help="Address records of gromit before the last pass, and records that could not be changed",
    unit="records",
    labels=(MetricLabel("state", ("ours", "blocked")),),
    parts=("serve", "chitragupta"),
    source=_PASSES,
)
DNS_CHANGES = MetricDefinition(
    name="gromit_dns_changes_total",
    kind=MetricKind.COUNTER,
    help="Records that passes of chitragupta have changed; those of sow and reap are not in it",
    unit="records",
    labels=(MetricLabel("action", ("created", "updated", "deleted")),),
    parts=("serve", "chitragupta"),
    source=_PASSES,
)
DNS_LAG = MetricDefinition(
    name="gromit_dns_lag_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Time from the start of a public task to the write of its record, by sow or chitragupta",
    unit="seconds",
    parts=PASSING,
    source=f"{_PASSES}; Route 53 takes up to a minute more",
    buckets=RUNS_S,
)
AWS_CALLS = MetricDefinition(
    name="gromit_aws_calls_total",
    kind=MetricKind.COUNTER,
    help="Calls of AWS by service and outcome, after the SDK's retries, without Terraform's",
    unit="calls",
    labels=(
        MetricLabel("part", ("serve", *PassPart)),
        MetricLabel("service", AWS_SERVICES),
        MetricLabel("outcome", tuple(CallOutcome)),
    ),
    parts=PASSING,
    source=f"the SDK in serve; {_PASSES}",
)

WORKER_MEMORY = MetricDefinition(
    name="gromit_worker_memory_bytes",
    kind=MetricKind.GAUGE,
    help="Memory that a worker with its terraforms needed at most, and the memory of its task",
    unit="bytes",
    labels=(
        MetricLabel("part", (PassPart.SOW, PassPart.REAP)),
        MetricLabel("what", ("peak", "limit")),
    ),
    parts=PASSING,
    source=f"{_PASSES}: its own peak, and that of its largest terraform for each run at once",
)

DEFINITIONS = (
    ENVIRONMENTS,
    PUBLIC_NAMES,
    COMPONENT_HEALTH,
    SUSPENSIONS,
    EXPIRING,
    CANARY_SUCCESS,
    CANARY_INTERVAL,
    UNFINISHED_WORK,
    OLDEST_DUE,
    OLDEST_UNFINISHED,
    OUTCOMES,
    RUNS,
    BUILD_READY,
    BUILD_ANSWERED,
    PASSES,
    PASS_DURATION,
    LAST_PASS,
    FAILED_PASSES,
    TERRAFORM,
    DNS_RECORDS,
    DNS_CHANGES,
    DNS_LAG,
    AWS_CALLS,
    WORKER_MEMORY,
    *SERVER_DEFINITIONS,
)
