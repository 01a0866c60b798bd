"""The composition root: settings in, wired parts out. Here, and only here, clock, chance, user and host are read.

Each module wires one part of the system. A builder imports what it wires when it is called, so that a command loads only its own.
"""

from gromit.bootstrap.backends import (
    catalogue,
    config_root,
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
from gromit.bootstrap.chitragupta import clusters, pace, record_keeper
from gromit.bootstrap.clients import as_worker, change_feed, serve_client, wanted_environments
from gromit.bootstrap.doctor import doctor
from gromit.bootstrap.gateway import gateway_server, key_vault, pki, tokens
from gromit.bootstrap.machine import domain, ms, needed, now_ms, operator, parallel_runs, stamp
from gromit.bootstrap.migrate import migration, prepare_root, prepare_table
from gromit.bootstrap.serve import api_server
from gromit.bootstrap.workers import Crew, Reporting, inspector, sower, workers

__all__ = [
    "Crew",
    "Reporting",
    "api_server",
    "as_worker",
    "catalogue",
    "change_feed",
    "clusters",
    "config_root",
    "doctor",
    "domain",
    "environment_store",
    "gateway_server",
    "image_registry",
    "inspector",
    "key_vault",
    "migration",
    "ms",
    "needed",
    "now_ms",
    "operator",
    "owner_watch",
    "pace",
    "parallel_runs",
    "pki",
    "platform_source",
    "prepare_root",
    "prepare_table",
    "record_keeper",
    "record_store",
    "serve_client",
    "service_states",
    "session",
    "sower",
    "stamp",
    "state_bucket",
    "task_source",
    "terraform_runner",
    "tokens",
    "wanted_environments",
    "workers",
]
