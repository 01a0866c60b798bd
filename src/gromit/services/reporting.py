"""Reports of builds: a build of a known environment is one write, and nothing is tried in vain."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gromit.core.environments import desired_state, history, parking, pins, precedence
from gromit.core.environments.desired_state import Build, NewIncarnation
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.fallbacks import FallbackUpdate
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.made_status import replaced_components
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import (
    Row,
    RowWrite,
    WriteAccepted,
    WriteRefused,
    WriteResult,
)
from gromit.core.environments.sleep import awakened
from gromit.services.creation_limits import CreationLimits
from gromit.services.fallbacks import FallbackLookup
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error


class BuildResult(StrEnum):
    """Result of a reported build."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    STALE = "stale"
    RETRIED = "retried"
    PARKED = "parked"
    """It is recorded; the environment is parked, so nothing starts."""
    PINNED = "pinned"
    """It was rolled back from, so nothing starts."""


@dataclass(frozen=True, slots=True)
class BuildReporter:
    """Records builds that repositories report."""

    ledger: Ledger
    fallbacks: FallbackLookup
    protected: tuple[str, ...]
    """Names, with `*` as wildcard, that are protected from their creation on."""
    new_id: Callable[[], str]
    limits: CreationLimits

    def __call__(self, build: Build, stamp: ChangeContext) -> tuple[BuildResult, Environment]:
        """Record a build. A new version of an environment that is known here costs one write.

        Otherwise the row is read first, and a write that it would refuse is not tried. Raises
        `InvalidInput` for an unknown repository, and `Conflict` if another branch comes before
        this one.
        """
        self.fallbacks.catalogue.require(build.repository)
        precedence.check_name(build, self.protected)
        name = build.ref.environment
        guessed = self._report_unread(build, stamp)
        if isinstance(guessed, WriteAccepted):
            return _recorded(guessed.row)
        # A refusal has the row as it is now.
        row = guessed.row if guessed else self.ledger.read(name)
        for _ in range(ATTEMPTS):
            before = parse_environment(row) if row is not None else None
            if before and pins.is_left(before.row, build.repository, build.version, build.ref.full):
                return self._stay_back(before, build)
            outcome = self._report_on(before, build, stamp)
            if isinstance(outcome, WriteAccepted):
                return _recorded(outcome.row)
            if result := self._after_refusal(outcome.row, build, stamp):
                receipt, environment = result
                if receipt in {BuildResult.DUPLICATE, BuildResult.STALE}:
                    environment = self.ledger.touch(environment, stamp)
                return receipt, environment
            row = self.ledger.read(name)
        raise contention_error(name)

    def _report_unread(self, build: Build, stamp: ChangeContext) -> WriteResult | None:
        """Record a build on the row as this process knows it, if nothing has changed since.

        None if it is not known, or if the row would not simply take the build.
        """
        known = self.ledger.known_environment(build.ref.environment)
        if known is None or pins.is_left(
            known.row, build.repository, build.version, build.ref.full
        ):
            return None
        write = self._build_write(known, build, stamp)
        return None if write is None else self.ledger.write_known(known, write, "build")

    def _report_on(
        self, before: Environment | None, build: Build, stamp: ChangeContext
    ) -> WriteResult:
        """Record a build on a row that was just read; refused without a call if the row would."""
        if before is None:
            return WriteRefused(None)
        write = self._build_write(before, build, stamp)
        if write is None:
            return WriteRefused(before.row)
        return self.ledger.write(before.name, write, "build")

    def _build_write(
        self, before: Environment, build: Build, stamp: ChangeContext
    ) -> RowWrite | None:
        """Return the write of a build; None if a row like this one refuses it."""

        def write(update: FallbackUpdate | None) -> RowWrite:
            reported = desired_state.report(build, stamp, update)
            return _build_write(reported, before, stamp)

        if not history.may_accept(write(None), before.row):
            return None  # before any registry is asked
        return write(self.fallbacks.update(before, build.ref.leaf, build))

    def _stay_back(self, environment: Environment, build: Build) -> tuple[BuildResult, Environment]:
        """Record only the place in the order of a build that was rolled back from."""
        if build.sequence is not None:
            self.ledger.write(environment.name, desired_state.record_sequence(build), "sequence")
        return BuildResult.PINNED, environment

    def _after_refusal(
        self, row: Row | None, build: Build, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment] | None:
        """Return the result of a report that the row refused; None to try again.

        | the row that refused                          | result                              |
        |-----------------------------------------------|-------------------------------------|
        | does not exist                                | a new incarnation                   |
        | is up, with another ref of the repository     | takes its place, or `Conflict`      |
        | is up, with this version and sequence         | a repeated report                   |
        | has this sequence or a greater one            | duplicate or stale, by the version  |
        | is a tombstone                                | a new incarnation                   |
        | is up, with this version                      | a repeated report                   |
        | anything else                                 | None                                |
        """
        if row is None:
            return self._create(None, build, stamp)
        environment = parse_environment(row)
        known = environment.versions.get(build.repository)
        is_up = environment.want is Want.UP
        if is_up and known and known.ref is not None and known.ref != build.ref.full:
            return self._take_over(environment, build, known.ref, stamp)
        is_same = environment.has_reported(build.repository, build.version)
        newest = environment.sequences.get(build.repository)
        is_again = is_up and is_same and build.sequence == newest
        is_old = build.sequence is not None and newest is not None and build.sequence <= newest
        if is_old and not is_again:
            return (BuildResult.DUPLICATE if is_same else BuildResult.STALE), environment
        if environment.gone_ms is not None:
            return self._create(environment, build, stamp)
        if is_up and is_same:
            return self._repeat(environment, build, stamp)
        # The build is new. Only the revision did not match: another change came after our read.
        return None

    def _take_over(
        self, environment: Environment, build: Build, held: str, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment] | None:
        """Take the place of a branch of the same repository; None to try again."""
        precedence.check_place(build, held)
        update = self.fallbacks.update(environment, build.ref.leaf, build)
        write = desired_state.take_over(build, held, stamp, update)
        write = _build_write(write, environment, stamp)
        outcome = self.ledger.write(environment.name, write, "build")
        if isinstance(outcome, WriteRefused):
            return None
        return _recorded(outcome.row)

    def _repeat(
        self, environment: Environment, build: Build, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment]:
        """Record what a repeated report adds, and retry a failed environment at once, or wake it.

        If a fallback runs because the image was gone, the build has pushed it again.
        """
        name, repository = environment.name, build.repository
        if environment.versions[repository].ref is None:
            self.ledger.write(name, desired_state.record_ref(build), "ref")
        newest = environment.sequences.get(repository)
        if build.sequence is not None and build.sequence != newest:
            self.ledger.write(name, desired_state.record_sequence(build), "sequence")
        woken = self._wake(environment, stamp) if environment.asleep else None
        if replaced := replaced_components(environment.made, build.repository, build.version):
            write = desired_state.redeploy(replaced, str(stamp.now_ms), stamp)
            outcome = self.ledger.write(name, write, "redeploy")
            if isinstance(outcome, WriteAccepted):
                return BuildResult.RETRIED, parse_environment(outcome.row)
        if woken is not None:
            return BuildResult.RETRIED, woken
        if not environment.attempts:
            return BuildResult.DUPLICATE, environment
        return self._retry(environment, build, stamp)

    def _retry(
        self, environment: Environment, build: Build, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment]:
        """Make the work of a failed environment due at once."""
        name = environment.name
        # Writes of a repeated report change the revision, on which an update of fallbacks depends.
        now = self.ledger.find(name) or environment
        update = self.fallbacks.update(now, build.ref.leaf)
        write = desired_state.retry_now(stamp)
        if update.fallbacks:
            write = desired_state.renew_fallbacks(update, stamp)
        outcome = self.ledger.write(name, write, "retry")
        if isinstance(outcome, WriteAccepted):
            return BuildResult.RETRIED, parse_environment(outcome.row)
        # A worker has claimed it in the meantime, or another change has already scheduled it.
        return BuildResult.DUPLICATE, environment

    def _wake(self, environment: Environment, stamp: ChangeContext) -> Environment | None:
        """Wake an environment that sleeps, as every build does; None if it is awake already."""
        write = awakened(parking.unpark(stamp), stamp.now_ms)
        outcome = self.ledger.write(environment.name, write, "unparked")
        return parse_environment(outcome.row) if isinstance(outcome, WriteAccepted) else None

    def _create(
        self, tombstone: Environment | None, build: Build, stamp: ChangeContext
    ) -> tuple[BuildResult, Environment] | None:
        """Create an incarnation for a build; None if another request was faster."""
        name = build.ref.environment
        self.ledger.require_migrated(build.ref)
        self.limits.admit(self.ledger.store, build.repository, stamp)
        others = self.fallbacks.catalogue.repositories - {build.repository}
        before = tombstone.row if tombstone else None
        fallbacks = self.fallbacks.find_or_default(others, build.ref.leaf, name, before)
        new = NewIncarnation(
            self.new_id(), precedence.is_protected_name(name, self.protected), fallbacks
        )
        text = f"{build.repository} reported {build.version} of {build.ref.full}"
        write = desired_state.create_incarnation(
            before, new, desired_state.build_attributes(build), stamp, text
        )
        outcome = self.ledger.write(name, write, "created")
        if isinstance(outcome, WriteRefused):
            return None
        return BuildResult.ACCEPTED, parse_environment(outcome.row)


def _build_write(write: RowWrite, before: Environment, stamp: ChangeContext) -> RowWrite:
    """Return the write of a build for an environment that runs, is parked, or sleeps."""
    asleep_at_ms = stamp.now_ms if before.asleep else None
    return parking.build_write(write, is_parked=before.parked, asleep_at_ms=asleep_at_ms)


def _recorded(row: Row) -> tuple[BuildResult, Environment]:
    environment = parse_environment(row)
    return (BuildResult.PARKED if environment.parked else BuildResult.ACCEPTED), environment
