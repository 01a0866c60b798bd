"""A small world in which workers execute the protocol's own table on one environment.

It has one row, one Terraform lock, one deployment, and some interchangeable workers. Every possible
event happens at any time: clients report builds and delete, workers claim and take their next step,
steps fail, workers crash. The steps come from `protocol.next_step`, or from a table that a test
breaks on purpose; the row changes by the writes of `wanted` and `work`.

States without a relevant difference are one: a lock is the present one or an earlier one, a partial
apply has no version, the first version is called a. Endings and problems are for people, and left
out.

A worker that crashes in the middle of an apply may take Terraform with it. Then resources exist
that no state contains, and every plain apply fails until a run has adopted them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from operator import attrgetter
from typing import NamedTuple

from gromit.core.environments import worker_protocol
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.terraform_locks import FoundLock, Lock
from gromit.core.environments.worker_protocol import (
    AcquireLock,
    AlreadyLocked,
    Applied,
    CheckOwner,
    ClaimCurrent,
    ClaimLost,
    EndRun,
    Execute,
    Locked,
    LostRace,
    NewerDesired,
    OwnerDead,
    OwnerNotProvenDead,
    Problem,
    ProtocolStep,
    ReleaseClaim,
    ReplaceLock,
    ReportDone,
    ReportFailure,
    RunEnding,
    StepDone,
    StepFailed,
    StepResult,
    Stopping,
    Unlock,
    Verify,
)
from gromit.core.stack.adoption import needs_look
from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.made import MadeStack
from tests.core.environments import exploration
from tests.core.environments.exploration import Move, Question
from tests.core.environments.protocol_row import (
    NOW,
    Claim,
    FrozenRow,
    Writes,
    built,
    claimed,
    deleted,
    done,
    environment,
    failed,
    released,
    renewed,
    version,
)

TROUBLE = StepFailed(Problem("temporary", "trouble"))
EXISTS_ALREADY = StepFailed(Problem("terraform", "it exists already"))
OURS = Lock(environment="e", id="now", etag="now")
LOST = Lock(environment="e", id="past", etag="past")
THERE = FoundLock(
    environment="e", id="now", etag="now", who="", operation="", created="", owner=None
)
WAS_THERE = FoundLock(
    environment="e", id="past", etag="past", who="", operation="", created="", owner=None
)


class Deployed(NamedTuple):
    """Actual state of the environment, after Terraform."""

    version: str | None
    is_whole: bool
    is_known: bool = True
    """Whether the state contains all that exists."""


NOTHING, HALF = Deployed(None, is_whole=True), Deployed(None, is_whole=False)
STRAY = HALF._replace(is_known=False)
SAVED = StateHead(1, StateMark("lineage", 1))
"""State after any apply; after a crash it may lack what exists."""


@dataclass(frozen=True, slots=True, eq=False)
class Worker:
    """A worker process. Only `worker` creates them, so that equal ones are identical."""

    step: ProtocolStep | None
    claim: Claim | None
    is_acting: bool
    left: str
    """Relation to an existing lock that no run of this worker holds.

    `unreleased`: it could not release the lock, and tries again. `unheard`: it wrote the lock, but
    received no answer.
    """
    number: int

    @property
    def owns_the_lock(self) -> bool:
        """Whether the existing lock belongs to this worker."""
        return bool(self.left) or getattr(self.step, "lock", None) == OURS


_workers: dict[tuple[ProtocolStep | None, Claim | None, bool, str], Worker] = {}


def worker(
    step: ProtocolStep | None = None,
    claim: Claim | None = None,
    *,
    is_acting: bool = False,
    left: str = "",
) -> Worker:
    """Return the worker in this state, with those parts of its claim that further steps use."""
    match step:
        case ReportFailure() | ReleaseClaim() if claim:
            claim = Claim("", 0, "", None, claim.is_last)
        case ReportDone() if claim and not claim.is_last:
            claim = Claim("", 0, "", None, is_last=False)
        case Unlock() | None:
            claim = None
        case _:
            pass
    key = step, claim, is_acting, left
    return _workers.setdefault(key, Worker(*key, len(_workers)))


IDLE = worker()


class World(NamedTuple):
    """A state. Workers have a fixed order, so that swapping two of them is the same state."""

    events: int
    row: FrozenRow | None
    deployed: Deployed
    lock: str
    """`free`, `held` by a worker that lives, or `dead`."""
    workers: tuple[Worker, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules to check: those of the product, unless a test breaks one."""

    table: Callable[[ProtocolStep, StepResult], ProtocolStep] = worker_protocol.next_step
    trusted: Callable[[Environment], str | None] = lambda environment: environment.trusted_hash
    writes: Writes = field(default_factory=Writes)
    adopts: Callable[[str | None, StateHead | None], bool] = needs_look
    clears: bool = True
    """Whether a reap removes what no state contains."""
    releases_left_locks: bool = True
    knows_its_unheard_locks: bool = True


