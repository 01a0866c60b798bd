"""Inventory of an installation: everything that exists, looked up by listings.

The table is read before and after everything else, because what was seen of an environment whose
row changed meanwhile is of two instants. A listing that fails ends the look: what it would have
returned must not seem to be missing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from gromit.core.discrepancies.facts import (
    ImageFacts,
    InstallationInventory,
    LockFacts,
    StateFacts,
)
from gromit.core.discrepancies.resources import accounted_resources
from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import RecordSet, environment_for_name
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.component_inputs import required_images
from gromit.errors import BackendError, Conflict, Denied, Temporary, UnreadableRow
from gromit.ports import (
    ClusterSource,
    OwnerWatch,
    PlatformSource,
    Progress,
    StateBucket,
)
from gromit.ports.image_marks import ImageMarks
from gromit.ports.inventory import (
    ConfigFolders,
    ImageExpiries,
    ResourceListing,
    RowDirectory,
    RowListing,
    StateArchive,
)
from gromit.ports.public_zone import RecordStore


@dataclass(frozen=True, slots=True, kw_only=True)
class InventorySources:
    """Everything that an inventory is taken of."""

    rows: RowDirectory
    states: StateBucket
    archive: StateArchive
    owners: OwnerWatch
    clusters: ClusterSource
    resources: ResourceListing
    platform: PlatformSource
    zone: RecordStore | None
    """None if no zone is set."""
    folders: ConfigFolders | None
    """None if the config root is not on this machine."""
    images: ImageExpiries
    marks: ImageMarks
    catalogue: Catalogue
    owner: NameOwner | None
    """Owner of public names; None if no domain is set."""
    installation: str = ""
    """Name of this installation; empty if it has none."""
    now_ms: Callable[[], int]


@dataclass(frozen=True, slots=True)
class InventoryTaker:
    """Takes inventories. It changes nothing."""

    sources: InventorySources

    def __call__(self, progress: Progress) -> InstallationInventory:
        """Look everything up. Raises a `GromitError` if a part cannot be looked up."""
        sources = self.sources
        progress("reading the table")
        before = sources.rows.listing()
        rows = {row.name: row for row in before.rows}
        known = rows.keys() | before.unreadable
        progress("listing states and locks")
        names = sources.archive.names()
        states = {name: self._state(name) for name in sorted(names.states)}
        progress("listing clusters and other resources")
        clusters = {c.name: c for c in sources.clusters.all()}
        platform = sources.platform.read()
        resources = sources.resources.all(platform, accounted_resources(states))
        progress("listing records, config folders and images")
        records = None if sources.zone is None else tuple(sources.zone.records())
        folders = {} if sources.folders is None else sources.folders.folders()
        required = {
            row.name: frozenset(
                (repository, row.built.get((repository, tag), tag))
                for repository, tag in required_images(sources.catalogue, row.versions)
            )
            for row in before.rows
            if row.is_desired
        }
        images = sources.images.expiries(frozenset().union(*required.values()))
        marks = sources.marks.all(sources.catalogue.deployed)
        locks = dict(self._locks(names.locks))
        found = {*clusters, *states, *folders, *(one.environment for one in resources)}
        found |= self._named(records) | {mark.environment for mark in marks}
        progress("reading the table again")
        unclear, changed = self._second_look(before, found - known)
        components = sources.catalogue.components
        return InstallationInventory(
            now_ms=sources.now_ms(),
            components=frozenset(components),
            public=frozenset(c.name for c in components.values() if c.public),
            owner=sources.owner,
            rows=rows,
            unreadable=unclear,
            changed=changed,
            states=states,
            locks=locks,
            clusters=clusters,
            resources=resources,
            records=records,
            folders=folders,
            images={image: ImageFacts(at_ms) for image, at_ms in images.items()},
            marks=marks,
            installation=sources.installation,
            required=required,
        )

    def _state(self, name: str) -> StateFacts:
        try:
            return StateFacts(self.sources.states.head(name))
        except (Temporary, Denied):
            raise
        except BackendError as error:  # it is not a Terraform state
            return StateFacts(None, error.message)

    def _locks(self, names: Collection[str]) -> Iterator[tuple[str, LockFacts]]:
        for name in sorted(names):
            found = self.sources.states.find_lock(name)
            if found is not None:
                yield name, LockFacts(found, self.sources.owners.check_owner(found))

    def _named(self, records: Collection[RecordSet] | None) -> set[str]:
        """Return the environments that records name."""
        owner = self.sources.owner
        if records is None or owner is None:
            return set()
        named = {environment_for_name(record.name, owner.domain) for record in records}
        return {name for name in named if name is not None}

    def _second_look(
        self, before: RowListing, unnamed: Collection[str]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Return the environments whose rows cannot be read, and those whose rows have changed.

        The listing leaves out the rows of gromit v1: each of the `unnamed` is looked up alone.
        """
        after = self.sources.rows.listing()
        old = _fingerprints(before)
        new = _fingerprints(after)
        changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        unreadable = before.unreadable | after.unreadable
        for name in sorted(set(unnamed) - new.keys() - unreadable):
            try:
                if self.sources.rows.find(name) is not None:
                    changed.add(name)
            except (Conflict, UnreadableRow):
                unreadable |= {name}
        return unreadable, frozenset(changed)


def _fingerprints(listing: RowListing) -> Mapping[str, tuple[object, ...]]:
    return {row.name: row.fingerprint for row in listing.rows}
