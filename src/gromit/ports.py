"""What the services need of the outside world, named by role.

Adapters and fakes implement these; nothing is inherited.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gromit.core.dns.plan import RecordSet, TaskListing, ZoneChanges
from gromit.core.doctor.installation import (
    AwsIdentity,
    BucketFacts,
    RegistryFacts,
    ServeIdentity,
    WorkspaceFacts,
    ZoneFacts,
)
from gromit.core.doctor.quotas import Quota, QuotaUsage
from gromit.core.doctor.rights import Permission
from gromit.core.environments.claims import Claim, ClaimStatus, NoWork
from gromit.core.environments.environment import Work
from gromit.core.environments.locks import FoundLock, Lock, Owner, Verdict
from gromit.core.environments.protocol import Problem
from gromit.core.environments.rows import Row, RowWrite, WriteResult
from gromit.core.security.tokens import TokenEntry
from gromit.core.stack.clusters import ClusterEvent, ClusterState
from gromit.core.stack.contract import Platform, ServiceState, StackInput, StackOutput, StateHead

if TYPE_CHECKING:
    from gromit.core.doctor.certificates import PemBundle

Progress = Callable[[str], None]
"""Called with one short line, secrets masked, whenever something visible happens."""


@dataclass(frozen=True, slots=True)
class DueRows:
    """Rows with due work."""

    names: tuple[str, ...]
    oldest_ms: int | None
    """Since when the first of them has been due."""
    next_ms: int | None
    """If there are none now: when the next one is due."""


@dataclass(frozen=True, slots=True)
class RowPage:
    """A part of all rows."""

    rows: tuple[Row, ...]
    last: str | None
    """Where the next part begins; None if this was the last."""


class EnvironmentStore(Protocol):
    """The table of environments. Only serve writes it."""

    def read(self, name: str) -> Row | None:
        """The row of an environment, if there is one."""
        ...

    def write(self, name: str, write: RowWrite) -> WriteResult:
        """Carry out a write if its conditions hold, in one step."""
        ...

    def due(self, kind: str, now_ms: int, limit: int, claim_id: str | None = None) -> DueRows:
        """Rows with due work of a kind that nobody holds, oldest first; before them, the one that `claim_id` holds already."""
        ...

    def undone_since(self, kind: str) -> int | None:
        """Since when (milliseconds) the oldest work of a kind waits to be done, also if it has failed or somebody is at it."""
        ...

    def page(self, after: str | None, limit: int) -> RowPage:
        """Rows in no particular order, at most `limit`, from behind the name `after`."""
        ...


class Announcer(Protocol):
    """Tells whoever watches that an environment has changed."""

    def announce(self, name: str, kind: str) -> None:
        """Never blocks and never raises."""
        ...


class ImageRegistry(Protocol):
    """Container registries, asked by exact tag."""

    def digests(self, images: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """The digest of each (repository, tag) that exists; those that do not are absent from the answer.

        A repository that does not exist has no images. Raises `Temporary` or `Denied`.
        """
        ...


class StateBucket(Protocol):
    """Terraform states of environments, and terraform's own lock on each."""

    def lock(self, environment: str, owner: Owner, operation: str) -> Lock | FoundLock:
        """Take the lock, or say who has it. One conditional put."""
        ...

    def replace_lock(self, found: FoundLock, owner: Owner, operation: str) -> Lock | None:
        """Take over a lock whose owner is proven dead, if it is still that very lock (one put with If-Match)."""
        ...

    def unlock(self, lock: Lock | FoundLock) -> bool:
        """Release the lock, if it is still that very one (delete with If-Match); False if it was not."""
        ...

    def find_lock(self, environment: str) -> FoundLock | None:
        """The lock that lies on an environment's state, if any."""
        ...

    def head(self, environment: str) -> StateHead | None:
        """The size of the state; None if there is none."""
        ...

    def delete(self, environment: str) -> None:
        """Remove the state object; it must hold no resource. Raises `Conflict` if it does."""
        ...