def explore(
    events: int, workers: int, rules: Rules | None = None, until: str = ""
) -> exploration.Findings:
    """Explore every state of the world after at most `events` requests of clients."""
    start = World(events, None, NOTHING, "free", (IDLE,) * workers)
    return exploration.explore(
        Question(start, Possibilities(rules or Rules()).of, complaint, is_settled), until
    )


# ── what must hold ────────────────────────────────────────────────────────────────────────────────


def complaint(world: World) -> str | None:
    """Return the invariant that a state breaks; None if it breaks none."""
    acting = [w for w in world.workers if w.is_acting]
    if len(acting) > 1:
        return "I1: two act at once"
    if acting and not acting[0].owns_the_lock:
        return "I1: a worker acts without the lock"
    return _complaint_of_the_row(world, is_acting=bool(acting))


def _complaint_of_the_row(world: World, *, is_acting: bool) -> str | None:
    if world.row is None:
        if world.deployed == NOTHING:
            return None
        return "I5: its tombstone is gone, but something is deployed"
    found = environment(world.row)
    match found.phase(NOW):
        case Phase.GONE if found.want is not Want.GONE:
            return "I2: gone, but it is desired"
        case Phase.GONE if is_acting or world.deployed != NOTHING:
            return "I5: gone, but something is deployed"
        case Phase.READY if world.deployed != Deployed(version(world.row), is_whole=True):
            return "I2: ready, but something else is deployed"
        case _:
            return None


def is_settled(world: World) -> bool:
    """Whether the desired state is reached, and no work is left.

    A lock may be left that the next run would replace.
    """
    if any(w.step is not None or w.left == "unreleased" for w in world.workers):
        return False
    return world.row is None or environment(world.row).phase(NOW) in {Phase.GONE, Phase.READY}


