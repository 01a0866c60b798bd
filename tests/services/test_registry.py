"""Random requests of clients and faults of workers.

No accepted change is lost, a lost claim changes nothing, and every desired state is reached.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Environment
from gromit.core.environments.failures import Failure
from gromit.core.environments.fallbacks import follows_branch
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.stack.made import MadeStack
from gromit.errors import Conflict, GromitError, NotFound, TrustError
from gromit.services.leases import NoWorkAvailable
from gromit.services.reporting import BuildResult
from tests.services.registry import CATALOGUE, TTL_MS, Registry

NAMES = ("a", "b")
REPOSITORIES = ("tyk", "tyk-pump")
KINDS = (Work.SOW, Work.SOW, Work.REAP)
slots = st.sampled_from(range(len(KINDS)))
steps = st.sampled_from([0, 1, 2, 3, 4, 4])
names = st.sampled_from(["a"] * 5 + ["b"])
REFS = {name: (name, f"other/{name}") for name in NAMES}


@dataclass
class Wanted:
    """Desired state of one environment, as its clients see it."""

    state: str = "none"
    """`none`, `up`, `deleted` or `gone`."""
    reported: dict[str, str] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    protected: bool = False

    def expects(
        self, repository: str, version: str, ref: str, sequence: int | None
    ) -> BuildResult | type[GromitError]:
        """Return the expected result of the next report."""
        if self.state == "up" and self.refs.get(repository, ref) != ref:
            return BuildResult.ACCEPTED if self._takes_over(repository, ref) else Conflict
        same = self.reported.get(repository) == version
        newest = self.sequences.get(repository)
        if sequence is not None and newest is not None and sequence <= newest:
            return BuildResult.DUPLICATE if same else BuildResult.STALE
        return BuildResult.DUPLICATE if self.state == "up" and same else BuildResult.ACCEPTED

    def report(self, repository: str, version: str, ref: str, sequence: int | None) -> None:
        """Record an accepted report."""
        if self.state in {"none", "gone"}:
            self.reported, self.refs, self.protected = {}, {}, False
        if self.state == "up" and self._takes_over(repository, ref):
            self.sequences.pop(repository, None)
        self.state = "up"
        self.reported[repository], self.refs[repository] = version, ref
        if sequence is not None:
            self.sequences[repository] = sequence

    def _takes_over(self, repository: str, ref: str) -> bool:
        """Whether a branch of the whole name comes after a nested one, and so takes its place."""
        return "/" in self.refs.get(repository, "") and "/" not in ref

    def hear_again(self, repository: str, ref: str, sequence: int | None) -> None:
        """Record a repeated report: only its ref and its sequence can be new."""
        if sequence is None or sequence >= self.sequences.get(repository, 0):
            self.refs.setdefault(repository, ref)
        if sequence is not None:
            self.sequences[repository] = max(sequence, self.sequences.get(repository, 0))

    def versions(self) -> dict[str, str]:
        """Return the desired versions."""
        defaults = {r: CATALOGUE.default_tag(r) for r in CATALOGUE.repositories}
        return {**defaults, **self.reported}


@dataclass(eq=False)
class Worker:
    """A worker with a claim. It may be paused for any time."""

    name: str
    kind: Work
    claim: Environment
    nonce: str
    has_lock: bool = False
    has_acted: bool = False

    @property
    def fence(self) -> Fence:
        assert self.claim.lease
        return Fence(self.claim.lease.holder, self.claim.lease.epoch)

    @property
    def versions(self) -> dict[str, str]:
        return {r: v.version for r, v in self.claim.versions.items()}


class Life(RuleBasedStateMachine):
    """Two environments, two repositories, two sowers and a reaper.

    The workers follow the protocol, one step at a time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry(protected=(), grace_ms=0, retry_ms=0)
        self.wanted = {name: Wanted() for name in NAMES}
        self.deployed: dict[str, dict[str, str] | str] = {}
        """Versions that run; `half` during an execution, and after an interrupted one."""
        self.locks: dict[str, Worker] = {}
        self.workers: list[Worker | None] = [None] * len(KINDS)
        self.serial = 0

    # ── clients ──

    @initialize()
    def begin(self) -> None:
        self.report(name="a", repository="tyk", version="v1", ref=0, sequence=None, then=0)

    @rule(
        name=names,
        repository=st.sampled_from(REPOSITORIES),
        version=st.sampled_from(["v1", "v2"]),
        ref=st.sampled_from([0, 0, 0, 1]),
        sequence=st.sampled_from([None, None, 1, 2, 3]),
        then=steps,
    )
    def report(
        self, *, name: str, repository: str, version: str, ref: int, sequence: int | None, then: int
    ) -> None:
        self._report(name, repository, version, ref, sequence)
        self.go_on(0, then, 1)

    def _report(
        self, name: str, repository: str, version: str, ref: int, sequence: int | None
    ) -> None:
        wanted, full = self.wanted[name], REFS[name][ref]
        expected = wanted.expects(repository, version, full, sequence)
        if expected is Conflict:
            with pytest.raises(Conflict):
                self.registry.report(repository, version, full, sequence)
            return
        receipt, _ = self.registry.report(repository, version, full, sequence)
        assert {BuildResult.RETRIED: BuildResult.DUPLICATE}.get(receipt, receipt) is expected
        if receipt is BuildResult.ACCEPTED:
            wanted.report(repository, version, full, sequence)
        elif receipt is not BuildResult.STALE and wanted.state == "up":
            wanted.hear_again(repository, full, sequence)

    @rule(name=names, then=steps)
    def delete(self, name: str, then: int) -> None:
        self._delete(name)
        self.go_on(2, then, 1)

    def _delete(self, name: str) -> None:
        wanted = self.wanted[name]
        if wanted.state in {"none", "gone"}:
            with pytest.raises(NotFound):
                self.registry.environments.delete(name, self.registry.stamp())
        elif wanted.protected and wanted.state == "up":
            with pytest.raises(Conflict):
                self.registry.environments.delete(name, self.registry.stamp())
        else:
            self.registry.environments.delete(name, self.registry.stamp())
            wanted.state = "deleted"

    @rule(name=names, repository=st.sampled_from(REPOSITORIES))
    def retire(self, name: str, repository: str) -> None:
        wanted = self.wanted[name]
        refusal: type[GromitError] | None = None
        if wanted.state in {"none", "gone"}:
            refusal = NotFound
        elif wanted.state == "up" and repository in wanted.reported and wanted.protected:
            refusal = Conflict
        elif wanted.state == "up" and repository not in wanted.reported:
            row = self.registry.store.read(name)
            assert row is not None
            refusal = TrustError if follows_branch(row, repository) else None
        if refusal:
            with pytest.raises(refusal):
                self.registry.environments.retire(name, repository, self.registry.stamp())
            return
        self.registry.environments.retire(name, repository, self.registry.stamp())
        if wanted.state == "up" and repository in wanted.reported:
            del wanted.reported[repository]
            wanted.refs.pop(repository, None)
            wanted.state = "up" if wanted.reported else "deleted"

    @rule(
        name=names,
        is_put=st.booleans(),
        versions=st.dictionaries(st.sampled_from(REPOSITORIES), st.sampled_from(["v1", "v3"])),
    )
    def set_versions(self, name: str, is_put: bool, versions: dict[str, str]) -> None:
        wanted, environments = self.wanted[name], self.registry.environments
        if is_put:
            environments.put(name, versions, self.registry.stamp())
            wanted.protected = wanted.protected and wanted.state not in {"none", "gone"}
            wanted.reported, wanted.refs = dict(versions), {}
        elif wanted.state in {"none", "gone"}:
            with pytest.raises(NotFound):
                environments.patch(name, versions, self.registry.stamp())
            return
        else:
            environments.patch(name, versions, self.registry.stamp())
            wanted.reported |= versions
            wanted.refs = {r: ref for r, ref in wanted.refs.items() if r not in versions}
        wanted.state = "up"

    @rule(name=names, protected=st.sampled_from([True, False, False]))
    def protect(self, name: str, protected: bool) -> None:
        if self.wanted[name].state == "up":
            self.registry.environments.protect(
                name, protected=protected, stamp=self.registry.stamp()
            )
            self.wanted[name].protected = protected

    # ── time and workers ──

    @rule()
    def leases_end(self) -> None:
        self.registry.now_ms += TTL_MS + 1

    def whole_pass(self, kind: Work) -> None:
        """Do all due work with a worker that has no faults."""
        for _ in range(2 * len(NAMES)):
            worker = self._claim(kind)
            if worker is None:
                return
            if self._lock_and_verify(worker):
                self._finish(worker)

    @rule(slot=slots, steps=steps, times=st.sampled_from([1, 1, 2]))
    def go_on(self, slot: int, steps: int, times: int) -> None:
        """Let a worker take its next steps."""
        self.registry.now_ms += 1
        for _ in range(steps):
            self._step(slot, times)

    def _step(self, slot: int, times: int) -> None:
        """Take the next step: claim, lock and verify, execute, or report.

        The report is sent twice if an answer was lost.
        """
        worker = self.workers[slot]
        if worker is None:
            self.workers[slot] = self._claim(KINDS[slot])
        elif worker.has_acted:
            self._settle(worker, lambda: self._done(worker), times)
            self.workers[slot] = None
        elif worker.has_lock:
            self._act(worker)
        elif not self._lock_and_verify(worker):
            self.workers[slot] = None

    @rule(slot=slots, how=st.sampled_from(["at once", "half way", "asked to stop"]))
    def break_off(self, slot: int, how: str) -> None:
        """Interrupt a worker, which reports that."""
        worker = self.workers[slot]
        if worker is None or worker.has_acted:
            return
        if worker.has_lock and how != "at once":
            self.deployed[worker.claim.name] = "half"
        if how == "asked to stop":
            self._settle(
                worker, lambda: self.registry.leases.release(worker.claim.name, worker.fence)
            )
        else:
            self._settle(worker, lambda: self._failed(worker))
        self.workers[slot] = None

    @rule(slot=slots, half=st.booleans())
    def die(self, slot: int, half: bool) -> None:
        """Kill a worker. Its lock becomes free, as if another worker had proven it dead."""
        worker, self.workers[slot] = self.workers[slot], None
        if worker and worker.has_lock:
            if half and not worker.has_acted:
                self.deployed[worker.claim.name] = "half"
            del self.locks[worker.claim.name]

    # ── what must hold ──

    @invariant()
    def the_row_says_what_clients_want(self) -> None:
        for name, wanted in self.wanted.items():
            if wanted.state == "none":
                assert self.registry.store.read(name) is None
                continue
            environment = self.registry.environments.inspect(name)
            assert (environment.want is Want.UP) == (wanted.state == "up")
            assert (environment.phase(self.registry.now_ms) is Phase.GONE) == (
                wanted.state == "gone"
            )
            assert environment.sequences == wanted.sequences
            if wanted.state != "gone":
                assert environment.protected == wanted.protected
                assert {
                    r: environment.versions[r].version for r in environment.reported
                } == wanted.reported

    @invariant()
    def what_counts_as_ready_runs_and_what_is_gone_does_not(self) -> None:
        for name, wanted in self.wanted.items():
            if wanted.state == "none":
                continue
            phase = self.registry.phase(name)
            if phase is Phase.READY:
                assert self.deployed.get(name) == wanted.versions()
            if phase is Phase.GONE:
                assert name not in self.deployed

    def teardown(self) -> None:
        """Without further requests and faults, a few passes reach every desired state."""
        for holder in list(self.locks.values()):
            self._finish(holder)
        for kind in (*Work, *Work):
            self.leases_end()
            self.whole_pass(kind)
        self.the_row_says_what_clients_want()
        assert {w.state for w in self.wanted.values()} <= {"none", "up", "gone"}
        for name, wanted in self.wanted.items():
            if wanted.state == "up":
                assert self.registry.phase(name) is Phase.READY
            assert self.deployed.get(name) == (wanted.versions() if wanted.state == "up" else None)

    # ── parts ──

    def _claim(self, kind: Work) -> Worker | None:
        self.serial += 1
        who = Claimant(f"w{self.serial}", f"n{self.serial}")
        found = self.registry.leases.claim(kind, who, self.registry.now_ms)
        return (
            None
            if isinstance(found, NoWorkAvailable)
            else Worker(who.holder, kind, found, who.nonce)
        )

    def _lock_and_verify(self, worker: Worker) -> bool:
        """Acquire the lock, then verify that the claim is valid and its generation the newest."""
        name = worker.claim.name
        if name in self.locks:
            self._settle(worker, lambda: self._failed(worker))
            return False
        try:
            verified = self.registry.leases.renew(name, worker.fence, self.registry.now_ms)
        except Conflict:
            return False
        assert worker.claim.lease
        if verified.generation != worker.claim.lease.claimed:
            self._settle(worker, lambda: self.registry.leases.release(name, worker.fence))
            return False
        self.locks[name], worker.has_lock = worker, True
        return True

    def _act(self, worker: Worker) -> None:
        name = worker.claim.name
        if worker.kind is Work.REAP:
            self.deployed.pop(name, None)
        elif worker.claim.trusted_hash != _hash(worker.versions):
            self.deployed[name] = worker.versions
        worker.has_acted = True

    def _done(self, worker: Worker) -> None:
        name, stamp = worker.claim.name, self.registry.stamp(worker.name)
        if worker.kind is Work.SOW:
            self.registry.leases.sown(
                name, worker.fence, worker.nonce, MadeStack(_hash(worker.versions)), stamp
            )
            return
        gone = self.registry.leases.reaped(name, worker.fence, worker.nonce, stamp)
        if gone.gone_ms is not None:
            self.wanted[name].state = "gone"

    def _failed(self, worker: Worker) -> None:
        failure = Failure("terraform", "no", self.registry.now_ms)
        self.registry.leases.failed(worker.claim.name, worker.fence, failure)

    def _finish(self, worker: Worker) -> None:
        if not worker.has_acted:
            self._act(worker)
        self._settle(worker, lambda: self._done(worker))

    def _settle(self, worker: Worker, report: Callable[[], object], times: int = 1) -> None:
        """Report and release the lock; assert that a refused report changed nothing."""
        name = worker.claim.name
        before = self.registry.store.read(name)
        is_ours = before is not None and (before.get("holder"), before["epoch"]) == (
            worker.fence.holder,
            worker.fence.epoch,
        )
        try:
            for _ in range(times):
                report()
        except Conflict:
            assert not is_ours
            assert self.registry.store.read(name) == before
        else:
            assert is_ours
        if worker.has_lock:
            del self.locks[name]
        worker.has_lock = worker.has_acted = False


def _hash(versions: dict[str, str]) -> str:
    return ",".join(f"{r}={v}" for r, v in sorted(versions.items()))


class TestLife(Life.TestCase):  # type: ignore[misc, valid-type] # made by hypothesis
    """A short exploration."""

    settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


@pytest.mark.long
@pytest.mark.timeout(1800)
class TestLongLife(Life.TestCase):  # type: ignore[misc, valid-type] # made by hypothesis
    """A long exploration."""

    settings = settings(max_examples=2000, stateful_step_count=40, deadline=None)
