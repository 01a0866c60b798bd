"""Discrepancies of the marks with which registries keep images."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from gromit.core.discrepancies.facts import InstallationInventory
from gromit.core.discrepancies.kinds import Discrepancy, DiscrepancyKind, Repair
from gromit.core.discrepancies.resources import resources_of
from gromit.core.stack.image_marks import used_mark


def orphans(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Marks of environments of which nothing runs: reap removes the marks of all others."""
    for (name, installation), repositories in sorted(_repositories(inventory).items()):
        if not inventory.tombstone_or_none(name) or resources_of(inventory, name):
            continue
        why = "is gone" if name in inventory.rows else "is in no row"
        is_ours = installation == inventory.installation
        yield Discrepancy(
            kind=DiscrepancyKind.ORPHAN_IMAGE_MARK,
            environment=name,
            subject=used_mark(name, installation),
            seen=f"{', '.join(sorted(repositories))} keep images, although the environment {why}",
            repair=Repair.RELEASE_IMAGES if is_ours else Repair.PERSON,
            remedy="remove its tags from them"
            if is_ours
            else "remove these tags, unless an installation without a name has the environment",
        )


def _repositories(inventory: InstallationInventory) -> Mapping[tuple[str, str], set[str]]:
    """Return the repositories with marks, by environment and installation.

    A mark without a name may be from before this installation had one, if it knows the environment.
    """
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for mark in inventory.marks:
        is_older = not mark.installation and mark.environment in inventory.rows
        if is_older or mark.installation == inventory.installation:
            found[mark.environment, mark.installation].add(mark.repository)
    return found
