"""Facts about all environments: rows, states, locks, resources, records, folders and images."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import RecordSet
from gromit.core.environments.phases import Phase
from gromit.core.environments.terraform_locks import FoundLock, Verdict
from gromit.core.stack.clusters import ClusterState
from gromit.core.stack.component_inputs import Image
from gromit.core.stack.contract import StateHead
from gromit.core.stack.image_marks import ImageMark
from gromit.core.stack.resources import ListedResource
from gromit.core.time import parse_iso


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFacts:
    """One row of the table, as serve shows it."""

    name: str
    phase: str
    protected: bool
    is_scheduled: bool
    """Whether the row has work, now or later."""
    lease_until_ms: int | None
    """End of the lease, also of one that is over; None without one."""
    versions: Mapping[str, str]
    """Version of each repository."""
    built: Mapping[Image, str]
    """Digest that a component runs, by its repository and its version or the one that is gone."""
    fingerprint: tuple[object, ...]
    """Differs if the row, or the work on it, has changed."""

    @property
    def is_tombstone(self) -> bool:
        """Whether everything of the environment should be gone."""
        return self.phase == Phase.GONE

    @property
    def is_settled(self) -> bool:
        """Whether everything of the environment should exist, and no worker changes it."""
        return self.phase in {Phase.READY, Phase.DEGRADED}

    @property
    def is_desired(self) -> bool:
        """Whether the environment should exist."""
        return self.phase not in {Phase.GONE, Phase.DELETING, Phase.REAPING}

    def is_leased(self, now_ms: int) -> bool:
        """Whether a worker has it."""
        return self.lease_until_ms is not None and self.lease_until_ms >= now_ms


def row_facts(view: Mapping[str, Any]) -> RowFacts:
    """Return the facts in serve's JSON view of an environment."""
    lease = view["lease"]
    changing = ("incarnation", "generation", "observed", "phase", "changed", "attempts", "due")
    return RowFacts(
        name=view["name"],
        phase=view["phase"],
        protected=view["protected"],
        is_scheduled=view["due"] is not None,
        lease_until_ms=parse_iso(lease["until"]) if lease else None,
        versions={repository: v["version"] for repository, v in view["versions"].items()},
        built=dict(_built(view.get("components") or {})),
        fingerprint=(*(view[name] for name in changing), lease["holder"] if lease else None),
    )


def _built(components: Mapping[str, Any]) -> Iterator[tuple[Image, str]]:
    for component in components.values():
        repository, digest = component["repository"], component["digest"]
        if repository and digest:
            yield (repository, component["version"]), digest
            if gone := component.get("gone"):  # a serve of an earlier release has none
                yield (repository, gone), digest


@dataclass(frozen=True, slots=True)
class StateFacts:
    """The state object of an environment."""

    head: StateHead | None
    """None for an object of 0 bytes, and for one that cannot be read."""
    problem: str = ""
    """Why the object cannot be read as a Terraform state."""


@dataclass(frozen=True, slots=True)
class LockFacts:
    """The lock on the state of an environment."""

    found: FoundLock
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image in its registry."""

    expires_ms: int | None
    """Instant at which the registry removes it; None if it never does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationInventory:
    """All facts, looked up between two looks at the table."""

    now_ms: int
    components: frozenset[str]
    """Components that every environment has."""
    public: frozenset[str]
    """Components with a public name."""
    owner: NameOwner | None
    """Owner of public names; None if no domain is set."""
    rows: Mapping[str, RowFacts]
    unreadable: frozenset[str] = frozenset()
    """Environments whose rows cannot be read. Nothing is concluded about them."""
    changed: frozenset[str] = frozenset()
    """Environments whose rows changed during the look: what was seen may be of two instants."""
    states: Mapping[str, StateFacts] = field(default_factory=dict)
    locks: Mapping[str, LockFacts] = field(default_factory=dict)
    clusters: Mapping[str, ClusterState] = field(default_factory=dict)
    resources: Sequence[ListedResource] = ()
    """All others than clusters."""
    records: Sequence[RecordSet] | None = None
    """Records below the domain; None without a zone."""
    folders: Mapping[str, bool] = field(default_factory=dict)
    """Config folder to whether it has files of gromit."""
    images: Mapping[Image, ImageFacts] | None = None
    """Images that environments need and that exist; None if they were not looked up."""
    marks: Collection[ImageMark] = ()
    """Marks of images, in the registries of the catalogue, also those of other installations."""
    installation: str = ""
    """Name of this installation; empty if it has none."""
    required: Mapping[str, frozenset[Image]] = field(default_factory=dict)
    """Images that each desired environment needs; the second part is a tag or a digest."""

    def tombstone_or_none(self, name: str) -> bool:
        """Whether nothing of an environment should exist."""
        row = self.rows.get(name)
        return row is None or row.is_tombstone
