"""Registry of environments on a table in memory, with a clock that tests set."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from gromit.core.environments.claims import Fence
from gromit.core.environments.desired_state import Build
from gromit.core.environments.environment import Environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Phase
from gromit.core.environments.row_writes import Row, RowWrite, WriteRefused, WriteResult
from gromit.core.names import parse_ref
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.component_inputs import Image
from gromit.services.creation_limits import CreationLimits
from gromit.services.environments import EnvironmentPolicy, Environments
from gromit.services.leases import LeasePolicy, Leases
from gromit.services.ledger import Ledger
from gromit.services.parking import ParkingLot
from gromit.services.reporting import BuildResult
from gromit.services.suspensions import SuspensionRegistry
from tests.fakes.announcer import FakeAnnouncer
from tests.fakes.images import FakeImages
from tests.fakes.store import MemoryStore

GRACE_MS, TTL_MS, RETRY_MS, RETRY_MAX_MS = 3_600_000, 90_000, 30_000, 240_000
CATALOGUE = Catalogue(
    {
        "tyk": Component(name="tyk", repository="tyk", port=8181, public=True),
        "tyk-analytics": Component(
            name="tyk-analytics", repository="tyk-analytics", port=3000, public=True
        ),
        "tyk-pump": Component(name="tyk-pump", repository="tyk-pump", default_tag="main"),
        "redis": Component(name="redis", image="redis:7", port=6379),
    },
    known_only=frozenset({"tyk-docs"}),
)


class CountingImages(FakeImages):
    """A registry that records its queries."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[frozenset[Image]] = []
        self.dated: list[frozenset[Image]] = []

    def digests(self, images: Iterable[Image]) -> Mapping[Image, str]:
        """Answer as the fake does, and record the query."""
        wanted = frozenset(images)
        self.asked.append(wanted)
        return super().digests(wanted)

    def pushed(self, images: Iterable[Image]) -> Mapping[Image, int]:
        """Answer as the fake does, and record the query."""
        wanted = frozenset(images)
        self.dated.append(wanted)
        return super().pushed(wanted)


class MeddledStore(MemoryStore):
    """A table in which other requests are faster.

    Each function in `meddling` is called once, before the next write.
    """

    def __init__(self) -> None:
        super().__init__()
        self.meddling: list[Callable[[], object]] = []

    def write(self, name: str, write: RowWrite) -> WriteResult:
        """Apply a write, after another request."""
        if self.meddling:
            self.meddling.pop(0)()
        return super().write(name, write)


class CountedStore(MeddledStore):
    """A table that counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def read(self, name: str) -> Row | None:
        """Count a read, unless a write makes it."""
        if not self._writing.locked():
            self.calls["read"] += 1
        return super().read(name)

    def write(self, name: str, write: RowWrite) -> WriteResult:
        """Count a write, and whether it was refused."""
        outcome = super().write(name, write)
        self.calls["refused" if isinstance(outcome, WriteRefused) else "write"] += 1
        return outcome


@dataclass
class Registry:
    """Both services on one table."""

    protected: tuple[str, ...] = ("master", "release-*")
    grace_ms: int = GRACE_MS
    retry_ms: int = RETRY_MS
    now_ms: int = 1_000_000
    jitter: float = 1.0
    store: MeddledStore = field(default_factory=MeddledStore)
    images: CountingImages = field(default_factory=CountingImages)
    announcer: FakeAnnouncer = field(default_factory=FakeAnnouncer)
    born: int = 0
    limits: CreationLimits = field(default_factory=CreationLimits)

    def __post_init__(self) -> None:
        ledger = Ledger(self.store, self.announcer)
        policy = EnvironmentPolicy(self.protected, self.grace_ms)
        self.environments = Environments(
            ledger, self.images, CATALOGUE, policy, self._new_id, self.limits
        )
        self.leases = Leases(
            ledger, LeasePolicy(TTL_MS, self.retry_ms, RETRY_MAX_MS), lambda: self.jitter
        )

        self.parking = ParkingLot(ledger)
        self.suspensions = SuspensionRegistry(ledger, CATALOGUE)

    def stamp(self, actor: str = "ci", requester: str | None = None) -> ChangeContext:
        """Return the context of a change now."""
        return ChangeContext(actor, self.now_ms, requester=requester)

    def report(
        self,
        repository: str = "tyk",
        version: str = "sha-1",
        ref: str = "app-test",
        sequence: int | None = None,
        requester: str | None = None,
    ) -> tuple[BuildResult, Environment]:
        """Report a build now."""
        return self.environments.report(
            Build(repository, parse_ref(ref), version, sequence), self.stamp(requester=requester)
        )

    def versions(self, name: str = "app-test") -> dict[str, str]:
        """Return the version of each repository."""
        return {r: v.version for r, v in self.environments.inspect(name).versions.items()}

    def phase(self, name: str = "app-test") -> Phase:
        """Return the current phase of an environment."""
        return self.environments.inspect(name).phase(self.now_ms)

    @staticmethod
    def fence(environment: Environment) -> Fence:
        """Return the fence of an environment's claim."""
        assert environment.lease is not None
        return Fence(environment.lease.holder, environment.lease.epoch)

    def _new_id(self) -> str:
        self.born += 1
        return f"incarnation-{self.born}"
