"""Taking over from the earlier system."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path

from gromit.adapters.aws import client as aws
from gromit.adapters.aws.dynamodb import DynamoStore
from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.config_tree.root import MARKER, init_root
from gromit.bootstrap.backends import record_store, session
from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.machine import domain_if_set, now_ms, operator, to_ms
from gromit.config.schema import Settings
from gromit.core.environments.history import ChangeContext
from gromit.ports import Progress
from gromit.services.migration import Migration, MigrationResult


def prepare_table(
    settings: Settings, progress: Progress, *, dry_run: bool
) -> list[MigrationResult]:
    """Give the table what it lacks, or make it if there is none; or only say what would be done."""
    table = _table(settings, _waiting(settings.tablename, progress, time.sleep))
    missing = table.missing()
    if missing == ["table"]:
        if not dry_run:
            progress(f"making table {settings.tablename}")
            table.ensure()
        return [
            MigrationResult(
                "table",
                settings.tablename,
                "would make table" if dry_run else "made table",
                "there is none",
            )
        ]
    for part in [] if dry_run else missing:
        progress(
            f"adding {part} to table {settings.tablename}"
            + ("; this may take minutes" if part == "index" else "")
        )
        table.add(part)
    return [
        MigrationResult(
            "table",
            settings.tablename,
            f"{'would add' if dry_run else 'added'} {part}",
            "gromit needs it",
        )
        for part in missing
    ]


def _table(settings: Settings, pause: Callable[[float], object]) -> TableSetup:
    return TableSetup(session().client("dynamodb", config=aws.CLIENT), settings.tablename, pause)


def _waiting(
    table: str, progress: Progress, sleep: Callable[[float], object]
) -> Callable[[float], None]:
    """A pause that tells how long the table's index has been waited for, in seconds."""
    waited = 0.0

    def pause(seconds: float) -> None:
        nonlocal waited
        sleep(seconds)
        waited += seconds
        progress(f"waiting for the index of table {table}: {waited:.0f} s")

    return pause


def prepare_config_root(root: Path, *, dry_run: bool) -> list[MigrationResult]:
    """Write the config root's marker, or say that it is missing. A folder that is not there may be a volume that is not mounted."""
    if not root.is_dir():
        return [
            MigrationResult(
                "root",
                str(root),
                "left alone",
                "it is not here: mount the volume, or make one with `gromit root init`",
            )
        ]
    if (root / MARKER).is_file() or (not dry_run and not init_root(root)):
        return []
    return [
        MigrationResult(
            "root",
            str(root),
            "would mark" if dry_run else "marked",
            "workers refuse a root without its marker",
        )
    ]


def migration(settings: Settings) -> Migration:
    """What takes rows and records over; rows only where there is a table, records only where a zone is set."""
    is_there = _table(settings, time.sleep).missing() != ["table"]
    return Migration(
        store=DynamoStore(session().client("dynamodb", config=aws.CLIENT), settings.tablename)
        if is_there
        else None,
        zone=record_store(settings) if settings.cluster.zoneid else None,
        catalogue=configured_catalogue(settings),
        domain=domain_if_set(settings),
        protected=settings.environments.protected,
        grace_ms=to_ms(settings.reap.grace),
        new_id=lambda: uuid.uuid4().hex,
    )


def change_context(what: str) -> ChangeContext:
    """A stamp for a change that a person makes with a command."""
    return ChangeContext(f"{what}:{operator()}", now_ms())