# ── what may happen ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Possibilities:
    """Moves out of every state."""

    rules: Rules

    def of(self, world: World) -> Iterator[Move[World]]:
        """Yield everything that can happen next."""
        yield from self._requests(world)
        if world.row and environment(world.row).gone_ms is not None:
            workers = in_order(map(outdated, world.workers))
            yield Move("a tombstone ends", world._replace(row=None, workers=workers), is_calm=True)
        for i, each in enumerate(world.workers):
            if i and world.workers[i - 1] is each:
                continue  # an identical worker has the same moves
            if each.left == "unreleased" and self.rules.releases_left_locks:
                yield became("release a left lock", world, i, overtaken(each), lock="free")
            if each.step is None:
                yield from self._claims(world, i)
            else:
                yield from self._steps(world, i, each, each.step)
            if each is not IDLE:
                left = world._replace(lock="dead") if each.owns_the_lock else world
                yield became("crash", left, i, IDLE, is_calm=False)
                if each.is_acting:
                    yield became("crash", left._replace(deployed=STRAY), i, IDLE, is_calm=False)

    def _requests(self, world: World) -> Iterator[Move[World]]:
        if world.events:
            versions = "a" if world.deployed == NOTHING and world.row is None else "ab"
            requests = {f"build {v}": built(world.row, v) for v in versions} | {
                "delete": deleted(world.row)
            }
            for label, row in requests.items():
                if row is not None:
                    yield Move(
                        label, world._replace(events=world.events - 1, row=row), is_calm=False
                    )

    def _claims(self, world: World, i: int) -> Iterator[Move[World]]:
        for kind in Work:
            row = claimed(world.row, kind)
            if row is not None:
                found = environment(row)
                claim = Claim(
                    kind.value,
                    found.generation,
                    version(row),
                    self.rules.trusted(found),
                    is_last=True,
                )
                others = world._replace(row=row, workers=tuple(map(outdated, world.workers)))
                yield became(
                    f"claim to {kind}",
                    others,
                    i,
                    worker(AcquireLock(), claim, left=world.workers[i].left),
                )

    def _steps(
        self, world: World, i: int, each: Worker, step: ProtocolStep
    ) -> Iterator[Move[World]]:
        """Yield the results of a step: the true one, and faults."""
        match step:
            case AcquireLock() | CheckOwner() | ReplaceLock():
                yield from self._locking(world, i, each, step)
            case Verify() if each.claim:
                yield from self._verification(world, i, each.claim)
            case Execute() if each.claim:
                yield from self._act(world, i, each, each.claim)
            case ReportDone() | ReportFailure() | ReleaseClaim() if each.claim:
                yield from self._report(world, i, step, each.claim)
            case Unlock(lock):
                if lock == OURS:
                    yield became(
                        "cannot unlock", world, i, worker(left="unreleased"), is_calm=False
                    )
                yield self._answer(world, i, StepDone(), lock="free" if lock == OURS else "")
            case _:
                raise AssertionError(f"{step} without a claim")

    def _locking(
        self, world: World, i: int, each: Worker, step: AcquireLock | CheckOwner | ReplaceLock
    ) -> Iterator[Move[World]]:
        yield self._answer(world, i, TROUBLE, is_calm=False)
        match step:
            case AcquireLock() if world.lock == "free":
                yield from self._putting(world, i)
            case AcquireLock():
                yield self._answer(world, i, AlreadyLocked(THERE))
            case CheckOwner(found):
                is_dead = world.lock == "dead" or (
                    each.left == "unheard" and self.rules.knows_its_unheard_locks
                )
                if found == WAS_THERE or is_dead:
                    yield self._answer(world, i, OwnerDead())
                if found == WAS_THERE or not is_dead:
                    yield self._answer(world, i, OwnerNotProvenDead("it lives"))
            case ReplaceLock(found) if found == THERE:
                yield from self._putting(world, i)
            case ReplaceLock():
                yield self._answer(world, i, LostRace())

    def _putting(self, world: World, i: int) -> Iterator[Move[World]]:
        yield self._answer(world, i, Locked(OURS), lock="held")
        _, after = self._after(world.workers[i], TROUBLE, left="unheard")
        yield became("a put is not heard of", world, i, after, lock="held", is_calm=False)

    def _verification(self, world: World, i: int, claim: Claim) -> Iterator[Move[World]]:
        yield self._answer(world, i, TROUBLE, is_calm=False)
        yield self._answer(world, i, Stopping(), is_calm=False)
        row = renewed(world.row, claim)
        if row is None:
            yield self._answer(world, i, ClaimLost())
        else:
            current = environment(row).generation == claim.generation
            yield self._answer(
                world._replace(row=row), i, ClaimCurrent() if current else NewerDesired()
            )

    def _act(self, world: World, i: int, each: Worker, claim: Claim) -> Iterator[Move[World]]:
        yield self._answer(world, i, TROUBLE, is_calm=False)
        yield self._answer(world, i, Stopping(), is_calm=False)
        is_sowing = claim.kind == Work.SOW
        if each.is_acting:
            made = Deployed(claim.version, is_whole=True) if is_sowing else NOTHING
            if not is_sowing and not world.deployed.is_known:
                made = NOTHING if self.rules.clears else STRAY
            yield self._answer(world._replace(deployed=made), i, Applied(MadeStack(claim.version)))
        elif is_sowing and claim.trusted_hash == claim.version:
            yield self._answer(world, i, Applied(MadeStack(claim.version)))
        elif is_sowing and not self._is_applicable(world.deployed, claim):
            yield self._answer(world, i, EXISTS_ALREADY)
        else:
            begun = worker(each.step, claim, is_acting=True, left=each.left)
            half = HALF if is_sowing or world.deployed.is_known else STRAY
            yield became("begins to act", world._replace(deployed=half), i, begun)

    def _is_applicable(self, deployed: Deployed, claim: Claim) -> bool:
        """Whether an apply succeeds: nothing exists beside the state, or the run adopts it."""
        head = None if deployed == NOTHING else SAVED
        return deployed.is_known or self.rules.adopts(claim.trusted_hash, head)

    def _report(
        self, world: World, i: int, step: ProtocolStep, claim: Claim
    ) -> Iterator[Move[World]]:
        yield self._answer(world, i, TROUBLE, is_calm=False)
        match step:
            case ReportDone():
                row = done(world.row, claim, self.rules.writes)
            case ReportFailure():
                row = failed(world.row, claim)
            case _:
                row = released(world.row, claim)
        if row is None:
            yield self._answer(world, i, ClaimLost())
        else:
            yield self._answer(world._replace(row=row), i, StepDone())
            # Written, but the answer was lost.
            yield self._answer(world._replace(row=row), i, TROUBLE, is_calm=False)

    def _answer(
        self, world: World, i: int, answer: StepResult, *, lock: str = "", is_calm: bool = True
    ) -> Move[World]:
        """Answer a worker's step, after which the table decides the next one.

        `lock` is the new state of the lock; empty if it does not change.
        """
        each = world.workers[i]
        label, after = self._after(each, answer, left="" if lock else each.left)
        return became(label, world, i, after, lock=lock, is_calm=is_calm)

    @cache  # noqa: B019 - the rules live as long as the exploration
    def _after(self, each: Worker, answer: StepResult, *, left: str) -> tuple[str, Worker]:
        assert each.step is not None
        label = f"{type(each.step).__name__}: {type(answer).__name__}"
        step = plain(self.rules.table(each.step, answer))
        return label, worker(step, each.claim, left=left)