class OwnerWatch(Protocol):
    """Who we are, and whether somebody else is dead."""

    def identify(self) -> Owner:
        """This process."""
        ...

    def check_owner(self, found: FoundLock) -> Verdict:
        """Whether the holder of a lock is proven dead: itself and every process that works under its lock."""
        ...


class TerraformRunner(Protocol):
    """Runs the devenv stack. The caller holds the environment's lock; terraform itself takes none."""

    def apply(self, stack: StackInput, lock: Lock, progress: Progress) -> StackOutput:
        """Make the environment as given. Raises `TerraformFailed`, `Temporary` or `Suspended` (interrupted)."""
        ...

    def destroy(self, stack: StackInput, lock: Lock, progress: Progress) -> None:
        """Destroy everything the environment's state knows."""
        ...


class ServiceStates(Protocol):
    """How the services of an environment stand."""

    def describe(self, environment: str) -> Sequence[ServiceState]:
        """All services of the environment's cluster; empty if there is no such cluster."""
        ...

    def restart(self, environment: str, component: str) -> None:
        """Begin a new deployment of what a service already is to run, as of one that has failed."""
        ...


class OrphanFinder(Protocol):
    """What there is of environments outside of terraform's states."""

    def find(self, environment: str) -> Sequence[str]:
        """The environment's cluster, its services and its security groups, each named for a person; empty if nothing exists."""
        ...


class PlatformSource(Protocol):
    """What environments are built on."""

    def read(self) -> Platform:
        """The platform's ids. Raises `ConfigError` if they were never written or are not understood."""
        ...


