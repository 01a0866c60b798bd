"""Taking over from the earlier system."""
# ruff: noqa: PLC0415 - each builder imports what it wires when it is called, so that a command pays only for its own parts

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from gromit.bootstrap.backends import catalogue, record_store, session
from gromit.bootstrap.machine import ms

if TYPE_CHECKING:
    from gromit.config import Settings
    from gromit.services.migration import Line, Migration


def prepare_table(settings: "Settings", *, dry_run: bool) -> "list[Line]":
    """Give the table what it lacks, or say what that is."""
    from gromit.adapters import aws
    from gromit.adapters.dynamodb_table import Table
    from gromit.services.migration import Line

    table = Table(session().client("dynamodb", config=aws.CLIENT), settings.tablename, time.sleep)
    lines = []
    for part in table.lacks():
        if not dry_run:
            table.give(part)
        lines.append(Line("table", settings.tablename, f"would add {part}" if dry_run else f"added {part}", "gromit needs it"))
    return lines


def prepare_root(root: Path, *, dry_run: bool) -> "list[Line]":
    """Write the config root's marker, or say that it is missing."""
    from gromit.adapters.config_root import MARKER, init_root
    from gromit.services.migration import Line

    if (root / MARKER).is_file() or (not dry_run and not init_root(root)):
        return []
    return [Line("root", str(root), "would mark" if dry_run else "marked", "workers refuse a root without its marker")]


def migration(settings: "Settings") -> "Migration":
    """What takes rows and records over; records only where a zone is set."""
    from gromit.adapters import aws
    from gromit.adapters.dynamodb import DynamoStore
    from gromit.services.migration import Migration

    return Migration(
        store=DynamoStore(session().client("dynamodb", config=aws.CLIENT), settings.tablename),
        zone=record_store(settings) if settings.cluster.zoneid else None,
        catalogue=catalogue(settings),
        domain=settings.cluster.domain,
        protected=settings.environments.protected,
        grace_ms=ms(settings.reap.grace),
        new_id=lambda: uuid.uuid4().hex,
    )