def became(
    label: str, world: World, i: int, after: Worker, *, lock: str = "", is_calm: bool = True
) -> Move[World]:
    """Return the world with worker `i` replaced; a change of the lock affects the others."""
    workers = tuple(map(overtaken, world.workers)) if lock else world.workers
    workers = in_order((*workers[:i], after, *workers[i + 1 :]))
    return Move(
        label, World(world.events, world.row, world.deployed, lock or world.lock, workers), is_calm
    )


def in_order(workers: Iterable[Worker]) -> tuple[Worker, ...]:
    """Return the workers in the order that all states have."""
    return tuple(sorted(workers, key=attrgetter("number")))


@cache
def outdated(each: Worker) -> Worker:
    """Return a worker after the claim of another one."""
    claim = each.claim._replace(is_last=False) if each.claim else None
    return worker(each.step, claim, is_acting=each.is_acting, left=each.left)


@cache
def overtaken(each: Worker) -> Worker:
    """Return a worker after a change of the lock, of which it knows only the earlier one."""
    step = each.step
    match step:
        case CheckOwner():
            step = CheckOwner(WAS_THERE)
        case ReplaceLock():
            step = ReplaceLock(WAS_THERE)
        case Verify() | Execute() | ReportDone() | Unlock():
            step = replace(step, lock=LOST)
        case ReportFailure(lock, _) | ReleaseClaim(lock, _) if lock:
            step = replace(step, lock=LOST)
        case _:
            pass
    return worker(step, each.claim, is_acting=each.is_acting)


def plain(step: ProtocolStep) -> ProtocolStep | None:
    """Return a step without its texts for people; None at the end."""
    match step:
        case ReportFailure(lock, _):
            return ReportFailure(lock, TROUBLE.problem)
        case ReleaseClaim(lock, _):
            return ReleaseClaim(lock, RunEnding.STOPPED)
        case Unlock(lock, _, _):
            return Unlock(lock, RunEnding.STOPPED)
        case EndRun():
            return None
        case _:
            return step