class ConfigRoot(Protocol):
    """The tree of config files: `<root>/<environment>/<component>/<file>`."""

    def check(self) -> None:
        """Raise `Suspended` or `ConfigRootUnusable` unless work may go on. Cheap: called before each poll, claim and act."""
        ...

    def render(self, environment: str, files: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        """Bring component -> file -> text onto disk, keeping what people edited.

        Gives, for each component, the hash of its folder as it lies afterwards (files that people added included).
        """
        ...

    def remove(self, environment: str) -> None:
        """Remove the environment's folder, if it is there."""
        ...


class ConfigHashes(Protocol):
    """The tree of config files, for whoever only looks at it."""

    def hashes(self, environment: str, components: Collection[str]) -> Mapping[str, str]:
        """The hash of each component's folder as it lies; those without a folder are not in it.

        Writes nothing, and takes no notice of a suspension. Raises `ConfigRootUnusable`.
        """
        ...


class TaskSource(Protocol):
    """Public tasks, for their addresses."""

    def public_tasks(self) -> TaskListing:
        """All tasks of public components of all environments that have a public address: running, starting or stopping."""
        ...

    def running_tasks(self, environments: Collection[str]) -> TaskListing:
        """Those tasks of a few environments that run, as ECS itself says; an environment without a cluster has none."""
        ...


class RecordStore(Protocol):
    """The public zone."""

    def records(self) -> Sequence[RecordSet]:
        """Every record of the zone below our domain. Raises if the listing is not whole."""
        ...

    def apply(self, changes: ZoneChanges, progress: Progress) -> None:
        """Write the changes in batches within the zone's limits. Raises `BackendError` naming what was not written."""
        ...


class ClusterSource(Protocol):
    """The clusters of environments, for people to look at."""

    def clusters(self, names: Collection[str]) -> Sequence[ClusterState]:
        """Those of the named clusters that exist."""
        ...

    def events(self, cluster: str, services: Sequence[str], limit: int) -> Sequence[ClusterEvent]:
        """What has happened to services of a cluster, the newest first."""
        ...


class DesiredEnvironments(Protocol):
    """What serve says of all environments."""

    def wanted(self) -> Mapping[str, bool]:
        """Every environment that has a row, tombstones included: True if it is wanted up. Raises if serve did not say all."""
        ...


class ChangeFeed(Protocol):
    """Announcements of serve that something has changed."""

    def wait(self, seconds: float) -> bool:
        """Wait for an announcement, at most so many seconds; True if there was one. Never raises: a cut feed reconnects."""
        ...


class WorkQueue(Protocol):
    """Work from serve, one claim at a time. Every call may raise `Temporary`; what a claim no longer allows raises `Conflict`."""

    def claim(self, kind: Work) -> Claim | NoWork:
        """The oldest due work of a kind."""
        ...

    def renew(self, claim: Claim) -> ClaimStatus:
        """Keep a claim, and hear what is wanted by now."""
        ...

    def release(self, claim: Claim) -> None:
        """Give a claim back without an outcome."""
        ...

    def done(self, claim: Claim, spec_hash: str) -> None:
        """The claimed generation was made true."""
        ...

    def failed(self, claim: Claim, problem: Problem) -> None:
        """It did not work."""
        ...


class TokenStore(Protocol):
    """Where the hashes of tokens are kept."""

    def entries(self) -> Sequence[TokenEntry]:
        """All tokens as they are now; cheap while nothing changes. Raises `ConfigError` if they cannot be read."""
        ...

    def changing(self) -> AbstractContextManager[Sequence[TokenEntry]]:
        """All tokens, while nobody else changes them; none if there never was one."""
        ...

    def write(self, entries: Sequence[TokenEntry]) -> None:
        """Replace all tokens, within `changing`."""
        ...


class InstallationFacts(Protocol):
    """Facts about an installation, for the doctor. Nothing is changed.

    A missing resource is a fact or a `NotFound`. Every method raises a `GromitError` if it cannot
    look the fact up. Facts that several checks need are looked up once.
    """

    def identity(self) -> AwsIdentity:
        """Account and ARN of the AWS credentials."""

    def region(self) -> str:
        """AWS region in use."""

    def has_key_pair(self, name: str) -> bool:
        """Whether EC2 has a key pair of this name in the region."""

    def state_bucket(self) -> BucketFacts:
        """Protection of the bucket of Terraform states."""

    def workspace(self, name: str) -> WorkspaceFacts:
        """Execution mode and state of a Terraform Cloud workspace."""

    def registry(self, repository: str, default_tag: str) -> RegistryFacts:
        """Registry of a repository, and whether it has an image with the default tag."""

    def table_lacks(self) -> Collection[str]:
        """Missing parts of the table, of `table`, `index`, `expiry` and `recovery`."""

    def platform(self) -> Platform:
        """Ids from the platform parameter."""

    def vpc_problems(self) -> Mapping[str, str]:
        """Id to problem, for the platform's VPC; empty if there is none. So are the next four."""

    def subnet_problems(self) -> Mapping[str, str]:
        """Problems of the platform's subnets."""

    def namespace_problems(self) -> Mapping[str, str]:
        """Problems of the platform's Cloud Map namespace."""

    def file_system_problems(self) -> Mapping[str, str]:
        """Problems of the platform's file system."""

    def role_problems(self) -> Mapping[str, str]:
        """Problems of the execution role of environments."""

    def zone(self, zone_id: str) -> ZoneFacts:
        """Name, visibility and name servers of a Route53 zone."""

    def domain(self) -> str:
        """Domain of public names, in lower case. Raises `ConfigError` if it is not set."""

    def name_servers(self, domain: str) -> Collection[str]:
        """Name servers that DNS returns for a domain; empty if it is not delegated."""

    def certificate(self, subject: str) -> "PemBundle | None":
        """PEM texts of the certificate `ca`, `serve` or `client`; None if it is not set."""

    def serve_identity(self) -> ServeIdentity:
        """Name and role that serve gives the caller."""

    def has_config_root(self) -> bool:
        """Whether the path of the config root exists on this machine, or cannot be accessed."""

    def suspension(self) -> str | None:
        """Description of the suspension in force. Raises `ConfigRootUnusable` without a marker."""

    def simulate_role(
        self, role: str, permissions: Collection[Permission]
    ) -> Mapping[tuple[str, str], bool] | None:
        """(action, resource) to whether AWS allows it to a role; None if there is no such role."""

    def quota_usages(self) -> Mapping[Quota, QuotaUsage]:
        """Limit and usage of every quota, where AWS reports them."""

    def environments(self) -> int:
        """Number of environments that serve lists as wanted up."""
