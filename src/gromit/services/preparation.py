"""Preparation of a migration: the table, and the config root's marker."""

from collections.abc import Callable
from typing import Protocol

from gromit.core.migration.steps import MigrationResult
from gromit.ports import Progress


class TableStructure(Protocol):
    """Structure of the table: its index and settings."""

    def missing(self) -> list[str]:
        """Return the parts that the table lacks; `["table"]` if there is no table."""

    def ensure(self) -> object:
        """Create the table with all its parts."""

    def add(self, part: str) -> None:
        """Add one part, and wait until it is usable."""


def prepare_table(
    table: TableStructure, name: str, progress: Progress, *, dry_run: bool
) -> list[MigrationResult]:
    """Create the table, or add its missing parts. A dry run only reports them."""
    missing = table.missing()
    if missing == ["table"]:
        if not dry_run:
            progress(f"making table {name}")
            table.ensure()
        action = "would make table" if dry_run else "made table"
        return [MigrationResult("table", name, action, "there is none")]
    if not dry_run:
        for part in missing:
            patience = "; this may take minutes" if part.startswith("index") else ""
            progress(f"adding {part} to table {name}{patience}")
            table.add(part)
    verb = "would add" if dry_run else "added"
    return [MigrationResult("table", name, f"{verb} {part}", "gromit needs it") for part in missing]


def prepare_config_root(
    root: str, *, exists: bool, has_marker: bool, mark: Callable[[], bool] | None
) -> list[MigrationResult]:
    """Mark the config root. A dry run gives no `mark`, and only reports a missing marker.

    `mark` returns False if another process has marked the root. A missing folder is left alone: it
    may be a volume that is not mounted.
    """
    if not exists:
        reason = "not mounted here: mount the volume, or create a root with `gromit root init`"
        return [MigrationResult("root", root, "left alone", reason)]
    if has_marker or (mark is not None and not mark()):
        return []
    action = "would mark" if mark is None else "marked"
    return [MigrationResult("root", root, action, "workers refuse a root without its marker")]
