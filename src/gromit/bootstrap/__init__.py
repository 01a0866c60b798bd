"""The composition root: settings in, wired parts out. Here, and only here, clock, chance, user and host are read.

Each module wires one part of the system. A builder imports what it wires when it is called, so that a command loads only its own.
"""

from gromit.bootstrap.backends import (
    config_root,
    configured_catalogue,
    environment_store,
    image_registry,
    owner_watch,
    platform_source,
    record_store,
    service_states,
    session,
    state_bucket,
    task_source,
    terraform_runner,
)
from gromit.bootstrap.chitragupta import build_chitragupta, clusters, watch_intervals
from gromit.bootstrap.clients import (
    change_feed,
    desired_environments,
    serve_client,
    worker_settings,
)
from gromit.bootstrap.doctor import doctor
from gromit.bootstrap.gateway import gateway_server, key_store, pki, tokens
from gromit.bootstrap.machine import (
    change_context,
    domain,
    now_ms,
    operator,
    parallel_runs,
    require_setting,
    to_ms,
)
from gromit.bootstrap.migrate import migration, prepare_config_root, prepare_table
from gromit.bootstrap.serve import build_serve
from gromit.bootstrap.workers import RunningPool, WorkerCallbacks, inspector, sower, workers

__all__ = [
    "RunningPool",
    "WorkerCallbacks",
    "build_chitragupta",
    "build_serve",
    "change_context",
    "change_feed",
    "clusters",
    "config_root",
    "configured_catalogue",
    "desired_environments",
    "doctor",
    "domain",
    "environment_store",
    "gateway_server",
    "image_registry",
    "inspector",
    "key_store",
    "migration",
    "now_ms",
    "operator",
    "owner_watch",
    "parallel_runs",
    "pki",
    "platform_source",
    "prepare_config_root",
    "prepare_table",
    "record_store",
    "require_setting",
    "serve_client",
    "service_states",
    "session",
    "sower",
    "state_bucket",
    "task_source",
    "terraform_runner",
    "to_ms",
    "tokens",
    "watch_intervals",
    "worker_settings",
    "workers",
]
