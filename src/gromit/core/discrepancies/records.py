"""Discrepancies of public records, and of config folders."""

from collections.abc import Iterator

from gromit.core.discrepancies.facts import InstallationInventory
from gromit.core.discrepancies.kinds import Discrepancy, DiscrepancyKind, Repair
from gromit.core.dns.plan import RecordSet, environment_for_name, plan
from gromit.core.stack.addresses import public_name

_SAMPLE = frozenset({"192.0.2.1"})
"""An address that no task has: records are planned with it, and never written."""


def dangling(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Records of gromit for environments that are gone, or that no row names."""
    for name, record in _owned_by_none(inventory):
        why = "is gone" if name in inventory.rows else "is in no row"
        yield Discrepancy(
            kind=DiscrepancyKind.DANGLING_RECORD,
            environment=name,
            subject=record.name,
            seen=f"the record {record.name} exists, although the environment {why}",
            repair=Repair.RETIRE_RECORDS,
            remedy="remove all records that gromit made for it",
        )


def foreign(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Records of others at names of desired environments."""
    owner = inventory.owner
    if inventory.records is None or owner is None:
        return
    names = [row.name for row in inventory.rows.values() if row.is_desired]
    sample = [
        RecordSet(public_name(component, name, owner.domain), "A", 1, _SAMPLE)
        for name in names
        for component in sorted(inventory.public)
    ]
    wanted: dict[str, bool | None] = dict.fromkeys(names, True)
    for record, reason in plan(sample, inventory.records, owner, wanted).blocked:
        yield Discrepancy(
            kind=DiscrepancyKind.FOREIGN_RECORD,
            environment=str(environment_for_name(record.name, owner.domain)),
            subject=record.name,
            seen=f"{record.name} cannot be published: {reason}",
            repair=Repair.PERSON,
            remedy="give the environment another name, or remove the record if nothing needs it",
        )


def folders(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Config folders of environments that are gone, or that no row names."""
    for name, has_files in sorted(inventory.folders.items()):
        if not inventory.tombstone_or_none(name):
            continue
        why = "is gone" if name in inventory.rows else "is in no row"
        yield Discrepancy(
            kind=DiscrepancyKind.ORPHAN_CONFIG,
            environment=name,
            seen=f"it has a config folder, although the environment {why}",
            repair=Repair.SET_ASIDE_CONFIG if has_files else Repair.PERSON,
            remedy="set the folder aside, in the config root"
            if has_files
            else "remove it, if nothing needs it: it has no file that gromit made",
        )


def _owned_by_none(inventory: InstallationInventory) -> Iterator[tuple[str, RecordSet]]:
    """Yield records of gromit that no environment accounts for, with its name."""
    owner = inventory.owner
    if inventory.records is None or owner is None:
        return
    named = [(environment_for_name(r.name, owner.domain), r) for r in inventory.records]
    records = [r for name, r in named if name and inventory.tombstone_or_none(name)]
    ended: dict[str, bool | None] = dict.fromkeys(inventory.rows, False)
    for record, _ in plan((), records, owner, ended).deletes:
        if (name := environment_for_name(record.name, owner.domain)) is not None:
            yield name, record
