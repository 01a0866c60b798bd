"""Ports: what the services need from outside, named by role.

Adapters and fakes implement these protocols without inheriting from them. Other modules have the
ports of one subject, such as `installation` for the doctor and `public_zone` for chitragupta.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from gromit.core.environments.claims import Claim, ClaimStatus, NoWork
    from gromit.core.environments.known_environments import KnownEnvironment
    from gromit.core.environments.observation import Observation
    from gromit.core.environments.phases import Work
    from gromit.core.environments.row_writes import Condition, Row, RowWrite, WriteResult
    from gromit.core.environments.run_progress import RunProgress
    from gromit.core.environments.terraform_locks import FoundLock, Lock, Owner, Verdict
    from gromit.core.environments.turns import DueRows, DueWork
    from gromit.core.environments.wakes import Watcher
    from gromit.core.environments.worker_protocol import Problem
    from gromit.core.metrics.pass_report import PassReport
    from gromit.core.stack.clusters import ClusterEvent, ClusterState
    from gromit.core.stack.contract import (
        AppliedStack,
        Platform,
        ServiceState,
        StackInput,
        StateHead,
        StateMark,
    )
    from gromit.core.stack.hooks import HookOutcome, HookTask
    from gromit.core.stack.made import BuiltImage, MadeStack
    from gromit.core.stack.resources import Resource
    from gromit.errors import Suspended

Progress = Callable[[str], None]
"""Called with one short line of progress, secrets masked."""


@dataclass(frozen=True, slots=True)
class LifeEntry:
    """An environment in the index of lifetimes."""

    name: str
    look_ms: int
    """Instant of the next look at its lifetime; of its expiry, if it has expired."""
    warned: int
    """Number of warnings before the present deadline."""


@dataclass(frozen=True, slots=True)
class RowPage:
    """One page of all rows."""

    rows: tuple[Row, ...]
    last: str | None
    """Name after which the next page begins; None if this was the last."""
    is_cut: bool = False
    """Whether the store has ended the page before its limit, because of its size."""


class EnvironmentStore(Protocol):
    """The table of environments. Only serve writes it."""

    def read(self, name: str) -> Row | None:
        """Return the row of an environment, strongly consistent; None if there is none."""

    def write(self, name: str, write: RowWrite) -> WriteResult:
        """Apply a write atomically if its conditions hold; a refusal has the current row."""

    def move(
        self, name: str, conditions: tuple[Condition, ...], target: str, write: RowWrite
    ) -> bool:
        """Remove a row and write another one, both or neither.

        False if the conditions on the removed row, or those of the write, do not hold.
        """

    def due(self, kind: str, now_ms: int, limit: int, claim_id: str | None = None) -> DueRows:
        """Return rows with due work of a kind and without a valid lease, oldest first.

        Work that was put off, for example after a failure, comes behind all other work, so that it
        takes no place of untried work.

        The row that `claim_id` has claimed already comes before them: the answer to that claim
        was lost.
        """

    def due_behind(self, kind: str, now_ms: int, last: DueWork) -> DueRows:
        """Return one more page of due work, from behind an entry of the index. One query."""

    def last_builds(self, names: Collection[str]) -> Mapping[str, Row]:
        """Return `name`, `since` and `last_build` of rows, at most 100. They may be a bit old."""

    def unfinished(self, kind: str) -> Mapping[str, int]:
        """Return environments with unfinished work of a kind, and the instants of the requests.

        Work that failed, or that a worker has claimed, counts too.
        """

    def lives(self, life: str, from_ms: int, until_ms: int, limit: int) -> tuple[LifeEntry, ...]:
        """Return entries of the index of lifetimes whose instants are in a range, oldest first.

        Raises `Temporary` if the table has no such index.
        """

    def page(
        self, after: str | None, limit: int, attributes: Sequence[str] | None = None
    ) -> RowPage:
        """Return at most `limit` rows behind the name `after`, in no particular order.

        With `attributes` the rows have no others. Reserved rows, which are no environments, are
        left out.
        """


class PassSink(Protocol):
    """Receiver of reports about passes."""

    def report(self, report: PassReport) -> None:
        """Take a report. Raises a `GromitError` if it is not accepted."""


class Announcer(Protocol):
    """Announces changes of environments to watchers."""

    def announce(
        self,
        name: str,
        kind: str,
        text: str | None = None,
        wakes: Collection[Watcher] | None = None,
    ) -> None:
        """Announce a change, perhaps with a text, and the watchers that it makes work for.

        None is every watcher. Never blocks and never raises.
        """


class ImageRegistry(Protocol):
    """Container registries, queried by exact tag."""

    def digests(self, images: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return the digest of each (repository, tag) that exists, without those that do not.

        A repository that does not exist has no images. Raises `Temporary` or `Denied`.
        """

    def revisions(self, images: Iterable[BuiltImage]) -> Mapping[BuiltImage, str]:
        """Return the commit of each (repository, digest) whose manifest names one.

        Raises like `digests`.
        """

    def pushed(self, images: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """Return the instant in ms at which each (repository, tag) that exists was pushed.

        An image that is pushed again without a change keeps its first instant. Raises like
        `digests`.
        """


class StateBucket(Protocol):
    """Terraform states of environments, and Terraform's own lock on each."""

    def lock(self, environment: str, owner: Owner, operation: str) -> Lock | FoundLock:
        """Acquire the lock, or return the one that exists. One conditional put."""

    def replace_lock(self, found: FoundLock, owner: Owner, operation: str) -> Lock | None:
        """Replace a lock whose owner is proven dead; None if it changed. One put with If-Match."""

    def unlock(self, lock: Lock | FoundLock) -> bool:
        """Release the lock; False if it changed. One delete with If-Match."""

    def find_lock(self, environment: str) -> FoundLock | None:
        """Return the lock of an environment's state; None if it is not locked."""

    def locked(self) -> Sequence[str]:
        """Return the names of all environments whose state is locked."""

    def head(self, environment: str) -> StateHead | None:
        """Return the head of the state; None if there is none, or its object has 0 bytes."""

    def delete(self, environment: str) -> None:
        """Delete the state object. Raises `Conflict` if it contains a resource."""

    def rewrite(
        self, lock: Lock, change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
    ) -> str:
        """Change the locked state, and keep a copy of it; return the address of the copy.

        An empty text if there is no state, or `change` returns None. Raises `Conflict` if the state
        changed meanwhile.
        """


class OwnerWatch(Protocol):
    """Identity of this process, and verdicts on owners of locks."""

    def identify(self) -> Owner:
        """Return the identity of this process."""

    def check_owner(self, found: FoundLock) -> Verdict:
        """Return whether an owner is proven dead, with every process that works under its lock."""


class TerraformRunner(Protocol):
    """Runs the devenv stack. The caller holds the environment's lock; Terraform acquires none."""

    def apply(
        self,
        stack: StackInput,
        lock: Lock,
        progress: Progress,
        imports: Mapping[str, str],
        *,
        refresh: bool = True,
    ) -> AppliedStack:
        """Apply the stack, and import what exists: address to id.

        Without `refresh`, what the state says is taken for what exists.
        Raises `TerraformFailed`, `Temporary`, or `Suspended` if interrupted.
        """

    def destroy(self, stack: StackInput, lock: Lock, progress: Progress) -> None:
        """Destroy everything in the environment's state. Raises like `apply`."""


class ServiceStates(Protocol):
    """Status of the ECS services of an environment."""

    def describe(
        self, environment: str, components: Collection[str] | None = None
    ) -> Sequence[ServiceState]:
        """Return all services of the environment's cluster; none if there is no such cluster.

        With `components`, return only theirs, and reasons only of those whose rollout failed.
        """

    def restart(self, environment: str, component: str) -> None:
        """Start a new deployment of a service's current task definition, after one that failed."""


class EnvironmentResources(Protocol):
    """Resources of environments in AWS, whether or not a Terraform state contains them."""

    def find(self, environment: str, platform: Platform | None) -> Sequence[Resource]:
        """Return all resources of all kinds that the stack makes.

        The newest task definition of a component comes first. Without a platform,
        Cloud Map services need the environment's tags.
        """

    def in_cluster(self, environment: str) -> Sequence[Resource]:
        """Return the cluster, its services, and the tasks that no service has started."""

    def remove(self, resource: Resource) -> bool:
        """Remove one resource; False if something still uses it. What is gone counts as removed."""


class HookTasks(Protocol):
    """One-off tasks of hooks. Every call may raise `Temporary`, `Denied` or `BackendError`."""

    def start(self, task: HookTask) -> str:
        """Start the task, and return its id."""

    def running(self, task: HookTask) -> Sequence[str]:
        """Return the ids of all tasks of this hook in its environment that have not ended."""

    def look(self, task: HookTask, id_: str) -> HookOutcome | None:
        """Return how a task has ended; None if it runs."""

    def stop(self, task: HookTask, id_: str, reason: str) -> None:
        """Ask a task to end. It may take some seconds."""


class PlatformSource(Protocol):
    """Shared ids that environments use."""

    def read(self) -> Platform:
        """Return the platform's ids. Raises `ConfigError` if they are missing or not valid."""


class ConfigRoot(Protocol):
    """The config tree: `<root>/<environment>/<component>/<file>`."""

    def check(self) -> None:
        """Raise `Suspended` or `ConfigRootUnusable` if work must not continue.

        Cheap, because it is called before each poll, claim and execution.
        """

    def render(self, environment: str, files: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        """Write component -> file -> text to disk, and keep files that people edited.

        Return the hash of each component's folder afterwards, including files that people added.
        """

    def remove(self, environment: str) -> None:
        """Remove the environment's folder, if it exists."""


class ConfigHashes(Protocol):
    """The config tree, for readers."""

    def hashes(self, environment: str, components: Collection[str]) -> Mapping[str, str]:
        """Return the hash of each component's folder, without components that have no folder.

        Writes nothing, and ignores a suspension. Raises `ConfigRootUnusable`.
        """


class ClusterSource(Protocol):
    """Clusters of environments, for people to inspect."""

    def all(self) -> Sequence[ClusterState]:
        """Return every cluster whose name an environment could have, whatever its tags."""

    def clusters(self, names: Collection[str]) -> Sequence[ClusterState]:
        """Return the clusters that exist among the named ones."""

    def events(self, cluster: str, services: Sequence[str], limit: int) -> Sequence[ClusterEvent]:
        """Return events of a cluster's services, newest first."""


class DesiredEnvironments(Protocol):
    """Desired state of all environments, from serve."""

    def environments(self) -> Mapping[str, KnownEnvironment | None]:
        """Return every environment that has a row, tombstones included.

        None if its row cannot be read: it may be desired, and it may not.

        Raises if the answer of serve is incomplete.
        """


class ObservationSink(Protocol):
    """Receiver of observations: serve."""

    def report(self, observations: Sequence[Observation]) -> None:
        """Report what differs from what serve shows. Raises a `GromitError`."""


class ChangeFeed(Protocol):
    """Announcements of changes from serve."""

    def wait(self, seconds: float) -> bool:
        """Wait for an announcement, at most the given number of seconds; True if there was one.

        Never raises: a broken feed reconnects.
        """


class WorkFeed(ChangeFeed, Protocol):
    """Announcements of changes that make work for one kind of worker."""

    def is_awaited(self) -> bool:
        """Whether announced work may still be unclaimed, of all that ended a `wait`."""

    def forget(self) -> None:
        """Await the work no more that ended a `wait`."""


class WorkQueue(Protocol):
    """Work from serve, one claim at a time.

    Every call may raise `Temporary`. A call with a claim that is no longer valid raises `Conflict`.
    """

    def claim(self, kind: Work) -> Claim | NoWork:
        """Claim due work of a kind, of the repository whose turn it is."""

    def report_halt(self, kind: Work, halt: Suspended) -> None:
        """Report that this worker claims nothing, because it has seen the file `noprocess`."""

    def renew(self, claim: Claim, progress: RunProgress | None = None) -> ClaimStatus:
        """Extend the lease of a claim, and return the current desired state.

        `progress` is that of the run; None keeps what was reported before.
        """

    def release(self, claim: Claim) -> None:
        """Release a claim without an outcome."""

    def forget_state(self, claim: Claim) -> None:
        """Forget the recorded state, because it is lost and a new one takes its place."""

    def record_hooks(self, claim: Claim, components: Sequence[str]) -> None:
        """Record the components whose hook `on_create` has succeeded in this incarnation."""

    def done(self, claim: Claim, made: MadeStack, state: StateMark | None = None) -> None:
        """Report what an apply of the claimed generation made, and the state that it left."""

    def failed(self, claim: Claim, problem: Problem, state: StateMark | None = None) -> None:
        """Report a failure, and the state that it left; None keeps what is recorded."""
