"""`gromit migrate`: migration from gromit v1."""

import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gromit.adapters.aws import client as aws
from gromit.adapters.aws.dynamodb import DynamoStore
from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.config_tree.root import MARKER, init_root
from gromit.adapters.config_tree.texts import read_config_texts
from gromit.bootstrap.aws_session import session
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.dns_backends import cluster_source, record_store
from gromit.bootstrap.machine import domain_if_set, now_ms, operator, to_ms
from gromit.bootstrap.worker_backends import state_bucket
from gromit.config.schema import Settings
from gromit.core.environments.history import ChangeContext
from gromit.core.migration.steps import MigrationResult
from gromit.ports import Progress
from gromit.services.going_back import GoingBack
from gromit.services.migration import Decisions, Migration
from gromit.services.preparation import prepare_config_root, prepare_table


def prepare(
    settings: Settings, root: Path, progress: Progress, *, dry_run: bool
) -> list[MigrationResult]:
    """Prepare the table and the config root below `root`."""
    table = _table(settings, _waiting(settings.tablename, progress, time.sleep))
    return [
        *prepare_table(table, settings.tablename, progress, dry_run=dry_run),
        *prepare_config_root(
            str(root),
            exists=root.is_dir(),
            has_marker=(root / MARKER).is_file(),
            mark=None if dry_run else partial(init_root, root),
        ),
    ]


def _table(settings: Settings, pause: Callable[[float], object]) -> TableSetup:
    return TableSetup(session().client("dynamodb", config=aws.CLIENT), settings.tablename, pause)


def _waiting(
    table: str, progress: Progress, sleep: Callable[[float], object]
) -> Callable[[float], None]:
    """Return a pause that also reports the total wait for the table's index, in seconds."""
    waited = 0.0

    def pause(seconds: float) -> None:
        nonlocal waited
        sleep(seconds)
        waited += seconds
        progress(f"waiting for the index of table {table}: {waited:.0f} s")

    return pause


def going_back(settings: Settings) -> GoingBack:
    """Build the way back to gromit v1."""
    return GoingBack(_store(settings))


def _store(settings: Settings) -> DynamoStore | None:
    """Return the store; None if there is no table yet."""
    has_table = _table(settings, time.sleep).missing() != ["table"]
    client = session().client("dynamodb", config=aws.CLIENT)
    return DynamoStore(client, settings.tablename) if has_table else None


def migration(settings: Settings, root: Path, decisions: Decisions) -> Migration:
    """Build the migration: of rows if the table exists, of records if a zone is set."""
    return Migration(
        store=_store(settings),
        zone=record_store(settings) if settings.cluster.zoneid else None,
        clusters=cluster_source(settings),
        states=state_bucket(settings),
        catalogue=configured_catalogue(settings),
        domain=domain_if_set(settings),
        installation=settings.installation,
        protected=settings.environments.protected,
        grace_ms=to_ms(settings.reap.grace),
        new_id=lambda: uuid.uuid4().hex,
        decisions=decisions,
        config_texts=partial(read_config_texts, root),
        root=str(root),
    )


def change_context(what: str) -> ChangeContext:
    """Return actor and time of a change by a person's command."""
    return ChangeContext(f"{what}:{operator()}", now_ms())
